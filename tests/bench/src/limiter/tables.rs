//! The tables and their bars.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use halogard_domain::budget::{Limit, Pace};

use super::fleet;
use super::peers::{self, Peer};
use super::server::Model;
use super::workload::{Network, Outcome, Workload};
use crate::report::{Row, Section};

/// How much is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Hours, and the cells that differ most.
    Hours,
    /// Days, and every cell.
    Days,
}

const HOUR: Duration = Duration::from_secs(3600);

/// Instances that share the budget.
const FLEETS: [usize; 5] = [1, 5, 20, 100, 1000];

/// Measures one table.
type Measure = fn(Extent, u64, u64) -> Section;

/// Everything that is measured, by name.
const MEASURES: [(&str, Measure); 8] = [
    ("use", |extent, seed, runs| {
        saturated(extent, seed, runs, 0.0)
    }),
    ("deaths", |extent, seed, runs| {
        saturated(extent, seed, runs, 0.05)
    }),
    ("strict", |extent, seed, _| strict(extent, seed)),
    ("lower", lower),
    ("others", others),
    ("drains", |extent, seed, _| drains(extent, seed)),
    ("lanes", lanes),
    ("peers", |extent, seed, _| against_peers(extent, seed)),
];

/// The names of everything that is measured.
pub fn names() -> Vec<&'static str> {
    MEASURES.iter().map(|(name, _)| *name).collect()
}

/// Measures every table, or the one named `only`, and passes each to `on_section` as soon as it is complete.
pub fn all(
    extent: Extent,
    seed: u64,
    runs: u64,
    only: Option<&str>,
    mut on_section: impl FnMut(Section),
) {
    for ((name, measure), seed) in MEASURES.iter().zip((seed..).step_by(100_000)) {
        if only.is_none_or(|only| only == *name) {
            on_section(measure(extent, seed, runs));
        }
    }
}

/// Runs `scenes` on every core, and returns their outcomes in the same order.
fn run_all(scenes: &[Workload]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Outcome>> = scenes.iter().map(|_| Mutex::default()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(workload) = scenes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = fleet::run(workload);
                    let place = scenes.iter().position(|other| other.seed == workload.seed);
                    if let Some(slot) = place.and_then(|at| outcomes.get(at)) {
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
                    }
                }
            });
        }
    });
    outcomes
        .into_iter()
        .map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}

/// Saturated instances: use and refusals, and the writes it takes.
fn saturated(extent: Extent, seed: u64, runs: u64, deaths: f64) -> Section {
    let span = match extent {
        Extent::Hours => HOUR * 12,
        Extent::Days => HOUR * 24 * 7,
    };
    let fleets: &[usize] = match extent {
        Extent::Hours => &[1, 20, 1000],
        Extent::Days => &FLEETS,
    };
    let networks: &[Network] = match extent {
        Extent::Hours => &[Network::LONG, Network::HEAVY],
        Extent::Days => &Network::ALL,
    };
    let mut scenes = Vec::new();
    for instances in fleets {
        for model in Model::FOUR {
            for network in networks {
                for _ in 0..runs {
                    let seed = seed + scenes.len() as u64;
                    let workload = Workload::saturated(model, *instances, *network, span, seed);
                    scenes.push(Workload { deaths, ..workload });
                }
            }
        }
    }
    let outcomes = run_all(&scenes);
    let mut rows = Vec::new();
    for (workload, outcome) in scenes.iter().zip(&outcomes) {
        let writes = outcome.writes as f64 / outcome.sent as f64;
        let bar = if deaths > 0.0 { 0.985 } else { 0.996 };
        // The share of writes is a bar where a lease has time to grow: days, no deaths.
        let frugal = deaths > 0.0 || extent == Extent::Hours || writes <= 0.15;
        rows.push(Row {
            cells: format!(
                "{} | {} | {} | {} | {:.2} % | {} | {:.3} | {:.2} | {}{}",
                workload.instances,
                workload.model.name(),
                workload.network.name,
                workload.seed,
                outcome.used * 100.0,
                outcome.refused,
                writes,
                outcome.reads as f64 / outcome.sent as f64,
                outcome.ledger_bytes,
                if deaths > 0.0 {
                    format!(" | {}", outcome.died)
                } else {
                    String::new()
                },
            ),
            met: Some(outcome.used >= bar && outcome.refused == 0 && frugal),
        });
    }
    let hours = span.as_secs() / 3600;
    if deaths > 0.0 {
        Section {
            title: format!("{hours} h, 5 % of calls kill their instance: ≥ 98.5 %, no refusal"),
            head: "instances | server | round trip | seed | use | refused | writes per request | reads | bytes | deaths",
            rows,
            note: "",
        }
    } else {
        Section {
            title: format!(
                "{hours} h saturated, clocks ±50 ms: ≥ 99.6 %, no refusal, ≤ 0.15 writes"
            ),
            head: "instances | server | round trip | seed | use | refused | writes per request | reads | bytes",
            rows,
            note: "Use is counted from the end of the first window on. Writes count lost ones too; \
                   in the short run (`--quick`) leases of a large fleet have not grown yet, so they are not a bar there.",
        }
    }
}

