//! `explain`: the story of an alert or a ticket, and why it is as it is.

use std::collections::BTreeSet;

use halogard_app::Store;
use halogard_app::outcome::{Action, INSPECTION_ENDED};
use halogard_app::ports::{JournalEntry, LinkFilter, PortError};
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::TerminalReason;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::pause::Pauses;
use halogard_domain::policy::{ClosedBy, Mode, ParkReason};
use halogard_domain::record::Singleton;
use halogard_domain::storm::Membership;
use halogard_domain::{Alert, Link, Policy, Timestamp};
use serde::Serialize;

use crate::audit::{self, AuditFilter, AuditLine, AuditedPair};
use crate::dead_letters::{DeadLetterSummary, letters_about};
use crate::held::why_held;
use crate::moment::Moment;
use crate::pausing::why_paused;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::subject::Subject;
use crate::waiting::{WaitingPair, waiting_pair};

/// The commands that the journal of a pair has, with who gave them.
const IN_JOURNAL: [&str; 4] = ["link", "unlink", "resync", "replay"];

/// Entries of the journal that are read of one alert.
const ENTRIES_MAX: usize = 2_000;

/// The answer of `explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExplainAnswer {
    /// When it was asked.
    pub at: Moment,
    /// The story of each alert that it is about: a ticket may have several.
    pub stories: Vec<PairStory>,
    /// Why there is none, and what to do.
    pub unknown: Option<String>,
}

/// The story of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairStory {
    /// The alert.
    pub alert: AlertId,
    /// The key of its ticket.
    pub key: String,
    /// The number that people see in Liongard.
    pub number: Option<String>,
    /// The alert's name.
    pub name: Option<String>,
    /// The customer, as Liongard names it.
    pub customer: Option<String>,
    /// Its environment.
    pub environment: Option<u64>,
    /// The alert's status and priority.
    pub alert_state: Option<String>,
    /// The ticket, if there is one.
    pub ticket: Option<TicketId>,
    /// Earlier tickets of the alert.
    pub earlier_tickets: Vec<TicketId>,
    /// The pair's state, in one sentence.
    pub state: String,
    /// Where its ticket belongs, and by which rule; or why there is none, and what to do.
    pub decision: Decision,
    /// What it waits for.
    pub waiting: Option<WaitingPair>,
    /// Why an operator has paused it.
    pub paused: Option<String>,
    /// What happened, oldest first.
    pub events: Vec<StoryEvent>,
    /// Messages about it that no worker could process.
    pub dead_letters: Vec<DeadLetterSummary>,
}

/// What the config says about an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// The client in HaloPSA.
    pub client: Option<u64>,
    /// The template.
    pub template: Option<String>,
    /// What chose the template.
    pub chosen_by: Option<String>,
    /// Why there is no ticket, and what to do.
    pub no_ticket_because: Option<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoryEvent {
    /// When.
    pub at: Moment,
    /// What, as a stable word.
    pub event: String,
    /// What, in words.
    pub words: String,
    /// What caused it.
    pub cause: String,
    /// The ticket it concerns.
    pub ticket: Option<TicketId>,
    /// More about it.
    pub detail: Option<String>,
}

/// Answers `explain` about `subject` at `now`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn explain(
    store: &impl Store,
    subject: &Subject,
    now: Timestamp,
) -> Result<ExplainAnswer, PortError> {
    let alerts = alerts_of(store, subject).await?;
    let policy = policy_in_force(store).await?;
    let mut stories = Vec::new();
    for alert in alerts {
        if let Some(story) = story(store, alert, policy.as_ref(), now).await? {
            stories.push(story);
        }
    }
    let unknown = stories.is_empty().then(|| unknown(subject));
    Ok(ExplainAnswer {
        at: now.into(),
        stories,
        unknown,
    })
}

