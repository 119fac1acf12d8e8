//! Messages in flight: received and not yet settled.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::Lane;
use halogard_domain::Timestamp;

use super::attributes::MessageMetadata;

/// How long a message that an event source handed over is remembered: as long as SQS hides one at
/// most. The source ends the function long before.
const EVENT_SOURCE_RETENTION: Duration = Duration::from_secs(12 * 60 * 60);

/// Names one delivery of one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SqsReceipt {
    /// We asked for it; the queue hides the message until that time, by our clock.
    Polled {
        /// When the delivery runs out.
        until: Timestamp,
        /// What SQS calls it.
        handle: String,
    },
    /// An event source asked for it, and deletes the message unless the function reports a failure.
    EventSource {
        /// What SQS calls it.
        handle: String,
    },
}

impl fmt::Display for SqsReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polled { until, handle } => write!(f, "{}.{handle}", until.as_millis()),
            Self::EventSource { handle } => write!(f, "event_source.{handle}"),
        }
    }
}

impl FromStr for SqsReceipt {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (until, handle) = text.split_once('.').ok_or(NotOurs)?;
        let handle = handle.to_owned();
        if until == "event_source" {
            return Ok(Self::EventSource { handle });
        }
        let until = until.parse().map_err(|_| NotOurs)?;
        let until = Timestamp::from_millis(until);
        Ok(Self::Polled { until, handle })
    }
}

/// The text is not a receipt of this queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOurs;

/// A message in flight: all that a copy of it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlightMessage {
    /// Where it came from.
    pub lane: Lane,
    /// Its body.
    pub body: String,
    /// What travels with it.
    pub metadata: MessageMetadata,
    /// How often it has been delivered, this time included.
    pub receive_count: u32,
}

/// What is known of a receipt.
#[derive(Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// This process may settle the message; no other task may until it is returned.
    Ours(SqsReceipt, InFlightMessage),
    /// Another process received it, and the delivery has not run out. What SQS calls it.
    OtherProcess(String),
    /// It is settled, has run out, or never was.
    Expired,
}

/// Every message in flight. Shared by all clones of a store.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<SqsReceipt, Entry>>);

/// One delivery.
#[derive(Debug)]
struct Entry {
    /// When it can be forgotten.
    until: Timestamp,
    /// The message; `None` once it is settled.
    held: Option<InFlightMessage>,
}

impl InFlight {
    /// Adds a message that was delivered. Forgets those whose time has run out.
    pub fn take(&self, receipt: SqsReceipt, held: InFlightMessage, now: Timestamp) {
        let until = match &receipt {
            SqsReceipt::Polled { until, .. } => *until,
            SqsReceipt::EventSource { .. } => now.plus(EVENT_SOURCE_RETENTION),
        };
        let mut all = self.all();
        all.retain(|_, entry| entry.until > now);
        let held = Some(held);
        all.insert(receipt, Entry { until, held });
    }

    /// Gives out the message that `receipt` names, so that it is settled once.
    pub fn settle(&self, lane: Lane, receipt: &str, now: Timestamp) -> ReceiptState {
        let Ok(receipt) = receipt.parse::<SqsReceipt>() else {
            return ReceiptState::Expired;
        };
        if matches!(&receipt, SqsReceipt::Polled { until, .. } if *until <= now) {
            return ReceiptState::Expired;
        }
        let mut all = self.all();
        let Some(entry) = all.get_mut(&receipt) else {
            return match receipt {
                SqsReceipt::Polled { handle, .. } => ReceiptState::OtherProcess(handle),
                // The event source and the function are one process: this one does not know it.
                SqsReceipt::EventSource { .. } => ReceiptState::Expired,
            };
        };
        match entry.held.take_if(|held| held.lane == lane) {
            Some(held) => ReceiptState::Ours(receipt, held),
            None => ReceiptState::Expired,
        }
    }

    /// Takes back a message that could not be settled after all.
    pub fn restore(&self, receipt: &SqsReceipt, held: InFlightMessage) {
        if let Some(entry) = self.all().get_mut(receipt) {
            entry.held = Some(held);
        }
    }

    /// A task that panicked while it held the lock left whole entries behind.
    fn all(&self) -> MutexGuard<'_, HashMap<SqsReceipt, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1000);

    fn polled(until: i64) -> SqsReceipt {
        let until = Timestamp::from_millis(until);
        SqsReceipt::Polled {
            until,
            handle: "AQEB/.+=".to_owned(),
        }
    }

    fn held() -> InFlightMessage {
        InFlightMessage {
            lane: Lane::Bulk,
            body: "{}".to_owned(),
            metadata: MessageMetadata::new(NOW),
            receive_count: 1,
        }
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written() {
        let handed = SqsReceipt::EventSource {
            handle: "a.b".to_owned(),
        };
        for receipt in [polled(7), polled(-7), handed] {
            assert_eq!(receipt.to_string().parse(), Ok(receipt));
        }
        for text in ["", "x", ".x", "x.y", "4711"] {
            assert_eq!(text.parse::<SqsReceipt>(), Err(NotOurs));
        }
    }

    #[test]
    fn a_message_is_given_out_once_and_on_its_own_lane_only() {
        let all = InFlight::default();
        all.take(polled(2000), held(), NOW);
        let receipt = polled(2000).to_string();
        assert_eq!(
            all.settle(Lane::Urgent, &receipt, NOW),
            ReceiptState::Expired
        );
        let ReceiptState::Ours(taken, message) = all.settle(Lane::Bulk, &receipt, NOW) else {
            panic!("it is in flight");
        };
        assert_eq!(all.settle(Lane::Bulk, &receipt, NOW), ReceiptState::Expired);
        all.restore(&taken, message);
        assert_eq!(
            all.settle(Lane::Bulk, &receipt, NOW),
            ReceiptState::Ours(taken, held())
        );
    }

    #[test]
    fn what_has_run_out_is_over_and_is_forgotten() {
        let all = InFlight::default();
        all.take(polled(2000), held(), NOW);
        let then = Timestamp::from_millis(2000);
        assert_eq!(
            all.settle(Lane::Bulk, &polled(2000).to_string(), then),
            ReceiptState::Expired
        );
        all.take(polled(3000), held(), then);
        assert_eq!(all.all().len(), 1);
    }

    #[test]
    fn what_an_event_source_handed_over_is_forgotten_half_a_day_later() {
        let all = InFlight::default();
        let handed = SqsReceipt::EventSource {
            handle: "a".to_owned(),
        };
        all.take(handed.clone(), held(), NOW);
        let later = NOW.plus(EVENT_SOURCE_RETENTION);
        assert!(matches!(
            all.settle(Lane::Bulk, &handed.to_string(), later),
            ReceiptState::Ours(..)
        ));
        all.take(polled(i64::MAX), held(), later);
        assert_eq!(all.all().len(), 1);
    }

    #[test]
    fn what_another_process_received_is_known_by_its_handle() {
        let all = InFlight::default();
        let found = all.settle(Lane::Bulk, &polled(2000).to_string(), NOW);
        assert_eq!(found, ReceiptState::OtherProcess("AQEB/.+=".to_owned()));
    }
}
