//! `audit`: what operators commanded.

use std::process::ExitCode;

use clap::Subcommand;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_operations::audit::{self, AuditFilter, AuditList, AuditedPair};
use halogard_operations::moment::{Direction, Moment, in_order, read_time};
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
        /// Only those about this ticket or its alert: '#4242', or the alert as LG-7586.
        #[arg(long, value_name = "TICKET|ALERT")]
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
    let (since, until) = (time(since)?, time(until)?);
    if let (Some(since), Some(until)) = (since, until) {
        in_order(since, until)?;
    }
    let filter = AuditFilter {
        since: since.map(Moment),
        until: until.map(Moment),
        actor: actor.clone(),
        about: None,
    };
    let subject = ticket.as_deref().map(str::parse).transpose()?;
    let answer = opened_store::run(store, ListAudit { filter, subject }).await?;
    page::print(&answer, store.json, write)?;
    Ok(if answer.intact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Lists what was commanded.
struct ListAudit {
    filter: AuditFilter,
    /// What the commands must be about.
    subject: Option<Subject>,
}

impl StoreCommand for ListAudit {
    type Output = AuditList;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<AuditList> {
        let (store, mut filter) = (&opened.store, self.filter);
        if let Some(subject) = &self.subject {
            filter.about = Some(AuditedPair::of(store, subject).await?);
        }
        Ok(audit::list(store, &filter, SystemClock.now()).await?)
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
        page.line(match answer.total {
            0 => "no command has changed anything".to_owned(),
            total => format!(
                "none of the {total} recorded commands was given {}",
                conditions(&answer.asked)
            ),
        });
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

/// The conditions of `filter`, in words.
fn conditions(filter: &AuditFilter) -> String {
    let since = filter.since.map(|since| format!("since {since}"));
    let until = filter.until.map(|until| format!("before {until}"));
    let actor = filter.actor.as_ref().map(|actor| format!("by {actor}"));
    let about = filter.about.as_ref().map(|pair| {
        let alerts = pair.alerts.iter().map(|alert| format!("alert {alert}"));
        let tickets = pair
            .tickets
            .iter()
            .map(|ticket| format!("ticket #{ticket}"));
        let names: Vec<String> = alerts.chain(tickets).collect();
        match names.as_slice() {
            [] => "about an alert with this number, which is not known".to_owned(),
            names => format!("about {}", names.join(" or ")),
        }
    });
    let conditions = [since, until, actor, about].into_iter().flatten();
    conditions.collect::<Vec<_>>().join(", ")
}