/// The alerts that `subject` names.
///
/// # Errors
///
/// The store cannot be read.
pub async fn alerts_of(
    store: &impl Store,
    subject: &Subject,
) -> Result<BTreeSet<AlertId>, PortError> {
    match subject {
        Subject::Alert(alert) => Ok([*alert].into()),
        Subject::Ticket(ticket) => store.owners(*ticket).await,
        Subject::Number(number) => {
            let mut found = BTreeSet::new();
            for_each_link(store, LinkFilter::All, |link| {
                let alert = link.observed_alert.as_ref();
                let seen = alert.and_then(|alert| alert.number.as_ref());
                if seen.is_some_and(|seen| seen.eq_ignore_ascii_case(number)) {
                    found.insert(link.alert);
                }
            })
            .await?;
            Ok(found)
        }
    }
}

/// Why nothing is known of `subject`.
fn unknown(subject: &Subject) -> String {
    match subject {
        Subject::Alert(alert) => format!(
            "Halogard has no record of alert {alert}: it is hidden, or was closed before Halogard started, Liongard's \
             list has not named it yet, or its record is older than the retention; `halogard status` says when \
             Liongard was last read"
        ),
        Subject::Ticket(ticket) => format!(
            "ticket #{ticket} belongs to no alert: another person or application opened it; `halogard link ALERT \
             '#{ticket}'` links it to an alert"
        ),
        Subject::Number(number) => format!(
            "no alert has the number {number}; the id of an alert is part of its address in Liongard"
        ),
    }
}

/// The story of `alert`; `None` when nothing is known of it.
async fn story(
    store: &impl Store,
    alert: AlertId,
    policy: Option<&Policy>,
    now: Timestamp,
) -> Result<Option<PairStory>, PortError> {
    let entries = store.journal(alert, ENTRIES_MAX).await?;
    let stored = store.load(alert).await?.map(|stored| stored.value);
    let (known, link) = match stored {
        Some(link) => (true, link),
        None => (false, Link::new(alert)),
    };
    if !known && entries.is_empty() {
        return Ok(None);
    }
    let seen = link.observed_alert.as_ref();
    let pauses = store.load_record::<Pauses>(&Singleton).await?.value;
    let continuity = store
        .load_record::<StoreContinuity>(&Singleton)
        .await?
        .value;
    let pause = pauses.of_pair(alert, seen.map(|seen| seen.environment), now);
    let mut events: Vec<StoryEvent> = entries.into_iter().map(event).collect();
    events.extend(seen.map(raised));
    events.extend(seen.and_then(alert_closed));
    events.extend(ticket_closed(&link));
    events.extend(commands_about(store, &link, now).await?);
    events.sort_by_key(|event| event.at);
    let waiting = policy.and_then(|policy| waiting_pair(&link, policy, now));
    Ok(Some(PairStory {
        alert,
        key: policy.map_or_else(|| alert.to_string(), |policy| link.key(policy).to_string()),
        number: seen.and_then(|seen| seen.number.clone()),
        name: seen.map(|seen| seen.name.clone()),
        customer: seen.map(|seen| seen.environment_name.clone()),
        environment: seen.map(|seen| seen.environment.get()),
        alert_state: seen.map(|seen| format!("{}, {}", seen.status, seen.priority)),
        ticket: link.ticket,
        earlier_tickets: link.earlier_tickets.clone(),
        state: match policy {
            Some(policy) if known => state(&link, policy, waiting.as_ref(), &continuity, now),
            _ => "its record has expired; what is kept of it follows".to_owned(),
        },
        decision: policy.map_or_else(Decision::default, |policy| decision(&link, policy)),
        waiting,
        paused: pause.map(|pause| {
            let reason = pause.reason.as_ref().map(|why| format!(": {why}"));
            format!("{}{}", why_paused(pause), reason.unwrap_or_default())
        }),
        dead_letters: letters_about(store, alert, link.ticket).await?,
        events,
    }))
}

