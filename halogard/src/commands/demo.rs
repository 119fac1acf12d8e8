//! `demo`: both vendors simulated, the whole of Halogard on a store in a temporary folder. Alerts are
//! raised, updated and closed on both sides, and the result is verified at the end.

mod events;
mod instance;
mod pairs;
mod progress;
mod script;
mod summary;
mod vendors;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use halogard_app::ports::Clock;
use tokio::time::Instant;

use crate::cli::DemoOptions;
use crate::clock::{AcceleratedClock, SleepClock};
use crate::commands::serve::shutdown_signal;
use crate::output;
use events::EventLog;
use instance::DemoInstance;
use progress::{Phase, Progress};
use script::Script;
use vendors::SimulatedVendors;
use verify::DemoVerdict;

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
