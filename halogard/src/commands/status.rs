//! `status`: whether both sides are in sync, and what waits for a person.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::budget::Limit;
use halogard_domain::message::Notification;
use halogard_domain::words::counted;
use halogard_operations::held::why_tickets_wait;
use halogard_operations::lag::LagStatus;
use halogard_operations::moment::Moment;
use halogard_operations::pausing::{PauseLine, resume_command};
use halogard_operations::status::{
    self, ChangeLine, StatusAnswer, StatusFinding, StatusQuestion, VendorStatus, Verdict,
    VerificationStatus, WaitingAnswer,
};
use halogard_operations::waiting::WaitingPair;
use halogard_runtime::SystemClock;

use crate::failure;
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage, ago};

/// Options of `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusOptions {
    /// List the pairs that wait, each with what to do, by customer and alert name.
    #[arg(value_enum)]
    pub part: Option<StatusPart>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// A part of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusPart {
    /// The pairs that wait.
    Waiting,
}

/// The exit code when it cannot be known whether all is well.
const CANNOT_TELL: u8 = 2;

/// Prints the status, or the pairs that wait.
pub async fn run(options: &StatusOptions) -> anyhow::Result<ExitCode> {
    let json = options.store.json;
    match options.part {
        Some(StatusPart::Waiting) => {
            let answer = opened_store::run(&options.store, ListWaiting).await?;
            page::print(&answer, json, write_waiting)?;
            let needed = answer.waiting.iter().any(|pair| pair.needs_operator);
            Ok(if needed {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            })
        }
        None => {
            let answer = match opened_store::run(&options.store, AskStatus).await {
                Ok(answer) => answer,
                // There is no store, or it cannot be read.
                Err(error) => return Ok(failure::say_with(&error, json, CANNOT_TELL)),
            };
            page::print(&answer, json, write_status)?;
            Ok(exit_code(answer.verdict))
        }
    }
}

/// Asks an opened store for its status.
struct AskStatus;

impl StoreCommand for AskStatus {
    type Output = StatusAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<StatusAnswer> {
        let question = status_question(&opened).await;
        Ok(status::status(&opened.store, question).await?)
    }
}

/// What a status of this moment is computed with. Without valid settings the status says what it can.
pub async fn status_question<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
) -> StatusQuestion {
    let settings = opened.vendor_settings().await;
    StatusQuestion {
        now: SystemClock.now(),
        steady: SystemClock.steady(),
        limit: settings.map_or(Limit::DEFAULT, |settings| settings.limit),
        serve_runs: opened.serve_runs(),
    }
}

/// Asks an opened store for the pairs that wait.
struct ListWaiting;

impl StoreCommand for ListWaiting {
    type Output = WaitingAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<WaitingAnswer> {
        let now = SystemClock.now();
        if let Some(said) = why_tickets_wait(&opened.store, now).await? {
            output::caution(&said);
        }
        Ok(status::waiting(&opened.store, now).await?)
    }
}

/// The exit code, for monitors.
fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Ok => ExitCode::SUCCESS,
        Verdict::NeedsPerson => ExitCode::FAILURE,
        Verdict::CannotTell => ExitCode::from(CANNOT_TELL),
    }
}

/// Puts the status on a page.
pub fn write_status(answer: &StatusAnswer, page: &mut TextPage) {
    page.line(match answer.verdict {
        Verdict::Ok => Cell::new("ok: nothing needs a person", Mood::Good),
        Verdict::NeedsPerson => Cell::new("something needs a person", Mood::Bad),
        Verdict::CannotTell => Cell::new(
            "unknown: no worker has used the store lately",
            Mood::Caution,
        ),
    });
    if !answer.problems.is_empty() {
        let rows = answer.problems.iter().map(|problem| {
            let mood = match problem.verdict {
                Verdict::CannotTell => Mood::Caution,
                _ => Mood::Bad,
            };
            let remedy = format!("fix: {}", problem.remedy);
            vec![Cell::new(&problem.what, mood), remedy.into()]
        });
        page.rows(&[], rows.collect());
    }
    let under_way: Vec<_> = answer
        .findings
        .iter()
        .filter(|it| !it.needs_person)
        .collect();
    if !under_way.is_empty() {
        page.gap();
        page.line("Under way");
        let row = |finding: &&StatusFinding| {
            vec![
                Cell::new(&finding.what, Mood::Caution),
                finding.remedy.into(),
            ]
        };
        page.rows(&[], under_way.iter().map(row).collect());
    }
    page.gap();
    page.line("Vendors");
    let vendors = answer.vendors.iter();
    page.rows(
        &[],
        vendors
            .map(|vendor| vendor_row(vendor, answer.at))
            .collect(),
    );
    page.gap();
    page.line("Pairs");
    page.rows(&[], pair_rows(answer));
    if !answer.waiting.is_empty() {
        page.gap();
        page.line("Waiting");
        let rows = answer.waiting.iter().map(|waiting| {
            let mood = if waiting.needs_operator {
                Mood::Bad
            } else {
                Mood::Plain
            };
            vec![
                Cell::new(waiting.cause.words(), mood),
                waiting.count.to_string().into(),
                ago(answer.at, waiting.oldest).into(),
            ]
        });
        page.rows(&["cause", "pairs", "oldest"], rows.collect());
    }
    if !answer.paused.is_empty() {
        page.gap();
        page.line("Paused");
        page.rows(&[], answer.paused.iter().map(pause_row).collect());
    }
    if !answer.lags.is_empty() {
        page.gap();
        page.line("Lag of the last seven days");
        page.rows(
            &["", "half within", "95 % within", "longest", "changes"],
            answer.lags.iter().map(lag_row).collect(),
        );
    }
    page.gap();
    page.line("Work");
    page.rows(&[], work_rows(answer));
    if !answer.changes.is_empty() {
        page.gap();
        page.line("Changed lately");
        page.rows(&[], change_rows(&answer.changes, answer.at));
    }
    page.gap();
    let build = answer.tenant.halopsa_build.as_deref();
    page.line(Cell::new(
        format!(
            "halogard {}, HaloPSA {}, {} of {} facts of the dialect seen, {}",
            answer.version,
            build.unwrap_or("of unknown build"),
            answer.tenant.facts_seen,
            answer.tenant.facts,
            answer.at
        ),
        Mood::Dim,
    ));
}

