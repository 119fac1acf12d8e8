//! What years of alerts cost: `bench years`.
//!
//! SQLite for real: each day's alerts are saved through the store's ports under a clock that runs as fast as the
//! disk allows, closed the day after, taken from the index a week later as polls do, and deleted by age. DynamoDB by
//! the sizes and units of its items as `shared/aws/tests/cost.rs` measures them. A rate that would take hours is
//! computed from a lower one, and only once the lower one's curve is flat.

mod dynamodb;
mod store;

use crate::report::{Report, Row, Section};
use dynamodb::TableCost;
use store::{Observation, StoreUnderLoad};

/// The years after which is measured.
const YEARS: [u32; 5] = [1, 2, 3, 4, 5];

/// The years of the table.
const SHOWN: [u32; 3] = [1, 2, 5];

/// Alerts a day.
const RATES: [u32; 3] = [100, 1_000, 10_000];

/// By how much a curve may rise after the age of what it keeps and still count as flat: pages that are given back
/// later than they become free.
const FLAT_WITHIN: f64 = 1.10;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// The highest rate, in alerts a day, that is run on SQLite. Higher ones are computed from it.
    #[arg(long, default_value_t = 1_000)]
    run_up_to: u32,
}

/// Measures; `false` when a bar is missed.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut report = Report::begin("What years of alerts cost", 0);
    let mut measured: Vec<(u32, Vec<Observation>)> = Vec::new();
    for rate in RATES {
        if rate <= options.run_up_to {
            let observations = runtime.block_on(observe(rate))?;
            report.add(&curve(rate, &observations));
            measured.push((rate, observations));
        }
    }
    report.add(&sqlite(&measured));
    report.add(&table(&measured));
    Ok(report.end())
}

/// One store under `rate` alerts a day, at the end of each year.
async fn observe(rate: u32) -> anyhow::Result<Vec<Observation>> {
    let mut store = StoreUnderLoad::open(rate)?;
    let mut observations = Vec::new();
    for _ in YEARS {
        store.live_for_a_year().await?;
        observations.push(store.observe().await?);
    }
    Ok(observations)
}

/// Whether nothing grows from the second year on.
fn is_flat(observations: &[Observation]) -> bool {
    let bytes: Vec<f64> = observations.iter().map(|it| float(it.bytes)).collect();
    match bytes.as_slice() {
        [_, second, later @ ..] => later.iter().all(|bytes| *bytes <= second * FLAT_WITHIN),
        _ => false,
    }
}

/// The curve of one rate.
fn curve(rate: u32, observations: &[Observation]) -> Section {
    let flat = is_flat(observations);
    let rows = YEARS.iter().zip(observations).map(|(year, seen)| Row {
        cells: format!(
            "{year} | {} | {} | {:.1} | {:.0}",
            seen.links,
            seen.index,
            megabytes(float(seen.bytes)),
            seen.round.as_secs_f64() * 1000.0,
        ),
        met: (*year == 5).then_some(flat),
    });
    Section {
        title: format!("SQLite, {rate} alerts a day: flat after the age of what is kept (a year)"),
        head: "year | links | index entries | MB on disk | ms of a full poll's reads",
        rows: rows.collect(),
        note: "Links and journal are kept for 365 days after they are over. A full poll's reads: the index, the \
               links of open alerts, parked and refused ones, runs.",
    }
}

/// The rate that is measured and closest to `rate`, and by how much `rate` is more.
fn basis(measured: &[(u32, Vec<Observation>)], rate: u32) -> Option<(&[Observation], f64)> {
    let (known, observations) = measured.iter().rev().find(|(known, _)| *known <= rate)?;
    let times = f64::from(rate) / f64::from(*known);
    // Nothing is concluded from a curve that still rises.
    (times <= 1.0 || is_flat(observations)).then_some((observations.as_slice(), times))
}

/// What SQLite holds, measured or computed.
fn sqlite(measured: &[(u32, Vec<Observation>)]) -> Section {
    let mut rows = Vec::new();
    for rate in RATES {
        for year in SHOWN {
            let Some((observations, times)) = basis(measured, rate) else {
                rows.push(Row {
                    cells: format!("{rate} | {year} | not measured | | "),
                    met: Some(false),
                });
                continue;
            };
            let at = usize::try_from(year).unwrap_or(1) - 1;
            let Some(seen) = observations.get(at) else {
                continue;
            };
            let how = if times > 1.0 { "computed" } else { "measured" };
            rows.push(Row {
                cells: format!(
                    "{rate} | {year} | {how} | {:.2} GB | {:.2} s",
                    float(seen.bytes) * times / 1e9,
                    seen.round.as_secs_f64() * times,
                ),
                met: None,
            });
        }
    }
    Section {
        title: "SQLite after 1, 2 and 5 years".to_owned(),
        head: "alerts a day | years | how | on disk | a full poll's reads",
        rows,
        note: "Computed: a flat curve times the rate. Bytes and reads grow with the rate: compare the measured ones.",
    }
}

/// What DynamoDB holds and costs.
fn table(measured: &[(u32, Vec<Observation>)]) -> Section {
    let mut rows = Vec::new();
    for rate in RATES {
        let mut second = None;
        for year in SHOWN {
            let cost = TableCost::of(rate, year);
            let known = measured.iter().find(|(known, _)| *known == rate);
            let at = usize::try_from(year).unwrap_or(1) - 1;
            // Both stores keep the same records.
            let agrees = known.and_then(|(_, seen)| seen.get(at)).is_none_or(|seen| {
                let (ours, theirs) = (float(seen.links), float(cost.links));
                (ours - theirs).abs() <= theirs * 0.02
            });
            if year == 2 {
                second = Some(cost.dollars);
            }
            let flat = second.is_none_or(|second| cost.dollars <= second * FLAT_WITHIN);
            rows.push(Row {
                cells: format!(
                    "{rate} | {year} | {} | {:.2} GB | {:.2} | {:.2} | {:.1} s | {:.2}",
                    cost.links,
                    cost.bytes / 1e9,
                    cost.write_units / 1e6,
                    cost.read_units / 1e6,
                    cost.full_poll_seconds,
                    cost.dollars,
                ),
                met: Some(agrees && flat),
            });
        }
    }
    Section {
        title: "DynamoDB after 1, 2 and 5 years: as many links as SQLite has, and no more dollars than in the second year"
            .to_owned(),
        head: "alerts a day | years | links | table | million write units a month | million read units a month | a full \
               poll's reads | dollars a month",
        rows,
        note: "By the measured units of each item, at 3,000 read units a second of one partition; storage with \
               point-in-time recovery. An alert is open for a day.",
    }
}

/// Megabytes.
fn megabytes(bytes: f64) -> f64 {
    bytes / 1e6
}

/// A count, for shares.
#[expect(clippy::cast_precision_loss, reason = "a figure for a table")]
const fn float(count: u64) -> f64 {
    count as f64
}
