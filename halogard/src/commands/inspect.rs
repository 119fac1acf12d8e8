//! `inspect`: an inspection that Liongard runs now, and what came of it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::ids::{EnvironmentId, LaunchpointId};
use halogard_operations::audit;
use halogard_operations::inspect::{self, InspectAnswer, InspectSubject, InspectedRun, RunPhase};
use halogard_runtime::SystemClock;

use crate::confirm::{operator, read_reason};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

/// Options of `inspect`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct InspectOptions {
    /// `halopsa`: Liongard's inspector of HaloPSA, which brings the state of tickets to alerts.
    #[arg(value_parser = ["halopsa"], group = "what")]
    pub system: Option<String>,
    /// The launchpoints that the open alerts of this environment came from.
    #[arg(long, value_name = "ID", group = "what")]
    pub environment: Option<u64>,
    /// One launchpoint.
    #[arg(long, value_name = "ID", group = "what")]
    pub launchpoint: Option<u64>,
    /// Wait until it has ended, and show the result.
    #[arg(long)]
    pub follow: bool,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Time between two reads of the store.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long an inspection is followed: the least interval before it, and the time after which workers give it up.
const FOLLOW_MAX: Duration = Duration::from_secs(1200);

/// After an inspection has ended, a poll sees what it has changed.
const POLL_TIME: Duration = Duration::from_secs(20);

/// Requests the inspection and prints how far it is.
pub async fn run(options: &InspectOptions) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(&options.store, RunInspection(options)).await?;
    page::print(&answer, options.store.json, write)?;
    Ok(if answer.has_failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Requests an inspection, and follows it if asked to.
struct RunInspection<'a>(&'a InspectOptions);

impl StoreCommand for RunInspection<'_> {
    type Output = InspectAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<InspectAnswer> {
        let (store, options, requested_at) = (&opened.store, self.0, SystemClock.now());
        let subject = match (options.environment, options.launchpoint) {
            (Some(id), _) => InspectSubject::Environment(EnvironmentId::new(id)),
            (None, Some(id)) => InspectSubject::Launchpoint(LaunchpointId::new(id)),
            (None, None) => {
                options.system.as_deref().context("name what to inspect")?;
                InspectSubject::HaloPsa
            }
        };
        let targets = inspect::request(store, subject, requested_at).await?;
        let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let operator = operator(options.reason.as_ref());
        let subject = names.join(", ");
        audit::record(
            store,
            &operator,
            "inspect",
            &subject,
            "requested",
            requested_at,
        )
        .await?;
        let mut said: Vec<Option<RunPhase>> = vec![None; targets.len()];
        let mut waited = Duration::ZERO;
        let mut ended_for = Duration::ZERO;
        loop {
            let now = SystemClock.now();
            let answer = inspect::progress(store, &targets, requested_at, now).await?;
            if !options.follow {
                return Ok(answer);
            }
            for (run, said) in answer.runs.iter().zip(&mut said) {
                if *said != Some(run.phase) {
                    *said = Some(run.phase);
                    output::remark(&format!("{}: {}", run.target, words(run.phase)));
                }
            }
            if answer.has_ended() {
                ended_for += LOOK_INTERVAL;
            }
            if ended_for > POLL_TIME || waited > FOLLOW_MAX {
                return Ok(answer);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
            waited += LOOK_INTERVAL;
        }
    }
}

/// How far a run is.
const fn words(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Requested => "requested; a worker starts it",
        RunPhase::Blocked => "waits for another run in Liongard",
        RunPhase::Running => "runs",
        RunPhase::Succeeded => "succeeded",
        RunPhase::Failed => "failed",
    }
}

/// Puts the inspections on a page.
pub fn write(answer: &InspectAnswer, page: &mut TextPage) {
    let row = |run: &InspectedRun| {
        let mood = match run.phase {
            RunPhase::Succeeded => Mood::Good,
            RunPhase::Failed => Mood::Bad,
            RunPhase::Requested | RunPhase::Blocked | RunPhase::Running => Mood::Caution,
        };
        vec![
            Cell::from(&run.target),
            Cell::new(words(run.phase), mood),
            run.said.clone().unwrap_or_default().into(),
        ]
    };
    page.rows(&[], answer.runs.iter().map(row).collect());
    for run in &answer.runs {
        if let Some(fault) = run.fault {
            page.line(Cell::new(
                format!("{}: {}; fix: {}", run.target, fault.words(), fault.remedy()),
                Mood::Bad,
            ));
        }
    }
    if answer.has_ended() {
        let alerts: Vec<String> = answer.alerts.iter().map(ToString::to_string).collect();
        let tickets: Vec<String> = answer.tickets.iter().map(|it| format!("#{it}")).collect();
        page.line(format!(
            "alerts seen anew or changed since: {}; their tickets: {}",
            list(&alerts),
            list(&tickets)
        ));
    }
}

/// The names, or that there is none.
fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(" ")
}
