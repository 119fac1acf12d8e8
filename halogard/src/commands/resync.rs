//! `resync` and `replay`: queue pairs to be reconciled again.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use halogard_app::Store;
use halogard_app::ports::{AlertSource as _, Clock as _};
use halogard_domain::ids::AlertId;
use halogard_domain::words::{agreeing, counted};
use halogard_operations::moment::{Direction, read_time};
use halogard_operations::resync::{
    self, PairFilter, Queued, ResyncKind, ResyncPlan, WaitingFilter,
};
use halogard_operations::subject::Subject;
use halogard_operations::waiting::WaitingCause;
use halogard_operations::{audit, explain};
use halogard_runtime::SystemClock;

use super::dlq::shortened;
use super::pause::{customer_of, unknown_subject};
use crate::confirm::{ASKED_FROM, ChangeOptions, confirm, operator};
use crate::failure::Refused;
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

/// Options of `resync` and `replay`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub struct ResyncOptions {
    /// Alerts as 7586 or LG-7586, or tickets as '#4242'.
    #[arg(value_name = "ALERT|TICKET", group = "which")]
    pub subjects: Vec<String>,
    /// Those of a customer: its name in Liongard, or its environment id.
    #[arg(long, value_name = "NAME|ID", group = "which")]
    pub customer: Option<String>,
    /// Those that wait, for any cause or for one.
    #[arg(long, value_parser = waiting_filters(), value_name = "CAUSE", group = "which")]
    pub status: Option<WaitingFilter>,
    /// Those whose alert changed since: 30m, 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME", group = "which")]
    pub since: Option<String>,
    /// All pairs.
    #[arg(long, group = "which", conflicts_with_all = ["subjects", "customer", "status", "since"])]
    pub all: bool,
    /// Maximum number, by alert id.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// The name of pairs whose alerts were already open at a start that opens no tickets for them.
const BEFORE_START: &str = "before-start";

/// Queues pairs.
pub async fn run(options: &ResyncOptions, kind: ResyncKind) -> anyhow::Result<ExitCode> {
    if let Some(queued) = opened_store::run(&options.store, QueuePairs { options, kind }).await? {
        page::print(&queued, options.store.json, write_queued)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Queues pairs, after a question if there are many.
struct QueuePairs<'a> {
    options: &'a ResyncOptions,
    kind: ResyncKind,
}

impl StoreCommand for QueuePairs<'_> {
    type Output = Option<Queued>;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Option<Queued>> {
        let (store, now) = (&opened.store, SystemClock.now());
        let filter = self.filter(&opened).await?;
        let plan = resync::plan(store, &filter, self.kind, now).await?;
        let count = plan.alerts.len();
        if count >= ASKED_FROM {
            page::print_plan(|page| write_plan(&plan, page));
            let verb = match self.kind {
                ResyncKind::Resync | ResyncKind::Repair => "Reconcile",
                ResyncKind::Replay => "Process again",
            };
            if !confirm(
                &self.options.change,
                &format!("{verb} {}?", counted(count, "pair")),
            )? {
                output::remark("nothing was done");
                return Ok(None);
            }
        }
        let operator = operator(self.options.change.reason.as_ref());
        let queued = resync::apply(store, &plan, &operator, now).await?;
        if count > 0 {
            let names: Vec<String> = plan.alerts.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let command = match self.kind {
                ResyncKind::Resync | ResyncKind::Repair => "resync",
                ResyncKind::Replay => "replay",
            };
            let subject = format!("alerts {}", shortened(&names));
            let done = format!("{} queued", counted(queued.pairs, "pair"));
            audit::record(store, &operator, command, &subject, &done, now).await?;
        }
        Ok(Some(queued))
    }
}

impl QueuePairs<'_> {
    /// Which pairs the options mean.
    async fn filter<S: Store + Clone + 'static>(
        &self,
        opened: &OpenedStore<S>,
    ) -> anyhow::Result<PairFilter> {
        let (store, options) = (&opened.store, self.options);
        let mut alerts = BTreeSet::new();
        for name in &options.subjects {
            let subject: Subject = name.parse()?;
            let named = explain::alerts_of(store, &subject).await?;
            if named.is_empty() {
                return Err(unknown_subject(name).into());
            }
            for alert in &named {
                self.require_known(opened, *alert).await?;
            }
            alerts.extend(named);
        }
        if let Some(customer) = &options.customer {
            customer_of(opened, customer).await?;
        }
        let since = options.since.as_deref();
        let since = since.map(|since| read_time(since, SystemClock.now(), Direction::Past));
        Ok(PairFilter {
            alerts,
            customer: options.customer.clone(),
            waiting: options.status,
            since: since.transpose()?,
            limit: options.limit,
        })
    }
}