/// What changed, and how long before `now`.
pub fn change_rows(changes: &[ChangeLine], now: Moment) -> Vec<Vec<Cell>> {
    let row = |change: &ChangeLine| {
        vec![
            Cell::new(ago(now, change.at), Mood::Dim),
            change.what.clone().into(),
        ]
    };
    changes.iter().map(row).collect()
}

/// How long changes took one way.
pub fn lag_row(lag: &LagStatus) -> Vec<Cell> {
    let length = |seconds| page::span(Duration::from_secs(seconds)).into();
    vec![
        lag.way.into(),
        length(lag.p50_seconds),
        length(lag.p95_seconds),
        length(lag.max_seconds),
        lag.samples.to_string().into(),
    ]
}

/// What HaloPSA said, before the remedy in the same line.
fn said_by_halopsa(said: &str) -> String {
    match said.starts_with("HaloPSA ") {
        true => format!("{}; ", said.trim_end_matches('.')),
        false => format!("HaloPSA: {said}. "),
    }
}

/// What is paused, until when and why.
pub fn pause_row(pause: &PauseLine) -> Vec<Cell> {
    let from = pause.from.map(|from| format!("from {from} "));
    let until = pause.until.map_or_else(
        || format!("until `{}`", resume_command(pause.scope)),
        |until| format!("until {until}"),
    );
    let until = format!("{}{until}", from.unwrap_or_default());
    vec![
        Cell::new(&pause.what, Mood::Caution),
        until.into(),
        pause.reason.clone().unwrap_or_default().into(),
    ]
}

/// Whether a vendor answers.
fn vendor_row(vendor: &VendorStatus, now: Moment) -> Vec<Cell> {
    let lasting = |at: Moment| format!("for {} (since {at})", page::span(now.0.since(at.0)));
    let since = vendor.since.map(lasting).unwrap_or_default();
    let (word, mood) = match vendor.connected {
        Some(true) => ("connected", Mood::Good),
        Some(false) if vendor.refuses_credential => ("refuses our credential", Mood::Bad),
        Some(false) => ("away", Mood::Bad),
        None => ("not asked yet", Mood::Caution),
    };
    let failure = vendor.last_failure.as_ref().map(|said| {
        let at = vendor
            .last_failure_at
            .map(|at| ago(now, at))
            .unwrap_or_default();
        format!("last failure {at}: {said}")
    });
    vec![
        Cell::from(&vendor.vendor),
        Cell::new(word, mood),
        since.into(),
        Cell::new(failure.unwrap_or_default(), Mood::Dim),
    ]
}

/// The pairs that do not wait, by their state.
fn pair_rows(answer: &StatusAnswer) -> Vec<Vec<Cell>> {
    let pairs = &answer.pairs;
    let rows = [
        ("in sync", pairs.in_sync),
        ("behind", pairs.behind),
        ("awaiting Liongard", pairs.awaiting_liongard),
        ("in a storm", pairs.in_storm),
        ("ticket deleted", pairs.ticket_deleted),
        ("watched only", pairs.watched_only),
        ("waiting", pairs.waiting),
    ];
    let shown = rows
        .into_iter()
        .filter(|(word, count)| *count > 0 || *word == "in sync" || *word == "behind");
    shown
        .map(|(word, count)| {
            let oldest = pairs.behind_since.filter(|_| word == "behind");
            let oldest =
                oldest.map(|since| format!(", the oldest queued {}", ago(answer.at, since)));
            vec![
                word.into(),
                format!("{count}{}", oldest.unwrap_or_default()).into(),
            ]
        })
        .collect()
}

