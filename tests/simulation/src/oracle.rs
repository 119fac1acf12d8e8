//! The judge. It knows everything that people did and everything that HaloPSA holds, and checks each write
//! of the bundle when it happens. It never reads what the bundle believes, but for the reason it gives for a
//! pair that stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::policy::Mode;
use halogard_domain::{Link, LinkKey, Policy, Timestamp};
use halogard_simulator::halopsa::TicketView;
use halogard_simulator::liongard::AlertView;
use halogard_simulator::{HaloPsa, Liongard};
use halogard_tests::Setup;
use halogard_tests::setup::APPLICATION;
use serde_json::Value;

use crate::coverage::Coverage;
use crate::people::Act;

/// How old what the bundle knows of a ticket may be when it writes: a read of the ticket's notes counts for a
/// minute, and a request there and back may take as long.
const GRACE_MS: i64 = 150_000;

/// What is done to a ticket that young counts as a rule's doing, unless it is a note.
const RULES_SETTLE_MS: i64 = 15_000;

/// The longest chain of merges that is followed.
const MERGES_MAX: usize = 20;

/// A member of a ticket that a person may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Its status.
    Status,
    /// Its priority.
    Priority,
    /// Its technician.
    Agent,
    /// Its team.
    Team,
    /// Its category.
    Category,
    /// Its title.
    Title,
    /// Its client.
    Client,
}

/// Something that must never happen, and did.
#[derive(Clone, Debug)]
pub struct Violation {
    /// When.
    pub at: i64,
    /// Which promise it breaks.
    pub kind: &'static str,
    /// What happened.
    pub text: String,
}

/// What is known of a ticket beyond what HaloPSA shows.
#[derive(Clone, Debug, Default)]
struct TicketMemory {
    /// Whether the bundle, or Liongard's own ticketing, opened it.
    is_ours: bool,
    /// The alert that it was opened for.
    alert: Option<i64>,
    /// When a person last set each member.
    set_by_person: BTreeMap<Field, i64>,
    /// The priority that a person last set, also where the bundle may have written the same.
    chosen_priority: Option<i64>,
    /// When it was opened.
    opened_at: i64,
    /// When a person first did anything to it.
    touched_at: Option<i64>,
    /// When a person first wrote a note.
    noted_at: Option<i64>,
    /// When the bundle recorded that it had opened it.
    recorded_at: Option<i64>,
    /// Whether a person merged another ticket into it, or it into another.
    merged: bool,
    /// Whether a person deleted, restored or reopened it.
    revived: bool,
}

/// What is known of an alert beyond what Liongard shows.
#[derive(Clone, Debug, Default)]
struct AlertMemory {
    /// Every ticket that was opened for it.
    tickets: Vec<i64>,
    /// The priorities it had, as HaloPSA's.
    priorities: BTreeSet<i64>,
    /// When it was last raised again.
    raised_again_at: Option<i64>,
    /// When its cause was fixed.
    fixed_at: Option<i64>,
}

/// The judge of a run.
pub struct Oracle {
    /// Whether people act in the middle of the bundle's writes.
    pub intervenes: bool,
    /// Everything that must not be, so far.
    pub violations: Vec<Violation>,
    tickets: BTreeMap<i64, TicketMemory>,
    alerts: BTreeMap<i64, AlertMemory>,
    by_key: BTreeMap<LinkKey, Vec<i64>>,
    next_ticket: i64,
    grace_ms: i64,
    mode: Mode,
    status_unassigns: bool,
    creates_in_flight: usize,
}

/// Tickets before a write of the bundle.
pub struct BeforeWrite(Vec<TicketView>);

impl Oracle {
    /// The judge of a run that starts from `setup`.
    #[must_use]
    pub fn new(setup: &Setup, intervenes: bool) -> Self {
        let lag = setup.halo.read_lag + setup.halo.list_lag + setup.latency * 8;
        Self {
            intervenes,
            violations: Vec::new(),
            tickets: BTreeMap::new(),
            alerts: BTreeMap::new(),
            by_key: BTreeMap::new(),
            next_ticket: 4001,
            grace_ms: GRACE_MS + i64::try_from(lag.as_millis()).unwrap_or(i64::MAX),
            mode: setup.mode,
            status_unassigns: setup.halo.status_change_unassigns,
            creates_in_flight: 0,
        }
    }

    /// Notes that something happened which must not.
    pub fn violate(&mut self, at: i64, kind: &'static str, text: String) {
        self.violations.push(Violation { at, kind, text });
    }

