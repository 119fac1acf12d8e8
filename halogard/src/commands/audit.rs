//! `audit`: what operators commanded.

use std::process::ExitCode;

use clap::Subcommand;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::Timestamp;
use halogard_operations::audit::{self, AuditList};
use halogard_operations::moment::{Direction, read_time};
use halogard_runtime::SystemClock;

use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::page::{self, Cell, Mood, TextPage};

/// The commands for the audit.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// List the commands that changed something.
    List {
        /// Only since: 30m, 2h, 7d, a day or a time.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
}

/// Runs the command.
pub async fn run(command: &AuditCommand) -> anyhow::Result<ExitCode> {
    let AuditCommand::List { since, store } = command;
    let now = SystemClock.now();
    let since = since.as_deref();
    let since = since.map(|since| read_time(since, now, Direction::Past));
    let answer = opened_store::run(store, ListAudit(since.transpose()?)).await?;
    page::print(&answer, store.json, write)?;
    Ok(if answer.intact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Lists what was commanded since.
struct ListAudit(Option<Timestamp>);

impl StoreCommand for ListAudit {
    type Output = AuditList;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<AuditList> {
        Ok(audit::list(&opened.store, self.0, SystemClock.now()).await?)
    }
}

/// Puts the list on a page.
fn write(answer: &AuditList, page: &mut TextPage) {
    if !answer.intact {
        page.line(Cell::new(
            "an entry was changed or removed since it was written",
            Mood::Bad,
        ));
    }
    if answer.entries.is_empty() {
        page.line("no command changed anything");
        return;
    }
    let rows = answer.entries.iter().map(|entry| {
        vec![
            Cell::new(entry.at.to_string(), Mood::Dim),
            Cell::from(&entry.actor),
            Cell::from(&entry.command),
            Cell::from(&entry.subject),
            Cell::from(&entry.done),
            entry.reason.clone().unwrap_or_default().into(),
        ]
    });
    page.rows(
        &["when", "who", "command", "about", "did", "reason"],
        rows.collect(),
    );
}
