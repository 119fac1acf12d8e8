//! What happens to the pairs, as both simulated vendors show it: one line for each notable event, and
//! how long each took.

use std::collections::HashMap;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_simulator::World;
use halogard_simulator::halopsa::{ActionView, TicketView};
use halogard_simulator::liongard::AlertView;

use super::pairs::DemoPair;
use super::script::Script;

/// Most alerts whose events are printed. Of more alerts, one in every few is printed.
const ALERTS_SHOWN_MAX: usize = 60;

/// This product.
const HALOGARD: &str = "Halogard";

/// Liongard's own ticketing.
const LIONGARD: &str = "Liongard";

/// Follows every pair and prints the events of some.
pub struct EventLog {
    began: Timestamp,
    customers: HashMap<i64, String>,
    agents: HashMap<i64, String>,
    pairs: HashMap<i64, ShownState>,
    /// Of the alerts, in the order in which they are raised, every n-th is printed.
    every: usize,
    /// How long things took.
    pub latencies: Latencies,
}

/// How long things took, in simulated time. What Liongard's own ticketing did is not in the durations:
/// the simulator does it in the same instant, and none of the time is Halogard's.
#[derive(Debug, Default)]
pub struct Latencies {
    /// From an alert to the ticket that Halogard opened for it.
    pub opened: Sample,
    /// From the end of an alert in Liongard to the end of its ticket, where Halogard closed it.
    pub ticket_closed: Sample,
    /// From the end of a ticket by a technician to the end of its alert.
    pub alert_closed: Sample,
    /// Tickets that Liongard's own ticketing opened.
    pub opened_by_liongard: usize,
    /// Tickets that Liongard's own ticketing closed.
    pub closed_by_liongard: usize,
}

/// Durations of one kind.
#[derive(Debug, Default)]
pub struct Sample(Vec<Duration>);

impl Sample {
    fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// The duration that `percent` of all do not exceed, by nearest rank.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

impl Latencies {
    /// Counts a ticket that `opener` opened; returns the end of its line.
    fn count_opened(&mut self, opener: &str, took: Duration) -> String {
        if opener == LIONGARD {
            self.opened_by_liongard += 1;
            return " itself".to_owned();
        }
        self.opened.add(took);
        format!(", {} after the alert", seconds(took))
    }

    /// Counts a ticket that `closer` closed after its alert; returns the end of its line.
    fn count_ticket_closed(&mut self, closer: &str, took: Duration) -> String {
        if closer == LIONGARD {
            self.closed_by_liongard += 1;
            return " itself".to_owned();
        }
        self.ticket_closed.add(took);
        format!(", {} later", seconds(took))
    }
}

/// What was last seen of a pair.
#[derive(Clone, Copy, Debug, Default)]
struct ShownState {
    ticket: Option<i64>,
    /// When the alert was closed, while it is.
    alert_closed_at: Option<i64>,
    /// When the ticket was closed, while it is.
    ticket_closed_at: Option<i64>,
    /// Whether a technician closed it.
    closed_by_technician: bool,
}

impl EventLog {
    /// A log that begins now, for a demo with this many alerts.
    pub fn new(world: &World, alerts: u32, now: Timestamp) -> Self {
        let environments = world.environments.iter();
        let agents = world.service_desk.agents.iter();
        let alerts = usize::try_from(alerts).unwrap_or(usize::MAX);
        Self {
            began: now,
            customers: environments
                .map(|environment| (environment.id, environment.name.clone()))
                .collect(),
            agents: agents.map(|agent| (agent.id, agent.name.clone())).collect(),
            pairs: HashMap::new(),
            every: alerts.div_ceil(ALERTS_SHOWN_MAX).max(1),
            latencies: Latencies::default(),
        }
    }

    /// A line that says which events are printed, unless all of them are.
    pub fn sample_note(&self) -> Option<String> {
        let every = self.every;
        (every > 1).then(|| {
            format!("events of one alert in {every} are shown; the summary counts all of them")
        })
    }

