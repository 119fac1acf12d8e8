//! Lines about deliveries and connections that were refused: one for the first of a kind, then a count for
//! each minute. A flood, which anybody can send, fills neither the log nor the disk.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::intake::DeliveryOutcome;
use tracing::warn;

/// Time between two counts of one kind. A kind that was not refused for as long begins with a line again.
const COUNT_INTERVAL: Duration = Duration::from_secs(60);

/// Senders that are counted by address, for each kind. A new one beyond that replaces the one
/// with the fewest refusals, so the worst sender is always among them.
const SENDERS_MAX: usize = 64;

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalKind {
    /// A wrong token or credential.
    NotAuthentic,
    /// A body that is not JSON.
    NotJson,
    /// A body that is too large.
    TooLarge,
    /// A body that did not arrive in time.
    TooSlow,
    /// A body for which there was no memory.
    NoMemory,
    /// The store did not take the messages of a delivery.
    NotQueued,
    /// A connection on which something else than HTTP was sent, such as TLS.
    NotHttp,
    /// A connection that its sender broke off in the middle of a request.
    BrokenOff,
    /// A connection that the system did not accept.
    NotAccepted,
}

impl RefusalKind {
    /// The word in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAuthentic => "not_authentic",
            Self::NotJson => "not_json",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::NoMemory => "no_memory",
            Self::NotQueued => "not_queued",
            Self::NotHttp => "not_http",
            Self::BrokenOff => "broken_off",
            Self::NotAccepted => "not_accepted",
        }
    }
}

impl RefusalKind {
    /// Under which outcome it is written: with another one the sender may try again.
    const fn outcome(self) -> DeliveryOutcome {
        match self {
            Self::NotAuthentic
            | Self::NotJson
            | Self::TooLarge
            | Self::TooSlow
            | Self::NotHttp
            | Self::BrokenOff => DeliveryOutcome::Refused,
            Self::NoMemory | Self::NotQueued | Self::NotAccepted => DeliveryOutcome::Failed,
        }
    }
}

/// Who sent a request: the other end of the connection, which may be a proxy. A header that names another
/// sender can be written by anybody and is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderAddress(pub IpAddr);

impl fmt::Display for SenderAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts refusals, and writes about few of them.
#[derive(Clone, Default)]
pub struct RefusalLog {
    tallies: Arc<Mutex<BTreeMap<RefusalKind, Tally>>>,
}

impl RefusalLog {
    /// Counts a refusal. Calls `write_first` if none of this kind was counted lately; every other one is in
    /// the count that follows within a minute.
    pub fn count(
        &self,
        kind: RefusalKind,
        sender: Option<SenderAddress>,
        write_first: impl FnOnce(),
    ) {
        let mut tallies = self.tallies();
        if let Some(tally) = tallies.get_mut(&kind) {
            tally.add(sender);
            return;
        }
        tallies.insert(kind, Tally::default());
        drop(tallies);
        write_first();
        let log = self.clone();
        tokio::spawn(async move {
            while let Some(tally) = {
                tokio::time::sleep(COUNT_INTERVAL).await;
                log.next_tally(kind)
            } {
                tally.write(kind);
            }
        });
    }

    /// Writes what was counted and not written yet.
    pub fn write_rest(&self) {
        let rest = std::mem::take(&mut *self.tallies());
        for (kind, tally) in rest.iter().filter(|(_, tally)| tally.count > 0) {
            tally.write(*kind);
        }
    }

    /// What was counted since the last call; `None`, which ends the counting, if nothing was.
    fn next_tally(&self, kind: RefusalKind) -> Option<Tally> {
        let mut tallies = self.tallies();
        let tally = tallies.remove(&kind).filter(|tally| tally.count > 0)?;
        tallies.insert(kind, Tally::default());
        Some(tally)
    }

    /// Locks the counts; a panic elsewhere leaves them usable.
    fn tallies(&self) -> MutexGuard<'_, BTreeMap<RefusalKind, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refusals of one kind.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    senders: BTreeMap<IpAddr, u64>,
}

impl Tally {
    fn add(&mut self, sender: Option<SenderAddress>) {
        self.count += 1;
        let Some(SenderAddress(sender)) = sender else {
            return;
        };
        if let Some(count) = self.senders.get_mut(&sender) {
            *count += 1;
            return;
        }
        let mut before = 0;
        if self.senders.len() >= SENDERS_MAX
            && let Some(fewest) = self.senders.iter().min_by_key(|(_, count)| **count)
        {
            let (fewest, count) = (*fewest.0, *fewest.1);
            self.senders.remove(&fewest);
            // At most this many of the new sender's were counted under another address.
            before = count;
        }
        self.senders.insert(sender, before + 1);
    }

    /// The sender with the most refusals, and at most how many those were.
    fn worst_sender(&self) -> Option<(IpAddr, u64)> {
        let worst = self.senders.iter().max_by_key(|(_, count)| **count)?;
        Some((*worst.0, *worst.1))
    }

    /// Writes the count.
    fn write(&self, kind: RefusalKind) {
        let worst = self.worst_sender();
        warn!(
            kind = kind.as_str(),
            count = self.count,
            worst_sender = worst.map(|(sender, _)| tracing::field::display(sender)),
            worst_sender_count = worst.map(|(_, count)| count),
            outcome = kind.outcome().as_str(),
            "more deliveries or connections were refused since the last line about it"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const SENDER: Option<SenderAddress> = Some(SenderAddress(IpAddr::V4(std::net::Ipv4Addr::new(
        192, 0, 2, 7,
    ))));

    /// Counts `times` refusals; returns how many lines were written at once.
    fn refuse(log: &RefusalLog, kind: RefusalKind, times: usize) -> usize {
        let lines = AtomicUsize::new(0);
        for _ in 0..times {
            log.count(kind, SENDER, || {
                lines.fetch_add(1, Ordering::Relaxed);
            });
        }
        lines.into_inner()
    }

    #[tokio::test]
    async fn a_flood_costs_one_line_and_a_count_for_each_minute_by_kind() {
        let log = RefusalLog::default();
        assert_eq!(refuse(&log, RefusalKind::NotAuthentic, 150), 1);
        assert_eq!(refuse(&log, RefusalKind::NotHttp, 3), 1, "another kind");
        // A minute ends.
        let tally = log.next_tally(RefusalKind::NotAuthentic).unwrap();
        assert_eq!(tally.count, 149);
        assert_eq!(refuse(&log, RefusalKind::NotAuthentic, 50), 0);
        assert_eq!(log.next_tally(RefusalKind::NotAuthentic).unwrap().count, 50);
        assert!(
            log.next_tally(RefusalKind::NotAuthentic).is_none(),
            "a quiet minute ends it"
        );
        assert_eq!(
            refuse(&log, RefusalKind::NotAuthentic, 2),
            1,
            "a first line again"
        );
        log.write_rest();
        assert!(log.tallies().is_empty());
    }

    #[test]
    fn the_worst_sender_is_named_however_many_there_are() {
        let mut tally = Tally::default();
        for number in 0..10_000_u32 {
            let other = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number));
            tally.add(Some(SenderAddress(other)));
            if number % 5 == 0 {
                tally.add(SENDER);
            }
        }
        let (worst, count) = tally.worst_sender().unwrap();
        assert_eq!(SENDER, Some(SenderAddress(worst)));
        assert!(count >= 2_000, "{count}");
        assert_eq!(tally.count, 12_000);
        assert!(tally.senders.len() <= SENDERS_MAX);
    }
}
