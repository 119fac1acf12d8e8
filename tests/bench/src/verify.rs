//! What a comparison of both sides costs: `bench verify`.
//!
//! The scheduled comparison as `serve` and the functions make it, over the clients as the program has them, the embedded
//! store, both simulators, and time that moves as fast as the work allows.

use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::verification::VerificationResult;
use halogard_operations::verify::scheduled::{ScheduledVerification, VerificationStep};
use halogard_tests::{Scenario, Setup};
use tracing::Level;

use crate::report::{Report, Row, Section};

/// Time until the program goes on with a comparison of which a step has failed.
const PAUSE: Duration = Duration::from_secs(60);

/// How long a comparison waits for a permit, as in `serve`.
const PATIENCE: Duration = Duration::from_secs(600);

/// Time in which a poll has noticed the alerts that were raised.
const POLLED: Duration = Duration::from_secs(70);

/// Requests that HaloPSA allows in any window.
const LIMIT: usize = 450;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Pairs that are compared.
    #[arg(long, default_value_t = 10_000)]
    pairs: u32,
    /// Alerts that are raised meanwhile, in the second run.
    #[arg(long, default_value_t = 1_000)]
    raised: u32,
    /// The seed of the simulators.
    #[arg(long, default_value_t = 20_261_129)]
    seed: u64,
}

/// Measures; `false` when a bar is missed.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut report = Report::begin("What a comparison of both sides costs", options.seed);
    report.add(&runtime.block_on(compared(options))?);
    Ok(report.end())
}

/// Compares every pair of an installation in sync: alone, and while alerts are raised.
async fn compared(options: &Options) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    for raised in [0, options.raised] {
        let mut bundle = Box::pin(in_sync(options)).await;
        let before = bundle.halo.stats().traffic;
        let began = bundle.time.now();
        let wall = tokio::time::Instant::now();
        for number in 0..raised {
            bundle.raise(i64::from(number % 6), &format!("Late rule {number}"));
        }
        if raised > 0 {
            bundle.run_for(POLLED).await;
        }
        let result = compare(&mut bundle).await?;
        let took = bundle.time.now().since(began);
        let traffic = bundle.halo.stats().traffic;
        let refused = traffic.rejected_429 - before.rejected_429;
        let all = traffic.by_route.values().sum::<u64>() - before.by_route.values().sum::<u64>();
        let tally = &result.tally;
        let needed = u64::from(options.pairs).div_ceil(100);
        rows.push(Row {
            cells: format!(
                "{} | {raised} | {} | {all} | {:.0} s | {:.1} s | {} | {refused} | {}",
                tally.pairs,
                tally.requests,
                took.as_secs_f64(),
                wall.elapsed().as_secs_f64(),
                traffic.window_max,
                tally.count(),
            ),
            met: Some(
                tally.count() == 0
                    && tally.requests <= needed + needed / 10 + u64::from(raised).div_ceil(10)
                    && traffic.window_max <= LIMIT
                    && refused == 0,
            ),
        });
    }
    Ok(Section {
        title: format!(
            "{} pairs in sync: a request for each hundred tickets, never over the limit, no difference",
            options.pairs
        ),
        head: "pairs compared | alerts raised meanwhile | requests of the comparison | requests to HaloPSA in all | took | of this machine's time | most requests in any 300 s | refused | differences",
        rows,
        note: "Took is simulated time, from the first step to the last: the comparison waits for permits that no other \
               work needs. Sweeps, and what the raised alerts cost, are in the requests in all.",
    })
}

/// A bundle whose pairs are in sync, hours after the last was opened.
async fn in_sync(options: &Options) -> Scenario {
    let setup = Setup {
        seed: options.seed,
        level: Level::ERROR,
        patience: PATIENCE,
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    for number in 0..options.pairs {
        bundle.raise(i64::from(number % 6), &format!("Rule {number}"));
    }
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(2 * 3600)).await;
    bundle
}

/// Steps until the comparison has ended, as `serve` does.
async fn compare(bundle: &mut Scenario) -> anyhow::Result<VerificationResult> {
    let desk = bundle.bulk_desk();
    loop {
        let process = bundle.process();
        let verification = ScheduledVerification {
            source: &process.use_cases.liongard,
            desk: &desk,
        };
        let (policy, now) = (process.use_cases.policy(), bundle.time.now());
        match verification.advance(&process.store, &policy, now).await {
            Ok(VerificationStep::Ended(result)) => return Ok(result),
            Ok(VerificationStep::NotDue) => anyhow::bail!("no comparison is due"),
            Ok(VerificationStep::Advanced) => {}
            // The next call goes on.
            Err(_) => bundle.run_for(PAUSE).await,
        }
    }
}
