//! One pair, as both sides are now.

use halogard_app::ports::{PortError, Records};
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::pause::Pauses;
use halogard_domain::plan::{FieldDifference, field_differences};
use halogard_domain::policy::{Mode, ParkReason};
use halogard_domain::record::Singleton;
use halogard_domain::storm::Membership;
use halogard_domain::{Alert, Link, Policy, Ticket, Timestamp};

use super::{Symbol, VerifiedPair};
use crate::held::why_held;
use crate::pausing::why_paused;
use crate::waiting::why_sides_differ;

/// What HaloPSA says of a pair's ticket.
pub(super) enum TicketLookup {
    /// The pair has none.
    None,
    /// It was not asked: both sides are closed.
    NotAsked,
    /// The list of tickets that carry our key shows it.
    Listed(Box<Ticket>),
    /// It was asked for.
    Read(Box<Ticket>),
    /// There is no such ticket.
    Gone,
    /// It cannot be read.
    Failed(String),
}

impl TicketLookup {
    /// Whether it took a request of its own.
    pub(super) const fn was_asked_for(&self) -> bool {
        matches!(self, Self::Read(_) | Self::Gone | Self::Failed(_))
    }

    /// The ticket as HaloPSA shows it.
    pub(super) const fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::Listed(ticket) | Self::Read(ticket) => Some(ticket),
            Self::None | Self::NotAsked | Self::Gone | Self::Failed(_) => None,
        }
    }
}

/// What may hold a pair up, whatever its record says.
#[derive(Default)]
pub(super) struct Holds {
    /// What operators paused.
    pub(super) pauses: Pauses,
    /// Whether the store knows every ticket of ours.
    continuity: StoreContinuity,
}

impl Holds {
    /// Those in `store`.
    pub(super) async fn load(store: &impl Records) -> Result<Self, PortError> {
        Ok(Self {
            pauses: store.load_record(&Singleton).await?.value,
            continuity: store.load_record(&Singleton).await?.value,
        })
    }
}

/// Compares the pair of `link` with what both sides say now. What differs because `holds` hold it up is explained.
pub(super) fn compare(
    link: &Link,
    alert: Option<&Alert>,
    ticket: &TicketLookup,
    policy: Option<&Policy>,
    holds: &Holds,
    now: Timestamp,
) -> VerifiedPair {
    let last = link.observed_alert.as_ref();
    let explained = policy.and_then(|policy| why_sides_differ(link, policy, now));
    let environment = alert.or(last).map(|alert| alert.environment);
    let paused = holds.pauses.of_pair(link.alert, environment, now);
    let explained = explained
        .map(str::to_owned)
        .or_else(|| paused.map(why_paused));
    let record = |symbol, what: &str, explained| VerifiedPair {
        symbol,
        alert: Some(link.alert),
        ticket: link.ticket,
        customer: alert.or(last).map(|alert| alert.environment_name.clone()),
        what: what.to_owned(),
        fields: Vec::new(),
        explained,
    };
    // An alert that is no longer listed is as it was last seen.
    let Some(current) = alert.or(last) else {
        return record(Symbol::Unreadable, "the alert was never read", explained);
    };
    let alert_closed = link.is_resolved(current);
    let by_others = policy.is_some_and(|policy| policy.mode != Mode::Managed);
    match ticket {
        TicketLookup::NotAsked => record(Symbol::Same, "both are closed", None),
        TicketLookup::Failed(said) => record(Symbol::Unreadable, said, None),
        TicketLookup::Gone if alert_closed => {
            record(Symbol::Same, "closed, and the ticket is gone", None)
        }
        TicketLookup::Gone => record(
            Symbol::OnlyLiongard,
            "the alert is open, and its ticket is gone",
            None,
        ),
        TicketLookup::None if link.is_ticket_deleted() && alert_closed => record(
            Symbol::Same,
            "the ticket was deleted",
            Some("a person deleted it".to_owned()),
        ),
        TicketLookup::None if link.is_ticket_deleted() => record(
            Symbol::OnlyLiongard,
            "the alert is open, and its ticket was deleted",
            Some("a person deleted it".to_owned()),
        ),
        TicketLookup::None if link.parked.is_some_and(ParkReason::is_chosen) => {
            record(Symbol::Same, "no ticket is wanted", explained)
        }
        TicketLookup::None
            if alert_closed
                || !current.visible
                || matches!(link.membership, Some(Membership::Member { .. })) =>
        {
            record(Symbol::Same, "no ticket is needed", None)
        }
        TicketLookup::None => record(
            Symbol::OnlyLiongard,
            "the alert is open, and it has no ticket",
            explained
                .or_else(|| by_others.then(|| "Liongard's own ticketing opens it".to_owned()))
                .or_else(|| why_held(&holds.continuity, current, link.recurrence, now)),
        ),
        TicketLookup::Listed(ticket) | TicketLookup::Read(ticket) => {
            let chosen = policy.and_then(|policy| Some((policy, policy.choose(current).ok()?.1)));
            let Some((policy, template)) = chosen else {
                return record(Symbol::Differs, "the config maps it no longer", explained);
            };
            match (alert_closed, template.statuses.is_closed(ticket.status)) {
                (true, true) => record(Symbol::Same, "both are closed", None),
                (true, false) => record(
                    Symbol::Differs,
                    "the alert is closed, the ticket is open",
                    explained,
                ),
                (false, true) => record(
                    Symbol::Differs,
                    "the alert is open, the ticket is closed",
                    explained,
                ),
                (false, false) => {
                    let fields = field_differences(link, current, ticket, policy, now);
                    if fields.is_empty() {
                        return record(Symbol::Same, "both are open", None);
                    }
                    VerifiedPair {
                        fields: fields.clone(),
                        ..record(
                            Symbol::Differs,
                            &in_words(&fields),
                            explanation(&fields).or(explained),
                        )
                    }
                }
            }
        }
    }
}

/// The fields that differ, in words: `priority 3 for 1`.
fn in_words(fields: &[FieldDifference]) -> String {
    let words = fields.iter().map(|difference| {
        let FieldDifference {
            field,
            expected,
            shown,
            ..
        } = difference;
        format!("{} is {shown:?}, not {expected:?}", field.words())
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Why these fields differ; `None` when one of them differs for no good reason.
fn explanation(fields: &[FieldDifference]) -> Option<String> {
    let mut reasons = Vec::new();
    for difference in fields {
        let reason = difference.cause.explanation()?;
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Some(reasons.join(", "))
}
