//! The deadline of an invocation, and what else its parts share: the lane and refused credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use halogard_app::ports::{Lane, PortError, Refusal};
use halogard_domain::Timestamp;
use halogard_domain::budget::Priority;
use halogard_http::HttpClientSettings;
use lambda_runtime::Context;

/// Time reserved within an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserves {
    /// The longest call to a vendor.
    pub call_max: Duration,
    /// Time that must be left beyond one call for a batch to start: enough for the store calls before the
    /// first request.
    pub start_min: Duration,
    /// Reserved at the end for settling messages, releasing permits and answering.
    pub shutdown: Duration,
}

impl Default for Reserves {
    /// One call to AWS takes at most 12 s, including all its attempts.
    fn default() -> Self {
        Self {
            call_max: HttpClientSettings::default().write_timeout,
            start_min: Duration::from_secs(5),
            shutdown: Duration::from_secs(15),
        }
    }
}

/// The deadline of the current invocation. Clones share it.
#[derive(Clone, Debug)]
pub struct Deadline(Arc<InvocationState>);

#[derive(Debug)]
struct InvocationState {
    /// When Lambda ends the invocation, in milliseconds since the epoch.
    deadline: AtomicI64,
    /// Whether a vendor refused a credential since the flag was last taken.
    refused: AtomicBool,
    /// The index of the current priority.
    priority: AtomicUsize,
    reserves: Reserves,
}

impl Deadline {
    /// A deadline that has passed, until an invocation begins.
    #[must_use]
    pub fn new(reserves: Reserves) -> Self {
        Self(Arc::new(InvocationState {
            deadline: AtomicI64::new(0),
            refused: AtomicBool::new(false),
            priority: AtomicUsize::new(0),
            reserves,
        }))
    }

    /// Begins an invocation that Lambda ends at `deadline`.
    pub fn begin(&self, deadline: Timestamp) {
        self.0
            .deadline
            .store(deadline.as_millis(), Ordering::Relaxed);
    }

    /// Sets the lane that is processed next; `None` for a sync cycle.
    pub fn set_lane(&self, lane: Option<Lane>) {
        let priority = lane.map_or(Priority::Normal, Lane::priority);
        let place = Priority::ALL.iter().position(|known| *known == priority);
        self.0
            .priority
            .store(place.unwrap_or_default(), Ordering::Relaxed);
    }

    /// The priority with which the current work takes permits of the request budget.
    pub(crate) fn priority(&self) -> Priority {
        let place = self.0.priority.load(Ordering::Relaxed);
        Priority::ALL.get(place).copied().unwrap_or_default()
    }

    /// Time until work has to stop so that it can still be settled and answered.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        let deadline = Timestamp::from_millis(self.0.deadline.load(Ordering::Relaxed));
        deadline.since(now).saturating_sub(self.0.reserves.shutdown)
    }

    /// Whether a call to a vendor may still start: its answer or its time-out comes before the end.
    #[must_use]
    pub fn allows_call(&self, now: Timestamp) -> bool {
        self.left(now) >= self.0.reserves.call_max
    }

    /// Whether a batch may still start.
    #[must_use]
    pub fn allows_start(&self, now: Timestamp) -> bool {
        self.left(now) >= self.0.reserves.call_max + self.0.reserves.start_min
    }

    /// Sets the flag if `error` means that a vendor refused a credential.
    pub(crate) fn note(&self, error: &PortError) {
        if error.refusal == Some(Refusal::Unauthorised) {
            self.0.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Takes the flag: whether a credential was refused.
    pub(crate) fn take_credential_refused(&self) -> bool {
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
        let deadline = Deadline::new(Reserves::default());
        let now = Timestamp::from_millis(1_000_000);
        let allowed = |left_seconds| {
            deadline.begin(now.plus(Duration::from_secs(left_seconds)));
            (deadline.allows_call(now), deadline.allows_start(now))
        };
        assert_eq!(allowed(120), (true, true));
        assert_eq!(allowed(85), (true, true));
        assert_eq!(allowed(84), (true, false));
        assert_eq!(allowed(80), (true, false));
        assert_eq!(allowed(79), (false, false));
        assert_eq!(allowed(0), (false, false));
    }

    #[test]
    fn requests_are_asked_for_in_the_name_of_the_lane() {
        let deadline = Deadline::new(Reserves::default());
        let priority_of = |lane| {
            deadline.set_lane(lane);
            deadline.priority()
        };
        assert_eq!(priority_of(Some(Lane::Urgent)), Priority::Urgent);
        assert_eq!(priority_of(Some(Lane::Bulk)), Priority::Bulk);
        assert_eq!(priority_of(Some(Lane::Runs)), Priority::Normal);
        assert_eq!(priority_of(None), Priority::Normal);
    }

    #[test]
    fn before_the_first_invocation_nothing_is_allowed() {
        let now = Timestamp::from_millis(1_777_881_600_000);
        assert!(!Deadline::new(Reserves::default()).allows_call(now));
    }
}
