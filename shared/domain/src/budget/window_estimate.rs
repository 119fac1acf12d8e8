//! Requests per time cell over two windows: the count of a server that does not use a rolling
//! window.
//!
//! A server may interpolate: it counts in fixed windows and assumes that the previous window's
//! requests were evenly spread. Its estimate after the `k`-th request of the window that began at
//! `b` is `(1 - f) · previous + k`, where `f` is the elapsed fraction of the window. `b` is not
//! known, so the estimate is computed for **every** `b`. A rolling log and a fixed window are the
//! cases `f = 1` and `previous = 0`, so requests that fit here fit them too.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// Cells in a window. Window boundaries are tried at the start of each cell. Between two cells a
/// burst may weigh a thirtieth more, which is what bursts leave free
/// ([`BURST_PER_MILLE`](super::ledger)).
const CELLS: usize = 30;

/// Stored cells: two windows, the current one, and what is leased ahead.
const CELLS_MAX: usize = 2 * CELLS + 4;

/// Requests per cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WindowEstimate {
    /// Milliseconds in a cell; 0 before the first request.
    pub(super) cell_ms: i64,
    /// The number of the first cell.
    pub(super) first: i64,
    /// Requests in each cell.
    pub(super) counts: VecDeque<u32>,
}

impl WindowEstimate {
    /// Advances the estimate to `now`: drops cells that no server can still count. If the window's
    /// length has changed, everything in use counts as sent just now.
    pub(super) fn advance_to(&mut self, now: Timestamp, window: Duration, in_use: usize) {
        let cell_ms = millis(window).div_euclid(CELLS as i64).max(1);
        let cell = now.as_millis().div_euclid(cell_ms);
        if self.cell_ms != cell_ms {
            let in_use = u32::try_from(in_use).unwrap_or(u32::MAX);
            *self = Self {
                cell_ms,
                first: cell,
                counts: VecDeque::from([in_use]),
            };
        }
        let oldest = cell - 2 * CELLS as i64;
        while self.first < oldest && self.counts.pop_front().is_some() {
            self.first += 1;
        }
        if self.counts.is_empty() {
            self.first = cell;
        }
    }

    /// Whether it contains requests of cells that begin after `time`.
    pub(super) fn is_after(&self, time: Timestamp) -> bool {
        let filled = self.counts.iter().rposition(|count| *count > 0);
        let last = filled.and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
        self.first.saturating_add(last).saturating_mul(self.cell_ms) > time.as_millis()
    }

    /// Adds a request at `time`. A time outside the stored cells counts in the nearest cell.
    pub(super) fn add(&mut self, time: Timestamp) {
        let at = self.index_of(time);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    /// Removes a request at `time` that was not sent.
    pub(super) fn remove(&mut self, time: Timestamp) {
        let at = self.index_of(time);
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_sub(1);
        }
    }

    fn index_of(&self, time: Timestamp) -> usize {
        let cell = time.as_millis().div_euclid(self.cell_ms.max(1));
        usize::try_from(cell - self.first)
            .unwrap_or(0)
            .min(CELLS_MAX - 1)
    }

    /// Whether one more request at `time`, or at the last request's time if that is later, leaves
    /// the estimate at or below `cap_milli` thousandths of a request, wherever the windows begin.
    pub(super) fn fits_one_more(&self, time: Timestamp, cap_milli: i64) -> bool {
        if self.cell_ms == 0 {
            return cap_milli >= 1000;
        }
        // Milliseconds from the start of the first cell; not before the last request's cell.
        let origin = self.first * self.cell_ms;
        let last = self
            .counts
            .iter()
            .rposition(|count| *count > 0)
            .unwrap_or(0);
        let time = (time.as_millis() - origin).max(last as i64 * self.cell_ms);
        let here = usize::try_from(time / self.cell_ms).unwrap_or(0);
        let mut sums = [0_i64; CELLS_MAX + 1];
        for (at, sum) in (1..).zip(sums.iter_mut().skip(1)) {
            *sum = self.counts.get(at - 1).copied().unwrap_or(0).into();
        }
        for at in 1..sums.len() {
            sums[at] += sums[at - 1];
        }
        let sum_to = |cell: usize| sums[cell.min(CELLS_MAX)];
        let total = sums[CELLS_MAX] + 1;
        let window = self.cell_ms * CELLS as i64;
        let oldest = (here + 1).saturating_sub(CELLS);
        (oldest..=here).all(|begin| {
            let before = sum_to(begin);
            let previous = before - sum_to(begin.saturating_sub(CELLS));
            let passed = (time - begin as i64 * self.cell_ms).min(window);
            let estimate = previous * (window - passed) + (total - before) * window;
            estimate * 1000 <= cap_milli * window
        })
    }
}

/// A duration in milliseconds.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
