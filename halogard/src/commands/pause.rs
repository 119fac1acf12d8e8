//! `pause`, `resume` and `snooze`: what workers leave alone for a while.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, EnvironmentId};
use halogard_domain::pause::{Pause, PauseScope};
use halogard_domain::vendor::Vendor;
use halogard_operations::audit::{self, AuditedAnswer};
use halogard_operations::explain;
use halogard_operations::moment::{Direction, read_time};
use halogard_operations::pausing::{self, PauseList};
use halogard_operations::subject::Subject;
use halogard_runtime::SystemClock;

use super::status::pause_row;
use crate::confirm::{ChangeOptions, confirm, operator, read_reason};
use crate::failure::Refused;
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

/// What is paused or resumed.
#[derive(Clone, Debug, Args)]
pub struct PauseTarget {
    /// One customer: its name in Liongard, or its environment id. While it is paused, reports are kept and nothing is
    /// written.
    #[arg(long, value_name = "NAME|ID", conflicts_with = "vendor")]
    pub customer: Option<String>,
    /// All requests to one vendor.
    #[arg(long, value_parser = vendor_parser(), value_name = "VENDOR")]
    pub vendor: Option<Vendor>,
}

/// Reads the name of a vendor.
pub fn vendor_parser() -> impl TypedValueParser<Value = Vendor> {
    let words = PossibleValuesParser::new(Vendor::ALL.map(Vendor::as_str));
    words.try_map(|word| Vendor::from_word(&word).ok_or("no such vendor"))
}

/// Options of `pause`.
#[derive(Clone, Debug, Args)]
pub struct PauseOptions {
    /// What; everything when not given.
    #[command(flatten)]
    pub target: PauseTarget,
    /// From when on, for a maintenance window: 30m, 2h, 7d, a day or a time; at once when not given.
    #[arg(long, value_name = "TIME", requires = "until")]
    pub from: Option<String>,
    /// Until when: 30m, 2h, 7d, a day or a time; until `resume` when not given.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeOptions {
    /// The alert that is snoozed.
    #[arg(value_name = "ALERT", conflicts_with_all = ["customer", "vendor"])]
    pub alert: Option<String>,
    /// What; the pause of everything when not given.
    #[command(flatten)]
    pub target: PauseTarget,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `snooze`.
#[derive(Clone, Debug, Args)]
pub struct SnoozeOptions {
    /// The alert, as 7586 or LG-7586.
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// Until when: 30m, 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Why.
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: String,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Pauses something.
pub async fn pause(options: &PauseOptions) -> anyhow::Result<ExitCode> {
    let from = to_come(options.from.as_deref())?;
    let until = to_come(options.until.as_deref())?;
    ensure!(
        from.is_none_or(|from| until.is_none_or(|until| from < until)),
        "the window ends before it begins; name a later --until"
    );
    if options.target.customer.is_none() && options.target.vendor.is_none() {
        let question = "Pause everything? No ticket is opened, changed or closed meanwhile.";
        if !confirm(&options.change, question)? {
            output::remark("nothing was done");
            return Ok(ExitCode::SUCCESS);
        }
    }
    change(
        &options.store,
        ChangePause {
            command: "pause",
            target: NamedScope::Target(&options.target),
            change: PauseChange::Begin { from, until },
            reason: options.change.reason.as_ref(),
        },
    )
    .await
}

/// Leaves one alert alone.
pub async fn snooze(options: &SnoozeOptions) -> anyhow::Result<ExitCode> {
    let until = to_come(Some(&options.until))?;
    change(
        &options.store,
        ChangePause {
            command: "snooze",
            target: NamedScope::Alert(&options.alert),
            change: PauseChange::Begin { from: None, until },
            reason: Some(&options.reason),
        },
    )
    .await
}

/// Ends a pause.
pub async fn resume(options: &ResumeOptions) -> anyhow::Result<ExitCode> {
    let target = match &options.alert {
        Some(alert) => NamedScope::Alert(alert),
        None => NamedScope::Target(&options.target),
    };
    change(
        &options.store,
        ChangePause {
            command: "resume",
            target,
            change: PauseChange::End,
            reason: options.reason.as_ref(),
        },
    )
    .await
}

/// Changes what is paused, and prints what is then.
async fn change(store: &StoreOptions, command: ChangePause<'_>) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(store, command).await?;
    page::print(&answer, store.json, write)?;
    Ok(ExitCode::SUCCESS)
}

/// A time of a pause, which must be in the future.
fn to_come(text: Option<&str>) -> anyhow::Result<Option<Timestamp>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let now = SystemClock.now();
    let time = read_time(text, now, Direction::Future)?;
    ensure!(
        time > now,
        "{text} is in the past; give a time in the future"
    );
    Ok(Some(time))
}

/// What is paused, as the operator names it.
#[derive(Clone, Copy)]
enum NamedScope<'a> {
    Target(&'a PauseTarget),
    Alert(&'a str),
}

impl NamedScope<'_> {
    /// What that is for the workers.
    async fn scope<S: Store + Clone + 'static>(
        self,
        opened: &OpenedStore<S>,
    ) -> anyhow::Result<PauseScope> {
        Ok(match self {
            Self::Alert(name) => PauseScope::Alert(one_alert(&opened.store, name).await?),
            Self::Target(target) => match &target.customer {
                Some(customer) => PauseScope::Customer(customer_of(opened, customer).await?),
                None => target.vendor.map_or(PauseScope::All, PauseScope::Vendor),
            },
        })
    }