/// The state of a pair, in one sentence.
fn state(
    link: &Link,
    policy: &Policy,
    waiting: Option<&WaitingPair>,
    continuity: &StoreContinuity,
    now: Timestamp,
) -> String {
    if let Some(waiting) = waiting {
        return format!("waits: {}", waiting.cause.words());
    }
    let alert = link.observed_alert.as_ref();
    let opened_soon = alert
        .filter(|alert| link.ticket.is_none() && no_ticket_because(link, alert, policy).is_none());
    if let Some(alert) = opened_soon.filter(|alert| !alert.is_closed())
        && let Some(held) = why_held(continuity, alert, link.recurrence, now)
    {
        return held;
    }
    match pair_status(link, policy, now) {
        PairStatus::InSync if link.ticket.is_none() => "in sync: no ticket is needed",
        PairStatus::InSync if link.is_under_way() => "in sync: alert and ticket are open",
        PairStatus::InSync => "in sync: alert and ticket are closed",
        PairStatus::AwaitingLiongard => "the ticket is closed; an inspection is awaited",
        PairStatus::InStorm => "shares the ticket of its storm",
        PairStatus::TicketDeleted => {
            "the ticket was deleted; another one is opened when the alert closes and opens again"
        }
        PairStatus::WatchedOnly => "watched only: the config wants no ticket for it",
        _ => "work is under way",
    }
    .to_owned()
}

/// What the config says about the alert of `link`.
fn decision(link: &Link, policy: &Policy) -> Decision {
    let Some(alert) = &link.observed_alert else {
        return Decision::default();
    };
    let mut decision = match policy.choose(alert) {
        Ok((mapping, template)) => Decision {
            client: Some(mapping.client.get()),
            template: Some(template.name.clone()),
            chosen_by: Some(chosen_by(alert, policy)),
            no_ticket_because: None,
        },
        Err(_) => Decision::default(),
    };
    if link.ticket.is_none() {
        decision.no_ticket_because = no_ticket_because(link, alert, policy);
    }
    decision
}

/// What chose the template of `alert`.
fn chosen_by(alert: &Alert, policy: &Policy) -> String {
    let mapping = policy.environments.get(&alert.environment);
    let mut rules = policy.rules.iter();
    let rule = mapping.and_then(|mapping| rules.position(|rule| rule.matches(alert, mapping)));
    match rule {
        Some(place) => format!("rule {} of the config", place + 1),
        None => format!("environment {} of the config", alert.environment),
    }
}

/// Why the alert of `link` has no ticket, and what to do; `None` when one is about to be opened.
fn no_ticket_because(link: &Link, alert: &Alert, policy: &Policy) -> Option<String> {
    match &link.membership {
        Some(Membership::Member { leader, .. }) => {
            return Some(format!(
                "it shares the ticket of alert {leader}, whose rule fired for many alerts at once; `halogard explain \
                 {leader}` shows that ticket"
            ));
        }
        Some(Membership::Leader(_) | Membership::Ungrouped) | None => {}
    }
    match link.terminal_reason {
        Some(TerminalReason::NotNeeded) => {
            return Some("the alert was closed before a ticket was opened".to_owned());
        }
        Some(TerminalReason::TicketDeleted | TerminalReason::TicketDeletedAlertClosed) => {
            return Some("its ticket was deleted in HaloPSA".to_owned());
        }
        None => {}
    }
    if policy.mode == Mode::Native && alert.native_ticket.is_none() {
        return Some(
            "in native mode Liongard's own ticketing opens it, and Liongard names no ticket for this alert; check the \
             alert's template in Liongard: its destination must be HaloPSA"
                .to_owned(),
        );
    }
    if policy.mode == Mode::Observe {
        return Some(
            "in observe mode Halogard writes nothing; it links the ticket that Liongard names for an alert"
                .to_owned(),
        );
    }
    if !alert.visible {
        return Some("the alert is hidden in Liongard; unhide it there to get a ticket".to_owned());
    }
    match policy.choose(alert) {
        Err(ParkReason::Unmapped) => Some(format!(
            "the config maps environment {} ({}) to no client; `halogard map` suggests one",
            alert.environment, alert.environment_name
        )),
        Err(ParkReason::Ignored) => Some(format!(
            "the config ignores environment {} ({}); it is watched only",
            alert.environment, alert.environment_name
        )),
        Err(ParkReason::NotTicketed) => Some(
            "a rule of the config wants no ticket for it (template = \"none\"); it is watched only"
                .to_owned(),
        ),
        Err(ParkReason::NoTemplate) => Some(format!(
            "no rule matches it and environment {} names no template; add one of both",
            alert.environment
        )),
        Err(reason @ (ParkReason::BeforeStart | ParkReason::StartUndecided)) => {
            Some(reason.as_str().to_owned())
        }
        Ok(_) => match link.reason_for_no_ticket(alert, policy)? {
            ParkReason::StartUndecided => Some(
                "it was open before its customer got tickets, with many others: `[start] tickets_for` in the config \
                 says which of them get one"
                    .to_owned(),
            ),
            _ => Some(format!(
                "it was open before its customer got tickets, and [start] wants no tickets for such alerts: it is \
                 watched; `halogard resync {}` opens one",
                alert.id
            )),
        },
    }
}