/// What the workers did and have to do.
fn work_rows(answer: &StatusAnswer) -> Vec<Vec<Cell>> {
    let activity = &answer.activity;
    let time = |at: Option<Moment>| at.map_or("never".to_owned(), |at| ago(answer.at, at));
    let listed = activity
        .alerts_listed
        .map(|count| format!(", {}", counted(count, "alert")))
        .unwrap_or_default();
    let failed = match activity.polls_failed {
        0 => String::new(),
        count => format!(", {count} failed since"),
    };
    let runs_failed = match activity.inspector_failures {
        0 => String::new(),
        count => format!(", {count} failed since"),
    };
    let webhooks = activity.webhooks.iter();
    let webhooks: Vec<String> = webhooks
        .map(|it| {
            format!(
                "{} {} (last {})",
                match it.kind.as_str() {
                    Notification::UNKNOWN => "of an event that Halogard does not know:",
                    kind => kind,
                },
                it.count,
                ago(answer.at, it.last_at)
            )
        })
        .collect();
    let queues = answer.queues.iter();
    let queues: Vec<String> = queues
        .map(|queue| {
            let oldest = queue.oldest.map(|at| {
                let age = page::span(answer.at.0.since(at.0));
                format!(" (oldest {age})")
            });
            format!(
                "{} {}{}",
                queue.lane,
                queue.depth,
                oldest.unwrap_or_default()
            )
        })
        .collect();
    let budget = &answer.budget;
    let used = budget
        .used
        .map_or("unknown".to_owned(), |used| used.to_string());
    let mut rows: Vec<Vec<Cell>> = vec![
        vec![
            "last poll".into(),
            format!("{}{listed}{failed}", time(activity.last_poll)).into(),
        ],
        vec!["last sweep".into(), time(activity.last_sweep).into()],
        vec![
            "HaloPSA inspector".into(),
            match activity.last_inspector_run {
                Some(at) => format!("last started {}{runs_failed}", ago(answer.at, at)).into(),
                None => format!("never started{runs_failed}").into(),
            },
        ],
        vec![
            "webhooks".into(),
            if webhooks.is_empty() {
                "none".into()
            } else {
                webhooks.join("\n").into()
            },
        ],
        vec![
            "requests in use".into(),
            format!("{used} of {} in {} s", budget.limit, budget.window_seconds).into(),
        ],
        vec!["queued".into(), queues.join(", ").into()],
    ];
    let dead_letters = answer.dead_letters.to_string();
    rows.push(vec![
        "dead letters".into(),
        if answer.dead_letters > 0 {
            Cell::new(dead_letters, Mood::Bad)
        } else {
            dead_letters.into()
        },
    ]);
    rows.extend(
        answer
            .verification
            .as_ref()
            .map(|it| vec!["both sides compared".into(), compared(it, answer.at)]),
    );
    rows.extend(answer.credentials.iter().map(|credential| {
        let at = |at: Option<Moment>| at.map(|Moment(at)| page::span(at.since(answer.at.0)));
        let rotates = at(credential.rotates_at).map(|in_| format!("rotated in {in_}"));
        let expires = at(credential.expires_at).map(|in_| format!("expires in {in_}"));
        let when = [rotates, expires].into_iter().flatten();
        vec![
            format!("credential {}", credential.name).into(),
            when.collect::<Vec<_>>().join(", ").into(),
        ]
    }));
    rows
}

/// What the last scheduled comparison found.
pub fn compared(verification: &VerificationStatus, now: Moment) -> Cell {
    let Some(ended_at) = verification.ended_at else {
        return "for the first time now".into();
    };
    let count: u64 = verification.differences.values().sum();
    let mood = if count > 0 { Mood::Bad } else { Mood::Plain };
    let text = format!(
        "{}, {}, {} without a known cause",
        ago(now, ended_at),
        counted(verification.pairs, "pair"),
        counted(count, "difference")
    );
    Cell::new(text, mood)
}

/// Puts the pairs that wait on a page.
pub fn write_waiting(answer: &WaitingAnswer, page: &mut TextPage) {
    if answer.waiting.is_empty() {
        page.line(Cell::new("nothing waits", Mood::Good));
        return;
    }
    let row = |pair: &WaitingPair| {
        let mood = if pair.needs_operator {
            Mood::Bad
        } else {
            Mood::Plain
        };
        let ticket = pair.ticket.map(|ticket| format!(" #{ticket}"));
        let said = pair.said.as_deref().map(said_by_halopsa);
        vec![
            Cell::from(&pair.customer),
            format!("{}{}", pair.key, ticket.unwrap_or_default()).into(),
            Cell::from(&pair.name),
            Cell::new(pair.cause.words(), mood),
            page::span(answer.at.0.since(pair.since.0)).into(),
            format!("{}{}", said.unwrap_or_default(), pair.remedy).into(),
        ]
    };
    page.rows(
        &["customer", "alert", "name", "waits", "for", "what to do"],
        answer.waiting.iter().map(row).collect(),
    );
}
