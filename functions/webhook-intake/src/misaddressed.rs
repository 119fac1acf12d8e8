//! Deliveries with a wrong token in their address: a stranger may send any number, so they are counted and cost
//! one line a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use halogard_domain::Timestamp;

/// Least time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// The count since the last line.
#[derive(Debug)]
pub(crate) struct Misaddressed(Mutex<MisaddressedCount>);

#[derive(Debug)]
struct MisaddressedCount {
    count: u64,
    line_at: Option<Timestamp>,
}

impl Misaddressed {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(MisaddressedCount {
            count: 0,
            line_at: None,
        }))
    }

    /// Counts one at `now`; the number since the last line when another line is due.
    pub(crate) fn add(&self, now: Timestamp) -> Option<u64> {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tally.count = tally.count.saturating_add(1);
        if tally
            .line_at
            .is_some_and(|at| now.is_within(LINE_INTERVAL, at))
        {
            return None;
        }
        tally.line_at = Some(now);
        Some(std::mem::take(&mut tally.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_whole_and_costs_a_line_a_minute() {
        let tally = Misaddressed::new();
        let begin = Timestamp::from_millis(1_767_600_000_000);
        let lines: Vec<u64> = (0..1_000)
            .filter_map(|second| tally.add(begin.plus(Duration::from_secs(second))))
            .collect();
        assert!(lines.len() <= 18, "{} lines", lines.len());
        let left = tally.0.lock().unwrap().count;
        assert_eq!(lines.iter().sum::<u64>() + left, 1_000);
        // A clock that was ahead silences no sender.
        let before = begin.minus(Duration::from_secs(3_600));
        assert!(tally.add(before).is_some());
    }
}
