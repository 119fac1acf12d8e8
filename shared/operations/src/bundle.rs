//! `support-bundle`: what the support of a vendor or of Halogard needs to know, and nothing that is private.
//!
//! The bundle is made of ids, times, codes and the vendors' own sentences. Names of customers, alerts, systems
//! and operators do not go in; where free text may repeat one, it is masked, and every mask is counted.

mod masking;

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::key::Installation;
use halogard_domain::record::Singleton;
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::vendor::Vendor;
use halogard_domain::words::counted;
use halogard_domain::{Link, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::audit::{self, AuditFilter};
use crate::dead_letters::{self, DeadLetterFilter};
use crate::doctor::{DoctorReport, Finding, Level};
use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::status::{StatusQuestion, status};
use crate::waiting::waiting_pair;

pub use masking::{MaskKind, Masking};

/// Pairs whose story goes in.
const STORIES_MAX: usize = 200;

/// Entries of one story.
const ENTRIES_MAX: usize = 100;

/// What goes into the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SupportBundle {
    /// When it was made.
    pub at: Moment,
    /// The files, by name.
    pub files: BTreeMap<String, String>,
    /// How often something of each kind was masked.
    pub masked: BTreeMap<MaskKind, usize>,
}

/// What the bundle is made of.
pub struct BundleQuestion {
    /// What a status is computed with.
    pub status: StatusQuestion,
    /// For whose support it is; for anyone when `None`.
    pub recipient: Option<Vendor>,
    /// Values that must not occur in it: the secrets that the asking process knows.
    pub secrets: Vec<String>,
    /// What `doctor` found, as far as it could be asked.
    pub doctor: Option<DoctorReport>,
}

/// Collects the bundle.
///
/// # Errors
///
/// The store cannot be read.
pub async fn bundle<S: Store>(
    store: &S,
    question: BundleQuestion,
) -> Result<SupportBundle, PortError> {
    let now = question.status.now;
    let mut links = Vec::new();
    for_each_link(store, LinkFilter::Waiting, |link| links.push(link)).await?;
    let letters = dead_letters::list(store, &DeadLetterFilter::default(), now).await?;
    let known: Vec<AlertId> = links.iter().map(|link| link.alert).collect();
    let of_letters = letters.letters.iter().filter_map(|letter| letter.alert);
    let missing = of_letters.filter(|alert| !known.contains(alert)).collect();
    links.extend(store.load_many(&missing).await?);

    let mut masking = Masking::of(question.secrets);
    for link in &links {
        masking.hide_names_of(link);
    }
    let mut customers = BTreeSet::new();
    for_each_link(store, LinkFilter::All, |link| {
        customers.extend(link.observed_alert.map(|alert| alert.environment_name));
    })
    .await?;
    for customer in &customers {
        masking.hide(MaskKind::Name, customer);
    }
    let answer = status(store, question.status).await?;
    let installation = store.load_record::<Installation>(&Singleton).await?.value;
    let about = json!({
        "made_at": Moment(now),
        "halogard": answer.version,
        "for": question.recipient.map(Vendor::as_str),
        "installation": installation.id().map(|id| id.as_str().to_owned()),
        "halopsa_build": answer.tenant.halopsa_build,
        "mode": policy_in_force(store).await?.map(|policy| policy.mode),
    });
    let runs = store.load_record::<Runs>(&RunTarget::HaloPsa).await?.value;
    let inspector = json!({
        "last_started_at": runs.last_started_at.map(Moment),
        "failures_in_a_row": runs.failures,
        "alerts_waiting": runs.waiting,
        "in_flight": runs.in_flight,
    });
    let audit = audit::list(store, &AuditFilter::default(), now).await?;
    for entry in &audit.entries {
        masking.hide(MaskKind::Operator, &entry.actor);
    }
    let commands: Vec<Value> = audit
        .entries
        .iter()
        .map(|entry| json!({"at": entry.at, "command": entry.command, "done": entry.done}))
        .collect();

    let mut status = serde_json::to_value(&answer).unwrap_or_default();
    // Reasons of operators and lines of the audit are free text.
    if let Some(status) = status.as_object_mut() {
        status.remove("changes");
        if let Some(paused) = status.get_mut("paused").and_then(Value::as_array_mut) {
            for pause in paused.iter_mut().filter_map(Value::as_object_mut) {
                pause.remove("reason");
            }
        }
    }
    let doctor = match &question.doctor {
        Some(report) => found(report),
        None => json!({"not_made": "the checks could not be made"}),
    };
    let parts = [
        ("about.json", about),
        ("status.json", status),
        ("waiting.json", waiting(store, &links, now).await?),
        (
            "dead-letters.json",
            serde_json::to_value(&letters.letters).unwrap_or_default(),
        ),
        ("inspector.json", inspector),
        ("commands.json", Value::Array(commands)),
        ("doctor.json", doctor),
        ("stories.json", stories(store, &links).await?),
    ];
    let mut files = BTreeMap::new();
    for (name, part) in parts {
        let part = masking.mask_all(part);
        let text = serde_json::to_string_pretty(&part).unwrap_or_default();
        files.insert(name.to_owned(), text);
    }
    files.insert("where-logs-are.txt".to_owned(), WHERE_LOGS_ARE.to_owned());
    let masked = masking.counts();
    let contents = contents(&files, &masked);
    files.insert("README.txt".to_owned(), contents);
    Ok(SupportBundle {
        at: now.into(),
        files,
        masked,
    })
}

