//! `demo`: both vendors simulated, the whole bundle on the embedded store, alerts raised, updated
//! and closed on both sides, and a verdict at the end.

mod estate;
mod judge;
mod life;
mod progress;
mod story;
mod summary;

use std::process::ExitCode;
use std::time::Duration;

use halogard_app::ports::Clock;
use tokio::time::Instant;

use crate::cli::DemoOptions;
use crate::output;
use crate::pace::{Pace, WarpClock};
use crate::serve::told_to_stop;
use estate::Estate;
use life::Life;
use progress::Progress;
use story::Story;

/// How often the story is moved on, in simulated time.
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
    let stopped = told_to_stop();
    tokio::pin!(stopped);
    let clock = WarpClock::starting_now(options.speed);
    let estate = Estate::build(options, clock).await?;
    let folder = estate::DataFolder::make()?;
    let mut life = Life::begin(&estate, folder.path(), clock).await?;
    let mut story = Story::write(options, &estate.world, clock.now());
    let progress = Progress::start(options);
    if options.faults {
        estate.let_things_break();
    }
    let mut crash_due = options.faults;
    let mut calm_since = None;
    let give_up = loop {
        tokio::select! {
            () = clock.sleep(BEAT) => {}
            () = &mut stopped => {
                life.stop().await;
                output::remark("stopped");
                return Ok(ExitCode::FAILURE);
            }
        }
        let now = clock.now();
        story.move_on(&estate, now)?;
        if crash_due && story.is_half_told() {
            crash_due = false;
            progress.remark("crash: the bundle dies in the middle, and starts again");
            life.crash().await;
            life = Life::begin(&estate, folder.path(), clock).await?;
        }
        if options.faults && story.is_told() {
            estate.let_things_work();
        }
        let verdict = judge::verdict(&estate, &story);
        progress.show(&story, &verdict, &estate);
        let agreed = story.is_told() && verdict.is_good() && life.is_idle().await?;
        let since = *calm_since.get_or_insert(now);
        if !agreed {
            calm_since = None;
        } else if now.since(since) >= CALM {
            break false;
        }
        if story.is_told() && now.since(story.ended_at()) > PATIENCE {
            break true;
        }
    };
    progress.end();
    let verdict = judge::verdict(&estate, &story);
    let summary = summary::Summary::new(options, &estate, &verdict, began.elapsed());
    summary.print(options.json)?;
    if give_up {
        output::problem("both sides do not agree although nothing is left to do");
        judge::explain(&estate, &story);
    }
    if options.keep && !give_up {
        estate.announce(&life);
        stopped.await;
    }
    life.stop().await;
    Ok(if verdict.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
