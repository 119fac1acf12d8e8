//! `link` and `unlink`: which ticket is an alert's.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use halogard_app::Store;
use halogard_app::ports::{Clock as _, ServiceDeskCatalog as _};
use halogard_operations::audit::{self, AuditedAnswer, OperatorError};
use halogard_operations::linking::{self, LinkAnswer};
use halogard_operations::subject::Subject;
use halogard_runtime::SystemClock;

use super::pause::one_alert;
use crate::confirm::{ChangeOptions, confirm, operator, read_reason};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

/// Options of `link`.
#[derive(Clone, Debug, Args)]
pub struct LinkOptions {
    /// The alert, as 7586 or LG-7586.
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// The ticket, as '#4242' or 4242.
    #[arg(value_name = "TICKET")]
    pub ticket: String,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `unlink`.
#[derive(Clone, Debug, Args)]
pub struct UnlinkOptions {
    /// The alert as 7586 or LG-7586, or its ticket as '#4242'.
    #[arg(value_name = "ALERT|TICKET")]
    pub subject: String,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Makes a ticket an alert's.
pub async fn link(options: &LinkOptions) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(&options.store, LinkTicket(options)).await?;
    page::print(&answer, options.store.json, write)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes a ticket away from its alert.
pub async fn unlink(options: &UnlinkOptions) -> anyhow::Result<ExitCode> {
    if let Some(answer) = opened_store::run(&options.store, UnlinkTicket(options)).await? {
        page::print(&answer, options.store.json, write)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Links a ticket.
struct LinkTicket<'a>(&'a LinkOptions);

impl StoreCommand for LinkTicket<'_> {
    type Output = LinkAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<LinkAnswer> {
        let (store, options, now) = (&opened.store, self.0, SystemClock.now());
        let alert = one_alert(store, &options.alert).await?;
        let ticket = match format!("ticket {}", options.ticket).parse()? {
            Subject::Ticket(ticket) => ticket,
            _ => bail!("{} names no ticket; write it as '#4242'", options.ticket),
        };
        let desk = opened.vendors().await?.desk;
        let operator = operator(options.reason.as_ref());
        let linked = linking::link(store, &desk, alert, ticket, &operator, now).await;
        if let Err(OperatorError::OtherClient { client, found, .. }) = &linked {
            let clients = desk.clients().await.unwrap_or_default();
            let name = |id| clients.iter().find(|it| it.id == id).map(|it| &it.name);
            let (found, client) = (name(*found), name(*client));
            if let (Some(found), Some(client)) = (found, client) {
                let why = format!("the ticket is one of {found}, and the alert one of {client}");
                return linked.context(why);
            }
        }
        let answer = linked?;
        let subject = format!("alert {alert}");
        let done = format!("ticket #{ticket} linked");
        let done = AuditedAnswer::of(done, &answer);
        audit::record(store, &operator, "link", &subject, done, now).await?;
        Ok(answer)
    }
}

/// Unlinks a ticket, after a question.
struct UnlinkTicket<'a>(&'a UnlinkOptions);

impl StoreCommand for UnlinkTicket<'_> {
    type Output = Option<LinkAnswer>;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Option<LinkAnswer>> {
        let (store, options, now) = (&opened.store, self.0, SystemClock.now());
        let alert = one_alert(store, &options.subject).await?;
        let question = format!(
            "Unlink the ticket of alert {alert}? The alert gets another one while it is open."
        );
        if !confirm(&options.change, &question)? {
            output::remark("nothing was done");
            return Ok(None);
        }
        let operator = operator(options.change.reason.as_ref());
        let answer = linking::unlink(store, alert, &operator, now).await?;
        let subject = format!("alert {alert}");
        let done = answer
            .before
            .map_or_else(String::new, |ticket| format!("ticket #{ticket} unlinked"));
        let done = AuditedAnswer::of(done, &answer);
        audit::record(store, &operator, "unlink", &subject, done, now).await?;
        Ok(Some(answer))
    }
}

/// Puts what was done on a page.
pub fn write(answer: &LinkAnswer, page: &mut TextPage) {
    page.line(Cell::new(&answer.next, Mood::Good));
}
