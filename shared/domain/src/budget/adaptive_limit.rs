//! The effective limit, learned from responses: lowered by refusals, raised again after quiet time.
//!
//! A refusal comes when the server counts more than it allows. The number of our requests in the
//! window then answers "how many may we send?": the limit itself if it is lower than configured, or
//! the remainder if others use the account too. Which of the two applies shows when the level is
//! tried again: a limit is where it was, the use by others is not.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Limit, RateRefusal};
use crate::time::{CLOCK_AHEAD_MAX, Timestamp};

/// Windows to wait after a refusal before the level is raised a little: an hour and a half.
const RAISE_AFTER_WINDOWS: u32 = 18;

/// The same when the level is the vendor's other documented limit: a day.
const RAISE_AFTER_WINDOWS_DOCUMENTED: u32 = 288;

/// Factor by which the wait grows each time the limit was found where it was.
const RAISE_BACKOFF_FACTOR: u32 = 8;

/// The longest wait: a month.
const RAISE_AFTER_WINDOWS_MAX: u32 = 8_640;

/// The lowest level, as a fraction of the configured limit. Others rarely leave less, and with less
/// nothing would ever be learned.
const LEVEL_MIN_FRACTION: u32 = 20;

/// The shortest pause after a refusal.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The pause after a refusal that names none.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);

/// How long a limit that a refusal named is kept to without another refusal that names it.
const STATED_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Weight of one more permit in the moving rate of lost permits.
const LOST_WEIGHT: u32 = 256;

/// A rate of one, in millionths.
const MILLION: u32 = 1_000_000;

/// What has been learned about the limit. Usually nothing, so a member is written only if it is
/// set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AdaptiveLimit {
    /// Requests that the server is believed to allow, if fewer than configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_limit: Option<u32>,
    /// The most requests that were accepted within one window.
    #[serde(skip_serializing_if = "is_zero")]
    proven_max: u32,
    /// No request may be sent before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait_until: Option<Timestamp>,
    /// When the last refusal that taught something was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_at: Option<Timestamp>,
    /// Our requests in the window at that time.
    #[serde(skip_serializing_if = "is_zero")]
    refused_with: u32,
    /// How often in a row that number was the same as the time before.
    #[serde(skip_serializing_if = "is_zero")]
    repeats: u32,
    /// How often in a row a refusal came with few of our requests in the window.
    #[serde(skip_serializing_if = "is_zero")]
    brief_refusals: u32,
    /// When the level is raised next.
    #[serde(skip_serializing_if = "Option::is_none")]
    raise_at: Option<Timestamp>,
    /// Rate of permits that were never reported, in millionths.
    #[serde(skip_serializing_if = "is_zero")]
    lost: u32,
    /// The limit that refusals name, if it is lower than the configured one.
    #[serde(skip_serializing_if = "Option::is_none")]
    stated: Option<StatedLimit>,
}

