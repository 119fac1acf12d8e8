//! `audit`: what operators commanded.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_operations::audit::{self, AuditFilter, AuditList};
use halogard_operations::moment::{Direction, read_time};
use halogard_operations::subject::Subject;
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
        /// Only before: 30m, 2h, 7d, a day or a time.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Only those that this account ran.
        #[arg(long, value_name = "ACCOUNT")]
        actor: Option<String>,
        /// Only those about this ticket: '#4242'.
        #[arg(long, value_name = "TICKET")]
        ticket: Option<String>,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
}

/// Runs the command.
pub async fn run(command: &AuditCommand) -> anyhow::Result<ExitCode> {
    let AuditCommand::List {
        since,
        until,
        actor,
        ticket,
        store,
    } = command;
    let now = SystemClock.now();
    let time = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| read_time(text, now, Direction::Past))
            .transpose()
    };
    let ticket = match ticket.as_deref().map(str::parse).transpose()? {
        None => None,
        Some(Subject::Ticket(ticket)) => Some(ticket),
        Some(_) => bail!("--ticket takes a ticket, written as '#4242'"),
    };
    let filter = AuditFilter {
        since: time(since)?,
        until: time(until)?,
        actor: actor.clone(),
        ticket,
    };
    let answer = opened_store::run(store, ListAudit(filter)).await?;
    page::print(&answer, store.json, write)?;
    Ok(if answer.intact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Lists what was commanded.
struct ListAudit(AuditFilter);

impl StoreCommand for ListAudit {
    type Output = AuditList;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<AuditList> {
        Ok(audit::list(&opened.store, &self.0, SystemClock.now()).await?)
    }
}

/// Puts the list on a page.
pub fn write(answer: &AuditList, page: &mut TextPage) {
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