/// A server that is stricter than the four by up to one request.
fn strict(extent: Extent, seed: u64) -> Section {
    let span = if extent == Extent::Hours {
        HOUR * 12
    } else {
        HOUR * 24 * 7
    };
    let scenes: Vec<Workload> = Network::ALL
        .iter()
        .zip(seed..)
        .map(|(network, seed)| {
            Workload::saturated(Model::InterpolatingStrict, 20, *network, span, seed)
        })
        .collect();
    let rows = scenes
        .iter()
        .zip(run_all(&scenes))
        .map(|(workload, outcome)| Row {
            cells: format!(
                "{} | {} | {} | {:.2} % | {}",
                workload.instances,
                workload.network.name,
                workload.seed,
                outcome.used * 100.0,
                outcome.refused
            ),
            met: None,
        });
    Section {
        title: "The same against a fifth server: interpolating, refusing from an estimate above the limit on".into(),
        head: "instances | round trip | seed | use | refused",
        rows: rows.collect(),
        note: "No bar. A slow request that crosses a window's boundary may make this server count one \
               more than was sent in it.",
    }
}

/// The true limit is lower than configured.
fn lower(extent: Extent, seed: u64, runs: u64) -> Section {
    let span = if extent == Extent::Hours {
        HOUR * 12
    } else {
        HOUR * 24 * 7
    };
    let mut scenes = Vec::new();
    for model in [
        Model::Rolling,
        Model::RollingStrict,
        Model::Fixed,
        Model::Interpolating,
    ] {
        for instances in [1, 20, 1000] {
            for _ in 0..runs {
                let seed = seed + scenes.len() as u64;
                let workload = Workload::saturated(model, instances, Network::LONG, span, seed);
                scenes.push(Workload {
                    truth: 300,
                    ..workload
                });
            }
        }
    }
    let rows = scenes
        .iter()
        .zip(run_all(&scenes))
        .map(|(workload, outcome)| {
            let settled = outcome.third_window as f64 / 300.0;
            Row {
                cells: format!(
                    "{} | {} | {} | {} | {:?} | {:.2} % | {:.2} %",
                    workload.instances,
                    workload.model.name(),
                    workload.seed,
                    outcome.refused,
                    outcome
                        .refused_at
                        .iter()
                        .take(6)
                        .map(|at| at / 1000)
                        .collect::<Vec<_>>(),
                    settled * 100.0,
                    outcome.used * 100.0
                ),
                met: Some(outcome.refused <= 3 && settled >= 0.99),
            }
        });
    Section {
        title: "The limit is 300 and 450 is configured: ≤ 3 refusals in all, ≥ 99 % of 300 within two windows".into(),
        head: "instances | server | seed | refused | at, s | use in the third window | use",
        rows: rows.collect(),
        note: "",
    }
}

/// Others take a third of the account's limit.
fn others(extent: Extent, seed: u64, runs: u64) -> Section {
    let span = if extent == Extent::Hours {
        HOUR * 24
    } else {
        HOUR * 24 * 7
    };
    let mut scenes = Vec::new();
    for model in Model::FOUR {
        for instances in [1, 20] {
            for _ in 0..runs {
                let seed = seed + scenes.len() as u64;
                let workload = Workload::saturated(model, instances, Network::LONG, span, seed);
                scenes.push(Workload {
                    others: 0.45,
                    ..workload
                });
            }
        }
    }
    let hours = span.as_secs_f64() / 3600.0;
    let rows = scenes
        .iter()
        .zip(run_all(&scenes))
        .map(|(workload, outcome)| {
            let first_day = outcome
                .refused_at
                .iter()
                .filter(|at| **at < 86_400_000)
                .count();
            let per_hour = outcome.refused as f64 / hours;
            Row {
                cells: format!(
                    "{} | {} | {} | {} | {} | {:.2} | {:.1} %",
                    workload.instances,
                    workload.model.name(),
                    workload.seed,
                    outcome.refused,
                    first_day,
                    per_hour,
                    outcome.used / 0.7 * 100.0
                ),
                met: Some(per_hour <= 1.0),
            }
        });
    Section {
        title: "Others take 30 % of the limit, by chance (0.45 a second): ≤ 1 refusal an hour"
            .into(),
        head: "instances | server | seed | refused | in the first day | an hour | use of the other 70 %",
        rows: rows.collect(),
        note: "",
    }
}

