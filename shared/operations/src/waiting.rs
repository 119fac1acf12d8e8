//! Pairs that wait: for what, since when, and what to do.

use std::time::Duration;

use halogard_domain::ids::{AlertId, EnvironmentId, TicketId};
use halogard_domain::link::{Claim, RefusedWrite, WriteKind};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::policy::ParkReason;
use halogard_domain::words::counted;
use halogard_domain::{Link, Policy, Timestamp};
use serde::Serialize;

use crate::moment::Moment;

/// What is in doubt for longer does not resolve itself.
const DOUBT_MENDS_WITHIN: Duration = Duration::from_secs(3600);

/// Why a pair waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaitingCause {
    /// No further ticket is requested: HaloPSA accepted requests and showed no ticket.
    StoppedOpening,
    /// HaloPSA refused a write.
    Refused,
    /// What Halogard does about the pair again and again leads to nothing.
    Unsettled,
    /// The config maps the environment to no client.
    Unmapped,
    /// No rule matches, and the environment names no template.
    NoTemplate,
    /// It was there before its customer got tickets, and the operator has not chosen.
    StartUndecided,
    /// A person moved the ticket to another client.
    FoundElsewhere,
    /// The ticket was deleted, and the alert is open.
    TicketDeleted,
    /// A write ended without a response.
    InDoubt,
    /// The ticket is closed, and Liongard still finds the condition.
    ResolvedInPsaOnly,
    /// The alert is closed, and a technician works on the ticket.
    LeftToTechnician,
}

impl WaitingCause {
    /// Every cause, the most urgent first.
    pub const ALL: [Self; 11] = [
        Self::StoppedOpening,
        Self::Refused,
        Self::Unsettled,
        Self::Unmapped,
        Self::NoTemplate,
        Self::StartUndecided,
        Self::FoundElsewhere,
        Self::TicketDeleted,
        Self::InDoubt,
        Self::ResolvedInPsaOnly,
        Self::LeftToTechnician,
    ];

    /// The cause as one word, on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoppedOpening => "stopped-opening",
            Self::Refused => "refused",
            Self::Unsettled => "unsettled",
            Self::Unmapped => "unmapped",
            Self::NoTemplate => "no-template",
            Self::StartUndecided => "start-undecided",
            Self::FoundElsewhere => "found-elsewhere",
            Self::TicketDeleted => "ticket-deleted",
            Self::InDoubt => "in-doubt",
            Self::ResolvedInPsaOnly => "resolved-in-psa-only",
            Self::LeftToTechnician => "left-to-technician",
        }
    }

    /// The cause in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::StoppedOpening => "stopped opening",
            Self::Refused => "refused by HaloPSA",
            Self::Unsettled => "tried again and again",
            Self::Unmapped => "environment not mapped",
            Self::NoTemplate => "no template",
            Self::StartUndecided => "day one not chosen",
            Self::FoundElsewhere => "moved to another client",
            Self::TicketDeleted => "ticket deleted, alert open",
            Self::InDoubt => "in doubt",
            Self::ResolvedInPsaOnly => "resolved in HaloPSA only",
            Self::LeftToTechnician => "left to a technician",
        }
    }

    /// Whether the operator of Halogard has something to do about it. The others end by themselves, or by
    /// the work of technicians.
    #[must_use]
    pub const fn needs_operator(self) -> bool {
        match self {
            Self::StoppedOpening
            | Self::Refused
            | Self::Unsettled
            | Self::Unmapped
            | Self::NoTemplate
            | Self::StartUndecided
            | Self::FoundElsewhere
            | Self::TicketDeleted => true,
            Self::InDoubt | Self::ResolvedInPsaOnly | Self::LeftToTechnician => false,
        }
    }
}

/// A pair that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitingPair {
    /// The alert.
    pub alert: AlertId,
    /// The key of its ticket, as it is in the title.
    pub key: String,
    /// The alert's name.
    pub name: String,
    /// The customer, as Liongard names it.
    pub customer: String,
    /// The customer's environment.
    pub environment: Option<EnvironmentId>,
    /// The ticket, if there is one.
    pub ticket: Option<TicketId>,
    /// Why it waits.
    pub cause: WaitingCause,
    /// Since when, as far as that is known.
    pub since: Moment,
    /// What HaloPSA said, if it refused something.
    pub said: Option<String>,
    /// What to do.
    pub remedy: String,
    /// Whether the operator has something to do about it.
    pub needs_operator: bool,
}

