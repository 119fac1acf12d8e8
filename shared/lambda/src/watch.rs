//! What is watched during one invocation: how much time is left, and whether a vendor refused a
//! credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use halogard_app::ports::{Lane, PortError, Refusal};
use halogard_domain::Timestamp;
use halogard_domain::budget::Share;
use halogard_http::HttpClientSettings;
use lambda_runtime::Context;

/// How the time of an invocation is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Time one vendor's call takes at the most.
    pub call_max: Duration,
    /// Time that must be left beyond one call for a piece of work to begin: enough for the store
    /// calls before the first request.
    pub run_up: Duration,
    /// Time kept at the end for settling messages, handing permits back and answering.
    pub wind_up: Duration,
}

impl Default for Spans {
    /// One call to AWS takes 12 s at the most, all its attempts included.
    fn default() -> Self {
        Self {
            call_max: HttpClientSettings::default().total_timeout,
            run_up: Duration::from_secs(5),
            wind_up: Duration::from_secs(15),
        }
    }
}

/// The invocation under way, as the parts of the bundle see it. Clones share.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    /// When Lambda ends the invocation, in milliseconds after 1970.
    deadline: AtomicI64,
    /// Whether a vendor refused a credential since this was last asked.
    refused: AtomicBool,
    /// Whose work is under way: the place of its share among all.
    share: AtomicUsize,
    spans: Spans,
}

impl Watch {
    /// A watch that allows nothing yet.
    #[must_use]
    pub fn new(spans: Spans) -> Self {
        Self(Arc::new(Seen {
            deadline: AtomicI64::new(0),
            refused: AtomicBool::new(false),
            share: AtomicUsize::new(0),
            spans,
        }))
    }

    /// An invocation begins that Lambda ends at `deadline`.
    pub fn begin(&self, deadline: Timestamp) {
        self.0
            .deadline
            .store(deadline.as_millis(), Ordering::Relaxed);
    }

    /// Work of `lane` begins; `None` for a round, of which nobody knows who waits for it.
    pub fn work_for(&self, lane: Option<Lane>) {
        let share = match lane {
            Some(Lane::Urgent) => Share::Urgent,
            Some(Lane::Bulk) => Share::Bulk,
            Some(Lane::Runs) | None => Share::Whole,
        };
        let place = Share::ALL.iter().position(|known| *known == share);
        self.0
            .share
            .store(place.unwrap_or_default(), Ordering::Relaxed);
    }

    /// The share of the request budget that the work under way asks for.
    pub(crate) fn share(&self) -> Share {
        let place = self.0.share.load(Ordering::Relaxed);
        Share::ALL.get(place).copied().unwrap_or_default()
    }

    /// Time until work must be cut off, so that it can still be settled and answered.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        let deadline = Timestamp::from_millis(self.0.deadline.load(Ordering::Relaxed));
        deadline.since(now).saturating_sub(self.0.spans.wind_up)
    }

    /// Whether a vendor may still be called: its answer, or its time-out, comes before the end.
    #[must_use]
    pub fn allows_a_call(&self, now: Timestamp) -> bool {
        self.left(now) >= self.0.spans.call_max
    }

    /// Whether a piece of work may still begin.
    #[must_use]
    pub fn allows_work(&self, now: Timestamp) -> bool {
        self.left(now) >= self.0.spans.call_max + self.0.spans.run_up
    }

    /// Notes what `error` says about a credential.
    pub(crate) fn note(&self, error: &PortError) {
        if error.refusal == Some(Refusal::Unauthorised) {
            self.0.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a credential was refused since this was last asked.
    pub(crate) fn take_refused(&self) -> bool {
        self.0.refused.swap(false, Ordering::Relaxed)
    }
}

/// When Lambda ends the invocation of `context`.
#[must_use]
pub fn deadline(context: &Context) -> Timestamp {
    Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_begins_whose_time_out_would_come_after_the_end() {
        let watch = Watch::new(Spans::default());
        let now = Timestamp::from_millis(1_000_000);
        let allowed = |left_seconds| {
            watch.begin(now.plus(Duration::from_secs(left_seconds)));
            (watch.allows_a_call(now), watch.allows_work(now))
        };
        assert_eq!(allowed(120), (true, true));
        assert_eq!(allowed(50), (true, true));
        assert_eq!(allowed(49), (true, false));
        assert_eq!(allowed(45), (true, false));
        assert_eq!(allowed(44), (false, false));
        assert_eq!(allowed(0), (false, false));
    }

    #[test]
    fn requests_are_asked_for_in_the_name_of_the_lane() {
        let watch = Watch::new(Spans::default());
        let share_of = |lane| {
            watch.work_for(lane);
            watch.share()
        };
        assert_eq!(share_of(Some(Lane::Urgent)), Share::Urgent);
        assert_eq!(share_of(Some(Lane::Bulk)), Share::Bulk);
        assert_eq!(share_of(Some(Lane::Runs)), Share::Whole);
        assert_eq!(share_of(None), Share::Whole);
    }

    #[test]
    fn before_the_first_invocation_nothing_is_allowed() {
        let now = Timestamp::from_millis(1_777_881_600_000);
        assert!(!Watch::new(Spans::default()).allows_a_call(now));
    }
}
