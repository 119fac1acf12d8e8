//! The counts of one invocation, as CloudWatch metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_app::outcome::{Action, Lag, Outcome, Processed};
use halogard_app::ports::{Lane, Unreadable};
use halogard_domain::Message;
use halogard_domain::message::Cause;
use halogard_domain::vendor::Vendor;
use halogard_runtime::metrics::Metrics;
use halogard_vendors::CallDurations;

use crate::instance::NotReady;

/// A metric that counts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Tickets opened.
    TicketsOpened,
    /// Tickets closed because their alert closed.
    TicketsClosed,
    /// Webhooks and sweeps that reported a ticket as the pair knew it already.
    Echoes,
    /// Webhooks that were processed before.
    Duplicates,
    /// Tickets that only claim to be ours, that are the second one of an alert, or that are at another
    /// client.
    TicketFindings,
    /// Tickets of another installation, and alerts that wait because of it.
    SecondInstallations,
    /// Reconciliations that ended with a write whose effect is unknown, and writes that HaloPSA accepted and
    /// did not carry out.
    InDoubt,
    /// Reconciliations that wait for the request budget, or because a vendor asked for fewer requests.
    Throttled,
    /// Messages moved to a dead-letter queue.
    DeadLettered,
    /// Invocations that did nothing because no config was applied.
    NotConfigured,
    /// Invocations that did nothing because a setting, a secret or the config is missing.
    SetUpFailed,
}

impl Counter {
    /// The metric's name.
    const fn name(self) -> &'static str {
        match self {
            Self::TicketsOpened => "TicketsOpened",
            Self::TicketsClosed => "TicketsClosed",
            Self::Echoes => "Echoes",
            Self::Duplicates => "Duplicates",
            Self::TicketFindings => "TicketFindings",
            Self::SecondInstallations => "SecondInstallations",
            Self::InDoubt => "InDoubt",
            Self::Throttled => "Throttled",
            Self::DeadLettered => "DeadLettered",
            Self::NotConfigured => "NotConfigured",
            Self::SetUpFailed => "SetUpFailed",
        }
    }

    /// The metric that counts `action`, if one does.
    const fn of_action(action: Action) -> Option<Self> {
        match action {
            Action::Opened => Some(Self::TicketsOpened),
            Action::Closed => Some(Self::TicketsClosed),
            Action::FoundElsewhere | Action::DuplicateTicket | Action::ForeignKey => {
                Some(Self::TicketFindings)
            }
            Action::SecondInstallation => Some(Self::SecondInstallations),
            Action::NotCarriedOut => Some(Self::InDoubt),
            Action::Reopened
            | Action::Noted
            | Action::FieldsSet
            | Action::Adopted
            | Action::MergeFollowed
            | Action::MergedAcrossClients
            | Action::MergeUndone
            | Action::FoundByKey
            | Action::ForeignTicket
            | Action::OpenInDoubt
            | Action::WriteRefused
            | Action::Unsettled
            | Action::Parked
            | Action::NotNeeded
            | Action::TicketMissing
            | Action::TicketDeleted
            | Action::TicketRestored
            | Action::NextTicketStarted
            | Action::JoinedGroup
            | Action::LeadsGroup
            | Action::InspectionRequested
            | Action::WorkSeen
            | Action::ConditionPersists => None,
        }
    }

    /// The metric that counts `outcome` of `message`, if one does.
    fn of_outcome(outcome: Outcome, message: &Result<Message, Unreadable>) -> Option<Self> {
        match outcome {
            Outcome::InSync => reports_a_ticket(message).then_some(Self::Echoes),
            Outcome::Duplicate => Some(Self::Duplicates),
            Outcome::InDoubt => Some(Self::InDoubt),
            Outcome::Throttled | Outcome::BudgetExhausted | Outcome::BudgetReserved => {
                Some(Self::Throttled)
            }
            Outcome::Unreadable
            | Outcome::Refused
            | Outcome::Failed
            | Outcome::AttemptsExhausted => Some(Self::DeadLettered),
            Outcome::Done
            | Outcome::NotOurs
            | Outcome::Waiting
            | Outcome::Paused
            | Outcome::NotificationRecorded
            | Outcome::RunAdvanced
            | Outcome::RunInProgress
            | Outcome::Polled
            | Outcome::PollDeferred
            | Outcome::PollCovered
            | Outcome::Conflict
            | Outcome::Unauthorized
            | Outcome::Transient
            | Outcome::Unexpected => None,
        }
    }
}

