//! Whether a vendor answers, and since when.

use serde::{Deserialize, Serialize};

use crate::record::{Record, Singleton};
use crate::time::Timestamp;
use crate::vendor::Vendor;

/// Whether a vendor answers, as sync cycles see it. It is written when that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorContact {
    /// Whether it answers.
    pub answers: bool,
    /// Since when it does, or does not; `None` before it was first asked.
    pub since: Option<Timestamp>,
    /// The last failure.
    pub last_failure: Option<ContactFailure>,
}

/// A call that led to no useful answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactFailure {
    /// What went wrong, as a stable word.
    pub code: String,
    /// The same, with what the vendor said, redacted.
    pub said: String,
    /// When it first went wrong that way.
    pub at: Timestamp,
}

/// Whether each vendor answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorContacts {
    /// HaloPSA.
    pub halopsa: VendorContact,
    /// Liongard.
    pub liongard: VendorContact,
}

impl Record for VendorContacts {
    const PARTITION: &'static str = "vendor_contact";
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

impl VendorContacts {
    /// Whether `vendor` answers.
    #[must_use]
    pub const fn of(&self, vendor: Vendor) -> &VendorContact {
        match vendor {
            Vendor::HaloPsa => &self.halopsa,
            Vendor::Liongard => &self.liongard,
        }
    }

    /// The same, to be changed.
    pub const fn of_mut(&mut self, vendor: Vendor) -> &mut VendorContact {
        match vendor {
            Vendor::HaloPsa => &mut self.halopsa,
            Vendor::Liongard => &mut self.liongard,
        }
    }
}

impl VendorContact {
    /// The vendor has answered at `now`.
    pub fn observe_answer(&mut self, now: Timestamp) {
        if !self.answers || self.since.is_none() {
            self.answers = true;
            self.since = Some(now);
        }
    }

    /// A call to the vendor has failed at `now`, with this code and message.
    pub fn observe_failure(&mut self, now: Timestamp, code: &str, said: &str) {
        let is_known = |failure: &ContactFailure| failure.code == code;
        if self.answers || self.since.is_none() {
            self.answers = false;
            self.since = Some(now);
        } else if self.last_failure.as_ref().is_some_and(is_known) {
            return;
        }
        self.last_failure = Some(ContactFailure {
            code: code.to_owned(),
            said: said.to_owned(),
            at: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn contact_changes_only_when_the_answers_begin_or_end_or_the_failure_is_another() {
        let mut contact = VendorContact::default();
        contact.observe_answer(at(1));
        contact.observe_answer(at(2));
        assert_eq!((contact.answers, contact.since), (true, Some(at(1))));
        contact.observe_failure(at(3), "halopsa.unreachable", "no route");
        let away = contact.clone();
        contact.observe_failure(at(4), "halopsa.unreachable", "no route to host");
        assert_eq!(contact, away);
        contact.observe_failure(at(5), "halopsa.credential", "invalid_client");
        assert_eq!(contact.since, Some(at(3)));
        contact.observe_answer(at(6));
        assert_eq!((contact.answers, contact.since), (true, Some(at(6))));
        let last = contact.last_failure.map(|failure| failure.code);
        assert_eq!(last.as_deref(), Some("halopsa.credential"));
    }
}
