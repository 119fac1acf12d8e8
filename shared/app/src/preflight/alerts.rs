//! Checks what Liongard says about its alerts: unknown words, numbers of tickets, single records.

use std::collections::BTreeMap;

use halogard_domain::alert::AlertState;
use halogard_domain::policy::Mode;
use halogard_domain::{Alert, Policy};

use super::{PreflightReport, refused};
use crate::ports::{AlertListing, AlertSource, PortError};

/// Unknown words that are named.
const WORDS_MAX: usize = 10;

/// Pairs of an alert and a ticket that are shown.
const PAIRS_MAX: usize = 3;

/// What a list of all alerts showed.
#[derive(Default)]
struct Seen {
    /// The first alert of the list.
    first: Option<Alert>,
    /// How many alerts have each unknown status.
    unknown: BTreeMap<String, usize>,
    /// Alerts with the number of a ticket.
    native: Vec<Alert>,
    all: usize,
}

/// Reads every alert, and the first one once more by itself.
pub(super) async fn check<L: AlertSource>(
    liongard: &L,
    policy: &Policy,
    report: &mut PreflightReport,
) {
    let seen = match read_all(liongard).await {
        Ok(seen) => seen,
        Err(error) => return refused(report, "Liongard", &error),
    };
    report.note(format!("Liongard lists {} alerts", seen.all));
    if !seen.unknown.is_empty() {
        let words = seen.unknown.iter().take(WORDS_MAX);
        let words: Vec<String> = words
            .map(|(word, alerts)| format!("{word:?} ({alerts} alerts)"))
            .collect();
        report.warning(
            format!(
                "Liongard uses statuses that are not known and count as open: {}",
                words.join(", ")
            ),
            "if alerts with one of them are closed, their tickets stay open; report the word",
        );
    }
    if let Some(first) = seen.first {
        match liongard.read(first.id).await {
            Ok(Some(_)) => {}
            Ok(None) => report.problem(
                format!(
                    "Liongard lists alert {} and does not find it by its number",
                    first.id
                ),
                "check the address of Liongard, and the role of the access key; every alert would look removed",
            ),
            Err(error) => refused(report, "Liongard", &error),
        }
    }
    if policy.mode == Mode::Native {
        native(&seen.native, report);
    }
}

/// Shows a few pairs for the operator's eyes.
fn native(alerts: &[Alert], report: &mut PreflightReport) {
    for alert in alerts {
        if let Some(ticket) = alert.native_ticket {
            report.note(format!(
                "Liongard names ticket {ticket} for alert {} ({:?}): compare them once",
                alert.id, alert.name
            ));
        }
    }
    if alerts.is_empty() {
        report.warning(
            "no alert in Liongard names a ticket".to_owned(),
            "native mode follows the tickets that Liongard's own HaloPSA integration opens: enable it, or \
             choose the mode managed",
        );
    }
}

async fn read_all<L: AlertSource>(liongard: &L) -> Result<Seen, PortError> {
    let mut seen = Seen::default();
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
            seen.first.get_or_insert(alert);
        }
    }
    Ok(seen)
}
