//! The answers about the webhook, as pages.

use halogard_credentials::webhook_auth::{WebhookAuthKind, WebhookCredentials};
use halogard_domain::words::{agreeing, counted};
use halogard_operations::moment::Moment;
use halogard_operations::webhooks::{
    ActedOn, DeliveryLine, EVENTS, WEBHOOK_MENU, WEBHOOK_NAME, WebhookAnswer, WebhookState,
    WebhookStep,
};

use super::{BothLogs, StatusAnswer};
use crate::opened_store::WebhookTarget;
use crate::page::{Cell, Mood, TextPage};

/// A share of unannounced changes that says that webhooks are lost, in percent. A sweep may find a change while its
/// webhook is on its way.
const UNANNOUNCED_PERCENT_MAX: usize = 20;

/// Puts the answer of `status` on a page.
pub fn write_status(answer: &StatusAnswer, target: &WebhookTarget, page: &mut TextPage) {
    write_answer(&answer.webhook, target, page);
    write_acted_on(&answer.acted_on, page);
}

/// Puts the answer of `status` and `install` on a page.
pub fn write_answer(answer: &WebhookAnswer, target: &WebhookTarget, page: &mut TextPage) {
    if !answer.done.is_empty() {
        write_steps("done:", &answer.done, page);
        page.gap();
    }
    match &answer.state {
        WebhookState::Forbidden => return write_by_hand(target, page),
        WebhookState::Absent => page.line(Cell::new(
            "HaloPSA has no webhook with our address",
            Mood::Caution,
        )),
        WebhookState::Present {
            name,
            active,
            last_status,
            count,
        } => {
            let on = if *active { "on" } else { "switched off" };
            let last = last_status.map(|status| format!(", last delivery answered {status}"));
            let mood = if *active { Mood::Good } else { Mood::Bad };
            page.line(Cell::new(
                format!("webhook {name:?}: {on}{}", last.unwrap_or_default()),
                mood,
            ));
            if *count > 1 {
                page.line(Cell::new(
                    format!(
                        "{count} webhooks have our address: each change is delivered once for each of them; keep one \
                         ({WEBHOOK_MENU})"
                    ),
                    Mood::Caution));
            }
        }
    }
    if answer.missing.is_empty() {
        page.line(Cell::new(
            "bound to every event that Halogard needs",
            Mood::Good,
        ));
    } else {
        write_steps(
            "missing (`halogard webhook install` adds it):",
            &answer.missing,
            page,
        );
    }
    if let Some(deliveries) = &answer.deliveries {
        page.gap();
        write_deliveries(deliveries, page);
    }
}

/// Puts on a page what announced the changes that were acted on.
fn write_acted_on(acted_on: &ActedOn, page: &mut TextPage) {
    let Some(percent) = acted_on.unannounced_percent() else {
        return;
    };
    let mood = match percent {
        0..UNANNOUNCED_PERCENT_MAX => Mood::Plain,
        _ => Mood::Caution,
    };
    page.gap();
    page.line(Cell::new(
        format!(
            "of {} in HaloPSA that Halogard acted on within seven days, {} {} found by a sweep and announced by no \
             webhook ({percent} %)",
            counted(acted_on.announced + acted_on.found_by_sweep, "change"),
            acted_on.found_by_sweep,
            agreeing(acted_on.found_by_sweep, "was", "were")
        ),
        mood,
    ));
}