/// That the alert was raised.
fn raised(alert: &Alert) -> StoryEvent {
    StoryEvent {
        at: alert.raised_at.into(),
        event: "raised".to_owned(),
        words: "Liongard raised the alert".to_owned(),
        cause: "liongard".to_owned(),
        ticket: None,
        detail: None,
    }
}

/// That the alert was closed, if it is.
fn alert_closed(alert: &Alert) -> Option<StoryEvent> {
    alert.is_closed().then(|| StoryEvent {
        at: alert.changed_at.into(),
        event: "alert_closed".to_owned(),
        words: "Liongard closed the alert".to_owned(),
        cause: "liongard".to_owned(),
        ticket: None,
        detail: Some(format!("status {}", alert.status)),
    })
}

/// By whom the ticket was closed, if not by Halogard, whose journal has that.
fn ticket_closed(link: &Link) -> Option<StoryEvent> {
    let closure = link.base.as_ref()?.ticket_closed?;
    let words = match closure.by {
        ClosedBy::Halogard => return None,
        ClosedBy::HaloPsa => "the ticket was closed in HaloPSA; Halogard did not ask by whom",
        ClosedBy::Technician => "a technician or the customer closed the ticket",
        ClosedBy::Automation => "a rule of HaloPSA or another integration closed the ticket",
    };
    Some(StoryEvent {
        at: closure.at.into(),
        event: "ticket_closed".to_owned(),
        words: words.to_owned(),
        cause: "halopsa".to_owned(),
        ticket: link.ticket,
        detail: None,
    })
}

/// The commands of operators about the pair of `link` of which its journal has no entry.
async fn commands_about(
    store: &impl Store,
    link: &Link,
    now: Timestamp,
) -> Result<Vec<StoryEvent>, PortError> {
    let tickets = link.earlier_tickets.iter().copied().chain(link.ticket);
    let filter = AuditFilter {
        about: Some(AuditedPair {
            alerts: [link.alert].into(),
            tickets: tickets.collect(),
        }),
        ..AuditFilter::default()
    };
    let commands = audit::list(store, &filter, now).await?.entries;
    let others = commands
        .into_iter()
        .filter(|it| !IN_JOURNAL.contains(&it.command.as_str()));
    Ok(others.map(|line| commanded(line, link.ticket)).collect())
}

/// A command of an operator.
fn commanded(line: AuditLine, ticket: Option<TicketId>) -> StoryEvent {
    let reason = line.reason.map(|reason| format!(": {reason}"));
    StoryEvent {
        at: line.at,
        event: "command".to_owned(),
        words: format!("an operator ran `{}`", line.command),
        cause: "operator".to_owned(),
        ticket,
        detail: Some(format!(
            "{}, by {}{}",
            line.done,
            line.actor,
            reason.unwrap_or_default()
        )),
    }
}

/// An entry of the journal.
fn event(entry: JournalEntry) -> StoryEvent {
    StoryEvent {
        at: entry.at.into(),
        words: in_words(&entry.event).to_owned(),
        event: entry.event,
        cause: entry.cause,
        ticket: entry.ticket,
        detail: entry.detail,
    }
}

/// An event in words; the event itself where a later version of Halogard recorded it.
fn in_words(event: &str) -> &str {
    match event {
        "linked" => "an operator linked the ticket",
        "unlinked" => "an operator unlinked the ticket",
        "resync_requested" => "an operator requested a new synchronisation",
        "replay_requested" => "an operator had the newest reports processed again",
        INSPECTION_ENDED => "an inspection ended",
        other => match Action::from_word(other) {
            Some(action) => action.describe(),
            None => other,
        },
    }
}
