//! `resync` and `replay`: pairs are queued to be reconciled once more.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{
    JournalEntry, Lane, LinkFilter, Outgoing, PortError, Records, SaveError, WorkSink,
};
use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::ParkReason;
use halogard_domain::record::Singleton;
use halogard_domain::requested_work::{RequestedWork, WorkRequest};
use halogard_domain::{Link, Policy, Timestamp};
use serde::Serialize;

use crate::audit::Operator;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::waiting::{WaitingCause, waiting_pair};

/// Up to this many pairs go to the urgent lane, as a person may be waiting for each of them; more go to the bulk lane.
const URGENT_MAX: usize = 10;

/// Messages that are sent at once.
const BATCH: usize = 50;

/// Which pairs are meant. Every condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairFilter {
    /// Those of these alerts, whether a pair is known or not; every alert when empty.
    pub alerts: BTreeSet<AlertId>,
    /// Those of the customer of this name or environment id.
    pub customer: Option<String>,
    /// Those that wait, for any cause or for one.
    pub waiting: Option<WaitingFilter>,
    /// Those whose alert changed at this time or later.
    pub since: Option<Timestamp>,
    /// Maximum number, by alert id.
    pub limit: Option<usize>,
}

/// Which pairs that wait are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFilter {
    /// All of them.
    Any,
    /// Those that wait for this cause.
    For(WaitingCause),
    /// Those that were there before their customer got tickets and are watched. They get one.
    BeforeStart,
}

/// Which pairs a command is about, and what it does with them: its plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResyncPlan {
    /// The alerts, by number.
    pub alerts: Vec<AlertId>,
    /// How many pairs are left out because an earlier command has queued the same work for them.
    pub queued_before: usize,
    /// The customers they belong to, by name, with the number of alerts of each.
    pub customers: Vec<(String, usize)>,
    /// What is sent.
    pub kind: ResyncKind,
    /// The lane in which they are queued.
    pub lane: &'static str,
    #[serde(skip)]
    messages: Vec<Message>,
    /// The alerts by the kind of work that is queued for them.
    #[serde(skip)]
    by_kind: BTreeMap<&'static str, BTreeSet<AlertId>>,
}

/// What is sent for each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResyncKind {
    /// Both sides are read anew, and what was refused is tried again.
    Resync,
    /// The same for pairs that differ. An alert of day one gets no ticket by it.
    Repair,
    /// What was last reported is processed once more. Finished work stays as it is.
    Replay,
}

/// What was queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Queued {
    /// Pairs.
    pub pairs: usize,
    /// Messages.
    pub messages: usize,
    /// The lane.
    pub lane: &'static str,
    /// How many more pairs were queued before and still are.
    pub queued_before: usize,
}

impl PairFilter {
    /// Whether it means every pair there is.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether alerts that were there before their customer got tickets get one: those that are named, or meant as
    /// such. A customer's pairs are read anew without that.
    fn requests_tickets(&self) -> bool {
        !self.alerts.is_empty() || self.waiting == Some(WaitingFilter::BeforeStart)
    }

    /// Whether alerts are named, and nothing else is said of them.
    fn is_by_name_alone(&self) -> bool {
        self.customer.is_none() && self.waiting.is_none() && self.since.is_none()
    }

    fn matches(&self, link: &Link, policy: Option<&Policy>, now: Timestamp) -> bool {
        let alert = link.observed_alert.as_ref();
        let is_customer = |wanted: &String| {
            alert.is_some_and(|alert| {
                alert.environment_name.eq_ignore_ascii_case(wanted.trim())
                    || alert.environment.to_string() == wanted.trim()
            })
        };
        let waits = |wanted: WaitingFilter| {
            let cause = || Some(waiting_pair(link, policy?, now)?.cause);
            match wanted {
                WaitingFilter::Any => cause().is_some(),
                WaitingFilter::For(wanted) => cause() == Some(wanted),
                WaitingFilter::BeforeStart => link.parked == Some(ParkReason::BeforeStart),
            }
        };
        (self.alerts.is_empty() || self.alerts.contains(&link.alert))
            && self.customer.as_ref().is_none_or(is_customer)
            && self.waiting.is_none_or(waits)
            && self
                .since
                .is_none_or(|since| alert.is_some_and(|alert| alert.changed_at >= since))
    }
}

/// The pairs that a filter means.
struct SelectedPairs {
    /// Those that are known, by alert.
    links: Vec<Link>,
    /// Named alerts without a pair, which no condition but their name is about.
    unknown: Vec<AlertId>,
}

