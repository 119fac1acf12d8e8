//! Requests to HaloPSA and store writes per alert: `bench requests`.
//!
//! The use cases and clients as the program has them, the embedded store, both simulators, and time that
//! moves as fast as the work allows.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_app::SWEEP_INTERVAL;
use halogard_app::ports::Clock as _;
use halogard_domain::budget::Limit;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::halopsa::PayloadSize;
use halogard_simulator::liongard::AlertChange;
use halogard_tests::{Scenario, Setup};
use tracing::Level;

use crate::report::{Report, Row, Section};

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the program waits for a permit. The functions do not wait.
const DEADLINE: Duration = Limit::LEASE_AHEAD;

/// HaloPSA's window.
const WINDOW: Duration = Duration::from_secs(300);

/// The technician who closes tickets.
const TECHNICIAN: i64 = 12;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Alerts raised at once.
    #[arg(long, default_value_t = 10_000)]
    alerts: u32,
    /// The seed of the simulators.
    #[arg(long, default_value_t = 20_261_121)]
    seed: u64,
}

/// Measures; `false` when a bar is missed.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut report = Report::begin("What alerts cost", options.seed);
    report.add(&runtime.block_on(one_alert(options.seed))?);
    report.add(&runtime.block_on(idle_day(options.seed)));
    report.add(&runtime.block_on(at_once(options)));
    Ok(report.end())
}