    /// Compares `pairs` with what was seen before. Returns the lines to print.
    pub fn observe(&mut self, pairs: &[DemoPair], script: &Script) -> Vec<String> {
        let mut lines = Vec::new();
        for pair in pairs {
            let shown = script
                .position(pair.alert.id)
                .is_some_and(|position| position.is_multiple_of(self.every));
            let mut found = Vec::new();
            self.observe_pair(pair, &mut found);
            if shown {
                lines.extend(found);
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        let line = |(at, text): (i64, String)| format!("{} {text}", self.time(at));
        lines.into_iter().map(line).collect()
    }

    /// The time of an event, in minutes and seconds of simulated time since the start.
    fn time(&self, at: i64) -> String {
        let seconds = Timestamp::from_millis(at).since(self.began).as_secs();
        format!("{:>3}:{:02}", seconds / 60, seconds % 60)
    }

    fn observe_pair(&mut self, pair: &DemoPair, lines: &mut Vec<(i64, String)>) {
        let alert = &pair.alert;
        let before = self.pairs.get(&alert.id).copied().unwrap_or_default();
        let mut state = before;
        let customer = self.customers.get(&alert.environment_id);
        let who = format!(
            "{}: alert {}",
            customer.map_or("?", String::as_str),
            alert.id
        );
        state.alert_closed_at = transition(alert.closed, before.alert_closed_at, || changed(alert));
        let ticket = pair.tickets.first();
        if let Some(ticket) = ticket {
            state.ticket = Some(ticket.id);
            state.ticket_closed_at =
                transition(ticket.closed, before.ticket_closed_at, || ticket.updated_at);
            if before.ticket.is_none() {
                let took = since(ticket.occurred_at, alert.created_at);
                let opener = opener(ticket);
                let after = self.latencies.count_opened(opener, took);
                let line = format!(
                    "{who} \"{}\" → ticket {} opened by {opener}{after}",
                    alert.rule, ticket.id
                );
                lines.push((ticket.occurred_at, line));
            }
        }
        if let (Some(ticket), None, Some(at)) =
            (ticket, before.ticket_closed_at, state.ticket_closed_at)
        {
            let (closer, is_technician) = self.closer(ticket);
            state.closed_by_technician = is_technician;
            let line = match state.alert_closed_at {
                Some(alert_closed_at) if !is_technician => {
                    let took = since(at, alert_closed_at);
                    let later = self.latencies.count_ticket_closed(&closer, took);
                    format!(
                        "{who} was closed in Liongard → ticket {} closed by {closer}{later}",
                        ticket.id
                    )
                }
                _ => format!("{who}, ticket {} closed by {closer}", ticket.id),
            };
            lines.push((at, line));
        }
        if let (None, Some(at)) = (before.alert_closed_at, state.alert_closed_at) {
            match (ticket, state.ticket_closed_at) {
                (Some(ticket), Some(ticket_closed_at))
                    if state.closed_by_technician && ticket_closed_at <= at =>
                {
                    let took = since(at, ticket_closed_at);
                    self.latencies.alert_closed.add(took);
                    let line = format!(
                        "{who} closed by Liongard's inspector, {} after ticket {}",
                        seconds(took),
                        ticket.id
                    );
                    lines.push((at, line));
                }
                (None, _) => {
                    let line = format!("{who} closed in Liongard before it needed a ticket");
                    lines.push((at, line));
                }
                _ => {}
            }
        }
        if let (Some(ticket), Some(_), None) =
            (ticket, before.ticket_closed_at, state.ticket_closed_at)
        {
            let reason = if alert.closed {
                ""
            } else {
                ": the alert is open again"
            };
            let line = format!("{who}, ticket {} reopened by {HALOGARD}{reason}", ticket.id);
            lines.push((ticket.updated_at, line));
        }
        self.pairs.insert(alert.id, state);
    }

    /// Who closed the ticket, and whether that is a technician.
    fn closer(&self, ticket: &TicketView) -> (String, bool) {
        let with_status = |action: &&ActionView| action.new_status == ticket.status_id;
        let last = ticket.actions.iter().rev().find(with_status);
        match last {
            Some(action) if action.application.is_empty() => {
                let name = self.agents.get(&action.agent_id);
                (name.map_or("a technician", String::as_str).to_owned(), true)
            }
            Some(action) => (application(&action.application).to_owned(), false),
            None => (HALOGARD.to_owned(), false),
        }
    }
}

/// When something was closed, while it `is_closed`.
fn transition(is_closed: bool, before: Option<i64>, now: impl FnOnce() -> i64) -> Option<i64> {
    is_closed.then(|| before.unwrap_or_else(now))
}

/// When an alert last changed.
fn changed(alert: &AlertView) -> i64 {
    alert.updated_at.unwrap_or(alert.created_at)
}

/// Who opened a ticket.
fn opener(ticket: &TicketView) -> &str {
    match ticket.created_by.as_str() {
        "" => "a technician",
        name => application(name),
    }
}

/// The product behind an application of HaloPSA.
fn application(name: &str) -> &'static str {
    if name.to_lowercase().contains("liongard") {
        LIONGARD
    } else {
        HALOGARD
    }
}

/// From `earlier` to `later`, both in milliseconds.
fn since(later: i64, earlier: i64) -> Duration {
    Timestamp::from_millis(later).since(Timestamp::from_millis(earlier))
}

/// A duration for people.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_liongard_did_itself_is_counted_and_is_no_latency_of_ours() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.count_opened(LIONGARD, Duration::ZERO), " itself");
        assert_eq!(
            latencies.count_ticket_closed(LIONGARD, Duration::ZERO),
            " itself"
        );
        assert_eq!(latencies.opened.percentile(50), None);
        assert_eq!(latencies.ticket_closed.percentile(50), None);
        assert_eq!(
            (latencies.opened_by_liongard, latencies.closed_by_liongard),
            (1, 1)
        );

        let took = Duration::from_millis(35_900);
        assert_eq!(
            latencies.count_opened(HALOGARD, took),
            ", 35.9 s after the alert"
        );
        assert_eq!(
            latencies.count_ticket_closed(HALOGARD, took),
            ", 35.9 s later"
        );
        assert_eq!(latencies.opened.percentile(50), Some(took));
        assert_eq!(latencies.ticket_closed.percentile(50), Some(took));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut sample = Sample::default();
        assert_eq!(sample.percentile(50), None);
        for seconds in (1..=20).rev() {
            sample.add(Duration::from_secs(seconds));
        }
        assert_eq!(sample.percentile(50), Some(Duration::from_secs(10)));
        assert_eq!(sample.percentile(95), Some(Duration::from_secs(19)));
        assert_eq!(sample.percentile(100), Some(Duration::from_secs(20)));
    }
}
