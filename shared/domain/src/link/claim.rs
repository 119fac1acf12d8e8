//! The exclusive right to open a ticket or to add a note, and what follows when its holder ends without
//! a response.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sweep_cursor::INDEX_LAG_MAX;
use crate::time::{CLOCK_AHEAD_MAX, Timestamp};
use crate::write_result::ClaimId;

use super::Link;

/// How long a claim excludes other workers from opening the same ticket. Longer than any call may
/// take.
pub const CLAIM_TTL: Duration = Duration::from_secs(150);

/// What must be left of a claim when the request that it guards is sent: the longest call to HaloPSA, and
/// ten seconds for clocks that differ.
pub const CLAIM_LEFT_MIN: Duration = Duration::from_secs(75);

/// How long a claim excludes other workers from adding the same note: the longest write, a permit, and clocks that
/// differ. A crashed worker's note is looked up and added after it.
pub const NOTE_CLAIM_TTL: Duration = Duration::from_secs(90);

/// How long HaloPSA may keep processing a request that ended without a response. Its gateway gives up after
/// about a minute.
pub const REQUEST_LINGER: Duration = Duration::from_secs(60);

/// How long the ticket of a request with an unknown outcome may be missing from HaloPSA's lists. A search
/// that begins later and finds nothing proves that there is none.
pub const IN_DOUBT_MAX: Duration = INDEX_LAG_MAX.saturating_add(REQUEST_LINGER);

/// When the ticket of such a request is searched for, counted from the request's end. Most are found by
/// the first search; only after the last one may the ticket be opened again.
pub const IN_DOUBT_SEARCHES: [Duration; 3] = [
    Duration::from_secs(15),
    Duration::from_secs(60),
    IN_DOUBT_MAX,
];

/// When the ticket of a request is searched for that HaloPSA's database ended by its own account, counted from
/// the response. The search reads tickets by their numbers, which lists that lag do not delay; the same was done
/// right after the response. Time for a replica that reads are answered from.
pub const ROLLED_BACK_SEARCH: Duration = Duration::from_secs(15);

/// How the request of an attempt in doubt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// Without a response, or with one that says nothing: HaloPSA may still be processing it.
    #[default]
    Unknown,
    /// HaloPSA answered that its database had ended it, and a read by number did not show the ticket.
    RolledBack,
}

impl AttemptEnd {
    /// How long the ticket may be missing from what a search shows, counted from the end of the request.
    #[must_use]
    pub const fn doubt_lasts(self) -> Duration {
        match self {
            Self::Unknown => IN_DOUBT_MAX,
            Self::RolledBack => ROLLED_BACK_SEARCH,
        }
    }
}

/// The exclusive right to open the ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Claim {
    /// No one holds it, and no earlier attempt is in doubt.
    #[default]
    Free,
    /// A worker is opening the ticket.
    Held {
        /// The worker.
        holder: String,
        /// Distinguishes this claim from all others of the link. A worker whose claim expired and was
        /// taken over finds another number, and stops.
        number: u32,
        /// When it was acquired.
        since: Timestamp,
        /// When it expires.
        until: Timestamp,
    },
    /// An attempt ended without a response: the ticket may exist.
    InDoubt {
        /// When the attempt was last known to be under way.
        since: Timestamp,
        /// When the last search began that did not find the ticket.
        searched_at: Option<Timestamp>,
        /// How the request ended.
        #[serde(default)]
        end: AttemptEnd,
    },
}

impl Claim {
    /// An attempt that was last known to be under way at `since`. Its ticket was not searched for yet.
    #[must_use]
    pub const fn in_doubt(since: Timestamp) -> Self {
        Self::in_doubt_after(AttemptEnd::Unknown, since)
    }

    /// An attempt whose request ended with `end` at `since`.
    #[must_use]
    pub const fn in_doubt_after(end: AttemptEnd, since: Timestamp) -> Self {
        Self::InDoubt {
            since,
            searched_at: None,
            end,
        }
    }

    /// Whether this is the claim `id`.
    #[must_use]
    pub fn is(&self, id: &ClaimId) -> bool {
        matches!(self, Self::Held { holder, number, .. }
            if (holder, number) == (&id.holder, &id.number))
    }

    /// When the ticket of an attempt is searched for next that was last known to be under way at
    /// `since`. The search that begins at or after the end of the doubt is the last one.
    #[must_use]
    pub fn next_search(
        since: Timestamp,
        searched_at: Option<Timestamp>,
        end: AttemptEnd,
    ) -> Timestamp {
        let last = since.plus(end.doubt_lasts());
        IN_DOUBT_SEARCHES
            .map(|delay| since.plus(delay).min(last))
            .into_iter()
            .find(|due| searched_at.is_none_or(|searched_at| searched_at < *due))
            .unwrap_or(last)
    }

    /// Whether a search that began at `searched_at` proves that the attempt opened no ticket.
    #[must_use]
    pub fn is_disproved(since: Timestamp, searched_at: Timestamp, end: AttemptEnd) -> bool {
        searched_at >= since.plus(end.doubt_lasts())
    }
}

/// The exclusive right to add a note, until the response is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteClaim {
    /// Hash of the note's text.
    pub text_hash: u64,
    /// Until then the holder may still be adding the note.
    pub until: Timestamp,
}

impl Link {
    /// Whether a worker is writing the ticket or a note, or was and never recorded how that ended.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.claim != Claim::Free || self.note_claim.is_some()
    }

    /// Claims that were acquired under a clock that was ahead count from `now`.
    pub(super) fn correct_claims(&mut self, now: Timestamp) {
        match &mut self.claim {
            Claim::Held { since, until, .. } if since.believed_at(now) != *since => {
                *since = now;
                *until = now.plus(CLAIM_TTL);
            }
            Claim::InDoubt {
                since, searched_at, ..
            } if since.believed_at(now) != *since => {
                *since = now;
                *searched_at = None;
            }
            Claim::Free | Claim::Held { .. } | Claim::InDoubt { .. } => {}
        }
        if let Some(note) = &mut self.note_claim
            && note.until.since(now) > NOTE_CLAIM_TTL + CLOCK_AHEAD_MAX
        {
            note.until = now.plus(NOTE_CLAIM_TTL);
        }
    }

    /// Acquires the right to open the ticket for `holder` at `now`.
    pub fn acquire_claim(&mut self, holder: &str, now: Timestamp) -> ClaimId {
        self.claim_count = self.claim_count.saturating_add(1);
        let id = ClaimId {
            holder: holder.to_owned(),
            number: self.claim_count,
        };
        self.claim = Claim::Held {
            holder: id.holder.clone(),
            number: id.number,
            since: now,
            until: now.plus(CLAIM_TTL),
        };
        id
    }

    /// Renews the claim `id` at `now`; `false` if another worker took it over.
    pub fn renew_claim(&mut self, id: &ClaimId, now: Timestamp) -> bool {
        let is_ours = self.claim.is(id);
        if let Claim::Held { until, .. } = &mut self.claim
            && is_ours
        {
            *until = now.plus(CLAIM_TTL).max(*until);
        }
        is_ours
    }
}
