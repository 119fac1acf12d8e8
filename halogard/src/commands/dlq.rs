//! `dlq`: messages that no worker could process.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use halogard_app::Store;
use halogard_app::ports::{Clock as _, Lane};
use halogard_domain::words::{agreeing, counted};
use halogard_operations::audit;
use halogard_operations::dead_letters::{
    self, DeadLetterAction, DeadLetterDetail, DeadLetterFilter, DeadLetterList, DeadLettersDone,
};
use halogard_operations::moment::{Direction, read_time};
use halogard_runtime::SystemClock;

use crate::confirm::{ASKED_FROM, ChangeOptions, confirm, operator};
use crate::failure::Refused;
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage, ago};

/// Which dead letters are meant.
#[derive(Clone, Debug, Args)]
pub struct DlqFilter {
    /// Only those that were dead-lettered since: 30m, 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those of a lane.
    #[arg(long, value_enum, value_name = "LANE")]
    pub lane: Option<LaneName>,
    /// Only those whose reason contains this text.
    #[arg(long = "reason-contains", value_name = "TEXT")]
    pub reason_contains: Option<String>,
    /// Maximum number, the oldest first.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// A lane of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LaneName {
    /// What a person may be waiting for.
    Urgent,
    /// Many changes at once.
    Bulk,
    /// Inspector runs.
    Runs,
}

