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

/// Since when HaloPSA says that it has no such ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The first reading that said so (our clock).
    pub since: Timestamp,
    /// When it is read again.
    pub read_again_at: Timestamp,
}

impl Missing {
    /// A ticket that was found missing at `now` for the first time.
    #[must_use]
    pub fn since(now: Timestamp) -> Self {
        Self {
            since: now,
            read_again_at: now.plus(CONFIRMED_AFTER),
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
