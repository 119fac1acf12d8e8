//! Checks whether HaloPSA sends its changes to our address.

use halogard_app::ports::{ServiceDeskCatalog, WebhookInfo};

use super::{CheckId, DoctorReport, OwnFacts};

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
    let Ok(Some(webhooks)) = desk.webhooks().await else {
        return report.cannot_tell(
            CheckId::WebhookPresent,
            "whether HaloPSA has a webhook with our address".to_owned(),
            format!("look under {MENU}; this credential may not"),
        );
    };
    let ours: Vec<&WebhookInfo> = webhooks
        .iter()
        .filter(|it| it.url.contains(token))
        .collect();
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
