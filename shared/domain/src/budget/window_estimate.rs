//! What was sent when, over two windows: what a server would say that counts otherwise than in a
//! rolling window.
//!
//! A server may interpolate: it counts in fixed windows and takes the former window's count for
//! evenly spread. Its estimate after the `k`-th request of the window that began at `b` is
//! `(1 - f) · former + k`, where `f` is how much of the window has passed. We do not know `b`, so the
//! flow answers for **every** `b`. A rolling log and a fixed window are the cases `f = 1` and
//! `former = 0`, so a flow that fits here fits them too.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// Cells in a window. Boundaries are tried at each cell's start; between two of them a burst may
/// weigh a thirtieth more, which is what bursts leave free ([`BURST_PER_MILLE`](super::ledger)).
const CELLS: usize = 30;

/// Cells kept: two windows, the one that runs, and what is leased ahead.
const KEPT: usize = 2 * CELLS + 4;

/// Requests per cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WindowEstimate {
    /// Milliseconds in a cell; 0 before the first request.
    pub(super) cell_ms: i64,
    /// The cell at the front.
    pub(super) first: i64,
    /// Requests in each cell.
    pub(super) counts: VecDeque<u32>,
}

impl WindowEstimate {
    /// Brings the flow to `now`: forgets what no server can still count. Under another window than
    /// before, everything in use counts as sent just now.
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

    /// Adds a request at `time`. One outside the cells that are kept counts in the nearest.
    pub(super) fn add(&mut self, time: Timestamp) {
        let at = self.place(time);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    /// Takes a request at `time` away, which was not sent.
    pub(super) fn take_back(&mut self, time: Timestamp) {
        let at = self.place(time);
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_sub(1);
        }
    }

    fn place(&self, time: Timestamp) -> usize {
        let cell = time.as_millis().div_euclid(self.cell_ms.max(1));
        usize::try_from(cell - self.first)
            .unwrap_or(0)
            .min(KEPT - 1)
    }

    /// Whether one more request at `time`, or at the last one's time if that is later, leaves the
    /// estimate at or under `cap_milli` thousandths of a request, wherever the windows begin.
    pub(super) fn fits_one_more(&self, time: Timestamp, cap_milli: i64) -> bool {
        if self.cell_ms == 0 {
            return cap_milli >= 1000;
        }
        // The time, in milliseconds since the first cell began; the last request's cell end at least.
        let origin = self.first * self.cell_ms;
        let last = self
            .counts
            .iter()
            .rposition(|count| *count > 0)
            .unwrap_or(0);
        let time = (time.as_millis() - origin).max(last as i64 * self.cell_ms);
        let here = usize::try_from(time / self.cell_ms).unwrap_or(0);
        let mut sums = [0_i64; KEPT + 1];
        for (at, sum) in (1..).zip(sums.iter_mut().skip(1)) {
            *sum = self.counts.get(at - 1).copied().unwrap_or(0).into();
        }
        for at in 1..sums.len() {
            sums[at] += sums[at - 1];
        }
        let sum_to = |cell: usize| sums[cell.min(KEPT)];
        let total = sums[KEPT] + 1;
        let window = self.cell_ms * CELLS as i64;
        let oldest = (here + 1).saturating_sub(CELLS);
        (oldest..=here).all(|begin| {
            let before = sum_to(begin);
            let former = before - sum_to(begin.saturating_sub(CELLS));
            let passed = (time - begin as i64 * self.cell_ms).min(window);
            let estimate = former * (window - passed) + (total - before) * window;
            estimate * 1000 <= cap_milli * window
        })
    }
}

/// A duration in milliseconds.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