/// Why `link` waits under `policy` at `now`; `None` when it does not.
#[must_use]
pub fn waiting_pair(link: &Link, policy: &Policy, now: Timestamp) -> Option<WaitingPair> {
    let cause = waiting_cause(link, policy, now)?;
    let alert = link.observed_alert.as_ref();
    let since = since(link, cause);
    let refusal = newest_refusal(link).filter(|_| cause == WaitingCause::Refused);
    let is_stuck = cause == WaitingCause::InDoubt && now.since(since) > DOUBT_MENDS_WITHIN;
    Some(WaitingPair {
        alert: link.alert,
        key: link.key(policy).to_string(),
        name: alert.map(|alert| alert.name.clone()).unwrap_or_default(),
        customer: alert
            .map(|alert| alert.environment_name.clone())
            .unwrap_or_default(),
        environment: alert.map(|alert| alert.environment),
        ticket: link.ticket,
        cause,
        since: since.into(),
        said: refusal.map(|refused| refused.message.clone()),
        remedy: remedy(link, policy, cause, refusal),
        needs_operator: cause.needs_operator() || is_stuck,
    })
}

/// Why the alert and the ticket of `link` may differ without anything to be mended, in words; `None` where no such
/// reason is known.
pub(crate) fn why_sides_differ(
    link: &Link,
    policy: &Policy,
    now: Timestamp,
) -> Option<&'static str> {
    if let Some(cause) = waiting_cause(link, policy, now) {
        return Some(cause.words());
    }
    match pair_status(link, policy, now) {
        PairStatus::WatchedOnly => Some("watched only"),
        PairStatus::AwaitingLiongard => Some("an inspection is awaited"),
        PairStatus::InStorm => Some("it shares the ticket of its storm"),
        _ => None,
    }
}

/// Why `link` waits.
fn waiting_cause(link: &Link, policy: &Policy, now: Timestamp) -> Option<WaitingCause> {
    let wants_ticket = link.ticket.is_none() && link.has_open_cause();
    if wants_ticket && link.hides_its_tickets() {
        return Some(WaitingCause::StoppedOpening);
    }
    if matches!(link.claim, Claim::InDoubt { .. }) {
        return Some(WaitingCause::InDoubt);
    }
    if link.found_elsewhere && link.is_under_way() {
        return Some(WaitingCause::FoundElsewhere);
    }
    let status = pair_status(link, policy, now);
    let says_more = matches!(status, PairStatus::Refused | PairStatus::TicketDeleted);
    if link.does_not_converge() && !says_more {
        return Some(WaitingCause::Unsettled);
    }
    match status {
        PairStatus::Refused => Some(WaitingCause::Refused),
        PairStatus::Parked(ParkReason::Unmapped) => Some(WaitingCause::Unmapped),
        PairStatus::Parked(ParkReason::NoTemplate) => Some(WaitingCause::NoTemplate),
        PairStatus::Parked(ParkReason::StartUndecided) => Some(WaitingCause::StartUndecided),
        PairStatus::ResolvedInPsaOnly => Some(WaitingCause::ResolvedInPsaOnly),
        PairStatus::LeftToTechnician => Some(WaitingCause::LeftToTechnician),
        PairStatus::TicketDeleted if link.has_open_cause() => Some(WaitingCause::TicketDeleted),
        PairStatus::InSync
        | PairStatus::WatchedOnly
        | PairStatus::Parked(
            ParkReason::Ignored | ParkReason::NotTicketed | ParkReason::BeforeStart,
        )
        | PairStatus::InProgress
        | PairStatus::AwaitingLiongard
        | PairStatus::InStorm
        | PairStatus::TicketDeleted => None,
    }
}

/// The newest refusal.
fn newest_refusal(link: &Link) -> Option<&RefusedWrite> {
    link.refused.iter().max_by_key(|refused| refused.at)
}

