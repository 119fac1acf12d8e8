//! `status`: whether both sides are in sync, and what waits for a person.

use std::process::ExitCode;

use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_operations::status::{self, StatusAnswer, Verdict};
use halogard_runtime::SystemClock;

use crate::cli::StatusOptions;
use crate::opened_store::{self, OpenedStore, StoreCommand};
use crate::page::{self, Mood, TextPage};

/// Prints the status.
pub async fn run(options: &StatusOptions) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(&options.store, AskStatus).await?;
    page::print(&answer, options.store.json, write)?;
    Ok(exit_code(answer.verdict))
}

/// Asks an opened store for its status.
struct AskStatus;

impl StoreCommand for AskStatus {
    type Output = StatusAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<StatusAnswer> {
        Ok(status::status(&opened.store, SystemClock.now()).await?)
    }
}

/// The exit code, for monitors.
fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Ok => ExitCode::SUCCESS,
        Verdict::NeedsPerson => ExitCode::FAILURE,
        Verdict::CannotTell => ExitCode::from(2),
    }
}

/// Puts the answer on a page.
fn write(answer: &StatusAnswer, page: &mut TextPage) {
    let pairs = &answer.pairs;
    page.line("pairs");
    page.rows(
        &[],
        vec![
            vec![
                "in sync".into(),
                page::Cell::new(pairs.in_sync.to_string(), Mood::Good),
            ],
            vec!["behind".into(), pairs.in_progress.to_string().into()],
        ],
    );
}
