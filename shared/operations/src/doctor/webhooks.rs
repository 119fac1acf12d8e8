//! Checks whether HaloPSA sends its changes to our address.

use halogard_app::ports::{ServiceDeskCatalog, WebhookInfo};

use super::{CheckId, DoctorReport, OwnFacts, asked};
use crate::webhooks::{EVENTS, leads_here};

/// Where webhooks are made.
const MENU: &str = "Configuration → Integrations → Webhooks";

/// Looks for webhooks with our address.
pub(super) async fn check<D: ServiceDeskCatalog>(
    desk: &D,
    own: &OwnFacts,
    report: &mut DoctorReport,
) {
    let Some(token) = &own.webhook_token else {
        return;
    };
    let what = "whether HaloPSA has a webhook with our address";
    let answer = desk.webhooks().await;
    let Some(answer) = asked(report, CheckId::WebhookPresent, what, answer) else {
        return;
    };
    let Some(webhooks) = answer else {
        return report.not_shown(
            CheckId::WebhookPresent,
            format!(
                "{what}: doctor's token does not ask for the scope `admin`, which shows webhooks"
            ),
            format!(
                "`halogard webhook status` asks for it and shows the webhook; or look under {MENU}"
            ),
        );
    };
    // As `webhook status` finds them.
    let mut ours: Vec<&WebhookInfo> = webhooks
        .iter()
        .filter(|it| leads_here(&it.url, token))
        .collect();
    ours.sort_by_key(|it| !it.active);
    report.done(CheckId::WebhookPresent);
    let Some(first) = ours.first() else {
        return report.warning(
            CheckId::WebhookPresent,
            "no webhook of HaloPSA has our address: changes are found by sweeps, up to five minutes later".to_owned(),
            format!("`halogard webhook install` makes it, or prints what to click ({MENU})"),
        );
    };
    report.done(CheckId::WebhookActive);
    if !ours.iter().any(|it| it.active) {
        report.warning(
            CheckId::WebhookActive,
            format!("the webhook {:?} is switched off", first.name),
            format!(
                "{MENU} → the webhook: activate it. HaloPSA switches one off whose deliveries fail"
            ),
        );
    }
    events(desk, first, report).await;
    report.done(CheckId::WebhookSingle);
    if ours.len() > 1 {
        let names: Vec<String> = ours.iter().map(|it| format!("{:?}", it.name)).collect();
        report.warning(
            CheckId::WebhookSingle,
            format!(
                "{} webhooks have our address: {}",
                ours.len(),
                names.join(", ")
            ),
            format!("{MENU}: keep one; each change is delivered once for each of them"),
        );
    }
}

/// Looks for events that do not make `webhook` fire.
async fn events<D: ServiceDeskCatalog>(desk: &D, webhook: &WebhookInfo, report: &mut DoctorReport) {
    let what = format!("which events make the webhook {:?} send", webhook.name);
    let answer = desk.webhook_events(&webhook.id).await;
    let Some(answer) = asked(report, CheckId::WebhookEvents, &what, answer) else {
        return;
    };
    let Some(bound) = answer else {
        return report.not_shown(
            CheckId::WebhookEvents,
            format!("{what}: doctor's token does not ask for the scope `admin`, which shows them"),
            format!(
                "`halogard webhook status` asks for it; or look under {MENU} → the webhook → Events"
            ),
        );
    };
    report.done(CheckId::WebhookEvents);
    let missing: Vec<String> = EVENTS
        .iter()
        .filter(|event| !bound.contains(&i64::from(event.number)))
        .map(|event| format!("{} ({})", event.name, event.number))
        .collect();
    if !missing.is_empty() {
        report.warning(
            CheckId::WebhookEvents,
            format!(
                "the webhook {:?} does not send on: {}; such changes are found by sweeps, up to five minutes later",
                webhook.name,
                missing.join(", ")
            ),
            format!("`halogard webhook install` binds them, or {MENU} → the webhook → Events"),
        );
    }
}