/// A metric of durations in seconds, of which CloudWatch computes percentiles; its number of samples is
/// the number of calls or changes.
///
/// CloudWatch charges for each metric of each function. `ticket-sync` writes all of these and
/// `inspector-poll` the calls: six metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DurationMetric {
    /// From an alert in Liongard to its ticket.
    AlertToTicket,
    /// From a change in HaloPSA to the request for inspector runs.
    TicketToInspection,
    /// One call to HaloPSA.
    HaloPsaCall,
    /// One call to Liongard.
    LiongardCall,
}

impl DurationMetric {
    /// The metric's name.
    const fn name(self) -> &'static str {
        match self {
            Self::AlertToTicket => "AlertToTicketSeconds",
            Self::TicketToInspection => "TicketToInspectionSeconds",
            Self::HaloPsaCall => "HaloPsaCallSeconds",
            Self::LiongardCall => "LiongardCallSeconds",
        }
    }

    /// The metric of the calls to `vendor`.
    const fn of_calls(vendor: Vendor) -> Self {
        match vendor {
            Vendor::HaloPsa => Self::HaloPsaCall,
            Vendor::Liongard => Self::LiongardCall,
        }
    }
}

/// The counts and durations of one invocation. Counts that stayed zero are not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvocationMetrics {
    counts: BTreeMap<Counter, u64>,
    durations: BTreeMap<DurationMetric, Vec<Duration>>,
    /// The age of the oldest work of each lane, from when it was first sent.
    oldest: BTreeMap<Lane, Duration>,
}

impl InvocationMetrics {
    /// Counts one message: its outcome, every action, and its lag.
    pub fn count(&mut self, message: &Result<Message, Unreadable>, processed: &Processed) {
        let actions = processed.actions.iter().copied();
        let counters = actions.filter_map(Counter::of_action);
        for counter in counters.chain(Counter::of_outcome(processed.outcome, message)) {
            self.add(counter);
        }
        if let Some(lag) = processed.lag {
            let (metric, duration) = match lag {
                Lag::AlertToTicket(duration) => (DurationMetric::AlertToTicket, duration),
                Lag::TicketToInspection(duration) => (DurationMetric::TicketToInspection, duration),
            };
            self.durations.entry(metric).or_default().push(duration);
        }
    }

    /// Notes work of `lane` that was first sent `age` ago. What waits is copied, and the queue knows only the
    /// age of the copies.
    pub fn note_age(&mut self, lane: Lane, age: Duration) {
        let oldest = self.oldest.entry(lane).or_default();
        *oldest = age.max(*oldest);
    }

    /// Takes the durations of `calls`.
    pub fn take_calls(&mut self, calls: &CallDurations) {
        for vendor in Vendor::ALL {
            let metric = DurationMetric::of_calls(vendor);
            let taken = calls.take(vendor);
            self.durations.entry(metric).or_default().extend(taken);
        }
    }

    /// Counts an invocation that could do nothing.
    pub fn count_not_ready(&mut self, why: &NotReady) {
        self.add(match why {
            NotReady::NotConfigured => Counter::NotConfigured,
            NotReady::Config(_) | NotReady::SetUp(_) => Counter::SetUpFailed,
        });
    }

    /// The metrics of `function`.
    #[must_use]
    pub fn metrics(&self, function: &'static str) -> Metrics {
        let counts = self.counts.iter();
        let metrics = counts.fold(Metrics::new(function), |metrics, (counter, count)| {
            metrics.count(counter.name(), *count)
        });
        let durations = self.durations.iter();
        let metrics = durations.fold(metrics, |metrics, (metric, durations)| {
            metrics.seconds_each(metric.name(), durations)
        });
        let ages = self.oldest.iter();
        ages.fold(metrics, |metrics, (lane, age)| {
            let age = age.as_secs_f64();
            match lane {
                Lane::Urgent => metrics.seconds("UrgentWorkAgeSeconds", age),
                Lane::Bulk => metrics.seconds("BulkWorkAgeSeconds", age),
                Lane::Runs => metrics.seconds("RunsWorkAgeSeconds", age),
            }
        })
    }

