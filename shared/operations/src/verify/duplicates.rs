//! `verify --duplicates`: open tickets beyond the first that this installation opened for one alert.

use std::collections::BTreeMap;

use halogard_app::Store;
use halogard_app::ports::{PortError, ServiceDesk};
use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::key::{Installation, UnverifiedKey};
use halogard_domain::record::Singleton;
use serde::Serialize;

use super::keyed_tickets;
use crate::moment::Moment;
use crate::policy::policy_in_force;

/// The answer of `verify --duplicates`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DuplicatesAnswer {
    /// When it was asked.
    pub at: Moment,
    /// Tickets whose titles carry a key.
    pub tickets: usize,
    /// The alerts that have several open tickets.
    pub groups: Vec<DuplicateGroup>,
}

/// The open tickets of one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DuplicateGroup {
    /// The alert.
    pub alert: AlertId,
    /// The ticket that stays: the pair's own, or the oldest.
    pub keep: TicketId,
    /// The others.
    pub others: Vec<TicketId>,
    /// What to do.
    pub remedy: String,
}

/// Finds the alerts that have several open tickets with a key that this installation signed.
///
/// # Errors
///
/// A list or the store cannot be read.
pub async fn duplicates(
    store: &impl Store,
    desk: &impl ServiceDesk,
    now: Timestamp,
) -> Result<DuplicatesAnswer, PortError> {
    let mut answer = DuplicatesAnswer {
        at: now.into(),
        tickets: 0,
        groups: Vec::new(),
    };
    let installation = store.load_record::<Installation>(&Singleton).await?.value;
    let (Some(policy), Some(secret)) = (policy_in_force(store).await?, installation.key_secret)
    else {
        return Ok(answer);
    };
    let tickets = keyed_tickets(desk, &policy).await?;
    answer.tickets = tickets.len();
    let closed = |status| {
        let mut templates = policy.templates.values();
        templates.any(|template| template.statuses.is_closed(status))
    };
    let mut by_alert: BTreeMap<AlertId, Vec<TicketId>> = BTreeMap::new();
    for (id, ticket) in &tickets {
        if !ticket.is_present() || closed(ticket.status) {
            continue;
        }
        let mut keys = policy
            .prefixes()
            .flat_map(|prefix| UnverifiedKey::all_in(&ticket.summary, prefix));
        if let Some(ours) = keys.find(|key| secret.verifies(key)) {
            by_alert.entry(ours.key.alert).or_default().push(*id);
        }
    }
    for (alert, mut open) in by_alert {
        if open.len() < 2 {
            continue;
        }
        let link = store.load(alert).await?.map(|stored| stored.value);
        let own = link
            .and_then(|link| link.ticket)
            .filter(|own| open.contains(own));
        let Some(keep) = own.or(open.first().copied()) else {
            continue;
        };
        open.retain(|ticket| *ticket != keep);
        answer.groups.push(DuplicateGroup {
            alert,
            keep,
            others: open,
            remedy: format!(
                "merge the others into #{keep} in HaloPSA (Merge Tickets): their notes move along, and Halogard \
                 follows the merge"
            ),
        });
    }
    Ok(answer)
}
