//! `demo`: both vendors simulated, the whole of Halogard on a store in a temporary folder. Alerts are
//! raised, updated and closed on both sides, and the result is verified at the end.

mod events;
mod instance;
mod pairs;
mod progress;
mod script;
pub mod summary;
mod vendors;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use events::EventLog;
use halogard_app::ports::Clock;
use halogard_simulator::Dialect;
use instance::DemoInstance;
use progress::{Phase, Progress};
use script::Script;
use tokio::time::Instant;
use vendors::SimulatedVendors;
use verify::DemoVerdict;

use crate::cli::ModeName;
use crate::clock::{AcceleratedClock, SleepClock};
use crate::commands::serve::shutdown_signal;
use crate::output;

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoOptions {
    /// How many alerts are raised.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub alerts: u32,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Who creates the tickets.
    #[arg(long, value_enum, default_value_t = ModeName::Managed)]
    pub mode: ModeName,
    /// Inject faults: lost responses, server errors, lost webhooks, and a crash half-way.
    #[arg(long)]
    pub faults: bool,
    /// Print the summary as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
    /// How both vendors behave where their APIs may be read in more than one way: a set (reference, strict,
    /// on-premises, observed-a, observed-b, worst), or switches, separated by commas.
    #[arg(long, default_value = "reference", value_name = "NAMES")]
    pub dialect: Dialect,
    /// Keep serving afterwards, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// How many times faster than the wall clock simulated time passes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub speed: u32,
}

/// How often the script advances, in simulated time.
const STEP: Duration = Duration::from_secs(2);

/// Interval of the sweeps, in simulated time. Liongard is polled as often as `serve` polls it by default.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// After the last event, the simulated time in which both sides must agree.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// Agreement has to last this long to count: longer than a sweep and an inspector's run.
const STABLE_FOR: Duration = Duration::from_secs(180);

/// Runs the demo to its result.
pub async fn run(options: &DemoOptions) -> anyhow::Result<ExitCode> {
    if options.mode == ModeName::Observe {
        anyhow::bail!("a demo shows Halogard at work; in observe mode it only reads");
    }
    let began = Instant::now();
    // Before there is anything to clean up.
    let stopped = shutdown_signal();
    tokio::pin!(stopped);
    let clock = AcceleratedClock::starting_now(options.speed);
    let vendors = SimulatedVendors::build(options, clock).await?;
    let folder = vendors::DataFolder::create()?;
    let mut instance = DemoInstance::begin(&vendors, folder.path(), clock).await?;
    let mut script = Script::write(options, &vendors.world, clock.now());
    let mut events = EventLog::new(&vendors.world, options.alerts, clock.now());
    let mut progress = Progress::start(options, &events);
    if options.faults {
        vendors.start_faults();
    }
    let mut crash_due = options.faults;
    let mut agreed_since = None;
    let (verdict, timed_out) = loop {
        tokio::select! {
            () = clock.sleep(STEP) => {}
            () = &mut stopped => {
                instance.stop().await;
                output::remark("stopped");
                return Ok(ExitCode::FAILURE);
            }
        }
        let now = clock.now();
        script.advance(&vendors, now)?;
        if crash_due && script.is_half_over() {
            crash_due = false;
            progress.line("crash: Halogard is killed in the middle of its work, and starts again");
            instance.crash().await;
            instance = DemoInstance::begin(&vendors, folder.path(), clock).await?;
        }
        if options.faults && script.is_over() {
            vendors.stop_faults();
        }
        let pairs = pairs::pairs(&vendors, &script);
        for line in events.observe(&pairs, &script) {
            progress.line(&line);
        }
        let verdict = DemoVerdict::of(&pairs);
        let agreed = script.is_over() && verdict.is_good() && instance.is_idle().await?;
        progress.show(
            Phase::of(&script, options, agreed),
            &script,
            &verdict,
            &vendors,
        );
        if !agreed {
            agreed_since = None;
        } else if now.since(*agreed_since.get_or_insert(now)) >= STABLE_FOR {
            break (verdict, false);
        }
        if script.is_over() && now.since(script.ended_at()) > AGREEMENT_TIMEOUT {
            break (verdict, true);
        }
    };
    progress.end();
    let latencies = &events.latencies;
    let summary = summary::Summary::new(options, &vendors, &verdict, latencies, began.elapsed());
    summary.print(options.json)?;
    if timed_out {
        output::problem("both sides do not agree, although no work is left");
        verify::explain(&pairs::pairs(&vendors, &script));
    }
    if options.keep && !timed_out {
        vendors.announce(&instance);
        stopped.await;
    }
    instance.stop().await;
    Ok(if verdict.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
