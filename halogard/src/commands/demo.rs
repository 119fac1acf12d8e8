//! `demo`: both vendors simulated, the whole bundle on the embedded store, alerts raised, updated
//! and closed on both sides, and a verdict at the end.

mod instance;
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
use instance::Instance;
use progress::Progress;
use script::Script;
use vendors::SimulatedVendors;

/// How often the script is moved on, in simulated time.
const BEAT: Duration = Duration::from_secs(2);

/// The bundle polls this often, in simulated time.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// After the last event, the time both sides have to agree: what a day's outage would not need.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);

/// Agreement has to hold this long to count: longer than a sweep and an inspector's run.
const CALM: Duration = Duration::from_secs(180);

/// Runs the demo to its verdict.
pub async fn run(options: &DemoOptions) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    // Before there is anything to take away.
    let stopped = shutdown_signal();
    tokio::pin!(stopped);
    let clock = AcceleratedClock::starting_now(options.speed);
    let vendors = SimulatedVendors::build(options, clock).await?;
    let folder = vendors::DataFolder::make()?;
    let mut instance = Instance::begin(&vendors, folder.path(), clock).await?;
    let mut script = Script::write(options, &vendors.world, clock.now());
    let progress = Progress::start(options);
    if options.faults {
        vendors.start_faults();
    }
    let mut crash_due = options.faults;
    let mut calm_since = None;
    let give_up = loop {
        tokio::select! {
            () = clock.sleep(BEAT) => {}
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
            progress.remark("crash: the bundle dies in the middle, and starts again");
            instance.crash().await;
            instance = Instance::begin(&vendors, folder.path(), clock).await?;
        }
        if options.faults && script.is_over() {
            vendors.stop_faults();
        }
        let verdict = verify::verdict(&vendors, &script);
        progress.show(&script, &verdict, &vendors);
        let agreed = script.is_over() && verdict.is_good() && instance.is_idle().await?;
        let since = *calm_since.get_or_insert(now);
        if !agreed {
            calm_since = None;
        } else if now.since(since) >= CALM {
            break false;
        }
        if script.is_over() && now.since(script.ended_at()) > PATIENCE {
            break true;
        }
    };
    progress.end();
    let verdict = verify::verdict(&vendors, &script);
    let summary = summary::Summary::new(options, &vendors, &verdict, began.elapsed());
    summary.print(options.json)?;
    if give_up {
        output::problem("both sides do not agree although nothing is left to do");
        verify::explain(&vendors, &script);
    }
    if options.keep && !give_up {
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
