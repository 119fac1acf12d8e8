//! The probe of Liongard's dialect: a short list of harmless reads, and what their answers say of each fact that
//! the documents leave open.

use std::collections::BTreeMap;

use halogard_app::ports::{Clock, DialectProbe, Inspectors as _};
use halogard_domain::Slug;
use halogard_domain::dialect::{
    DialectReport, FactOutline, NamedReading, ProbeFindings, REFERENCE, UncertainFact,
};
use halogard_http::Transport;

use crate::alert_source::LiongardAlertSource;
use crate::client::{Client, RawAnswer};
use crate::route::{self, PathEnding};
use crate::wire::{LookupValue, RunOutcome, TimelineRow};

/// A number that no record has reached.
const NO_RECORD: u64 = 2_147_483_646;

/// Alerts whose words are read.
const ALERTS_MAX: usize = 2_000;

/// What the probe can show of every fact that Liongard's documents leave open.
pub fn uncertain_facts() -> impl Iterator<Item = FactOutline> {
    FACTS.iter().map(|known| known.outline())
}

/// Single records are found without a slash at the end only.
const RECORD_SLASH_404: &str = "record-slash-404";

/// The timeline holds the runs of every launchpoint.
const TIMELINE_UNFILTERED: &str = "timeline-unfiltered";

/// The facts, in the order of `docs/dialects.md`.
const FACTS: &[UncertainFact<SourceAnswers>] = &[
    UncertainFact {
        fact: "the form of the list of alerts",
        source: "a client in production reads three forms",
        judge: Some(list_form),
        otherwise: "no answer came",
    },
    UncertainFact {
        fact: "whether the list of alerts holds closed ones",
        source: "inferred from one client",
        judge: None,
        otherwise: "only an alert that closes shows it",
    },
    UncertainFact {
        fact: "whether a single record may be read with a slash at the end",
        source: "the vendor's own code uses slashes for collections only",
        judge: Some(record_slash),
        otherwise: "there must be an alert",
    },
    UncertainFact {
        fact: "how an alert that does not exist is answered",
        source: "not documented",
        judge: Some(missing),
        otherwise: "there must be an alert",
    },
    UncertainFact {
        fact: "the machine's words for statuses",
        source: "the only published value is `new`",
        judge: Some(words),
        otherwise: "an alert with both words shows it",
    },
    UncertainFact {
        fact: "what `ExternalID` of an alert holds",
        source: "no public client reads it",
        judge: None,
        otherwise: "in the mode native the check shows pairs to compare",
    },
    UncertainFact {
        fact: "whether `conditions[]` filters the timeline",
        source: "the OpenAPI file only",
        judge: Some(timeline),
        otherwise: "a run of the HaloPSA inspector shows it",
    },
    UncertainFact {
        fact: "the answer to a request for runs",
        source: "one project and the OpenAPI file",
        judge: None,
        otherwise: "only a run that is asked for shows it",
    },
    UncertainFact {
        fact: "how a run that has ended shows it",
        source: "the OpenAPI file only",
        judge: Some(ended_run),
        otherwise: "a run of the HaloPSA inspector that has ended shows it",
    },
    UncertainFact {
        fact: "whether a running inspector may be started again",
        source: "not documented",
        judge: None,
        otherwise: "only a run that is asked for shows it",
    },
    UncertainFact {
        fact: "which requests are redirected to a slash at the end",
        source: "the vendor's documentation against several clients",
        judge: Some(redirects),
        otherwise: "there must be an alert",
    },
    UncertainFact {
        fact: "how a redirect names its target",
        source: "not documented",
        judge: Some(redirect_target),
        otherwise: "nothing is redirected",
    },
    UncertainFact {
        fact: "how a single record comes",
        source: "the OpenAPI file against clients",
        judge: Some(record_form),
        otherwise: "there must be an alert",
    },
];