/// What a person does where the credential may not see webhooks.
fn write_by_hand(target: &WebhookTarget, page: &mut TextPage) {
    let kind = match WebhookCredentials::kind_of(&target.members) {
        WebhookAuthKind::Hmac => "HMAC, with the value of HALOPSA_WEBHOOK_SECRET as its key",
        WebhookAuthKind::Basic => {
            "Basic, with HALOPSA_WEBHOOK_USERNAME and HALOPSA_WEBHOOK_PASSWORD"
        }
        WebhookAuthKind::Bearer => "Bearer, with the value of HALOPSA_WEBHOOK_BEARER",
        WebhookAuthKind::ApiKey => "the header and value of HALOPSA_WEBHOOK_API_KEY",
        WebhookAuthKind::PathToken => "none: the token in the address authenticates",
    };
    let events = EVENTS.map(|event| format!("{} ({})", event.name, event.number));
    page.line(Cell::new(
        "this credential may not see webhooks (scope `admin`); by hand, as an administrator:",
        Mood::Caution,
    ));
    for (number, step) in [
        format!("open {WEBHOOK_MENU} and make a new webhook named {WEBHOOK_NAME}"),
        "payload URL: what `halogard webhook url` prints; method POST; content type application/json".to_owned(),
        format!("authentication: {kind}"),
        format!("events: {}", events.join(", ")),
        "save it, press its test button, and look for `test` in the log of `serve`".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        page.line(Cell::new(format!("  {}. {step}", number + 1), Mood::Plain));
    }
}

/// Puts a list of steps on a page.
pub(super) fn write_steps(title: &str, steps: &[WebhookStep], page: &mut TextPage) {
    page.line(Cell::new(title, Mood::Plain));
    for step in steps {
        let text = match step {
            WebhookStep::Create => format!("a webhook {WEBHOOK_NAME:?} with our address"),
            WebhookStep::Activate => "the webhook is switched on".to_owned(),
            WebhookStep::Bind { number, name } => format!("event {number}, {name}"),
        };
        page.line(Cell::new(format!("  {text}"), Mood::Plain));
    }
}

/// Puts both logs on a page.
pub fn write_log(log: &BothLogs, page: &mut TextPage) {
    page.line("what came here:");
    if log.here.kinds.is_empty() {
        page.line(Cell::new("  nothing yet", Mood::Dim));
    }
    let rows = log.here.kinds.iter().map(|line| {
        vec![
            Cell::from(line.kind.clone()),
            Cell::from(line.recorded.to_string()),
            Cell::from(line.members.clone().unwrap_or_default()),
        ]
    });
    page.rows(
        &["event", "recorded", "members of the first"],
        rows.collect(),
    );
    page.gap();
    page.line("what HaloPSA recorded:");
    match &log.deliveries {
        Some(deliveries) => write_deliveries(deliveries, page),
        None => page.line(Cell::new(
            "  it shows no log of our webhook; `halogard webhook status` says whether it exists and is visible",
            Mood::Dim,
        )),
    }
}

/// Puts deliveries on a page.
fn write_deliveries(deliveries: &[DeliveryLine], page: &mut TextPage) {
    if deliveries.is_empty() {
        return page.line(Cell::new("HaloPSA has recorded no delivery", Mood::Dim));
    }
    let rows = deliveries
        .iter()
        .map(|line| {
            let answer = line.status.map(|status| status.to_string());
            let mood = if line.was_accepted() {
                Mood::Good
            } else {
                Mood::Bad
            };
            vec![
                Cell::from(line.at.map(|at| Moment::to_string(&at)).unwrap_or_default()),
                Cell::from(line.event.clone().unwrap_or_default()),
                Cell::new(answer.unwrap_or_else(|| "no answer".to_owned()), mood),
                Cell::from(
                    line.duration_ms
                        .map(|duration| format!("{duration} ms"))
                        .unwrap_or_default(),
                ),
                Cell::from(line.no_answer.clone().unwrap_or_default()),
            ]
        })
        .collect();
    page.rows(&["queued", "event", "answer", "took", "error"], rows);
}

/// Puts the delivery of a test on a page.
pub fn write_test(delivery: &DeliveryLine, page: &mut TextPage) {
    let status = delivery.status.map(|status| status.to_string());
    match &delivery.no_answer {
        _ if delivery.was_accepted() => page.line(Cell::new(
            format!(
                "HaloPSA delivered its test; the answer was {}",
                status.unwrap_or_default()
            ),
            Mood::Good,
        )),
        error => page.line(Cell::new(
            format!(
                "HaloPSA's test was not accepted: {}",
                status
                    .map(|status| format!("answered {status}"))
                    .or_else(|| error.clone())
                    .unwrap_or_else(|| "no answer".to_owned())
            ),
            Mood::Bad,
        )),
    }
}
