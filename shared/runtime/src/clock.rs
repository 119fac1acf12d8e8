//! The real clock.

use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use halogard_domain::time::SteadyTime;
use tracing::warn;

/// Identifies one start of this machine. Linux only.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Seconds since this machine was started, sleep included. Linux only.
const UPTIME: &str = "/proc/uptime";

/// The wall clock and the monotonic one may drift apart by this much between two readings; more is a step.
const STEP_MIN: Duration = Duration::from_secs(5);

/// The clock of this machine. Every `main` passes it to the parts that need the time; nothing else reads
/// a clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what stands behind the Clock port"
    )]
    fn now(&self) -> Timestamp {
        // A clock before 1970 counts as the epoch: wrong, and harmless.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Timestamp::EPOCH.plus(since_epoch);
        warn_of_a_step(now, Instant::now());
        now
    }

    /// Since the machine was started, where the system says so. Elsewhere it begins with the time at the
    /// start of this process: a step between two processes is then not noticed.
    fn steady(&self) -> SteadyTime {
        static BOOT: OnceLock<Option<u64>> = OnceLock::new();
        let boot = BOOT.get_or_init(|| fs::read(BOOT_ID).ok().map(|id| hash(&id)));
        let uptime = fs::read_to_string(UPTIME).ok();
        match (boot, uptime.as_deref().and_then(uptime_of)) {
            (Some(source), Some(up)) => SteadyTime {
                source: *source,
                at: Timestamp::EPOCH.plus(up),
            },
            _ => self.since_the_start_of_the_process(),
        }
    }
}

impl SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what stands behind the Clock port"
    )]
    fn since_the_start_of_the_process(self) -> SteadyTime {
        static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
        let (at, began) = START.get_or_init(|| (self.now(), Instant::now()));
        SteadyTime {
            source: 0,
            at: at.plus(began.elapsed()),
        }
    }
}

/// The first number of `/proc/uptime`.
fn uptime_of(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A number for a clock's source; few digits, as it is stored with each write of the request budget.
fn hash(id: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id);
    u64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()).max(1)
}

/// Warns when the wall clock was set: by how much it moved beyond the time that passed.
fn warn_of_a_step(now: Timestamp, monotonic: Instant) {
    static LAST: Mutex<Option<(Timestamp, Instant)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((then, at)) = *last
        && let Some(step) = step(then, now, monotonic.saturating_duration_since(at))
    {
        warn!(
            step_ms = step,
            "the clock of this machine was set, or the machine slept"
        );
    }
    *last = Some((now, monotonic));
}

/// By how many milliseconds the wall clock stepped, if it went from `then` to `now` while `passed` passed.
fn step(then: Timestamp, now: Timestamp, passed: Duration) -> Option<i64> {
    let expected = then.plus(passed);
    let step = now.as_millis().saturating_sub(expected.as_millis());
    (u128::from(step.unsigned_abs()) >= STEP_MIN.as_millis()).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_in_this_century() {
        let year_2020 = Timestamp::from_millis(1_577_836_800_000);
        let year_2100 = Timestamp::from_millis(4_102_444_800_000);
        assert!((year_2020..year_2100).contains(&SystemClock.now()));
    }

    #[test]
    fn the_steady_clock_goes_on_from_one_source() {
        let first = SystemClock.steady();
        std::thread::sleep(Duration::from_millis(30));
        let second = SystemClock.steady();
        assert_eq!(first.source, second.source);
        assert!(second.at >= first.at.plus(Duration::from_millis(20)));
    }

    #[test]
    fn an_uptime_is_read_and_nothing_else_is_one() {
        assert_eq!(
            uptime_of("12345.67 99999.99\n"),
            Some(Duration::from_millis(12_345_670))
        );
        for text in ["", "soon", "-1 2", "NaN"] {
            assert_eq!(uptime_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_step_is_what_the_wall_clock_moved_beyond_the_time_that_passed() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let passed = Duration::from_secs(10);
        for (now, expected) in [
            (110, None),
            (114, None),
            (106, None),
            (115, Some(5_000)),
            (411, Some(301_000)),
            (50, Some(-60_000)),
        ] {
            assert_eq!(step(at(100), at(now), passed), expected, "{now}");
        }
    }
}