/// Backlogs.
fn drains(extent: Extent, seed: u64) -> Section {
    let sizes: &[u64] = if extent == Extent::Hours {
        &[450, 900, 4_500]
    } else {
        &[450, 900, 4_500, 45_000]
    };
    let mut scenes = Vec::new();
    for pace in [Pace::Burst, Pace::Even] {
        for size in sizes {
            let seed = seed + scenes.len() as u64;
            let workload =
                Workload::saturated(Model::Rolling, 100, Network::SHORT, HOUR * 24, seed);
            scenes.push(Workload {
                pace,
                backlog: Some(*size),
                ..workload
            });
        }
    }
    let rows = scenes
        .iter()
        .zip(run_all(&scenes))
        .map(|(workload, outcome)| {
            let size = workload.backlog.unwrap_or_default();
            let windows = size.div_ceil(450) - 1;
            let ideal = match workload.pace {
                Pace::Burst => 300.0 * windows as f64,
                Pace::Even => size as f64 / 1.4967,
            };
            let took = outcome.done_at as f64 / 1000.0;
            // One per cent; for an empty queue, the time of the calls themselves.
            let most = (ideal * 1.01).max(3.0);
            Row {
                cells: format!(
                    "{:?} | {size} | {} | {ideal:.1} s | {took:.1} s | {}",
                    workload.pace, workload.seed, outcome.refused
                ),
                met: Some(took <= most && outcome.refused == 0),
            }
        });
    Section {
        title: "Backlogs, 100 instances, a rolling server: within 1 % of the ideal".into(),
        head: "pace | requests | seed | ideal | took | refused",
        rows: rows.collect(),
        note: "The ideal is 300 · (⌈N ÷ 450⌉ − 1) s in bursts and N ÷ 1.4967 s paced. A paced backlog is \
               faster while it is small: its first requests go in a burst.",
    }
}

/// Urgent work beside a backlog.
fn lanes(extent: Extent, seed: u64, runs: u64) -> Section {
    let mut scenes = Vec::new();
    let fleets: &[usize] = if extent == Extent::Hours {
        &[20]
    } else {
        &[1, 20, 100]
    };
    for instances in fleets {
        for (urgent, network) in [
            (1.0 / 60.0, Network::LONG),
            (0.2, Network::LONG),
            (0.2, Network::HEAVY),
        ] {
            for _ in 0..runs {
                let seed = seed + scenes.len() as u64;
                let workload =
                    Workload::saturated(Model::Rolling, *instances, network, HOUR * 2, seed);
                scenes.push(Workload {
                    urgent,
                    backlog: Some(10_000),
                    ..workload
                });
            }
        }
    }
    let rows = scenes
        .iter()
        .zip(run_all(&scenes))
        .map(|(workload, outcome)| {
            let mut waits = outcome.urgent_waits.clone();
            waits.sort_unstable();
            let at = |part: f64| {
                waits
                    .get((waits.len() as f64 * part) as usize)
                    .or(waits.last())
                    .copied()
                    .unwrap_or(0)
            };
            let gap = outcome.bulk_gap;
            Row {
                cells: format!(
                    "{} | {} | {:.0} | {} | {} | {} ms | {} ms | {} ms | {:.0} s | {} | {:.2} %",
                    workload.instances,
                    workload.network.name,
                    workload.urgent * 60.0,
                    workload.seed,
                    waits.len(),
                    at(0.5),
                    at(0.99),
                    waits.last().copied().unwrap_or(0),
                    gap as f64 / 1000.0,
                    outcome.refused,
                    outcome.used * 100.0,
                ),
                met: Some(at(0.99) <= 2_000 && gap <= 300_000 && outcome.refused == 0),
            }
        });
    Section {
        title: "Urgent requests beside 10,000 of bulk work: ≤ 2 s at p99, bulk waits ≤ 1 window"
            .into(),
        head: "instances | round trip | urgent a minute | seed | urgent | p50 | p99 | most | longest without bulk | refused | use",
        rows: rows.collect(),
        note: "Two hours. Each kind asks for its share of the same budget.",
    }
}

/// Others' limiters on the same servers.
fn against_peers(extent: Extent, seed: u64) -> Section {
    let span = if extent == Extent::Hours {
        HOUR * 2
    } else {
        HOUR * 24
    };
    let mut rows = Vec::new();
    for peer in Peer::ALL {
        for model in Model::FOUR {
            let result = peers::run(peer, model, Network::LONG, span, None, seed);
            let drained = peers::run(peer, model, Network::LONG, HOUR * 24, Some(4_500), seed);
            let used = result.accepted as f64 / (1.5 * (span.as_secs_f64() - 300.0));
            rows.push(Row {
                cells: format!(
                    "{} | {} | {:.1} % | {} | {} | {:.0} s",
                    peer.name(),
                    model.name(),
                    used * 100.0,
                    result.refused,
                    result.given_up,
                    drained.done_at as f64 / 1000.0
                ),
                met: None,
            });
        }
    }
    Section {
        title: format!(
            "What others do, {} h, one process with 20 workers, round trip 0.3 s",
            span.as_secs() / 3600
        ),
        head: "limiter | server | use | refused | given up | 4,500 take",
        rows,
        note: "None of them is shared by instances: more processes would be worse.",
    }
}

const _: () = assert!(Limit::DEFAULT.requests_max == 450);