/// A bundle as deployed, in step with an empty HaloPSA.
async fn quiet(seed: u64, storms: Option<StormPolicy>, patience: Duration) -> Scenario {
    let setup = Setup {
        storms,
        seed,
        patience,
        sweep_interval: SWEEP_INTERVAL,
        payload: PayloadSize::Full,
        level: Level::ERROR,
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    bundle
}

/// Requests and writes so far.
struct Spent {
    routes: BTreeMap<String, u64>,
    writes: BTreeMap<&'static str, u64>,
}

impl Spent {
    fn so_far(bundle: &Scenario) -> Self {
        Self {
            routes: bundle.halo.stats().traffic.by_route,
            writes: bundle.store_activity.writes(),
        }
    }

    /// Requests since `before`.
    fn requests_since(&self, before: &Self) -> u64 {
        self.routes.values().sum::<u64>() - before.routes.values().sum::<u64>()
    }

    /// Requests since `before` by route, in words.
    fn routes_since(&self, before: &Self) -> String {
        let of = |spent: &Self, route: &str| spent.routes.get(route).copied().unwrap_or_default();
        let spent = self.routes.keys().filter_map(|route| {
            let count = of(self, route) - of(before, route);
            (count > 0).then(|| format!("`{route}` {count}"))
        });
        spent.collect::<Vec<_>>().join(", ")
    }

    /// Requests since `before` that come by time and not by alert: sweeps and tokens.
    fn by_time_since(&self, before: &Self) -> u64 {
        let of = |spent: &Self, route: &str| spent.routes.get(route).copied().unwrap_or_default();
        ["GET /Tickets", "POST /auth/token"]
            .into_iter()
            .map(|route| of(self, route) - of(before, route))
            .sum()
    }

    /// Calls since `before` that wrote something else than messages, marks and runs, each with what
    /// it wrote.
    fn writes_since(&self, before: &Self) -> (u64, String) {
        let kinds = [
            "links",
            "alert_index",
            "journal",
            "leases",
            "storm",
            "notifications",
        ];
        let of = |spent: &Self, kind| spent.writes.get(kind).copied().unwrap_or_default();
        let counts = kinds.map(|kind| (kind, of(self, kind) - of(before, kind)));
        let words: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        (
            counts.iter().map(|(_, count)| count).sum(),
            words.join(", "),
        )
    }
}

/// One alert from open to closed.
async fn one_alert(seed: u64) -> anyhow::Result<Section> {
    let mut bundle = Box::pin(quiet(seed, None, DEADLINE)).await;
    let mut rows = Vec::new();
    let mut before = Spent::so_far(&bundle);
    let mut add = |what: &str, most: u64, bundle: &Scenario| {
        let now = Spent::so_far(bundle);
        let by_time = now.by_time_since(&before);
        let requests = now.requests_since(&before) - by_time;
        let (writes, which) = now.writes_since(&before);
        rows.push(Row {
            cells: format!("{what} | {requests} | {by_time} | {writes} | {which}"),
            met: Some(requests <= most),
        });
        before = now;
    };

    let alert = bundle.raise(0, "Disk full");
    bundle.run_until_quiet().await;
    add("raised", 1, &bundle);
    if let Some(ticket) = bundle.ticket_of(alert) {
        change(&bundle, alert)?;
        bundle.run_until_quiet().await;
        add("its text changes", 1, &bundle);
        bundle.halo.close_ticket(ticket.id, TECHNICIAN)?;
        bundle.run_until_quiet().await;
        add("a technician closes its ticket", 0, &bundle);
    }
    let other = bundle.raise(1, "Disk full");
    bundle.run_until_quiet().await;
    add("another is raised", 1, &bundle);
    bundle.liongard.close(other)?;
    bundle.run_until_quiet().await;
    add("it is over", 1, &bundle);
    Ok(Section {
        title: "One alert: ≤ 1 request each, none when a webhook says enough".to_owned(),
        head: "what happens | requests | sweeps and tokens meanwhile | store writes | of what",
        rows,
        note: "Requests without those that come by time. A write is one call to the store, whatever it \
               holds; messages, marks and runs are not counted.",
    })
}

/// Lets Liongard say something else about `alert`.
fn change(bundle: &Scenario, alert: i64) -> anyhow::Result<()> {
    let change = AlertChange {
        description: Some("Another text".to_owned()),
        ..AlertChange::default()
    };
    Ok(bundle.liongard.change(alert, change)?)
}

/// A day on which nothing happens.
async fn idle_day(seed: u64) -> Section {
    let mut bundle = Box::pin(quiet(seed, None, DEADLINE)).await;
    let before = Spent::so_far(&bundle);
    bundle.run_for(DAY).await;
    let requests = Spent::so_far(&bundle).requests_since(&before);
    Section {
        title: "An idle day: ≤ 320 requests".to_owned(),
        head: "requests",
        rows: vec![Row {
            cells: requests.to_string(),
            met: Some(requests <= 320),
        }],
        note: "Liongard is polled every minute, HaloPSA swept every five.",
    }
}

/// Many alerts at once, with tickets of their own and sharing them.
async fn at_once(options: &Options) -> Section {
    let mut rows = Vec::new();
    let program = ("program", DEADLINE);
    let functions = ("functions", Duration::ZERO);
    for (shared, (budget, patience)) in [(false, program), (false, functions), (true, program)] {
        let storms = shared.then(StormPolicy::default);
        let mut bundle = Box::pin(quiet(options.seed, storms, patience)).await;
        let before = Spent::so_far(&bundle);
        let began = bundle.time.now();
        let alerts: Vec<i64> = (0..options.alerts)
            .map(|number| {
                if shared {
                    bundle.raise(0, "Disk full")
                } else {
                    bundle.raise(i64::from(number % 6), &format!("Rule {number}"))
                }
            })
            .collect();
        // Until every alert's pair is settled.
        let mut left = alerts.iter().copied().peekable();
        while let Some(alert) = left.peek() {
            if bundle.pair_status(*alert).await.is_some_and(settled) {
                left.next();
            } else {
                bundle.run_for(Duration::from_secs(1)).await;
            }
        }
        let took = bundle.time.now().since(began);
        let spent = Spent::so_far(&bundle);
        let first = spent.requests_since(&before);
        let (writes, which) = spent.writes_since(&before);
        bundle.run_for(Duration::from_secs(60 * 60)).await;
        let after = Spent::so_far(&bundle);
        let (hour, routes) = (after.requests_since(&spent), after.routes_since(&spent));
        let tickets = bundle.halo.tickets().len();
        let each = per_alert(writes, options.alerts);
        let what = if shared {
            "one rule, one customer, storms on"
        } else {
            "each of its own rule"
        };
        let in_window = took <= WINDOW;
        rows.push(Row {
            cells: format!(
                "{} | {what} | {budget} | {tickets} | {first} | {:.0} s | {hour} | {routes} | {} | {each:.2} | {which}",
                alerts.len(),
                took.as_secs_f64(),
                bundle.halo.stats().traffic.rejected_429,
            ),
            met: Some(first <= 210 && in_window && each <= 3.0),
        });
    }
    Section {
        title: "Raised at once: ≤ 210 requests inside the first window, ≤ 3 writes per alert"
            .to_owned(),
        head: "alerts | which | budget of the | tickets | requests | took | requests in the hour after | on what | refused | \
               store writes per alert | of what",
        rows,
        note: "Took counts from the moment they are raised, the wait for the next poll included. The hour \
               after begins there; in it are the sweeps that list the tickets. The program waits up to \
               five seconds for a permit, the functions break off and come back.",
    }
}

/// Whether a pair is settled.
const fn settled(standing: halogard_domain::pair_status::PairStatus) -> bool {
    use halogard_domain::pair_status::PairStatus;
    matches!(standing, PairStatus::InSync | PairStatus::InStorm)
}

/// A share, for people.
#[expect(clippy::cast_precision_loss, reason = "a figure for a table")]
fn per_alert(writes: u64, alerts: u32) -> f64 {
    writes as f64 / f64::from(alerts)
}