    /// An alert has this priority now.
    pub fn alert_has_priority(&mut self, alert: i64, priority: i64) {
        self.alerts
            .entry(alert)
            .or_default()
            .priorities
            .insert(priority);
    }

    /// An alert was raised again.
    pub fn raised_again(&mut self, alert: i64, now: i64) {
        self.alerts.entry(alert).or_default().raised_again_at = Some(now);
    }

    /// Liongard's own ticketing opened this ticket for an alert.
    pub fn opened_natively(&mut self, alert: i64, ticket: i64) {
        self.tickets.entry(ticket).or_default().alert = Some(alert);
    }

    /// What is known of the alert of a ticket.
    fn alert_of(&self, ticket: i64) -> Option<&AlertMemory> {
        self.alerts.get(&self.tickets.get(&ticket)?.alert?)
    }

    /// The cause of an alert was fixed: its inspector's next run closes it.
    pub fn fixed(&mut self, alert: i64, now: i64) {
        let memory = self.alerts.entry(alert).or_default();
        memory.fixed_at = memory.fixed_at.or(Some(now));
    }

    /// A person acted on a ticket.
    pub fn person_acted(&mut self, ticket: i64, field: Option<Field>, act: Act, now: i64) {
        if let Act::Priority(priority) = act {
            self.tickets.entry(ticket).or_default().chosen_priority = Some(priority);
        }
        if let (Act::Priority(priority), Some(alert)) = (act, self.alert_of(ticket))
            && alert.priorities.contains(&priority)
        {
            // The bundle writes this one as well, so it shows nothing.
            return;
        }
        let memory = self.tickets.entry(ticket).or_default();
        if let Some(field) = field {
            memory.set_by_person.insert(field, now);
        }
        if matches!(act, Act::FixAndClose | Act::Close | Act::Resolve) {
            // The one who closes an unassigned ticket takes it.
            memory.set_by_person.insert(Field::Agent, now);
        }
        if matches!(act, Act::Delete | Act::Restore | Act::Reopen | Act::Unmerge) {
            memory.revived = true;
        }
        if matches!(act, Act::Note | Act::UserNote) {
            memory.noted_at = memory.noted_at.or(Some(now));
        }
        memory.touched_at = memory.touched_at.or(Some(now));
    }

    /// When a person first worked on a ticket in a way that HaloPSA shows. What is seen only by comparing the
    /// ticket with what it was counts from when the bundle knew it.
    fn work_began(&self, memory: &TicketMemory) -> Option<i64> {
        // The titles of Liongard's own ticketing are not known beforehand.
        let is_native = self.mode == Mode::Native;
        let known_from = memory.recorded_at.unwrap_or(i64::MAX);
        let fields = memory.set_by_person.iter().filter(|(field, at)| {
            let is_plain = matches!(field, Field::Status | Field::Title);
            if is_native && **field == Field::Title {
                return false;
            }
            **at > memory.opened_at + RULES_SETTLE_MS && (is_plain || **at > known_from)
        });
        let set = fields.map(|(_, at)| *at).min();
        memory.noted_at.into_iter().chain(set).min()
    }

    /// The bundle recorded that it opened a ticket.
    pub fn recorded(&mut self, ticket: i64, now: i64) {
        let memory = self.tickets.entry(ticket).or_default();
        memory.recorded_at = memory.recorded_at.or(Some(now));
    }

    /// The store was replaced by a copy of `copied_at`.
    pub fn store_restored(&mut self, copied_at: i64) {
        for memory in self.tickets.values_mut() {
            memory.recorded_at = memory.recorded_at.filter(|at| *at <= copied_at);
        }
    }

    /// A person merged `ticket` into `into`.
    pub fn merged(&mut self, ticket: i64, into: i64, now: i64) {
        for id in [ticket, into] {
            let memory = self.tickets.entry(id).or_default();
            memory.merged = true;
            memory.touched_at = memory.touched_at.or(Some(now));
            memory.set_by_person.insert(Field::Status, now);
        }
    }

    /// The tickets of an alert, oldest first.
    #[must_use]
    pub fn tickets_of(&self, alert: &AlertView) -> Vec<i64> {
        let own = self.alerts.get(&alert.id);
        let own = own.map(|it| it.tickets.clone()).unwrap_or_default();
        match alert.external_id {
            Some(native) if !own.contains(&native) => [native].into_iter().chain(own).collect(),
            _ => own,
        }
    }

