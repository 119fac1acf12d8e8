//! The policies that the workers apply.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use halogard_app::ports::{NamedValues, PortError, Records, keys};
use halogard_domain::policy::AppliedPolicy;
use halogard_domain::{Link, Policy};

/// The policy that the workers applied last; `None` before their first sync cycle.
///
/// # Errors
///
/// The store cannot be read.
pub async fn policy_in_force(
    store: &(impl NamedValues + Records),
) -> Result<Option<Policy>, PortError> {
    let Some(fingerprint) = store.value(keys::APPLIED_POLICY).await? else {
        return Ok(None);
    };
    applied_policy(store, u64::from_ne_bytes(fingerprint.to_ne_bytes())).await
}

/// The policy with this fingerprint, if it was ever in force.
async fn applied_policy(
    store: &impl Records,
    fingerprint: u64,
) -> Result<Option<Policy>, PortError> {
    let key = AppliedPolicy::key(fingerprint);
    let applied = store.load_record::<AppliedPolicy>(key.as_str()).await?;
    Ok(applied.value.policy)
}

/// The policies under which tickets are followed: each is read once.
pub(crate) struct FollowedPolicies {
    in_force: Arc<Policy>,
    former: BTreeMap<u64, Option<Policy>>,
}

impl FollowedPolicies {
    /// Beside `in_force`, no policy is known yet.
    pub(crate) fn new(in_force: Policy) -> Self {
        let former = BTreeMap::from([(in_force.fingerprint(), None)]);
        Self {
            in_force: Arc::new(in_force),
            former,
        }
    }

    /// The policy under which the ticket of `link` is followed.
    pub(crate) async fn of(
        &mut self,
        store: &impl Records,
        link: &Link,
    ) -> Result<Arc<Policy>, PortError> {
        let in_force = Arc::clone(&self.in_force);
        let (Some(opened_under), Some(alert)) = (link.policy, &link.observed_alert) else {
            return Ok(in_force);
        };
        if !link.is_under_way() {
            return Ok(in_force);
        }
        let former = match self.former.entry(opened_under) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let policy = applied_policy(store, opened_under).await?;
                unknown.insert(policy).clone()
            }
        };
        let followed = former.and_then(|former| in_force.followed_as_opened(former, alert));
        Ok(followed.map_or(in_force, Arc::new))
    }
}
