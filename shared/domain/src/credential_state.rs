//! What is known of the credentials' rotations: when they are due, and what waits for a person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// The state of each credential, by its name: `liongard`, `halopsa`, `webhook`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialStates {
    /// The credentials of which something is known.
    pub by_name: BTreeMap<String, CredentialState>,
}

/// What is known of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialState {
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it is rotated next by itself, as far as that is known.
    pub rotates_at: Option<Timestamp>,
    /// What waits for a person, by a stable word for its kind.
    pub notices: BTreeMap<String, CredentialNotice>,
}

/// What waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialNotice {
    /// Since when.
    pub since: Timestamp,
    /// What happened and what to do; no value of a secret.
    pub text: String,
}

impl Record for CredentialStates {
    const PARTITION: &'static str = "credential_state";
    // The next check finds it anew.
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

impl CredentialStates {
    /// Takes in that `text`, of this kind, waits for a person about the credential `name` at `now`.
    pub fn note(&mut self, name: &str, kind: &str, text: &str, now: Timestamp) {
        let state = self.by_name.entry(name.to_owned()).or_default();
        let notice = state.notices.entry(kind.to_owned());
        let notice = notice.or_insert_with(|| CredentialNotice {
            since: now,
            text: String::new(),
        });
        text.clone_into(&mut notice.text);
    }

    /// Takes in that nothing of these kinds waits for a person about the credential `name` any longer.
    pub fn settle(&mut self, name: &str, kinds: &[&str]) {
        if let Some(state) = self.by_name.get_mut(name) {
            state
                .notices
                .retain(|kind, _| !kinds.contains(&kind.as_str()));
        }
    }

    /// Takes in when the credential `name` expires and is rotated next.
    pub fn plan(
        &mut self,
        name: &str,
        expires_at: Option<Timestamp>,
        rotates_at: Option<Timestamp>,
    ) {
        let state = self.by_name.entry(name.to_owned()).or_default();
        (state.expires_at, state.rotates_at) = (expires_at, rotates_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_keeps_the_time_at_which_it_began_until_it_is_settled() {
        let at = Timestamp::from_millis;
        let mut states = CredentialStates::default();
        states.note("halopsa", "rotation-failed", "no answer", at(1));
        states.note("halopsa", "rotation-failed", "a time-out", at(2));
        states.note("halopsa", "rotation-action-required", "open HaloPSA", at(3));
        states.plan("halopsa", None, Some(at(9)));
        let waits = states.by_name["halopsa"].notices["rotation-failed"].clone();
        assert_eq!((waits.since, waits.text.as_str()), (at(1), "a time-out"));
        states.settle("halopsa", &["rotation-failed"]);
        states.settle("liongard", &["rotation-failed"]);
        let left = &states.by_name["halopsa"];
        assert_eq!(left.notices.len(), 1);
        assert_eq!(left.rotates_at, Some(at(9)));
        assert!(!states.by_name.contains_key("liongard"));
    }
}
