//! Checks what Liongard says about its alerts and its HaloPSA inspector.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{
    AlertListing as _, AlertSource, Inspectors, PortError, Refusal, RunProgress,
};
use halogard_config::nearest;
use halogard_domain::alert::AlertState;
use halogard_domain::policy::{Mode, Template};
use halogard_domain::words::counted;
use halogard_domain::{Alert, Policy, Slug};

use super::{CheckId, DoctorReport, refused, unanswered};

/// Unknown words that are named.
const WORDS_MAX: usize = 10;

/// Pairs of an alert and a ticket that are shown.
const PAIRS_MAX: usize = 3;

/// Liongard's priorities, where no alert shows another.
const PRIORITIES: [&str; 4] = ["critical", "high", "medium", "low"];

/// What a list of all alerts showed.
#[derive(Default)]
struct AlertSurvey {
    /// The first alert of the list.
    first: Option<Alert>,
    /// How many alerts have each unknown status.
    unknown: BTreeMap<String, usize>,
    /// The priorities of alerts.
    priorities: BTreeSet<Slug>,
    /// Alerts with the number of a ticket.
    native: Vec<Alert>,
    all: usize,
}

/// Reads every alert, and the first one once more by itself.
pub(super) async fn alerts<L: AlertSource>(
    liongard: &L,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    let seen = match read_all(liongard).await {
        Ok(seen) => seen,
        Err(error) => return refused(report, CheckId::LiongardCredential, "Liongard", &error),
    };
    report.done(CheckId::AlertWords);
    if !seen.unknown.is_empty() {
        let words = seen.unknown.iter().take(WORDS_MAX);
        let words: Vec<String> = words
            .map(|(word, alerts)| format!("{word:?} ({})", counted(*alerts, "alert")))
            .collect();
        report.warning(
            CheckId::AlertWords,
            format!(
                "Liongard uses statuses that are not known and count as open: {}",
                words.join(", ")
            ),
            "if alerts with one of them are closed, their tickets stay open; report the word",
        );
    }
    for template in policy.templates.values() {
        priority_words(template, &seen.priorities, report);
    }
    if let Some(first) = seen.first {
        report.done(CheckId::AlertReadable);
        match liongard.read(first.id).await {
            Ok(Some(_)) => report.ok(
                CheckId::AlertReadable,
                format!("Liongard lists {}", counted(seen.all, "alert")),
            ),
            Ok(None) => report.problem(
                CheckId::AlertReadable,
                format!(
                    "Liongard lists alert {} and does not find it by its number",
                    first.id
                ),
                "check the address of Liongard, and the role of the access key; every alert would look removed",
            ),
            Err(error) => refused(report, CheckId::AlertReadable, "Liongard", &error),
        }
    }
    if policy.mode == Mode::Native {
        native(&seen.native, report);
    }
}

/// A word that Liongard does not use never matches, and its alerts get another priority.
fn priority_words(template: &Template, seen: &BTreeSet<Slug>, report: &mut DoctorReport) {
    report.done(CheckId::PriorityWords);
    let map = &template.priorities;
    let known: BTreeSet<Slug> = PRIORITIES
        .iter()
        .map(|word| Slug::new(word))
        .chain(seen.iter().cloned())
        .collect();
    let name = &template.name;
    for word in map.by_slug.keys().filter(|word| !known.contains(*word)) {
        let word = word.to_string();
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        let remedy = match nearest(&word, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("Liongard's are {}", known.join(", ")),
        };
        report.warning(
            CheckId::PriorityWords,
            format!(
                "template {name:?} names priority `{word}`, which Liongard does not use: its alerts get the \
                 default priority"
            ),
            remedy,
        );
    }
    if map.by_slug.is_empty() || map.default.is_some() {
        return;
    }
    let missing: Vec<String> = known
        .iter()
        .filter(|word| !word.is_empty() && !map.by_slug.contains_key(*word))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        report.warning(
            CheckId::PriorityWords,
            format!(
                "template {name:?} has no priority for alerts that are {}: HaloPSA chooses one",
                missing.join(", ")
            ),
            "add the words, or `default`, to the template's `priority`",
        );
    }
}

