//! The stored form of the ledger.

use serde::{Deserialize, Serialize};

use super::adaptive_limit::AdaptiveLimit;
use super::compact;
use super::ledger::Ledger;
use super::slots::Slots;
use super::window_estimate::WindowEstimate;
use crate::time::SteadyTime;

/// The ledger as it is stored: its numbers as short text.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredLedger {
    /// The number of the first slot.
    first: u64,
    /// The slots.
    slots: String,
    /// Milliseconds in a cell of the window estimate.
    cell: i64,
    /// The first cell.
    from: i64,
    /// The cells.
    estimate: String,
    /// When the next paced request is due.
    pace: i64,
    /// When the next urgent request may exceed what was ever accepted.
    urgent: i64,
    /// What was learned about the limit.
    adaptive: AdaptiveLimit,
    /// The clock of all times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<SteadyTime>,
}

impl From<Ledger> for StoredLedger {
    fn from(ledger: Ledger) -> Self {
        let (first, slots) = ledger.slots.to_text();
        let mut flow = String::with_capacity(ledger.estimate.counts.len());
        for count in &ledger.estimate.counts {
            compact::write(&mut flow, i64::from(*count));
        }
        Self {
            first,
            slots,
            cell: ledger.estimate.cell_ms,
            from: ledger.estimate.first,
            estimate: flow,
            pace: ledger.pace_at,
            urgent: ledger.urgent_at,
            adaptive: ledger.adaptive,
            clock: ledger.clock,
        }
    }
}

impl TryFrom<StoredLedger> for Ledger {
    type Error = &'static str;

    fn try_from(written: StoredLedger) -> Result<Self, &'static str> {
        let slots = Slots::from_text(written.first, &written.slots)
            .ok_or("the slots of the request budget cannot be read")?;
        let mut reader = compact::Reader::new(&written.estimate);
        let mut flow = WindowEstimate {
            cell_ms: written.cell,
            first: written.from,
            ..WindowEstimate::default()
        };
        while !reader.is_done() {
            let count = reader.number().and_then(|count| u32::try_from(count).ok());
            flow.counts
                .push_back(count.ok_or("the flow of the request budget cannot be read")?);
        }
        Ok(Self {
            slots,
            estimate: flow,
            adaptive: written.adaptive,
            pace_at: written.pace,
            urgent_at: written.urgent,
            clock: written.clock,
        })
    }
}