/// Since when `link` waits for `cause`: the time of the last thing that is known to have led to it.
fn since(link: &Link, cause: WaitingCause) -> Timestamp {
    let alert = link.observed_alert.as_ref();
    let raised = alert.map(|alert| alert.raised_at);
    let changed = alert.map(|alert| alert.changed_at);
    let at = match cause {
        WaitingCause::InDoubt => match link.claim {
            Claim::InDoubt { since, .. } => Some(since),
            _ => None,
        },
        WaitingCause::Refused => newest_refusal(link).map(|refused| refused.at),
        WaitingCause::Unsettled => {
            let answered = link.accepted.as_ref().map(|accepted| accepted.answered_at);
            link.unsettled_since.or(answered)
        }
        WaitingCause::ResolvedInPsaOnly => {
            let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
            closure.map(|closure| closure.at)
        }
        WaitingCause::LeftToTechnician => changed,
        // Which of its changes was the deletion is not always shown.
        WaitingCause::TicketDeleted => {
            let seen = link.observed_ticket.as_ref();
            seen.map(|ticket| ticket.changed_at)
        }
        WaitingCause::StoppedOpening
        | WaitingCause::Unmapped
        | WaitingCause::NoTemplate
        | WaitingCause::StartUndecided
        | WaitingCause::FoundElsewhere => raised,
    };
    at.or(raised).unwrap_or_default()
}

/// What to do about `cause`.
fn remedy(
    link: &Link,
    policy: &Policy,
    cause: WaitingCause,
    refusal: Option<&RefusedWrite>,
) -> String {
    let key = link.key(policy);
    let environment = link
        .observed_alert
        .as_ref()
        .map_or_else(|| "?".to_owned(), |alert| alert.environment.to_string());
    let ticket = link
        .ticket
        .map_or_else(|| "the ticket".to_owned(), |ticket| format!("#{ticket}"));
    match cause {
        WaitingCause::StoppedOpening => format!(
            "HaloPSA accepted {} and showed no ticket. Look for {key} in HaloPSA: `halogard link {key} \
             '#TICKET'` links what you find; `halogard resync {key}` requests another ticket",
            counted(link.unrecognised, "request")
        ),
        WaitingCause::Refused => {
            let write = refusal.map_or("the write", |refused| write_in_words(refused.write));
            format!(
                "correct in HaloPSA or in the template what refuses {write}, then `halogard resync {key}`; it is \
                 tried again after six hours as well"
            )
        }
        WaitingCause::Unsettled => format!(
            "`halogard explain {key}` shows the steps that Halogard repeats: look in HaloPSA for a rule, workflow or \
             integration that changes {ticket} back, and stop it there; the pair is tried again by itself for a day, \
             then by `halogard resync {key}`"
        ),
        WaitingCause::Unmapped => format!(
            "map environment {environment}: `halogard map` suggests the client, and --write adds it to the config"
        ),
        WaitingCause::NoTemplate => format!(
            "name a template for environment {environment} in the config, or add a rule that matches"
        ),
        WaitingCause::StartUndecided => "choose which alerts of day one get tickets: [start] tickets_for in the config is \
                                         \"all\", \"new alerts only\" or \"since 2026-11-01\"; `halogard serve --dry-run` shows them"
            .to_owned(),
        WaitingCause::FoundElsewhere => format!(
            "a person moved {ticket} to another client; move it back, or close it there when its work is done"
        ),
        WaitingCause::TicketDeleted => format!(
            "restore {ticket} in HaloPSA, or close the alert in Liongard: another ticket is opened only when it closes \
             and comes back"
        ),
        WaitingCause::InDoubt => {
            let until = Moment(match link.claim {
                Claim::InDoubt { since, end, .. } => since.plus(end.doubt_lasts()),
                _ => Timestamp::EPOCH,
            });
            format!(
                "nothing: the ticket is searched for until {until}; then Halogard requests one again if there is none"
            )
        }
        WaitingCause::ResolvedInPsaOnly => format!(
            "{ticket} is closed, and the inspector still finds the condition: fix it, or close the alert in \
             Liongard"
        ),
        WaitingCause::LeftToTechnician => {
            format!("nothing: the technician closes {ticket} when the work is done")
        }
    }
}

/// A write in words.
const fn write_in_words(write: WriteKind) -> &'static str {
    match write {
        WriteKind::Open => "the new ticket",
        WriteKind::SetFields => "the changed fields",
        WriteKind::AddNote => "the note",
        WriteKind::Close => "the closing",
        WriteKind::Reopen => "the reopening",
    }
}