impl QueuePairs<'_> {
    /// Refuses an alert that neither Halogard nor Liongard knows.
    async fn require_known<S: Store + Clone + 'static>(
        &self,
        opened: &OpenedStore<S>,
        alert: AlertId,
    ) -> anyhow::Result<()> {
        if opened.store.load(alert).await?.is_some() {
            return Ok(());
        }
        if self.kind == ResyncKind::Replay {
            return Err(unknown_subject(&alert.to_string()).into());
        }
        let source = opened.vendors().await?.source;
        let found = source.read(alert).await.with_context(|| {
            format!("Halogard has no record of alert {alert}, and Liongard cannot be asked for it")
        })?;
        match found {
            Some(_) => Ok(()),
            None => Err(Refused::unknown(
                format!("neither Halogard nor Liongard knows an alert {alert}"),
                "`halogard report pairs` lists the known ones",
            )
            .into()),
        }
    }
}

/// Reads for what the pairs wait that are meant: any cause, or one by its name.
fn waiting_filters() -> impl TypedValueParser<Value = WaitingFilter> {
    let any = PossibleValue::new("waiting").help("it waits, for any cause");
    let one = |cause: WaitingCause| PossibleValue::new(cause.name()).help(meaning(cause));
    let before = PossibleValue::new(BEFORE_START)
        .help("it was open before its customer got tickets, and is watched");
    let causes = WaitingCause::ALL.into_iter();
    let names = [any, before].into_iter().chain(causes.clone().map(one));
    PossibleValuesParser::new(names).map(move |name| {
        if name == BEFORE_START {
            return WaitingFilter::BeforeStart;
        }
        let cause = causes.clone().find(|cause| cause.name() == name);
        cause.map_or(WaitingFilter::Any, WaitingFilter::For)
    })
}

/// What holds of a pair that waits for `cause`.
const fn meaning(cause: WaitingCause) -> &'static str {
    match cause {
        WaitingCause::StoppedOpening => {
            "HaloPSA accepted requests for its ticket and showed no ticket"
        }
        WaitingCause::Refused => "HaloPSA refused a write",
        WaitingCause::Unsettled => "Halogard repeats the same steps, and they lead to nothing",
        WaitingCause::Unmapped => "the config maps its environment to no client",
        WaitingCause::NoTemplate => "no rule matches it, and its environment names no template",
        WaitingCause::StartUndecided => {
            "it was open before its customer got tickets, and the config does not say whether it gets one"
        }
        WaitingCause::FoundElsewhere => "a person moved its ticket to another client",
        WaitingCause::TicketDeleted => "its ticket was deleted, and the alert is open",
        WaitingCause::InDoubt => "a write ended without a response",
        WaitingCause::ResolvedInPsaOnly => {
            "its ticket is closed, and Liongard still finds the condition"
        }
        WaitingCause::LeftToTechnician => {
            "its alert is closed, and a technician works on the ticket"
        }
    }
}

/// Puts a plan on a page.
pub fn write_plan(plan: &ResyncPlan, page: &mut TextPage) {
    let customers = plan.customers.iter();
    let rows = customers.map(|(name, count)| vec![Cell::from(name), count.to_string().into()]);
    page.rows(&["customer", "pairs"], rows.collect());
}

/// Puts what was queued on a page.
pub fn write_queued(queued: &Queued, page: &mut TextPage) {
    if queued.queued_before > 0 {
        page.line(format!(
            "{} {} queued already, by an earlier command",
            counted(queued.queued_before, "pair"),
            agreeing(queued.queued_before, "is", "are")
        ));
    }
    if queued.pairs == 0 {
        let text = match queued.queued_before {
            0 => "no pair matches; nothing was queued",
            _ => "nothing was added",
        };
        page.line(Cell::new(text, Mood::Caution));
        return;
    }
    page.line(Cell::new(
        format!(
            "queued {} in the {} lane",
            counted(queued.pairs, "pair"),
            queued.lane
        ),
        Mood::Good,
    ));
}
