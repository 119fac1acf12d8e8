//! What answers taught about the limit: downwards from refusals, upwards from quiet.
//!
//! A refusal comes when the server counts more than it allows. What we had in the window then is the
//! answer to "how much is ours?": the limit itself when it is lower than configured, the rest of it
//! when others use the account too. Which of the two shows when the level is tried again: a limit
//! stays where it was, others move.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Limit;
use crate::time::Timestamp;

/// Windows to wait after a refusal before a little more is tried: an hour and a half.
const HOLD_WINDOWS: u32 = 18;

/// The same where the level is the vendor's other limit: a day.
const HOLD_WINDOWS_DOCUMENTED: u32 = 288;

/// Each time it stayed where it was, so many times longer.
const HOLD_GROWS: u32 = 8;

/// The longest: a month.
const HOLD_WINDOWS_MAX: u32 = 8_640;

/// The least believed, as a part of the configured limit: others rarely leave less, and with less
/// nothing would ever be learned.
const LEAST_PART: u32 = 20;

/// The shortest pause after a refusal, and the one taken when none is named.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The pause after a refusal that names none.
const PAUSE: Duration = Duration::from_secs(5);

/// Weight of one more permit in the rate of lost ones.
const LOST_WEIGHT: u32 = 256;

/// A rate of one, in millionths.
const WHOLE: u32 = 1_000_000;

/// What is believed of the limit. Rarely anything, so it is written only where there is something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AdaptiveLimit {
    /// Requests the server is believed to allow, if fewer than configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u32>,
    /// The most that was accepted within one window.
    #[serde(skip_serializing_if = "is_zero")]
    proven_max: u32,
    /// Nothing may be sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait_until: Option<Timestamp>,
    /// When the last refusal that taught something was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_at: Option<Timestamp>,
    /// How much was ours then.
    #[serde(skip_serializing_if = "is_zero")]
    refused_with: u32,
    /// How often in a row it was as much as the time before.
    #[serde(skip_serializing_if = "is_zero")]
    repeats: u32,
    /// How often in a row, with little of ours in the window.
    #[serde(skip_serializing_if = "is_zero")]
    brief_refusals: u32,
    /// When a little more is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    raise_at: Option<Timestamp>,
    /// Permits that nobody ever reported, in a million.
    #[serde(skip_serializing_if = "is_zero")]
    lost: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl AdaptiveLimit {
    /// Requests that may be in a window.
    pub(super) fn level(&self, limit: &Limit) -> u32 {
        let level = self.level.unwrap_or(u32::MAX);
        level.min(limit.requests_max).max(1)
    }

    /// How full a burst may make the window: as full as it was before without a refusal, and a
    /// little less than two thirds in any case. 300 of 450 is the lower of the limits seen at
    /// HaloPSA; it is to be met one by one and not by a burst.
    pub(super) fn burst_max(&self, limit: &Limit) -> u32 {
        let lower = limit.requests_max / 3 * 2;
        self.proven_max.max(lower.saturating_sub(near(limit)))
    }

    /// Notes that `answered` requests of one window were accepted.
    pub(super) fn record_accepted(&mut self, answered: u32) {
        self.proven_max = self.proven_max.max(answered);
    }

    /// Believes a little more, when it was quiet for long enough.
    pub(super) fn advance_to(&mut self, now: Timestamp, limit: &Limit) {
        if self.wait_until.is_some_and(|until| until <= now) {
            self.wait_until = None;
        }
        while let (Some(level), Some(raise_at)) = (self.level, self.raise_at)
            && raise_at <= now
        {
            let more = level.saturating_add((limit.requests_max / 100).max(1));
            self.level = Some(more).filter(|more| *more < limit.requests_max);
            self.raise_at = self.level.map(|_| raise_at.plus(limit.window));
        }
    }

    /// Learns from a refusal that was seen at `seen`, when `ours` accepted requests of ours were in
    /// the window.
    pub(super) fn refuse(
        &mut self,
        seen: Timestamp,
        ours: u32,
        retry_after: Option<Duration>,
        limit: &Limit,
    ) {
        let pause = retry_after
            .unwrap_or(PAUSE)
            .clamp(PAUSE_MIN, limit.window.max(PAUSE_MIN));
        let known = self.wait_until;
        self.wait_until = known.max(Some(seen.plus(pause)));
        // Sent before the first refusal was known of: it says nothing new.
        if known.is_some_and(|until| seen < until) {
            return;
        }
        let level = self.level(limit);
        let near = near(limit);
        let soon = self
            .refused_at
            .is_some_and(|at| seen.since(at) <= limit.window);
        let same = self.refused_with > 0 && ours.abs_diff(self.refused_with) <= near;
        // Two thirds of what is configured: the vendor's other limit.
        let documented = ours.abs_diff(limit.requests_max / 3 * 2) <= near / 2;
        if ours < level / 2 {
            // Little of it can have been ours: others had a moment, or the desk a bad one. That is no
            // lesson, and over as soon as it is over; meanwhile the pauses grow.
            self.brief_refusals = if soon { self.brief_refusals + 1 } else { 0 };
            let longer = PAUSE.saturating_mul(2_u32.saturating_pow(self.brief_refusals.min(16)));
            let pause = longer.min(limit.window / 2).max(pause);
            self.wait_until = Some(seen.plus(pause));
            self.refused_at = Some(seen);
            return;
        }
        self.repeats = match (soon, same) {
            (true, _) => self.repeats,
            (false, true) => self.repeats + 1,
            (false, false) => 0,
        };
        let full = ours + near / 4 + 1 >= level;
        let below = if soon {
            // What was believed since is still too much: the server counts otherwise.
            (ours.min(level) / 16).max(1)
        } else if same || documented || full {
            1
        } else {
            // Others move: leave them room.
            near
        };
        let least = (limit.requests_max / LEAST_PART).max(1);
        let learned = ours.min(level).saturating_sub(below).max(least);
        self.level = Some(learned.min(level));
        self.proven_max = self.proven_max.min(learned);
        self.refused_at = Some(seen);
        self.refused_with = ours;
        let first = if documented {
            HOLD_WINDOWS_DOCUMENTED
        } else {
            HOLD_WINDOWS
        };
        let hold = first
            .saturating_mul(HOLD_GROWS.saturating_pow(self.repeats))
            .min(HOLD_WINDOWS_MAX);
        self.raise_at = Some(seen.plus(limit.window.saturating_mul(hold)));
    }

    /// Notes what became of permits.
    pub(super) fn ended(&mut self, lost: u32, reported: u32) {
        for _ in 0..lost {
            self.lost += (WHOLE - self.lost) / LOST_WEIGHT;
        }
        for _ in 0..reported {
            self.lost -= self.lost.div_ceil(LOST_WEIGHT);
        }
    }

    /// The most permits in one lease: with every holder that dies, half a lease is lost.
    pub(super) fn lease_max(&self) -> u32 {
        15_000_u32
            .checked_div(self.lost)
            .unwrap_or(LEASE_MAX)
            .clamp(1, LEASE_MAX)
    }
}

/// The most permits in one lease. Two writes for sixteen requests are 0.125 for each.
pub(super) const LEASE_MAX: u32 = 16;

/// As many requests as count for "the same level": two in a hundred.
fn near(limit: &Limit) -> u32 {
    (limit.requests_max / 50).max(1)
}