/// The pairs that `filter` means.
///
/// What waits is found in the store's list of such links. A customer or a time has no list: every link is read for
/// it, which a person asks for now and then and no worker does.
async fn select(
    store: &impl Store,
    filter: &PairFilter,
    now: Timestamp,
) -> Result<SelectedPairs, PortError> {
    let policy = policy_in_force(store).await?;
    let (mut links, mut unknown) = (Vec::new(), Vec::new());
    if filter.alerts.is_empty() {
        let listed = match filter.waiting {
            Some(_) => LinkFilter::Waiting,
            None => LinkFilter::All,
        };
        for_each_link(store, listed, |link| {
            if filter.matches(&link, policy.as_ref(), now) {
                links.push(link);
            }
        })
        .await?;
    } else {
        links = store.load_many(&filter.alerts).await?;
        let known: BTreeSet<AlertId> = links.iter().map(|link| link.alert).collect();
        links.retain(|link| filter.matches(link, policy.as_ref(), now));
        links.sort_by_key(|link| link.alert);
        if filter.is_by_name_alone() {
            unknown.extend(filter.alerts.difference(&known));
        }
    }
    links.truncate(filter.limit.unwrap_or(usize::MAX));
    unknown.truncate(filter.limit.map_or(usize::MAX, |limit| limit - links.len()));
    Ok(SelectedPairs { links, unknown })
}

/// Plans `kind` for the pairs that `filter` means. An alert without a link is read from Liongard. Work that an earlier
/// command has queued and no worker has done is left out.
///
/// # Errors
///
/// The store cannot be read.
pub async fn plan(
    store: &impl Store,
    filter: &PairFilter,
    kind: ResyncKind,
    now: Timestamp,
) -> Result<ResyncPlan, PortError> {
    let SelectedPairs { links, unknown } = select(store, filter, now).await?;
    let queued = still_queued(store).await?;
    let mut queued_before = 0;
    let mut by_kind = BTreeMap::<&str, BTreeSet<AlertId>>::new();
    let mut customers = BTreeMap::<String, usize>::new();
    let mut messages = Vec::new();
    for link in &links {
        let work = work_for(link, kind, filter.requests_tickets());
        if is_queued(&queued, link, work, now) {
            queued_before += 1;
            continue;
        }
        let alert = link.observed_alert.as_ref();
        let customer = alert.map_or("unknown", |alert| alert.environment_name.as_str());
        *customers.entry(customer.to_owned()).or_default() += 1;
        by_kind.entry(work).or_default().insert(link.alert);
        messages.extend(messages_for(link, work));
    }
    if kind != ResyncKind::Replay {
        for alert in unknown {
            if queued.requested_at(alert, RESYNC, now).is_some() {
                queued_before += 1;
                continue;
            }
            by_kind.entry(RESYNC).or_default().insert(alert);
            messages.push(Message::reconcile_alert(alert, Cause::Operator));
        }
    }
    let alerts: BTreeSet<AlertId> = by_kind.values().flatten().copied().collect();
    let lane = if alerts.len() <= URGENT_MAX {
        Lane::Urgent
    } else {
        Lane::Bulk
    };
    Ok(ResyncPlan {
        alerts: alerts.into_iter().collect(),
        customers: customers.into_iter().collect(),
        kind,
        lane: lane.name(),
        queued_before,
        messages,
        by_kind,
    })
}

/// The word of work that reads both sides anew.
const RESYNC: &str = "resync";

/// The word of work that also opens a ticket for an alert of day one.
const TICKET: &str = "ticket";

/// The word of work that processes the last reports once more.
const REPLAY: &str = "replay";

/// What operators asked for and may still be queued: an empty lane holds nothing of it.
async fn still_queued(store: &impl Store) -> Result<RequestedWork, PortError> {
    let mut work = store.load_record::<RequestedWork>(&Singleton).await?.value;
    let lanes: BTreeSet<String> = work.requests.iter().map(|it| it.lane.clone()).collect();
    for lane in Lane::ALL
        .into_iter()
        .filter(|lane| lanes.contains(lane.name()))
    {
        if store.depth(lane).await? == 0 {
            work.forget_lane(lane.name());
        }
    }
    Ok(work)
}

