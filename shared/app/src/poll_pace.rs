//! How often Liongard is polled: its list of alerts knows no pages and no filter, so each poll reads all of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::outcome::TaskEnd;
use crate::ports::ErrorCode;

/// A list up to this size is polled as often as the operator allows. Source: some hundred alerts, what a provider
/// with fifty customers has open.
const SMALL_BYTES: u64 = 1_000_000;

/// What a longer list may use of the line and of Liongard on average: a tenth of a megabyte a second.
const BYTES_A_SECOND: u64 = 100_000;

/// However long the list is, it is read this often.
const INTERVAL_MAX: Duration = Duration::from_secs(300);

/// The pause after a poll that failed, where the interval is not shorter.
const FAILED_PAUSE: Duration = Duration::from_secs(15);

/// The pause after Liongard asked for fewer requests.
const THROTTLED_PAUSE: Duration = Duration::from_secs(60);

/// How often Liongard is polled, by the size of its list and by what it answers.
#[derive(Debug, Default)]
pub struct PollPace {
    list_bytes: AtomicU64,
}

impl PollPace {
    /// Notes the size of the list.
    pub(crate) fn list_had(&self, bytes: u64) {
        self.list_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The time between two polls that succeed: `least`, and more for a long list.
    #[must_use]
    pub fn interval(&self, least: Duration) -> Duration {
        let bytes = self.list_bytes.load(Ordering::Relaxed);
        if bytes <= SMALL_BYTES {
            return least;
        }
        let by_size = Duration::from_millis(bytes.saturating_mul(1000) / BYTES_A_SECOND);
        least.max(by_size.min(INTERVAL_MAX))
    }

    /// The time from a poll that ended so to the next one.
    #[must_use]
    pub fn after(&self, polled: TaskEnd, least: Duration) -> Duration {
        match polled {
            TaskEnd::Failed(ErrorCode::LiongardThrottled) => least.max(THROTTLED_PAUSE),
            TaskEnd::Failed(_) => least.min(FAILED_PAUSE),
            TaskEnd::Complete(_) | TaskEnd::Partial(_) | TaskEnd::Skipped | TaskEnd::Paused => {
                self.interval(least)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_is_polled_as_often_as_allowed_and_a_long_one_less() {
        let seconds = Duration::from_secs;
        for (bytes, least, expected) in [
            (0, 10, 10),
            (999_999, 10, 10),
            (1_000_000, 1, 1),
            (1_000_001, 1, 10),
            (1_500_000, 10, 15),
            (6_000_000, 10, 60),
            // Never more often than the setting allows.
            (6_000_000, 120, 120),
            (80_000_000, 10, 300),
            (u64::MAX, 10, 300),
            (80_000_000, 3_600, 3_600),
        ] {
            let pace = PollPace::default();
            pace.list_had(bytes);
            let interval = pace.interval(seconds(least));
            assert_eq!(interval.as_secs(), expected, "{bytes} bytes, {least} s");
            assert_eq!(pace.after(TaskEnd::Complete(1), seconds(least)), interval);
        }
    }

    #[test]
    fn a_failed_poll_is_repeated_soon_and_a_throttled_one_late() {
        let pace = PollPace::default();
        let after = |code, least| pace.after(TaskEnd::Failed(code), Duration::from_secs(least));
        for (code, least, expected) in [
            (ErrorCode::LiongardFailed, 10, 10),
            (ErrorCode::LiongardFailed, 3_600, 15),
            (ErrorCode::LiongardThrottled, 10, 60),
            (ErrorCode::LiongardThrottled, 3_600, 3_600),
        ] {
            assert_eq!(
                after(code, least).as_secs(),
                expected,
                "{code} at {least} s"
            );
        }
    }
}