/// The answers to the reads of one probe.
#[derive(Debug, Default)]
struct SourceAnswers {
    /// The list of alerts.
    alerts: Option<RawAnswer>,
    /// The list of environments, without a slash.
    plain_list: Option<RawAnswer>,
    /// An alert, with a slash.
    slashed_record: Option<RawAnswer>,
    /// The same alert without.
    plain_record: Option<RawAnswer>,
    /// An alert that does not exist, at an address of the form that was found.
    missing: Option<RawAnswer>,
    /// The words of statuses, each pair once.
    words: Vec<LookupValue>,
    /// The runs of a launchpoint that does not exist.
    no_timeline: Option<RawAnswer>,
    /// The runs of the HaloPSA inspector, where the timeline is filtered.
    runs: Vec<TimelineRow>,
}

impl SourceAnswers {
    /// Reads everything, one request after the other.
    async fn read<T: Transport, C: Clock>(source: &LiongardAlertSource<T, C>) -> Self {
        let client = source.client();
        let mut seen = Self {
            alerts: client.observe(route::TASKS, None, PathEnding::Slash).await,
            plain_list: client
                .observe(route::ENVIRONMENTS, None, PathEnding::Plain)
                .await,
            ..Self::default()
        };
        let first = seen.read_words(client).await;
        if let Some(alert) = first {
            let record = async |ending| client.observe(route::TASK, Some(alert), ending).await;
            seen.slashed_record = record(PathEnding::Slash).await;
            seen.plain_record = record(PathEnding::Plain).await;
            let is_slashed = found(&seen.slashed_record);
            let ending = if is_slashed {
                PathEnding::Slash
            } else {
                PathEnding::Plain
            };
            if is_slashed || found(&seen.plain_record) {
                seen.missing = client.observe(route::TASK, Some(NO_RECORD), ending).await;
            }
        }
        seen.no_timeline = client.observe_timeline(NO_RECORD).await;
        let launchpoints = source.halo_launchpoints().await.unwrap_or_default();
        if let Some(launchpoint) = launchpoints.first()
            && let Ok(Some(runs)) = client.timeline(*launchpoint).await
        {
            seen.runs = runs;
        }
        seen
    }

    /// Reads the words of statuses; says which alert came first.
    async fn read_words<T: Transport>(&mut self, client: &Client<T>) -> Option<u64> {
        let mut stream = client.tasks().await.ok()?;
        let (mut first, mut alerts) = (None, 0);
        while let Ok(Some(part)) = stream.next().await {
            alerts += part.alerts.len();
            for row in part.alerts {
                first.get_or_insert(row.id.get());
                if let Some(words) = row.status.filter(|words| !self.words.contains(words)) {
                    self.words.push(words);
                }
            }
            if alerts >= ALERTS_MAX {
                break;
            }
        }
        first
    }
}

/// Whether `answer` shows a record.
fn found(answer: &Option<RawAnswer>) -> bool {
    let answer = answer.as_ref().filter(|answer| answer.is_success());
    answer.and_then(RawAnswer::json).is_some_and(|body| {
        let record = body.get(0).unwrap_or(&body);
        record.get("ID").is_some()
    })
}

fn list_form(seen: &SourceAnswers) -> Option<NamedReading> {
    let answer = seen.alerts.as_ref().filter(|answer| answer.is_success())?;
    if answer.first_sign() == Some(b'[') {
        return Some((REFERENCE, "bare"));
    }
    let body = String::from_utf8_lossy(&answer.body);
    let place = |name: &str| body.find(&format!("\"{name}\""));
    match (place("Data"), place("data")) {
        (Some(_), None) => Some(("tasks-in-data", "in `Data`")),
        (None, Some(_)) => Some(("tasks-in-lower-data", "in `data`")),
        _ => None,
    }
}

fn record_slash(seen: &SourceAnswers) -> Option<NamedReading> {
    if found(&seen.slashed_record) {
        return Some((REFERENCE, "it may"));
    }
    let refused = seen.slashed_record.as_ref()?.status == 404;
    (refused && found(&seen.plain_record)).then_some((RECORD_SLASH_404, "404 with the slash"))
}