/// Whether `work` for the pair of `link` was requested and not done: a worker that does it reads the alert.
fn is_queued(queued: &RequestedWork, link: &Link, work: &str, now: Timestamp) -> bool {
    let Some(requested_at) = queued.requested_at(link.alert, work, now) else {
        return false;
    };
    let seen = link.observed_alert.as_ref();
    work == REPLAY || seen.is_none_or(|alert| alert.observed_at < requested_at)
}

/// The work that `kind` is for the pair of `link`; a ticket is requested for an alert of day one where
/// `requests_tickets`.
fn work_for(link: &Link, kind: ResyncKind, requests_tickets: bool) -> &'static str {
    let of_day_one = [ParkReason::BeforeStart, ParkReason::StartUndecided];
    let is_of_day_one = link.parked.is_some_and(|it| of_day_one.contains(&it));
    match kind {
        ResyncKind::Replay => REPLAY,
        ResyncKind::Resync if requests_tickets && is_of_day_one => TICKET,
        ResyncKind::Resync | ResyncKind::Repair => RESYNC,
    }
}

/// The messages that have a worker do `work` for the pair of `link`.
fn messages_for(link: &Link, work: &str) -> Vec<Message> {
    let (alert, ticket) = match work {
        REPLAY => {
            let alert = link.observed_alert.clone();
            let ticket = link.observed_ticket.clone();
            (
                alert.map(|alert| Message::alert_snapshot(alert, Cause::Operator)),
                ticket.map(|ticket| Message::ticket_snapshot(ticket, Cause::Operator)),
            )
        }
        _ => {
            let cause = match work {
                TICKET => Cause::TicketRequested,
                _ => Cause::Operator,
            };
            let ticket = link.ticket;
            (
                Some(Message::reconcile_alert(link.alert, cause)),
                ticket.map(|ticket| Message::reconcile_ticket(ticket, Cause::Operator)),
            )
        }
    };
    [alert, ticket].into_iter().flatten().collect()
}

/// Queues what `plan` names, for `operator`. Safe to repeat: the messages are idempotent, and a new plan leaves out what is queued.
///
/// # Errors
///
/// The queue failed; some of the messages may have been sent.
pub async fn apply(
    store: &impl Store,
    plan: &ResyncPlan,
    operator: &Operator,
    now: Timestamp,
) -> Result<Queued, PortError> {
    let entries: Vec<JournalEntry> = plan
        .alerts
        .iter()
        .map(|alert| JournalEntry {
            at: now,
            alert: Some(*alert),
            ticket: None,
            event: match plan.kind {
                ResyncKind::Resync | ResyncKind::Repair => "resync_requested".to_owned(),
                ResyncKind::Replay => "replay_requested".to_owned(),
            },
            cause: Cause::Operator.as_str().to_owned(),
            detail: Some(operator.in_words()),
        })
        .collect();
    for entries in entries.chunks(BATCH) {
        store.append(entries).await?;
    }
    send(store, plan).await?;
    remember(store, plan, now).await?;
    Ok(Queued {
        pairs: plan.alerts.len(),
        messages: plan.messages.len(),
        lane: plan.lane,
        queued_before: plan.queued_before,
    })
}

/// Records what was queued. After the messages: a command that ends between the two is given again and sends them
/// again, which does no harm.
async fn remember(
    store: &impl Records,
    plan: &ResyncPlan,
    now: Timestamp,
) -> Result<(), PortError> {
    if plan.by_kind.is_empty() {
        return Ok(());
    }
    let remembered = store
        .update_record(&Singleton, |work: &mut RequestedWork| {
            for (kind, alerts) in &plan.by_kind {
                let request = WorkRequest {
                    at: now,
                    kind: (*kind).to_owned(),
                    lane: plan.lane.to_owned(),
                    alerts: alerts.clone(),
                };
                work.add(request, now);
            }
        })
        .await;
    match remembered {
        // Other commands record at the same moment. What is not recorded may be queued twice.
        Ok(()) | Err(SaveError::Conflict) => Ok(()),
        Err(SaveError::Store(error)) => Err(error),
    }
}

/// Sends the messages of `plan`.
async fn send(store: &impl WorkSink, plan: &ResyncPlan) -> Result<(), PortError> {
    let lane = Lane::ALL.into_iter().find(|lane| lane.name() == plan.lane);
    let lane = lane.unwrap_or(Lane::Bulk);
    for messages in plan.messages.chunks(BATCH) {
        let outgoing: Vec<Outgoing> = messages.iter().cloned().map(Outgoing::from).collect();
        store.send(lane, &outgoing).await?;
    }
    Ok(())
}