    /// A request that opens tickets begins.
    pub fn create_begins(&mut self, now: i64) {
        self.creates_in_flight += 1;
        if self.creates_in_flight > 1 {
            self.violate(
                now,
                "two requests that open tickets at once",
                "HaloPSA's ticket numbers race".to_owned(),
            );
        }
    }

    /// It ended, for HaloPSA.
    pub const fn create_ends(&mut self) {
        self.creates_in_flight = self.creates_in_flight.saturating_sub(1);
    }

    /// Checks the tickets that were opened since the last check.
    pub fn find_new_tickets(&mut self, halo: &HaloPsa, now: i64) {
        while let Some(ticket) = halo.ticket(self.next_ticket) {
            self.next_ticket += 1;
            let is_ours = ticket.created_by == APPLICATION;
            let memory = self.tickets.entry(ticket.id).or_default();
            memory.opened_at = now;
            memory.is_ours = is_ours || !ticket.created_by.is_empty();
            if is_ours {
                self.opened(halo, &ticket, now);
            }
        }
    }

    /// The bundle opened a ticket.
    fn opened(&mut self, halo: &HaloPsa, ticket: &TicketView, now: i64) {
        let Some(key) = LinkKey::find_in(&ticket.summary, LinkKey::DEFAULT_PREFIX) else {
            let text = format!("ticket {}: {}", ticket.id, ticket.summary);
            self.violate(now, "a ticket without a key", text);
            return;
        };
        let alert = i64::try_from(key.alert.get()).unwrap_or_default();
        if let Some(memory) = self.tickets.get_mut(&ticket.id) {
            memory.alert = Some(alert);
        }
        if self.mode == Mode::Native {
            let text = format!("ticket {} for alert {alert}", ticket.id);
            self.violate(now, "a ticket opened in native mode", text);
        }
        let same_key = self.by_key.entry(key.clone()).or_default();
        let others: Vec<i64> = same_key
            .iter()
            .copied()
            .filter(|id| halo.ticket(*id).is_some_and(|it| !it.deleted))
            .collect();
        same_key.push(ticket.id);
        if !others.is_empty() {
            let text = format!("tickets {others:?} and {} carry {key}", ticket.id);
            self.violate(now, "a second ticket", text);
        }
        let earlier = self.alerts.entry(alert).or_default();
        let earlier = std::mem::take(&mut earlier.tickets);
        let open: Vec<i64> = earlier
            .iter()
            .copied()
            .filter(|id| !others.contains(id))
            .filter(|id| {
                let revived = self
                    .tickets
                    .get(id)
                    .is_some_and(|it| it.revived || it.merged);
                let is_open = halo
                    .ticket(*id)
                    .is_some_and(|it| !it.deleted && !it.closed && it.merged_into_id == 0);
                is_open && !revived
            })
            .collect();
        if !open.is_empty() {
            let text = format!(
                "alert {alert}: {} beside {open:?}, which is open",
                ticket.id
            );
            self.violate(now, "a second open ticket", text);
        }
        let memory = self.alerts.entry(alert).or_default();
        memory.tickets = earlier;
        memory.tickets.push(ticket.id);
    }

    /// Remembers the tickets that a request names.
    #[must_use]
    pub fn before_write(&self, halo: &HaloPsa, target: &str, body: &Bytes) -> BeforeWrite {
        let items = serde_json::from_slice::<Value>(body).ok();
        let items = match items {
            Some(Value::Array(items)) => items,
            Some(item) => vec![item],
            None => Vec::new(),
        };
        let member = if target.to_lowercase().contains("/actions") {
            "ticket_id"
        } else {
            "id"
        };
        let ids = items
            .iter()
            .filter_map(|item| item.get(member).and_then(Value::as_i64));
        let ids: BTreeSet<i64> = ids.collect();
        BeforeWrite(ids.into_iter().filter_map(|id| halo.ticket(id)).collect())
    }

    /// Judges a write that HaloPSA has carried out, or not.
    pub fn after_write(
        &mut self,
        halo: &HaloPsa,
        before: BeforeWrite,
        now: i64,
        coverage: &mut Coverage,
    ) {
        for before in before.0 {
            let Some(after) = halo.ticket(before.id) else {
                continue;
            };
            if after == before {
                continue;
            }
            if after.actions.len() > before.actions.len() && after.status_id == before.status_id {
                coverage.reached("note: written by the bundle");
            }
            self.judge(&before, &after, now, coverage);
        }
    }

