//! Which polls the log shows at INFO: those that found something, and one an hour.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use halogard_domain::Timestamp;

/// Time between two lines at INFO about polls that find nothing.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(3600);

/// What stays the same from poll to poll while nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandingCounts {
    /// Records that cannot be read.
    pub(crate) unreadable: usize,
    /// Alerts with words that are not known.
    pub(crate) unknown_words: usize,
    /// Indexed alerts that the list lacks.
    pub(crate) missing: usize,
}

/// Counts the polls that found nothing since the last line at INFO.
#[derive(Debug, Default)]
pub(crate) struct QuietPolls(Mutex<Option<LastLine>>);

#[derive(Clone, Copy, Debug)]
struct LastLine {
    at: Timestamp,
    standing: StandingCounts,
    polls_since: u64,
}

impl QuietPolls {
    /// Notes a poll that ended at `now` and queued this many alerts. Returns how many polls the line about it stands
    /// for, where the log shows it at INFO.
    pub(crate) fn polled(
        &self,
        now: Timestamp,
        queued: usize,
        standing: StandingCounts,
    ) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let polls = last.map_or(0, |it| it.polls_since) + 1;
        let is_news = queued > 0
            || last
                .is_none_or(|it| it.standing != standing || now.since(it.at) >= SUMMARY_INTERVAL);
        if is_news {
            *last = Some(LastLine {
                at: now,
                standing,
                polls_since: 0,
            });
            return Some(polls);
        }
        if let Some(last) = last.as_mut() {
            last.polls_since = polls;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_a_change_is_a_line_an_hour_and_a_find_is_a_line_at_once() {
        let nothing = StandingCounts {
            unreadable: 0,
            unknown_words: 0,
            missing: 0,
        };
        let odd = StandingCounts {
            unreadable: 1,
            ..nothing
        };
        let polls = QuietPolls::default();
        let start = Timestamp::from_millis(1_764_000_000_000);
        let at = |seconds: u64| start.plus(Duration::from_secs(seconds));
        let mut lines = Vec::new();
        for poll in 0..8640 {
            lines.extend(polls.polled(at(poll * 10), 0, nothing));
        }
        assert_eq!(lines.len(), 24, "{lines:?}");
        assert_eq!(lines[0], 1);
        assert!(lines[1..].iter().all(|polls| *polls == 360), "{lines:?}");
        let day = 86_400;
        assert!(polls.polled(at(day + 1), 2, nothing).is_some());
        assert!(polls.polled(at(day + 2), 0, nothing).is_none());
        assert!(polls.polled(at(day + 3), 0, odd).is_some());
        assert!(polls.polled(at(day + 4), 0, odd).is_none());
        assert!(polls.polled(at(day + 5), 0, nothing).is_some());
    }
}
