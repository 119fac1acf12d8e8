//! How long to wait before another attempt.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The longest pause before the second attempt; before the third it is twice that. Short, because
/// the sender of a webhook waits meanwhile.
const FIRST: Duration = Duration::from_millis(100);

/// The pause before the attempt after number `attempt` (the first is 0): some part of the longest,
/// by chance, so that functions that were throttled together do not come back together.
pub(crate) fn before_next(attempt: u32) -> Duration {
    // The standard library seeds its hashes by chance; nothing secret depends on it.
    let chance = RandomState::new().build_hasher().finish();
    part_of(FIRST.saturating_mul(1 << attempt.min(8)), chance)
}

/// Between half of `longest` and all of it, as `chance` says.
fn part_of(longest: Duration, chance: u64) -> Duration {
    let half = longest / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(chance % micros.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_and_keeps_its_bounds() {
        for (attempt, longest) in [(0, 100), (1, 200), (2, 400)] {
            for _ in 0..100 {
                let pause = before_next(attempt);
                let longest = Duration::from_millis(longest);
                assert!((longest / 2..=longest).contains(&pause), "{pause:?}");
            }
        }
    }
}