/// A limit that a refusal named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StatedLimit {
    /// Requests in a window.
    requests_max: u32,
    /// Length of the window, in milliseconds.
    window_ms: u64,
    /// When the last refusal named it.
    at: Timestamp,
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
        let level = self.effective_limit.unwrap_or(u32::MAX);
        level.min(limit.requests_max).max(1)
    }

    /// How full a burst may make the window: as full as it has been without a refusal, and a little
    /// less than two thirds in any case. 300 of 450 is the lower of the limits seen at HaloPSA; it
    /// is to be reached one request at a time and not by a burst.
    pub(super) fn burst_max(&self, limit: &Limit) -> u32 {
        let lower = limit.requests_max / 3 * 2;
        self.proven_max.max(lower.saturating_sub(near(limit)))
    }

    /// The limit to keep to: `configured`, or the lower one that a refusal named in the last day.
    ///
    /// What was counted under another window teaches nothing about this one, so the two are not mixed: the
    /// stated limit replaces the configured one.
    pub(super) fn in_force(&self, configured: &Limit) -> Limit {
        self.stated
            .map(|stated| Limit {
                requests_max: stated.requests_max,
                window: Duration::from_millis(stated.window_ms),
            })
            .filter(|stated| is_lower(stated, configured))
            .unwrap_or(*configured)
    }

    /// Takes note of the limit that a refusal named; says whether that changes the limit in force.
    pub(super) fn observe_stated(
        &mut self,
        seen: Timestamp,
        stated: Option<Limit>,
        configured: &Limit,
    ) -> bool {
        let Some(named) = stated.filter(|named| is_lower(named, configured)) else {
            return false;
        };
        let before = self.in_force(configured);
        self.stated = Some(StatedLimit {
            requests_max: named.requests_max,
            window_ms: u64::try_from(named.window.as_millis()).unwrap_or(u64::MAX),
            at: seen,
        });
        before != named
    }

    /// Forgets what was learned by counting: it was counted in windows of another length.
    pub(super) fn forget_counts(&mut self) {
        *self = Self {
            wait_until: self.wait_until,
            lost: self.lost,
            stated: self.stated,
            ..Self::default()
        };
    }

    /// Records that `completed` requests of one window were accepted.
    pub(super) fn record_accepted(&mut self, completed: u32) {
        self.proven_max = self.proven_max.max(completed);
    }

    /// Raises the level a little after enough quiet time.
    pub(super) fn advance_to(&mut self, now: Timestamp, limit: &Limit) {
        if self.wait_until.is_some_and(|until| until <= now) {
            self.wait_until = None;
        }
        if self
            .stated
            .is_some_and(|stated| now.since(stated.at) > STATED_LIFETIME)
        {
            self.stated = None;
        }
        while let (Some(level), Some(raise_at)) = (self.effective_limit, self.raise_at)
            && raise_at <= now
        {
            let more = level.saturating_add((limit.requests_max / 100).max(1));
            self.effective_limit = Some(more).filter(|more| *more < limit.requests_max);
            self.raise_at = self.effective_limit.map(|_| raise_at.plus(limit.window));
        }
    }

    /// Replaces times that were written under a clock that was ahead.
    pub(super) fn correct_future_times(&mut self, now: Timestamp, limit: &Limit) {
        let latest = now.plus(CLOCK_AHEAD_MAX);
        self.wait_until = self
            .wait_until
            .filter(|until| *until <= latest.plus(limit.window.max(PAUSE_MIN)));
        if self.refused_at.is_some_and(|at| at > latest) {
            self.refused_at = Some(now);
            let first = limit.window.saturating_mul(RAISE_AFTER_WINDOWS);
            self.raise_at = self.raise_at.map(|at| at.min(now.plus(first)));
        }
        if let Some(stated) = &mut self.stated
            && stated.at > latest
        {
            stated.at = now;
        }
    }

    /// Keeps what was learned, and counts its times from `now` on: those of another clock mean nothing.
    pub(super) fn restart_times(&mut self, now: Timestamp) {
        let waits = self.raise_at.zip(self.refused_at);
        self.raise_at = waits.map(|(raise, refused)| now.plus(raise.since(refused)));
        self.refused_at = self.refused_at.map(|_| now);
        self.wait_until = None;
        if let Some(stated) = &mut self.stated {
            stated.at = now;
        }
    }

    /// Learns from a refusal that was seen at `seen`, when `ours` accepted requests of ours were in
    /// the window.
    pub(super) fn rate_limited(
        &mut self,
        seen: Timestamp,
        ours: u32,
        refusal: RateRefusal,
        limit: &Limit,
    ) {
        let pause = refusal
            .retry_after
            .unwrap_or(DEFAULT_PAUSE)
            .clamp(PAUSE_MIN, limit.window.max(PAUSE_MIN));
        let known = self.wait_until;
        self.wait_until = known.max(Some(seen.plus(pause)));
        // It was sent before the first refusal was known, so it teaches nothing new.
        if known.is_some_and(|until| seen < until) {
            return;
        }
        let level = self.level(limit);
        let near = near(limit);
        let soon = self
            .refused_at
            .is_some_and(|at| seen.since(at) <= limit.window);
        let same = self.refused_with > 0 && ours.abs_diff(self.refused_with) <= near;
        // Two thirds of the configured limit: the vendor's other documented limit.
        let documented = ours.abs_diff(limit.requests_max / 3 * 2) <= near / 2;
        if ours < level / 2 {
            // Few of the counted requests can be ours: another client had a burst, or HaloPSA a
            // brief problem. That teaches nothing about the limit; meanwhile the pauses grow.
            self.brief_refusals = if soon { self.brief_refusals + 1 } else { 0 };
            let longer =
                DEFAULT_PAUSE.saturating_mul(2_u32.saturating_pow(self.brief_refusals.min(16)));
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
            // The level learned since is still too high: the server counts in another way.
            (ours.min(level) / 16).max(1)
        } else if same || documented || full {
            1
        } else {
            // The use by others varies, so leave them room.
            near
        };
        let least = (limit.requests_max / LEVEL_MIN_FRACTION).max(1);
        let learned = ours.min(level).saturating_sub(below).max(least);
        self.effective_limit = Some(learned.min(level));
        self.proven_max = self.proven_max.min(learned);
        self.refused_at = Some(seen);
        self.refused_with = ours;
        let first = if documented {
            RAISE_AFTER_WINDOWS_DOCUMENTED
        } else {
            RAISE_AFTER_WINDOWS
        };
        let wait = first
            .saturating_mul(RAISE_BACKOFF_FACTOR.saturating_pow(self.repeats))
            .min(RAISE_AFTER_WINDOWS_MAX);
        self.raise_at = Some(seen.plus(limit.window.saturating_mul(wait)));
    }

    /// Updates the rate of lost permits.
    pub(super) fn record_expired(&mut self, lost: u32, reported: u32) {
        for _ in 0..lost {
            self.lost += (MILLION - self.lost) / LOST_WEIGHT;
        }
        for _ in 0..reported {
            self.lost -= self.lost.div_ceil(LOST_WEIGHT);
        }
    }

    /// The most permits in one lease. With every holder that crashes, half a lease is lost on
    /// average.
    pub(super) fn lease_max(&self) -> u32 {
        15_000_u32
            .checked_div(self.lost)
            .unwrap_or(LEASE_MAX)
            .clamp(1, LEASE_MAX)
    }
}

/// The most permits in one lease. Two writes for sixteen requests are 0.125 writes per request.
pub(super) const LEASE_MAX: u32 = 16;

/// Whether `stated` allows fewer requests than `configured`, however they are spread: no more in a window, and
/// no more per second. A higher one is not believed: the configured limit leaves room for others.
fn is_lower(stated: &Limit, configured: &Limit) -> bool {
    let rate = |limit: &Limit| f64::from(limit.requests_max) / limit.window.as_secs_f64();
    stated.requests_max > 0
        && !stated.window.is_zero()
        && stated != configured
        && stated.requests_max <= configured.requests_max
        && rate(stated) <= rate(configured)
}

/// Differences up to this count as "the same level": two in a hundred.
fn near(limit: &Limit) -> u32 {
    (limit.requests_max / 50).max(1)
}