/// The commands for dead letters.
#[derive(Clone, Debug, Subcommand)]
pub enum DlqCommand {
    /// List the dead letters, with the reason of each.
    List {
        /// Which.
        #[command(flatten)]
        filter: DlqFilter,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Show a dead letter with its message.
    Show {
        /// Its id, as `dlq list` shows it.
        #[arg(value_name = "ID")]
        id: String,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Process dead letters again: those named, those that match, or all.
    Redrive(DlqChange),
    /// Delete dead letters: those named, those that match, or all.
    Drop(DlqChange),
}

/// Options of `dlq redrive` and `dlq drop`.
#[derive(Clone, Debug, Args)]
pub struct DlqChange {
    /// The ids, as `dlq list` shows them; all dead letters that match the other options when not given.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Which.
    #[command(flatten)]
    pub filter: DlqFilter,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Runs the command.
pub async fn run(command: &DlqCommand) -> anyhow::Result<ExitCode> {
    match command {
        DlqCommand::List { filter, store } => {
            let list = ListLetters(filter_of(filter, &[])?);
            let answer = opened_store::run(store, list).await?;
            page::print(&answer, store.json, write_list)?;
        }
        DlqCommand::Show { id, store } => {
            let answer = opened_store::run(store, ShowLetter(id)).await?;
            page::print(&answer, store.json, write_detail)?;
        }
        DlqCommand::Redrive(options) => return change(options, DeadLetterAction::Redrive).await,
        DlqCommand::Drop(options) => return change(options, DeadLetterAction::Drop).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Redrives or drops dead letters.
async fn change(options: &DlqChange, action: DeadLetterAction) -> anyhow::Result<ExitCode> {
    let command = ChangeLetters {
        filter: filter_of(&options.filter, &options.ids)?,
        options,
        action,
    };
    let Some(answer) = opened_store::run(&options.store, command).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    page::print(&answer, options.store.json, write_done)?;
    Ok(match answer.unknown.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Which dead letters the options mean.
fn filter_of(options: &DlqFilter, ids: &[String]) -> anyhow::Result<DeadLetterFilter> {
    let now = SystemClock.now();
    let since = options.since.as_deref();
    let since = since.map(|since| read_time(since, now, Direction::Past));
    Ok(DeadLetterFilter {
        ids: ids.to_vec(),
        since: since.transpose()?,
        lane: options.lane.map(|lane| match lane {
            LaneName::Urgent => Lane::Urgent,
            LaneName::Bulk => Lane::Bulk,
            LaneName::Runs => Lane::Runs,
        }),
        reason: options.reason_contains.clone(),
        limit: options.limit,
    })
}

/// Lists dead letters.
struct ListLetters(DeadLetterFilter);

impl StoreCommand for ListLetters {
    type Output = DeadLetterList;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<DeadLetterList> {
        Ok(dead_letters::list(&opened.store, &self.0, SystemClock.now()).await?)
    }
}

/// Shows a dead letter.
struct ShowLetter<'a>(&'a str);

impl StoreCommand for ShowLetter<'_> {
    type Output = DeadLetterDetail;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<DeadLetterDetail> {
        match dead_letters::show(&opened.store, self.0).await? {
            Some(detail) => Ok(detail),
            None => Err(no_letters(&[self.0.to_owned()]).into()),
        }
    }
}

/// Redrives or drops dead letters, after a question.
struct ChangeLetters<'a> {
    filter: DeadLetterFilter,
    options: &'a DlqChange,
    action: DeadLetterAction,
}

impl StoreCommand for ChangeLetters<'_> {
    type Output = Option<DeadLettersDone>;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Option<DeadLettersDone>> {
        let (store, now) = (&opened.store, SystemClock.now());
        let plan = dead_letters::list(store, &self.filter, now).await?;
        let count = plan.letters.len();
        if count == 0 && !plan.unknown.is_empty() {
            return Err(no_letters(&plan.unknown).into());
        }
        let (verb, command, asked_from) = match self.action {
            DeadLetterAction::Redrive => ("Process again", "dlq redrive", ASKED_FROM),
            // What is deleted is gone.
            DeadLetterAction::Drop => ("Delete", "dlq drop", 1),
        };
        if count >= asked_from {
            page::print_plan(|page| write_list(&plan, page));
            let question = format!("{verb} {count} of {} dead letters?", plan.total);
            if !confirm(&self.options.change, &question)? {
                output::remark("nothing was done");
                return Ok(None);
            }
        }
        let done = dead_letters::apply(store, &plan, self.action).await?;
        if count > 0 {
            let ids: Vec<&str> = plan.letters.iter().map(|it| it.about.as_str()).collect();
            let subject = shortened(&ids);
            let operator = operator(self.options.change.reason.as_ref());
            let text = format!("{} done, {} gone before", done.done, done.gone);
            audit::record(store, &operator, command, &subject, &text, now).await?;
        }
        Ok(Some(done))
    }
}

/// Why nothing is done with dead letters that are not there.
fn no_letters(ids: &[String]) -> Refused {
    Refused::unknown(
        format!("there is no dead letter {}", ids.join(", ")),
        "`halogard dlq list` lists them; one that was processed or deleted is gone",
    )
}

/// The first of many names, and how many more there are.
pub fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Puts a list on a page.
pub fn write_list(list: &DeadLetterList, page: &mut TextPage) {
    if list.letters.is_empty() {
        let text = match list.total {
            0 => "no dead letters".to_owned(),
            total => format!("none of {} matches", counted(total, "dead letter")),
        };
        page.line(Cell::new(text, Mood::Good));
        return;
    }
    let rows = list.letters.iter().map(|letter| {
        vec![
            Cell::from(&letter.id),
            letter.lane.into(),
            Cell::from(&letter.about),
            ago(list.at, letter.at).into(),
            letter.tried.to_string().into(),
            Cell::new(&letter.reason, Mood::Bad),
        ]
    });
    page.rows(
        &["id", "lane", "about", "since", "tried", "reason"],
        rows.collect(),
    );
}

/// Puts a dead letter on a page.
pub fn write_detail(detail: &DeadLetterDetail, page: &mut TextPage) {
    let letter = &detail.summary;
    let cause = letter.cause.as_deref().unwrap_or("not known");
    page.line(format!("dead letter {}, {}", letter.id, letter.about));
    page.rows(
        &[],
        vec![
            vec![Cell::new("lane", Mood::Dim), letter.lane.into()],
            vec![Cell::new("queued by", Mood::Dim), cause.into()],
            vec![
                Cell::new("tried", Mood::Dim),
                format!("{}, until {}", counted(letter.tried, "time"), letter.at).into(),
            ],
            vec![
                Cell::new("reason", Mood::Dim),
                Cell::new(&letter.reason, Mood::Bad),
            ],
        ],
    );
    page.gap();
    page.line(format!("{:#}", detail.message));
}

/// Puts what was done on a page.
pub fn write_done(done: &DeadLettersDone, page: &mut TextPage) {
    let verb = match done.action {
        DeadLetterAction::Redrive => "queued again",
        DeadLetterAction::Drop => "deleted",
    };
    let gone = match done.gone {
        0 => String::new(),
        gone => format!(", {gone} {} gone already", agreeing(gone, "was", "were")),
    };
    page.line(Cell::new(
        format!("{verb}: {}{gone}", counted(done.done, "dead letter")),
        Mood::Good,
    ));
    if !done.unknown.is_empty() {
        let text = format!("there is no dead letter {}", done.unknown.join(", "));
        page.line(Cell::new(text, Mood::Bad));
    }
}