    /// Judges one changed ticket.
    fn judge(
        &mut self,
        before: &TicketView,
        after: &TicketView,
        now: i64,
        coverage: &mut Coverage,
    ) {
        let memory = self.tickets.get(&before.id).cloned().unwrap_or_default();
        let id = before.id;
        if !memory.is_ours && !memory.merged {
            let text = format!("ticket {id}: {}", before.summary);
            self.violate(now, "a stranger's ticket was written", text);
        }
        let grace_ms = self.grace_ms;
        let long_ago = |at: &i64| now - *at > grace_ms;
        let set = |field| memory.set_by_person.get(&field).copied().filter(&long_ago);
        let mut overruled = Vec::new();
        if after.priority_id != before.priority_id && set(Field::Priority).is_some() {
            let had = self.alert_of(id);
            if !had.is_some_and(|it| it.priorities.contains(&before.priority_id)) {
                overruled.push("priority");
            }
        }
        if after.team != before.team && set(Field::Team).is_some() {
            overruled.push("team");
        }
        if after.category != before.category && set(Field::Category).is_some() {
            overruled.push("category");
        }
        if after.summary != before.summary && set(Field::Title).is_some() {
            overruled.push("title");
        }
        if after.client_id != before.client_id && set(Field::Client).is_some() {
            overruled.push("client");
        }
        let unassigned = self.status_unassigns && after.agent_id == 1;
        if after.agent_id != before.agent_id && set(Field::Agent).is_some() && !unassigned {
            overruled.push("technician");
        }
        if !before.closed && after.closed {
            coverage.reached("ticket: closed by the bundle");
            let work = self.work_began(&memory).filter(&long_ago);
            if let Some(at) = work {
                let text = format!("ticket {id}, {} s after a person's work", (now - at) / 1000);
                self.violate(now, "closed although a person works on it", text);
            }
        }
        if before.closed && !after.closed {
            coverage.reached("ticket: reopened by the bundle");
            let again = self.alert_of(id).and_then(|alert| alert.raised_again_at);
            if let Some(closed_at) = set(Field::Status)
                && again.is_none_or(|again| again < closed_at)
            {
                let text = format!("ticket {id}, closed by a person, and its alert did not return");
                self.violate(now, "a person's closing was overruled", text);
            }
        }
        if !overruled.is_empty() {
            let text = format!("ticket {id}: {}", overruled.join(", "));
            self.violate(now, "a person's decision was overruled", text);
        }
    }
}

/// The state of both sides at the end of a run.
#[derive(Debug, Default)]
pub struct EndState {
    /// What differs and should not.
    pub problems: Vec<(&'static str, String)>,
    /// Why pairs stay as they are.
    pub reasons: BTreeMap<&'static str, u64>,
}

impl Oracle {
    /// Compares both sides. `link` is what the bundle knows of an alert.
    pub fn end_state(
        &self,
        halo: &HaloPsa,
        liongard: &Liongard,
        link: impl Fn(i64) -> Option<Link>,
        policy: &Policy,
        now: Timestamp,
    ) -> EndState {
        let mut end = EndState::default();
        for alert in liongard.alerts() {
            let link = link(alert.id);
            let status = link.as_ref().map(|link| pair_status(link, policy, now));
            match self.compare(halo, &alert, link.as_ref(), status, policy) {
                Verdict::Agrees => {}
                Verdict::Stays(reason) => *end.reasons.entry(reason).or_default() += 1,
                Verdict::Wrong(kind, text) => {
                    let text = format!("alert {}: {text}; {status:?}", alert.id);
                    end.problems.push((kind, text));
                }
            }
        }
        end
    }

    /// The ticket of the alert now: merges are followed.
    fn current(&self, halo: &HaloPsa, alert: &AlertView) -> Option<TicketView> {
        let mut ticket = self
            .tickets_of(alert)
            .into_iter()
            .rev()
            .find_map(|id| halo.ticket(id).filter(|it| !it.deleted))?;
        for _ in 0..MERGES_MAX {
            if ticket.merged_into_id == 0 {
                return Some(ticket);
            }
            ticket = halo.ticket(ticket.merged_into_id)?;
        }
        None
    }