fn missing(seen: &SourceAnswers) -> Option<NamedReading> {
    let answer = seen.missing.as_ref()?;
    match answer.status {
        200 if answer.json()?.as_array()?.is_empty() => Some((REFERENCE, "by an empty list")),
        404 => Some(("missing-alert-404", "404")),
        _ => None,
    }
}

fn words(seen: &SourceAnswers) -> Option<NamedReading> {
    let pairs = seen.words.iter().filter_map(|words| {
        let (reserved, name) = (words.reserved.as_deref()?, words.name.as_deref()?);
        Some((Slug::new(reserved).to_string(), Slug::new(name).to_string()))
    });
    let pairs: Vec<(String, String)> = pairs.collect();
    if pairs.is_empty() {
        return None;
    }
    let are_beginnings = pairs
        .iter()
        .all(|(reserved, name)| name.starts_with(reserved));
    Some(if are_beginnings {
        (REFERENCE, "the beginnings of the names")
    } else {
        ("reserved-words", "words of their own")
    })
}

fn timeline(seen: &SourceAnswers) -> Option<NamedReading> {
    let answer = seen
        .no_timeline
        .as_ref()
        .filter(|answer| answer.is_success())?;
    match answer.json() {
        Some(body) if body.as_array().is_some_and(Vec::is_empty) => {
            (!seen.runs.is_empty()).then_some((REFERENCE, "it does"))
        }
        // Runs of a launchpoint that does not exist, or more than was read.
        _ if answer.first_sign() == Some(b'[') => Some((TIMELINE_UNFILTERED, "it does not")),
        _ => None,
    }
}

fn ended_run(seen: &SourceAnswers) -> Option<NamedReading> {
    let ended = seen
        .runs
        .iter()
        .filter(|run| run.outcome() != RunOutcome::Underway);
    let codes: Vec<bool> = ended.map(|run| run.exit_code.is_some()).collect();
    if codes.is_empty() {
        return None;
    }
    Some(if codes.contains(&true) {
        (REFERENCE, "by its `ExitCode`")
    } else {
        ("run-without-exit-code", "by `FinishedAt` alone")
    })
}

fn redirects(seen: &SourceAnswers) -> Option<NamedReading> {
    let list = seen.plain_list.as_ref()?;
    let record = seen.plain_record.as_ref()?;
    match (list.is_redirect(), record.is_redirect()) {
        (true, true) => Some(("redirect-every-get", "every GET")),
        (true, false) => Some((REFERENCE, "lists")),
        (false, false) if list.is_success() => Some(("no-redirects", "none")),
        _ => None,
    }
}

fn redirect_target(seen: &SourceAnswers) -> Option<NamedReading> {
    let target = seen.plain_list.as_ref()?.location.as_deref()?;
    Some(if target.contains("://") {
        (REFERENCE, "by its whole address")
    } else {
        ("relative-redirects", "by its path")
    })
}

fn record_form(seen: &SourceAnswers) -> Option<NamedReading> {
    let answers = [&seen.slashed_record, &seen.plain_record];
    let answer = answers.into_iter().find(|answer| found(answer))?;
    match answer.as_ref()?.first_sign()? {
        b'[' => Some((REFERENCE, "as a list of one")),
        b'{' => Some(("records-as-objects", "as it is")),
        _ => None,
    }
}

impl<T: Transport, C: Clock> DialectProbe for LiongardAlertSource<T, C> {
    async fn probe(&self) -> ProbeFindings {
        let seen = SourceAnswers::read(self).await;
        ProbeFindings {
            facts: FACTS.iter().map(|known| known.reading_in(&seen)).collect(),
            teams: BTreeMap::new(),
        }
    }

    /// Liongard does not say.
    async fn build(&self) -> Option<String> {
        None
    }

    fn follow(&self, report: &DialectReport) {
        if report.has(RECORD_SLASH_404) {
            self.client().expect_plain_records();
        }
        if report.has(TIMELINE_UNFILTERED) {
            self.client().expect_unfiltered_timeline();
        }
    }
}