    fn add(&mut self, counter: Counter) {
        *self.counts.entry(counter).or_default() += 1;
    }
}

/// Whether a webhook or a sweep reported a ticket.
fn reports_a_ticket(message: &Result<Message, Unreadable>) -> bool {
    matches!(
        message,
        Ok(Message::ReconcileTicket {
            cause: Cause::Webhook { .. } | Cause::Sweep,
            ..
        })
    )
}

#[cfg(test)]
mod tests {
    use halogard_domain::ids::AlertId;

    use super::*;

    #[test]
    fn every_finding_about_a_ticket_is_counted() {
        let message = Ok(Message::reconcile_alert(AlertId::new(7586), Cause::Poll));
        let mut metrics = InvocationMetrics::default();
        let processed = Processed {
            outcome: Outcome::Waiting,
            actions: vec![
                Action::ForeignKey,
                Action::DuplicateTicket,
                Action::FoundElsewhere,
                Action::SecondInstallation,
            ],
            lag: None,
            pause_until: None,
        };
        metrics.count(&message, &processed);
        let expected = [
            (Counter::TicketFindings, 3),
            (Counter::SecondInstallations, 1),
        ];
        assert_eq!(metrics.counts, BTreeMap::from(expected));
    }

    #[test]
    fn a_reconciliation_that_opened_and_closed_counts_as_both() {
        let message = Ok(Message::reconcile_alert(AlertId::new(7586), Cause::Poll));
        let mut metrics = InvocationMetrics::default();
        let processed = Processed {
            outcome: Outcome::Done,
            actions: vec![Action::Opened, Action::Noted, Action::Closed],
            lag: None,
            pause_until: None,
        };
        metrics.count(&message, &processed);
        // It closed the ticket, and then a call was throttled.
        let processed = Processed {
            outcome: Outcome::Throttled,
            actions: vec![Action::Closed],
            lag: None,
            pause_until: None,
        };
        metrics.count(&message, &processed);
        let expected = [
            (Counter::TicketsOpened, 1),
            (Counter::TicketsClosed, 2),
            (Counter::Throttled, 1),
        ];
        assert_eq!(metrics.counts, BTreeMap::from(expected));
        assert_eq!(metrics.durations, BTreeMap::new());
    }

    #[test]
    fn the_oldest_work_of_each_lane_is_what_its_age_metric_shows() {
        let mut metrics = InvocationMetrics::default();
        for (lane, seconds) in [
            (Lane::Urgent, 3),
            (Lane::Urgent, 700),
            (Lane::Bulk, 5),
            (Lane::Urgent, 0),
        ] {
            metrics.note_age(lane, Duration::from_secs(seconds));
        }
        let line = metrics.metrics("ticket-sync").line(0);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["UrgentWorkAgeSeconds"], 700.0);
        assert_eq!(line["BulkWorkAgeSeconds"], 5.0);
        assert_eq!(line["RunsWorkAgeSeconds"], serde_json::Value::Null);
    }

    #[test]
    fn lags_and_calls_are_written_as_one_metric_each() {
        use halogard_vendors::CallObserver as _;

        let message = Ok(Message::reconcile_alert(AlertId::new(7586), Cause::Poll));
        let mut metrics = InvocationMetrics::default();
        for seconds in [2, 65] {
            let processed = Processed {
                outcome: Outcome::Done,
                actions: vec![Action::Opened],
                lag: Some(Lag::AlertToTicket(Duration::from_secs(seconds))),
                pause_until: None,
            };
            metrics.count(&message, &processed);
        }
        let calls = CallDurations::default();
        calls.call_ended(Vendor::HaloPsa, Duration::from_millis(250));
        metrics.take_calls(&calls);
        metrics.take_calls(&calls);

        let line = metrics.metrics("ticket-sync").line(0);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["AlertToTicketSeconds"], serde_json::json!([2.0, 65.0]));
        assert_eq!(line["HaloPsaCallSeconds"], 0.25);
        assert_eq!(line["LiongardCallSeconds"], serde_json::Value::Null);
        let written = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
        assert_eq!(written[1]["Name"], "AlertToTicketSeconds");
        assert_eq!(written[1]["Unit"], "Seconds");
    }
}
