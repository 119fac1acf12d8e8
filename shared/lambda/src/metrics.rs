//! The counts of one invocation, as CloudWatch metrics.

use std::collections::BTreeMap;

use halogard_app::outcome::{Action, Outcome, Processed};
use halogard_app::ports::Unreadable;
use halogard_domain::Message;
use halogard_domain::message::Cause;
use halogard_runtime::metrics::Metrics;

use crate::instance::NotReady;

/// A metric that counts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Tickets opened.
    TicketsOpened,
    /// Tickets closed because their alert closed.
    AlertsClosed,
    /// Webhooks and sweeps that reported a ticket as the pair knew it already.
    Echoes,
    /// Webhooks that were processed before.
    Duplicates,
    /// Reconciliations that ended with a write whose effect is unknown.
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
            Self::AlertsClosed => "AlertsClosed",
            Self::Echoes => "Echoes",
            Self::Duplicates => "Duplicates",
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
            Action::Closed => Some(Self::AlertsClosed),
            Action::Reopened
            | Action::Noted
            | Action::FieldsSet
            | Action::Adopted
            | Action::MergeFollowed
            | Action::MergedAcrossClients
            | Action::MergeUndone
            | Action::FoundByKey
            | Action::OpenInDoubt
            | Action::WriteRefused
            | Action::Parked
            | Action::NotNeeded
            | Action::TicketDeleted
            | Action::NextTicketStarted
            | Action::JoinedGroup
            | Action::LeadsGroup
            | Action::InspectionRequested
            | Action::ResolvedInPsaOnly => None,
        }
    }

    /// The metric that counts `outcome` of `message`, if one does.
    fn of_outcome(outcome: Outcome, message: &Result<Message, Unreadable>) -> Option<Self> {
        match outcome {
            Outcome::InSync => reports_a_ticket(message).then_some(Self::Echoes),
            Outcome::Duplicate => Some(Self::Duplicates),
            Outcome::InDoubt => Some(Self::InDoubt),
            Outcome::Throttled | Outcome::BudgetExhausted => Some(Self::Throttled),
            Outcome::Unreadable
            | Outcome::Refused
            | Outcome::Failed
            | Outcome::AttemptsExhausted => Some(Self::DeadLettered),
            Outcome::Done
            | Outcome::NotOurs
            | Outcome::Waiting
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

/// The counts of one invocation. Those that stayed zero are not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvocationMetrics(BTreeMap<Counter, u64>);

impl InvocationMetrics {
    /// Counts one message: its outcome and every action.
    pub fn count(&mut self, message: &Result<Message, Unreadable>, processed: &Processed) {
        let actions = processed.actions.iter().copied();
        let counters = actions.filter_map(Counter::of_action);
        for counter in counters.chain(Counter::of_outcome(processed.outcome, message)) {
            self.add(counter);
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
        let counts = self.0.iter();
        counts.fold(Metrics::new(function), |metrics, (counter, count)| {
            metrics.count(counter.name(), *count)
        })
    }

    fn add(&mut self, counter: Counter) {
        *self.0.entry(counter).or_default() += 1;
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
    fn a_reconciliation_that_opened_and_closed_counts_as_both() {
        let message = Ok(Message::reconcile_alert(AlertId::new(7586), Cause::Poll));
        let mut metrics = InvocationMetrics::default();
        let processed = Processed {
            outcome: Outcome::Done,
            actions: vec![Action::Opened, Action::Noted, Action::Closed],
            pause_until: None,
        };
        metrics.count(&message, &processed);
        // It closed the ticket, and then a call was throttled.
        let processed = Processed {
            outcome: Outcome::Throttled,
            actions: vec![Action::Closed],
            pause_until: None,
        };
        metrics.count(&message, &processed);
        let expected = [
            (Counter::TicketsOpened, 1),
            (Counter::AlertsClosed, 2),
            (Counter::Throttled, 1),
        ];
        assert_eq!(metrics, InvocationMetrics(BTreeMap::from(expected)));
    }
}
