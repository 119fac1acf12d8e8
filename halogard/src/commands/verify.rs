//! `verify`: both sides, record by record.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::Timestamp;
use halogard_domain::vendor::Vendor;
use halogard_domain::words::{agreeing, counted};
use halogard_operations::audit;
use halogard_operations::resync::{self, PairFilter, Queued, ResyncKind};
use halogard_operations::verify::{
    self, DuplicateGroup, DuplicatesAnswer, Symbol, VerifiedPair, VerifyAnswer,
};
use halogard_runtime::SystemClock;
use halogard_vendors::{CallDurations, CallObserver};
use serde::Serialize;
use tokio::time::Instant;

use crate::confirm::{ChangeOptions, confirm, operator};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage, span};

/// Options of `verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyOptions {
    /// Show the records that are equal as well.
    #[arg(long)]
    pub all: bool,
    /// Reconcile the pairs that differ again.
    #[arg(long)]
    pub repair: bool,
    /// Only list alerts for which Halogard opened more than one ticket that is still open.
    #[arg(long, conflicts_with_all = ["all", "repair"])]
    pub duplicates: bool,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Compares both sides.
pub async fn run(options: &VerifyOptions) -> anyhow::Result<ExitCode> {
    opened_store::run(&options.store, CompareSides(options)).await
}

/// Compares both sides, prints what differs and repairs it if asked to.
struct CompareSides<'a>(&'a VerifyOptions);

impl StoreCommand for CompareSides<'_> {
    type Output = ExitCode;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<ExitCode> {
        let (store, options) = (&opened.store, self.0);
        let (began, now) = (Instant::now(), SystemClock.now());
        let calls = Arc::new(CallDurations::default());
        let vendors = opened
            .vendors_in_bulk(Arc::clone(&calls) as Arc<dyn CallObserver>)
            .await?;
        if options.duplicates {
            let answer = verify::duplicates(store, &vendors.desk, now).await?;
            page::print(&answer, options.store.json, write_duplicates)?;
            return Ok(if answer.groups.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        let answer =
            verify::verify(store, &vendors.source, &vendors.desk, now, options.all).await?;
        output::remark(&format!(
            "compared {} and {} in {}, with {} to HaloPSA and {} to Liongard",
            counted(answer.alerts, "alert"),
            counted(answer.tickets, "ticket"),
            span(began.elapsed()),
            counted(calls.take(Vendor::HaloPsa).len(), "request"),
            calls.take(Vendor::Liongard).len(),
        ));
        // A person sees what differs before the question.
        if !options.store.json {
            page::print(&answer, false, write)?;
        }
        let repair = if options.repair {
            repair(store, &answer, &options.change, now).await?
        } else {
            None
        };
        let differences = answer.differences;
        if options.store.json {
            output::result(&page::json(&RepairedAnswer { answer, repair })?);
        }
        Ok(if differences == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// The answer of `verify` as JSON, with what `--repair` queued.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RepairedAnswer {
    /// What the comparison found.
    #[serde(flatten)]
    pub answer: VerifyAnswer,
    /// What was queued; absent where nothing was to be repaired, or the operator declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Queued>,
}

/// Queues the pairs of `answer` that differ, if the operator agrees.
async fn repair<S: Store>(
    store: &S,
    answer: &VerifyAnswer,
    change: &ChangeOptions,
    now: Timestamp,
) -> anyhow::Result<Option<Queued>> {
    let alerts = answer.repairable();
    let question = format!("Reconcile {} again?", counted(alerts.len(), "pair"));
    if alerts.is_empty() || !confirm(change, &question)? {
        return Ok(None);
    }
    let filter = PairFilter {
        alerts,
        ..PairFilter::default()
    };
    let plan = resync::plan(store, &filter, ResyncKind::Repair, now).await?;
    let operator = operator(change.reason.as_ref());
    let queued = resync::apply(store, &plan, &operator, now).await?;
    let done = format!("{} queued", counted(queued.pairs, "pair"));
    audit::record(
        store,
        &operator,
        "verify --repair",
        "differences",
        &done,
        now,
    )
    .await?;
    output::remark(&done);
    Ok(Some(queued))
}

/// Puts the answer on a page.
pub fn write(answer: &VerifyAnswer, page: &mut TextPage) {
    let row = |record: &VerifiedPair| {
        let mood = match (record.symbol, &record.explained) {
            (Symbol::Same, _) => Mood::Good,
            (_, Some(_)) => Mood::Caution,
            _ => Mood::Bad,
        };
        let alert = record.alert.map(|alert| alert.to_string());
        let ticket = record.ticket.map(|ticket| format!("#{ticket}"));
        let why = record.explained.as_ref().map(|why| format!(" ({why})"));
        vec![
            Cell::new(record.symbol.character(), mood),
            alert.unwrap_or_default().into(),
            ticket.unwrap_or_default().into(),
            record.customer.clone().unwrap_or_default().into(),
            format!("{}{}", record.what, why.unwrap_or_default()).into(),
        ]
    };
    if !answer.records.is_empty() {
        page.rows(
            &["", "alert", "ticket", "customer", "what"],
            answer.records.iter().map(row).collect(),
        );
        page.gap();
    }
    let counts = answer.counts.iter();
    let counts: Vec<String> = counts
        .map(|(symbol, count)| format!("{} {count}", symbol.character()))
        .collect();
    let mood = if answer.differences == 0 {
        Mood::Good
    } else {
        Mood::Bad
    };
    page.line(Cell::new(
        format!(
            "{}; {} without a known cause",
            counts.join("  "),
            counted(answer.differences, "difference")
        ),
        mood,
    ));
}

/// Puts the alerts that have several open tickets on a page.
pub fn write_duplicates(answer: &DuplicatesAnswer, page: &mut TextPage) {
    if answer.groups.is_empty() {
        let none = format!(
            "no alert has several open tickets; {} {} a key",
            counted(answer.tickets, "ticket"),
            agreeing(answer.tickets, "carries", "carry")
        );
        page.line(Cell::new(none, Mood::Good));
        return;
    }
    let row = |group: &DuplicateGroup| {
        let others: Vec<String> = group.others.iter().map(|it| format!("#{it}")).collect();
        vec![
            group.alert.to_string().into(),
            format!("#{}", group.keep).into(),
            Cell::new(others.join(" "), Mood::Bad),
            Cell::from(&group.remedy),
        ]
    };
    page.rows(
        &["alert", "keep", "duplicates", "what to do"],
        answer.groups.iter().map(row).collect(),
    );
}