    fn compare(
        &self,
        halo: &HaloPsa,
        alert: &AlertView,
        link: Option<&Link>,
        status: Option<PairStatus>,
        policy: &Policy,
    ) -> Verdict {
        let environment = EnvironmentId::new(alert.environment_id.unsigned_abs());
        let is_mapped = policy.environments.contains_key(&environment);
        if self.mode == Mode::Native && !is_mapped {
            return Verdict::Stays("end: parked");
        }
        let had_ticket = !self.tickets_of(alert).is_empty();
        let Some(ticket) = self.current(halo, alert).filter(|it| !it.deleted) else {
            return match status {
                _ if alert.closed || !alert.visible || alert.removed => Verdict::Agrees,
                Some(PairStatus::Parked(_)) => Verdict::Stays("end: parked"),
                Some(PairStatus::InStorm) => Verdict::Stays("end: shares a ticket"),
                Some(PairStatus::Refused) => Verdict::Stays("end: refused"),
                Some(PairStatus::TicketDeleted) if had_ticket => {
                    Verdict::Stays("end: ticket deleted")
                }
                _ if had_ticket => Verdict::Wrong("deleted and not noticed", String::new()),
                _ => Verdict::Wrong("lost", "it has no ticket".to_owned()),
            };
        };
        let memory = self.tickets.get(&ticket.id).cloned().unwrap_or_default();
        let worked_on =
            self.work_began(&memory).is_some() || memory.merged || memory.touched_at.is_some();
        let shares =
            link.is_some_and(|link| link.co_owners.is_some() || link.leader_state().is_some());
        let text = || {
            format!(
                "{} and its ticket {} {}",
                if alert.closed {
                    "it is closed"
                } else {
                    "it is open"
                },
                ticket.id,
                if ticket.closed {
                    "is closed"
                } else {
                    "is open"
                }
            )
        };
        match (alert.closed, ticket.closed) {
            (true, true) => Verdict::Agrees,
            (false, false) => self.compare_fields(alert, &ticket, &memory, shares, status, policy),
            (true, false) if worked_on => Verdict::Stays("end: left to the technician"),
            (true, false) if shares => Verdict::Stays("end: open for others that share it"),
            (true, false) | (false, true) if status == Some(PairStatus::Refused) => {
                Verdict::Stays("end: refused")
            }
            (true, false) => Verdict::Wrong("a closing was lost", text()),
            (false, true) if status == Some(PairStatus::InStorm) => {
                Verdict::Stays("end: shares a ticket")
            }
            (false, true) if self.was_fixed_before_closing(alert, &memory) => {
                Verdict::Wrong("the alert of a fixed condition was not reconciled", text())
            }
            (false, true) if worked_on || ticket.actions.iter().any(|it| it.agent_id == 0) => {
                Verdict::Stays("end: resolved in HaloPSA only")
            }
            (false, true) => Verdict::Wrong("a reopening was lost", text()),
        }
    }

    /// Whether an alert's cause was fixed before a person closed its ticket, so that the inspector's run that
    /// follows a closing shows it.
    fn was_fixed_before_closing(&self, alert: &AlertView, memory: &TicketMemory) -> bool {
        let fixed_at = self.alerts.get(&alert.id).and_then(|it| it.fixed_at);
        let closed_at = memory.set_by_person.get(&Field::Status);
        let before = fixed_at
            .zip(closed_at)
            .is_some_and(|(one, other)| one <= *other);
        before && alert.condition_cleared && alert.visible && !alert.removed
    }

    /// Compares what is mapped of an open pair.
    fn compare_fields(
        &self,
        alert: &AlertView,
        ticket: &TicketView,
        memory: &TicketMemory,
        shares: bool,
        status: Option<PairStatus>,
        policy: &Policy,
    ) -> Verdict {
        if self.mode == Mode::Native || shares || memory.merged {
            return Verdict::Agrees;
        }
        let by_person = [Field::Priority, Field::Client];
        if by_person
            .iter()
            .any(|it| memory.set_by_person.contains_key(it))
        {
            return Verdict::Agrees;
        }
        // A person may go back to a priority that the alert once had.
        if memory.chosen_priority == Some(ticket.priority_id) {
            return Verdict::Agrees;
        }
        let slug = halogard_domain::Slug::new(&alert.priority);
        let wanted = policy.templates.values().next();
        let wanted = wanted.and_then(|template| template.priorities.of(&slug));
        let wanted = wanted.and_then(|it| i64::try_from(it.get()).ok());
        match wanted {
            Some(wanted) if wanted != ticket.priority_id => match status {
                Some(PairStatus::Refused) => Verdict::Stays("end: refused"),
                Some(PairStatus::Parked(_)) => Verdict::Stays("end: parked"),
                _ => Verdict::Wrong(
                    "a change was lost",
                    format!(
                        "priority {} at Liongard, {} in ticket {}",
                        alert.priority, ticket.priority_id, ticket.id
                    ),
                ),
            },
            _ => Verdict::Agrees,
        }
    }
}

enum Verdict {
    Agrees,
    Stays(&'static str),
    Wrong(&'static str, String),
}
