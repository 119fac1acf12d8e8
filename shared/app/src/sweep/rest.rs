//! What a sweep has still to read, kept from one sweep to the next.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::text::digest;

use super::OVERLAP;
use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, PortError, Stretch, TicketDesk};

/// The mark that holds the earliest change of the stretch.
const MARK_SINCE: &str = "tickets_rest_since";

/// The mark that holds its latest change.
const MARK_UNTIL: &str = "tickets_rest_until";

/// The mark that holds when its state came about, by our clock.
const MARK_AT: &str = "tickets_rest_at";

/// The mark that holds its state, what is left of it, and a check of the three other marks. Zero when
/// there is none.
const MARK_LEFT: &str = "tickets_rest_left";

/// Bits for the count.
const COUNT_BITS: u32 = 24;

/// Bits for the pages.
const PAGES_BITS: u32 = 12;

/// Bits for the state.
const STATE_BITS: u32 = 2;

/// Bits for the check, all that a mark has left without its sign.
const CHECK_BITS: u32 = 63 - COUNT_BITS - PAGES_BITS - STATE_BITS;

/// What is done about a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing yet.
    Waits = 1,
    /// Its reading began when changes could still be hidden.
    Fresh,
    /// Its reading began when none could be.
    Settled,
}

/// A stretch, until it and what changed after it are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) stretch: Stretch,
    pub(super) state: State,
    /// Since when, by our clock; when it waits, that is when its latest change was seen.
    pub(super) at: Timestamp,
}

impl Rest {
    /// A stretch met with `at` this time.
    pub(super) const fn met(stretch: Stretch, at: Timestamp) -> Self {
        Self {
            stretch,
            state: State::Waits,
            at,
        }
    }

    /// Its reading begins.
    pub(super) const fn begin(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.at = now;
    }

    /// Whether no change of it can be hidden any more by an index that lags.
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.at) >= OVERLAP
    }

    /// Whether reading it takes more than `pages_max` requests.
    pub(super) fn is_longer_than(&self, pages_max: usize) -> bool {
        usize::try_from(self.stretch.pages).is_ok_and(|pages| pages > pages_max)
    }

    /// Until when it is sure to hold every change: one millisecond short of its end, since it is not
    /// known whether the desk counts that.
    pub(super) fn newest(&self) -> Timestamp {
        self.stretch.until.minus(Duration::from_millis(1))
    }

    /// What tells this stretch from any other: several processes may sweep, and their marks may be
    /// written in any order.
    fn check(&self) -> u64 {
        let ends = [self.stretch.since, self.stretch.until, self.at];
        let texts = ends.map(|end| end.as_millis().to_string());
        let whole = digest(&texts.each_ref().map(String::as_str));
        whole & ((1 << CHECK_BITS) - 1)
    }

    /// What is left, as a mark holds it; `None` when it is more than a mark can hold.
    fn left(&self) -> Option<i64> {
        let pages = u64::from(self.stretch.pages);
        let count = u64::from(self.stretch.count);
        if pages >> PAGES_BITS != 0 || count >> COUNT_BITS != 0 {
            return None;
        }
        let state = u64::from(self.state as u8);
        let left = (self.check() << STATE_BITS) | state;
        let left = (((left << PAGES_BITS) | pages) << COUNT_BITS) | count;
        i64::try_from(left).ok()
    }
}

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// What the last sweep left to read, if the marks agree about it.
    pub(super) async fn rest(&self) -> Result<Option<Rest>, PortError> {
        let left = self.store.mark(MARK_LEFT).await?.unwrap_or(0);
        let Some(bits) = u64::try_from(left).ok().filter(|bits| *bits != 0) else {
            return Ok(None);
        };
        let time = |mark: Option<i64>| Timestamp::from_millis(mark.unwrap_or(0));
        let part = |bits: u64, width: u32| u32::try_from(bits & ((1 << width) - 1)).unwrap_or(0);
        let state = match part(bits >> (COUNT_BITS + PAGES_BITS), STATE_BITS) {
            1 => State::Waits,
            2 => State::Fresh,
            3 => State::Settled,
            _ => return Ok(None),
        };
        let rest = Rest {
            stretch: Stretch {
                since: time(self.store.mark(MARK_SINCE).await?),
                until: time(self.store.mark(MARK_UNTIL).await?),
                pages: part(bits >> COUNT_BITS, PAGES_BITS),
                count: part(bits, COUNT_BITS),
            },
            state,
            at: time(self.store.mark(MARK_AT).await?),
        };
        Ok((rest.left() == Some(left)).then_some(rest))
    }

    /// Keeps a stretch, its state, and what is left of it.
    pub(super) async fn begin_rest(&self, rest: &Rest) -> Result<(), PortError> {
        let ends = [
            (MARK_SINCE, rest.stretch.since),
            (MARK_UNTIL, rest.stretch.until),
            (MARK_AT, rest.at),
        ];
        for (mark, at) in ends {
            self.store.set_mark(mark, at.as_millis()).await?;
        }
        self.keep_rest(Some(rest)).await
    }

    /// Keeps how far the reading of a stretch has come, or that there is none any more. What a mark cannot
    /// hold is not kept: the next sweep reads it again.
    pub(super) async fn keep_rest(&self, rest: Option<&Rest>) -> Result<(), PortError> {
        let left = rest.and_then(Rest::left).unwrap_or(0);
        self.store.set_mark(MARK_LEFT, left).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rest(since: i64, until: i64, at: i64, pages: u32, count: u32) -> Rest {
        Rest {
            stretch: Stretch {
                since: Timestamp::from_millis(since),
                until: Timestamp::from_millis(until),
                pages,
                count,
            },
            state: State::Waits,
            at: Timestamp::from_millis(at),
        }
    }

    proptest! {
        #[test]
        fn what_is_left_fits_a_mark_and_is_never_nothing(
            ends in prop::array::uniform3(any::<i64>()), pages in 0..4096_u32, count in 0..1_u32 << 24,
        ) {
            let left = rest(ends[0], ends[1], ends[2], pages, count).left().unwrap();
            prop_assert!(left > 0);
        }
    }

    #[test]
    fn marks_of_two_stretches_do_not_agree() {
        let ends = [1_777_881_600_000, 1_777_881_690_000, 1_777_881_900_000];
        let of = |ends: [i64; 3]| rest(ends[0], ends[1], ends[2], 7, 700).left();
        for which in 0..3 {
            for by in 1..2_000 {
                let mut others = ends;
                others[which] += by;
                assert_ne!(of(ends), of(others), "{which} {by}");
            }
        }
    }

    #[test]
    fn more_than_a_mark_can_hold_is_not_kept() {
        assert_eq!(rest(1, 2, 3, 4096, 1).left(), None);
        assert_eq!(rest(1, 2, 3, 1, 1 << 24).left(), None);
    }
}