    /// The scope of a pause that is in force, by the id that it names: its record may be gone by now.
    async fn paused_scope(self, store: &impl Store) -> anyhow::Result<Option<PauseScope>> {
        let scope = match self {
            Self::Alert(name) => match name.parse()? {
                Subject::Alert(alert) => Some(PauseScope::Alert(alert)),
                Subject::Ticket(_) | Subject::Number(_) => None,
            },
            Self::Target(target) => {
                let customer = target.customer.as_deref().unwrap_or_default();
                customer.trim().parse().ok().map(PauseScope::Customer)
            }
        };
        let list = pausing::list(store, SystemClock.now()).await?;
        Ok(scope.filter(|scope| list.pauses.iter().any(|line| line.scope == *scope)))
    }
}

/// The environment of the customer that an operator names.
pub async fn customer_of<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    customer: &str,
) -> anyhow::Result<EnvironmentId> {
    let policy = opened.configured_policy().await.ok();
    let found = pausing::environment_of(&opened.store, policy.as_ref(), customer).await?;
    found.ok_or_else(|| {
        Refused::unknown(
            format!(
                "no customer {customer:?} is known: the config has no such environment, and no alert came from it"
            ),
            "write its name as Liongard does, or its environment id; `halogard map` lists both",
        )
        .into()
    })
}

/// The alert that `name` names. It has a record.
pub async fn one_alert(store: &impl Store, name: &str) -> anyhow::Result<AlertId> {
    let subject: Subject = name.parse()?;
    let named = explain::alerts_of(store, &subject).await?;
    let known = store.load_many(&named).await?;
    let mut alerts = known.iter().map(|link| link.alert);
    match (alerts.next(), alerts.next()) {
        (Some(alert), None) => Ok(alert),
        (None, _) => Err(unknown_subject(name).into()),
        (Some(one), Some(other)) => bail!("{name} belongs to alerts {one} and {other}; name one"),
    }
}

/// What an operator named and no record has.
pub fn unknown_subject(name: &str) -> Refused {
    Refused::unknown(
        format!("{name} belongs to no alert that Halogard knows"),
        format!(
            "`halogard explain {name}` says why that may be; `halogard report pairs` lists the known ones"
        ),
    )
}

/// Begins or ends a pause.
struct ChangePause<'a> {
    /// The command, for the audit.
    command: &'static str,
    target: NamedScope<'a>,
    change: PauseChange,
    reason: Option<&'a String>,
}

/// Whether a pause begins or ends.
enum PauseChange {
    Begin {
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    },
    End,
}

impl StoreCommand for ChangePause<'_> {
    type Output = PauseList;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<PauseList> {
        let (store, now) = (&opened.store, SystemClock.now());
        let paused = match self.change {
            PauseChange::Begin { .. } => None,
            PauseChange::End => self.target.paused_scope(store).await?,
        };
        let scope = match paused {
            Some(scope) => scope,
            None => self.target.scope(&opened).await?,
        };
        let subject = pausing::in_words(scope);
        let (done, answer) = match self.change {
            PauseChange::Begin { from, until } => {
                let pause = Pause {
                    scope,
                    since: now,
                    from,
                    until,
                    reason: self.reason.cloned(),
                };
                ("paused", pausing::pause(store, &pause, now).await?)
            }
            PauseChange::End => match pausing::resume(store, scope, now).await? {
                (true, answer) => ("resumed", answer),
                (false, answer) => {
                    output::caution(&format!("there is no pause of {subject}"));
                    return Ok(answer);
                }
            },
        };
        let operator = operator(self.reason);
        let done = AuditedAnswer::of(done, &answer);
        audit::record(store, &operator, self.command, &subject, done, now).await?;
        Ok(answer)
    }
}

/// Puts what is paused on a page.
pub fn write(answer: &PauseList, page: &mut TextPage) {
    if answer.pauses.is_empty() {
        page.line(Cell::new("nothing is paused", Mood::Good));
        return;
    }
    page.rows(
        &["paused", "until", "reason"],
        answer.pauses.iter().map(pause_row).collect(),
    );
}