/// Shows a few pairs for the operator's eyes.
fn native(alerts: &[Alert], report: &mut DoctorReport) {
    for alert in alerts {
        if let Some(ticket) = alert.native_ticket {
            report.ok(
                CheckId::NativeTickets,
                format!(
                    "Liongard names ticket {ticket} for alert {} ({:?}): compare them once",
                    alert.id, alert.name
                ),
            );
        }
    }
    if alerts.is_empty() {
        report.warning(
            CheckId::NativeTickets,
            "no alert in Liongard names a ticket".to_owned(),
            "native mode follows the tickets that Liongard's own HaloPSA integration opens: enable it (Admin → \
             Integrations → HaloPSA), or choose the mode managed",
        );
    }
}

async fn read_all<L: AlertSource>(liongard: &L) -> Result<AlertSurvey, PortError> {
    let mut seen = AlertSurvey::default();
    let mut listing = liongard.list().await?;
    while let Some(part) = listing.next().await? {
        for alert in part.alerts {
            seen.all += 1;
            if alert.state() == AlertState::Unknown {
                *seen.unknown.entry(alert.status.to_string()).or_default() += 1;
            }
            if alert.native_ticket.is_some() && seen.native.len() < PAIRS_MAX {
                seen.native.push(alert.clone());
            }
            seen.priorities.insert(alert.priority.clone());
            seen.first.get_or_insert(alert);
        }
    }
    Ok(seen)
}

/// Liongard must have exactly one enabled HaloPSA inspector, which reads the tickets, and it must do its work.
pub(super) async fn inspectors<L: Inspectors>(
    liongard: &L,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    let remedy = "add or enable one HaloPSA inspector in Liongard, in your own environment (Admin → Integrations → \
                  HaloPSA → Save deploys it); it is the only way in which Liongard learns of a ticket's state";
    let found = match liongard.halo_launchpoints().await {
        Ok(found) => found,
        Err(error) => {
            let what = "whether Liongard has a HaloPSA inspector";
            let grant = "give the access key a role that may read launchpoints";
            return unknown(CheckId::InspectorSingle, what, grant, &error, report);
        }
    };
    let [launchpoint] = found[..] else {
        let thing = format!(
            "Liongard has {}, not one",
            counted(found.len(), "enabled HaloPSA inspector")
        );
        return match policy.mode {
            Mode::Native => report.problem(CheckId::InspectorSingle, thing, remedy),
            Mode::Managed | Mode::Observe => {
                report.warning(CheckId::InspectorSingle, thing, remedy);
            }
        };
    };
    report.ok(
        CheckId::InspectorSingle,
        "Liongard has its HaloPSA inspector".to_owned(),
    );
    match liongard.progress(launchpoint, None).await {
        Ok(RunProgress::Failed(said)) => report.warning(
            CheckId::InspectorRun,
            format!("the last run of Liongard's HaloPSA inspector failed: {said}"),
            "open the launchpoint's log in Liongard; a refused credential there is Liongard's own for HaloPSA (Admin \
             → Integrations → HaloPSA), not Halogard's",
        ),
        Ok(RunProgress::Succeeded) => report.done(CheckId::InspectorRun),
        // It runs when a ticket has changed; until then there may be none.
        Ok(RunProgress::NotListed | RunProgress::InProgress | RunProgress::Counted) => {}
        Err(error) => {
            let what = "how the HaloPSA inspector did";
            let grant = "give the access key a role that may read the timeline";
            unknown(CheckId::InspectorRun, what, grant, &error, report);
        }
    }
}

/// Says that Liongard did not tell `what`. The inspector is none of the config's things: a key that may not see it
/// keeps no config from coming into force.
fn unknown(
    check: CheckId,
    what: &str,
    grant: &'static str,
    error: &PortError,
    report: &mut DoctorReport,
) {
    let (reason, remedy) = unanswered(error, grant);
    let thing = format!("{what}: {reason}");
    match error.refusal {
        Some(Refusal::Forbidden | Refusal::NotFound) => report.not_shown(check, thing, remedy),
        _ => report.cannot_tell(check, thing, remedy),
    }
}
