//! How a message is settled with the queue: what follows from the report of a reconciliation, and from a
//! failure.

use std::time::Duration;

use halogard_domain::{FailureClass, Timestamp};
use tracing::warn;

use crate::env::Env;
use crate::outcome::{Action, Outcome};
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, Refusal};
use crate::reconcile::{PairOutcome, ReconcileError, Report};
use crate::reconciler::Reconciler;

/// Failed deliveries after which a message is dead-lettered. With the growing pauses between them this
/// is a little over a day: an outage of either vendor for a day must cost delay only.
pub const ATTEMPTS_MAX: u32 = 110;

/// Deliveries of a message whose call gets an answer of unexpected form: it may be a proxy's error page
/// or a changed API. Source: five receives before dead-lettering is the common advice.
const UNEXPECTED_ATTEMPTS_MAX: u32 = 5;

/// The longest pause between two attempts.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(900);

/// The pause when a vendor throttles without naming one.
const THROTTLED_PAUSE: Duration = Duration::from_secs(30);

/// The pause when a credential is not accepted: one attempt a minute spares the vendor's token endpoint.
const UNAUTHORIZED_PAUSE: Duration = Duration::from_secs(60);

/// How a message is settled with the queue.
pub(super) enum Disposition {
    /// It is done.
    Ack,
    /// Deliver it again at this time; this delivery does not count.
    Defer(Timestamp),
    /// The same, and nothing else in its lane can be done before then.
    Pause(Timestamp),
    /// Deliver it again at this time; this delivery counts as a failure. Holds the reason.
    Retry(Timestamp, String),
    /// Move it to the dead-letter queue. Holds the reason.
    DeadLetter(String),
}

impl Disposition {
    /// When the message is delivered again, if it is.
    pub(super) const fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Defer(until) | Self::Pause(until) | Self::Retry(until, _) => Some(*until),
            Self::Ack | Self::DeadLetter(_) => None,
        }
    }
}

/// How a message was dispatched.
pub(super) struct Dispatched {
    pub(super) outcome: Outcome,
    pub(super) actions: Vec<Action>,
    pub(super) disposition: Disposition,
}

impl Dispatched {
    /// A message that did nothing to a pair.
    pub(super) const fn new(outcome: Outcome, disposition: Disposition) -> Self {
        Self {
            outcome,
            actions: Vec::new(),
            disposition,
        }
    }

    /// A message that its lane does not carry. It is kept for a person, since no version sends one.
    pub(super) fn of_another_lane() -> Self {
        let reason = "a message of another queue".to_owned();
        Self::new(Outcome::Failed, Disposition::DeadLetter(reason))
    }

    /// A message that is done.
    pub(super) const fn ack(outcome: Outcome) -> Self {
        Self::new(outcome, Disposition::Ack)
    }
}

impl<E: Env> Reconciler<E> {
    /// What follows from the report of a reconciliation.
    pub(super) fn dispatched(&self, report: Report, attempt: u32) -> Dispatched {
        let Report {
            outcome, actions, ..
        } = report;
        let dispatched = match outcome {
            Ok(PairOutcome::InSync) if actions.is_empty() => Dispatched::ack(Outcome::InSync),
            Ok(PairOutcome::InSync) => Dispatched::ack(Outcome::Done),
            Ok(PairOutcome::NotOurs) => Dispatched::ack(Outcome::NotOurs),
            Ok(PairOutcome::Waiting(until)) => {
                Dispatched::new(Outcome::Waiting, Disposition::Defer(until))
            }
            Ok(PairOutcome::Paused(until)) => {
                Dispatched::new(Outcome::Paused, Disposition::Defer(until))
            }
            // Its dead letter exists; another one each time would hide the others.
            Ok(PairOutcome::RefusedAgain) => Dispatched::ack(Outcome::Refused),
            Ok(PairOutcome::Refused(reason)) => {
                Dispatched::new(Outcome::Refused, Disposition::DeadLetter(reason))
            }
            Err(error) => self.failed(&error, attempt),
        };
        Dispatched {
            actions,
            ..dispatched
        }
    }

    /// What follows from a failure.
    pub(super) fn failed(&self, error: &ReconcileError, attempt: u32) -> Dispatched {
        let now = self.clock.now();
        let port = match error {
            ReconcileError::Port(port) => port,
            ReconcileError::Conflict | ReconcileError::Unsettled => {
                return retry(now, attempt, Outcome::Conflict, error.to_string());
            }
        };
        if let Some(until) = port.retry_at {
            return match port.code {
                ErrorCode::BudgetExhausted => {
                    Dispatched::new(Outcome::BudgetExhausted, Disposition::Pause(until))
                }
                // Work that has begun continues: nothing else of the lane waits for it.
                ErrorCode::BudgetReserved => {
                    Dispatched::new(Outcome::BudgetReserved, Disposition::Defer(until))
                }
                _ => Dispatched::new(Outcome::Waiting, Disposition::Pause(until)),
            };
        }
        if port.refusal == Some(Refusal::Unauthorised) {
            warn!(
                error_type = port.code.as_str(),
                reason = port.chain(),
                "credential not accepted; work is paused"
            );
            let until = now.plus(UNAUTHORIZED_PAUSE);
            return Dispatched::new(Outcome::Unauthorized, Disposition::Pause(until));
        }
        match port.class {
            FailureClass::Throttled { retry_after } => {
                let until = now.plus(retry_after.unwrap_or(THROTTLED_PAUSE));
                Dispatched::new(Outcome::Throttled, Disposition::Pause(until))
            }
            FailureClass::Permanent
                if port.code.is_unexpected_answer() && attempt < UNEXPECTED_ATTEMPTS_MAX =>
            {
                retry(now, attempt, Outcome::Unexpected, port.chain())
            }
            FailureClass::Permanent => {
                Dispatched::new(Outcome::Failed, Disposition::DeadLetter(port.chain()))
            }
            FailureClass::Transient => retry(now, attempt, Outcome::Transient, port.chain()),
            FailureClass::InDoubt => retry(now, attempt, Outcome::InDoubt, port.chain()),
        }
    }
}

/// Another attempt after a pause, or the dead-letter queue after the last one.
fn retry(now: Timestamp, attempt: u32, outcome: Outcome, reason: String) -> Dispatched {
    if attempt >= ATTEMPTS_MAX {
        let reason = format!("{reason} ({attempt} attempts)");
        return Dispatched::new(Outcome::AttemptsExhausted, Disposition::DeadLetter(reason));
    }
    let until = now.plus(backoff(attempt));
    Dispatched::new(outcome, Disposition::Retry(until, reason))
}

/// The pause before the next attempt: 2 s, doubling, at most [`BACKOFF_MAX`].
fn backoff(attempt: u32) -> Duration {
    let doubled = 2_u64.saturating_pow(attempt.clamp(1, 20));
    Duration::from_secs(doubled).min(BACKOFF_MAX)
}
