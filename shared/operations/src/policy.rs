//! The policy that the workers apply.

use halogard_app::ports::{NamedValues, PortError, Records, keys};
use halogard_domain::Policy;
use halogard_domain::policy::AppliedPolicy;

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
    let key = AppliedPolicy::key(u64::from_ne_bytes(fingerprint.to_ne_bytes()));
    let applied = store.load_record::<AppliedPolicy>(key.as_str()).await?;
    Ok(applied.value.policy)
}
