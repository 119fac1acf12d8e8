//! The table on AWS, by the sizes and units of its items.

use super::float;

/// Bytes of a link with a text of 900 characters, and of an entry of its journal ([decision 5]).
///
/// [decision 5]: ../../../../docs/adr/0005-one-table.md
const LINK_BYTES: u64 = 2_203;
const ENTRY_BYTES: u64 = 145;

/// Entries of an alert's journal: raised, opened, changed, closed, each with what led to it.
pub const ENTRIES: u64 = 7;

/// Bytes of an alert in the index, and of a ticket among the owners.
const INDEX_BYTES: u64 = 34;
const OWNER_BYTES: u64 = 19;

/// Write and read units of an alert's life, without polls (`docs/cost.md`).
const WRITES_OF_AN_ALERT: f64 = 30.0;
const READS_OF_AN_ALERT: f64 = 10.0;

/// Write and read units of a sync cycle, without the index: lease and named values.
const WRITES_OF_A_CYCLE: f64 = 2.0;
const READS_OF_A_CYCLE: f64 = 10.0;

/// Read units of a link: what it has of 4 KB, rounded up.
const READS_OF_A_LINK: u64 = (LINK_BYTES + ENTRIES * ENTRY_BYTES).div_ceil(4096);

/// Minutes and days of a month.
const MINUTES: f64 = 43_800.0;
const DAYS: f64 = 30.4;

/// Days for which a closed alert stays in the index, and a link that is over.
pub const INDEX_DAYS: u32 = 7;
const LINK_DAYS: u32 = 365;

/// Dollars of a million write units, of a million read units, and of a GB-month with point-in-time recovery.
const WRITE: f64 = 0.625;
const READ: f64 = 0.125;
const STORAGE: f64 = 0.45;

/// Read units that one partition serves in a second.
const UNITS_A_SECOND: f64 = 3_000.0;

/// The table after some years.
pub struct TableCost {
    /// Links.
    pub links: u64,
    /// Bytes.
    pub bytes: f64,
    /// Write units a month.
    pub write_units: f64,
    /// Read units a month.
    pub read_units: f64,
    /// The reads of a poll that compares everything.
    pub full_poll_seconds: f64,
    /// What all of this costs a month.
    pub dollars: f64,
}

impl TableCost {
    /// The table after `years` of `rate` alerts a day.
    pub fn of(rate: u32, years: u32) -> Self {
        let days = (years * 365).min(LINK_DAYS + 1);
        let links = u64::from(rate) * u64::from(days);
        let open = u64::from(rate);
        let index = open * u64::from(INDEX_DAYS + 1);
        let of_a_link = LINK_BYTES + ENTRIES * ENTRY_BYTES + OWNER_BYTES;
        let bytes = float(links * of_a_link + index * INDEX_BYTES);
        let index_units = float((index * INDEX_BYTES).div_ceil(4096));
        let comparison = float(open * READS_OF_A_LINK);
        let alerts = f64::from(rate) * DAYS;
        let write_units = alerts * WRITES_OF_AN_ALERT + MINUTES * WRITES_OF_A_CYCLE;
        let cycles = MINUTES * (READS_OF_A_CYCLE + index_units);
        let read_units = alerts * READS_OF_AN_ALERT + cycles + MINUTES / 60.0 * comparison;
        Self {
            links,
            bytes,
            write_units,
            read_units,
            full_poll_seconds: (index_units + comparison) / UNITS_A_SECOND,
            dollars: write_units / 1e6 * WRITE + read_units / 1e6 * READ + bytes / 1e9 * STORAGE,
        }
    }
}
