//! The real clock.

use std::time::{SystemTime, UNIX_EPOCH};

use halogard_app::ports::Clock;
use halogard_domain::Timestamp;

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
        Timestamp::EPOCH.plus(since_epoch)
    }
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
}
