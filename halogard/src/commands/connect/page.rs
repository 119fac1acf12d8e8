//! How the answer of `connect` looks.

use std::io::{IsTerminal as _, stdout};

use halogard_domain::policy::Mode;
use halogard_operations::doctor::Level;

use super::ConnectAnswer;
use crate::page::{Cell, Mood, TextPage};

/// Puts the answer on a page.
pub fn write(answer: &ConnectAnswer, page: &mut TextPage) {
    for correction in &answer.corrections {
        page.line(Cell::new(format!("note: {correction}"), Mood::Caution));
    }
    for vendor in &answer.vendors {
        page.gap();
        page.line(format!("{} at {}", vendor.vendor, vendor.address));
        let rows = vendor.stages.iter().map(|it| {
            let (word, mood) = match it.passed {
                true => ("ok", Mood::Good),
                false => ("failed", Mood::Bad),
            };
            vec![
                it.stage.as_str().into(),
                Cell::new(word, mood),
                it.said.clone().into(),
            ]
        });
        page.rows(&[], rows.collect());
        let failed = vendor.stages.iter().find(|it| !it.passed);
        if let Some(failed) = failed.filter(|it| !it.remedy.is_empty()) {
            page.line(Cell::new(
                format!("  fix: {}", failed.remedy),
                Mood::Caution,
            ));
        }
    }
    for finding in &answer.findings {
        let mood = match finding.level {
            Level::Problem => Mood::Bad,
            _ => Mood::Caution,
        };
        page.line(Cell::new(finding.to_string(), mood));
    }
    if answer.connected {
        write_advice(answer, page);
    }
    page.gap();
    page.line(format!("next: {}", answer.next));
}

/// What comes after a connection that works.
fn write_advice(answer: &ConnectAnswer, page: &mut TextPage) {
    page.gap();
    let ticketing = match answer.native_ticketing {
        Some(true) => "Liongard's own ticketing opens tickets: open alerts name them",
        Some(false) => "Liongard's own ticketing opens no tickets: no open alert names one",
        None => "cannot tell whether Liongard's own ticketing is on: no alert is open",
    };
    let mode = match answer.advised_mode {
        Mode::Managed => "managed",
        Mode::Native => "native",
        Mode::Observe => "observe",
    };
    page.line(format!(
        "{ticketing}. The mode that fits is \"{mode}\"; \"observe\" only reads, for a trial"
    ));
    for stored in &answer.stored {
        page.line(Cell::new(format!("stored {stored}"), Mood::Good));
    }
    match &answer.webhook_url {
        Some(url) if stdout().is_terminal() => {
            page.line("paste this URL into HaloPSA (Configuration → Integrations → Webhooks), payload full:");
            page.line(format!("  {url}"));
        }
        Some(_) => page.line("`halogard webhook url` prints the URL to paste into HaloPSA"),
        None => {}
    }
    page.gap();
    page.line("recommended before the first ticket:");
    for recommendation in answer.recommendations {
        page.line(format!("- {recommendation}"));
    }
}
