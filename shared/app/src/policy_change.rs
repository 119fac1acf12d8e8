//! A changed config: queues the pairs that it releases, and keeps the former policy for the tickets that
//! were opened under it.

use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::{AppliedPolicy, Mode};
use halogard_domain::{Link, Policy};
use tracing::info;

use crate::env::Env;
use crate::outcome::OperatorNotice;
use crate::ports::prelude::*;
use crate::ports::{Lane, LinkFilter, Outgoing, PortError, Revision, SaveError, keys};
use crate::reconciler::Reconciler;
use crate::recovery::PAGE;
use crate::value_set::ValueSet;

impl<E: Env> Reconciler<E> {
    /// Queues parked and refused pairs if the policy has changed since the last call.
    ///
    /// # Errors
    ///
    /// A store failed; safe to repeat.
    pub(crate) async fn requeue_after_policy_change(
        &self,
        values: &mut ValueSet,
    ) -> Result<usize, PortError> {
        let digest = i64::from_ne_bytes(self.policy_fingerprint().to_ne_bytes());
        let former = values.get(keys::APPLIED_POLICY);
        if former == Some(digest) {
            return Ok(0);
        }
        self.keep_policy().await?;
        if former.is_none() {
            // Every pair was reconciled under this policy, if at all.
            info!(
                outcome = OperatorNotice::ConfigFirstUsed.as_str(),
                "this store is used with a config for the first time"
            );
            values.set(keys::APPLIED_POLICY, digest);
            return Ok(0);
        }
        // This may take long.
        values.save(&self.store).await?;
        let mut released = 0;
        for filter in [LinkFilter::Parked, LinkFilter::Refused] {
            let mut after = None;
            loop {
                let links = self.store.list(filter, after, PAGE).await?;
                let Some(last) = links.last() else { break };
                after = Some(last.alert);
                let messages: Vec<Outgoing> = links
                    .iter()
                    .map(|link| Message::reconcile_alert(link.alert, Cause::ConfigChanged).into())
                    .collect();
                released += messages.len();
                self.store.send(Lane::Bulk, &messages).await?;
            }
        }
        let followed = self.count_followed_under_former().await?;
        info!(
            released,
            open_tickets_of_former_config = followed,
            outcome = OperatorNotice::ConfigChanged.as_str(),
            "the config has changed; tickets that it treats otherwise are followed to their end as \
             they were opened"
        );
        values.set(keys::APPLIED_POLICY, digest);
        Ok(released)
    }

    /// Keeps the policy in force for the tickets that are opened under it.
    async fn keep_policy(&self) -> Result<(), PortError> {
        let key = AppliedPolicy::key(self.policy_fingerprint());
        let applied = AppliedPolicy {
            policy: Some(self.policy().as_ref().clone()),
        };
        match self
            .store
            .save_record(key.as_str(), &applied, Revision::default())
            .await
        {
            // It is kept already: its fingerprint is its key.
            Ok(_) | Err(SaveError::Conflict) => Ok(()),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// The policy under which the open ticket of `link` is followed, if that is not `present`: the one it
    /// was opened with, where `present` gives it to no customer, or treats it otherwise.
    pub(crate) async fn former_policy(
        &self,
        link: &mut Link,
        present: &Policy,
    ) -> Result<Option<Policy>, PortError> {
        let in_force = self.policy_fingerprint();
        let Some(opened_under) = link.policy.filter(|opened| *opened != in_force) else {
            return Ok(None);
        };
        if !link.is_under_way() || present.mode == Mode::Observe {
            return Ok(None);
        }
        let Some(alert) = &link.observed_alert else {
            return Ok(None);
        };
        let key = AppliedPolicy::key(opened_under);
        let applied = self
            .store
            .load_record::<AppliedPolicy>(key.as_str())
            .await?;
        let Some(former) = applied.value.policy else {
            return Ok(None);
        };
        let followed = present.followed_as_opened(former, alert);
        if followed.is_none() {
            link.policy = Some(in_force);
        }
        Ok(followed)
    }

    /// How many open tickets the policy in force would treat otherwise than the one they are followed
    /// under. Asks only about alerts that polls know: the links of all others are over, or their alerts are.
    async fn count_followed_under_former(&self) -> Result<usize, PortError> {
        let present = self.policy();
        let known: Vec<AlertId> = self.store.load_index().await?.into_keys().collect();
        let mut count = 0;
        for chunk in known.chunks(PAGE) {
            let chunk = chunk.iter().copied().collect();
            for mut link in self.store.load_many(&chunk).await? {
                let former = self.former_policy(&mut link, &present).await?;
                count += usize::from(former.is_some());
            }
        }
        Ok(count)
    }
}
