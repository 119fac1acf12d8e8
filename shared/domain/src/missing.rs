//! Tickets that HaloPSA says it does not have.
//!
//! One such answer proves little: an agent may have lost a team, a proxy may answer in HaloPSA's
//! place, a restored database may be on its way. What follows from a deletion cannot be taken back,
//! so it needs a second reading minutes later; and when many tickets are missing at once that is an
//! outage, until it has lasted for a day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::TicketId;
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// Time between the two readings that prove a deletion. An index or a proxy has settled by then.
pub const CONFIRMED_AFTER: Duration = Duration::from_secs(5 * 60);

/// The longest time between two readings while many tickets are missing.
const READ_AGAIN_WITHIN: Duration = Duration::from_secs(60 * 60);

/// Tickets missing at once that still count as deleted by people, one by one.
pub const MISSING_MAX: usize = 5;

/// How long many missing tickets count as an outage.
pub const OUTAGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a reading counts among those of the same time: longer than readings are apart.
const COUNTED_FOR: Duration = Duration::from_secs(90 * 60);

/// The most tickets that are counted. More of them change nothing.
const COUNTED_MAX: usize = 1_000;

/// Open tickets are looked for once a day, each in its own hour, so that no hour has much to do.
const HOURS_A_DAY: u64 = 24;

/// Milliseconds of an hour.
const MILLIS_AN_HOUR: i64 = 60 * 60 * 1_000;

/// Since when HaloPSA says that it has no such ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The first reading that said so (our clock).
    pub since: Timestamp,
    /// When it is read again.
    pub read_again_at: Timestamp,
    /// Whether the alert was closed then, or has been since: if it is open again, it came back after its ticket
    /// was gone.
    pub alert_was_closed: bool,
}

impl Missing {
    /// A ticket that was found missing at `now` for the first time, when its alert was closed or was not.
    #[must_use]
    pub fn since(now: Timestamp, alert_is_closed: bool) -> Self {
        Self {
            since: now,
            read_again_at: now.plus(CONFIRMED_AFTER),
            alert_was_closed: alert_is_closed,
        }
    }

    /// Whether a reading at `now` is far enough from the first one.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now.since(self.since) >= CONFIRMED_AFTER
    }

    /// Whether a reading at `now`, with which `missing` tickets are missing, proves the deletion.
    #[must_use]
    pub fn is_proven(&self, now: Timestamp, missing: usize) -> bool {
        self.is_due(now) && (missing <= MISSING_MAX || now.since(self.since) >= OUTAGE_MAX)
    }

    /// The same after another reading that proved nothing.
    #[must_use]
    pub fn read_again(self, now: Timestamp) -> Self {
        let pause = now
            .since(self.since)
            .clamp(CONFIRMED_AFTER, READ_AGAIN_WITHIN);
        Self {
            read_again_at: now.plus(pause),
            ..self
        }
    }
}

/// The tickets that were found missing lately, to distinguish an outage from deletions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingTickets {
    /// When each was last found missing.
    pub seen: BTreeMap<TicketId, Timestamp>,
}

impl Record for MissingTickets {
    const PARTITION: &'static str = "missing_tickets";
    type Key = Singleton;
}

impl MissingTickets {
    /// Notes that `ticket` is missing at `now`. Returns how many tickets are.
    pub fn note(&mut self, ticket: TicketId, now: Timestamp) -> usize {
        self.seen.retain(|_, at| now.since(*at) < COUNTED_FOR);
        if self.seen.len() < COUNTED_MAX {
            self.seen.insert(ticket, now);
        }
        self.seen.len()
    }
}

/// Which open tickets are to be looked for now. Lists of changes do not show that a ticket was deleted, and the
/// webhook that says so may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExistenceCheck {
    /// The first hour whose tickets were not looked for, since 1970.
    from: i64,
    /// The first hour whose tickets are not due yet.
    until: i64,
}

impl ExistenceCheck {
    /// What is due at `now`, where it was done for every hour before `done_until`. A new store begins now. After
    /// a pause of more than a day, and where a clock that was ahead has written the time, every ticket is due.
    #[must_use]
    pub fn due(done_until: Option<Timestamp>, now: Timestamp) -> Self {
        let until = hour_of(now);
        let a_day_ago = until - i64::try_from(HOURS_A_DAY).unwrap_or(i64::MAX);
        let from = match done_until.map(hour_of) {
            None => until,
            Some(done) if done > until => a_day_ago,
            Some(done) => done.max(a_day_ago),
        };
        Self { from, until }
    }

    /// Whether `ticket` is to be looked for.
    #[must_use]
    pub fn includes(&self, ticket: TicketId) -> bool {
        let hour = i64::try_from(ticket.get() % HOURS_A_DAY).unwrap_or_default();
        let hours_a_day = i64::try_from(HOURS_A_DAY).unwrap_or(i64::MAX);
        (self.from..self.until).any(|due| due.rem_euclid(hours_a_day) == hour)
    }

    /// What is done once these tickets were looked for.
    #[must_use]
    pub const fn done_until(&self) -> Timestamp {
        Timestamp::from_millis(self.until.saturating_mul(MILLIS_AN_HOUR))
    }
}

/// The number of the hour of `at` since 1970.
const fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MILLIS_AN_HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = MILLIS_AN_HOUR;

    /// How often each of 1,000 tickets is looked for by checks at `times`, each of which succeeds.
    fn looks(times: impl IntoIterator<Item = i64>) -> Vec<u32> {
        let mut counts = vec![0; 1_000];
        let mut done = None;
        for at in times {
            let check = ExistenceCheck::due(done, Timestamp::from_millis(at));
            for (id, count) in (4_001..).zip(&mut counts) {
                *count += u32::from(check.includes(TicketId::new(id)));
            }
            done = Some(check.done_until());
        }
        counts
    }

    #[test]
    fn each_ticket_is_looked_for_once_a_day_however_the_hours_fall() {
        for apart in [HOUR, HOUR + 59_000, HOUR / 2, 5 * HOUR, 24 * HOUR] {
            let begin = 1_790_000_000_123;
            let times = (0..).map(|number| begin + number * apart);
            let day = times.take_while(|at| *at <= begin + 48 * HOUR);
            let counts = looks(day);
            let (least, most) = (counts.iter().min(), counts.iter().max());
            assert!(
                least >= Some(&1) && most <= Some(&2),
                "{apart}: {least:?} to {most:?}"
            );
        }
    }

    #[test]
    fn a_pause_and_a_wrong_clock_cost_one_look_at_each() {
        let begin = 1_790_000_000_123;
        for steps in [
            vec![begin, begin + 100 * 24 * HOUR],
            vec![begin + 365 * 24 * HOUR, begin],
        ] {
            assert!(looks(steps).iter().all(|count| *count == 1));
        }
        assert!(
            looks([begin]).iter().all(|count| *count == 0),
            "a new store"
        );
    }
}