/// What doctor found. Lines that are in order name what is there, which may be people and teams: they are counted only.
fn found(report: &DoctorReport) -> Value {
    let is_in_order = |finding: &&Finding| matches!(finding.level, Level::Ok | Level::Skipped);
    let (in_order, others): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(is_in_order);
    json!({"in_order": in_order.len(), "findings": others})
}

/// Where each side keeps its own log of the same minutes.
const WHERE_LOGS_ARE: &str = "\
HaloPSA: Configuration > Advanced Settings > API Requests, and Configuration > System Logs. Look for the API agent and \
the times in stories.json.
HaloPSA webhooks: Configuration > Integrations > Webhooks > the webhook > Deliveries.
Liongard: Admin > Inspectors > HaloPSA > the launchpoint > Timeline: each run has its exit message and log.
Liongard alerts: Admin > Actionable Alerts > Tasks, by the alert ids in waiting.json.
Halogard: standard error of `halogard serve`; on AWS the log groups /aws/lambda/STACK-FUNCTION.
";

/// Why each pair waits, without names.
async fn waiting(store: &impl Store, links: &[Link], now: Timestamp) -> Result<Value, PortError> {
    let Some(policy) = policy_in_force(store).await? else {
        return Ok(Value::Array(Vec::new()));
    };
    let waiting = links
        .iter()
        .filter_map(|link| waiting_pair(link, &policy, now));
    let pairs = waiting.map(|pair| {
        json!({
            "alert": pair.alert,
            "key": pair.key,
            "environment": pair.environment,
            "ticket": pair.ticket,
            "cause": pair.cause,
            "since": pair.since,
            "said": pair.said,
        })
    });
    Ok(Value::Array(pairs.collect()))
}

/// What happened to the pairs that wait or have dead letters.
async fn stories(store: &impl Store, links: &[Link]) -> Result<Value, PortError> {
    let mut stories = Vec::new();
    for link in links.iter().take(STORIES_MAX) {
        let journal = store.journal(link.alert, ENTRIES_MAX).await?;
        let events: Vec<Value> = journal
            .into_iter()
            .map(|entry| {
                json!({
                    "at": Moment(entry.at),
                    "event": entry.event,
                    "cause": entry.cause,
                    "ticket": entry.ticket,
                    "detail": entry.detail,
                })
            })
            .collect();
        let ticket: Option<TicketId> = link.ticket;
        stories.push(json!({"alert": link.alert, "ticket": ticket, "events": events}));
    }
    Ok(Value::Array(stories))
}

/// Says what went in and what was masked.
fn contents(files: &BTreeMap<String, String>, masked: &BTreeMap<MaskKind, usize>) -> String {
    let mut text =
        "This archive was made by `halogard support-bundle`. It was not sent anywhere.\n\n"
            .to_owned();
    text.push_str("What is in it: ids of alerts, tickets, environments; times; codes; the vendors' messages.\n");
    for (name, content) in files {
        text.push_str(&format!("  {name}  {}\n", counted(content.len(), "byte")));
    }
    text.push_str(
        "\nWhat is not in it: names and texts of alerts, customers and systems, operators' accounts and reasons, \
         secrets, tokens, bodies.\n\nMasked where a text repeated it:\n",
    );
    for kind in MaskKind::ALL {
        let count = masked.get(&kind).copied().unwrap_or_default();
        text.push_str(&format!("  {}  {}\n", kind.words(), counted(count, "time")));
    }
    text
}
