//! Checks the applications that may call HaloPSA: what ours may ask for, and which others act as its agent.

use halogard_app::ports::{ApplicationInfo, OwnAgent, ServiceDeskCatalog};

use super::{CheckId, DoctorReport, OwnFacts, asked, some_of};

/// Where applications are.
const MENU: &str = "Configuration → Integrations → HaloPSA API → View Applications";

/// How the scopes begin that allow everything.
const EVERYTHING: &str = "all";

/// A name of an application that an earlier set-up of Halogard may have left.
const OUR_NAME: &str = "halogard";

/// Checks the scopes that are asked for, and every application where the credential may see them.
pub(super) async fn check<D: ServiceDeskCatalog>(
    desk: &D,
    agent: Option<&OwnAgent>,
    own: &OwnFacts,
    report: &mut DoctorReport,
) {
    report.done(CheckId::ApplicationScopes);
    let requested = own.scopes.split_whitespace();
    everything(requested, "the token asks for", "HALOPSA_SCOPES", report);
    let what = "which applications act as the agent";
    let answer = desk.applications().await;
    let Some(answer) = asked(report, CheckId::ApplicationSingle, what, answer) else {
        return;
    };
    let Some(applications) = answer else {
        return report.not_shown(
            CheckId::ApplicationSingle,
            format!("{what}: this credential may not see applications"),
            format!(
                "look under {MENU}: each integration has an application and an agent of its own"
            ),
        );
    };
    if let Some(ours) = applications.iter().find(|it| it.is_own) {
        let granted = ours.scopes.iter().map(String::as_str);
        let what = format!("the application {:?} may ask for", ours.name);
        everything(granted, &what, MENU, report);
    }
    report.done(CheckId::ApplicationSingle);
    let is_beside = |it: &&ApplicationInfo| {
        let same_agent = agent.is_some_and(|agent| it.agent == Some(agent.id));
        let is_ours_by_name = it.name.to_lowercase().contains(OUR_NAME);
        it.active && !it.is_own && (same_agent || is_ours_by_name)
    };
    let beside: Vec<_> = applications.iter().filter(is_beside).collect();
    if beside.is_empty() {
        return;
    }
    let names = some_of(beside.iter().map(|it| format!("{:?}", it.name)));
    report.warning(
        CheckId::ApplicationSingle,
        format!("other applications act as the agent, or are left of an earlier set-up: {names}"),
        format!(
            "{MENU}: delete what nothing uses, and give each other integration an agent of its own; tickets and notes \
             would look like Halogard's"
        ),
    );
}

/// Warns where one of `scopes` allows everything.
fn everything<'a>(
    mut scopes: impl Iterator<Item = &'a str>,
    what: &str,
    place: &str,
    report: &mut DoctorReport,
) {
    if let Some(scope) = scopes.find(|scope| scope.starts_with(EVERYTHING)) {
        report.warning(
            CheckId::ApplicationScopes,
            format!("{what} `{scope}`, more than Halogard needs"),
            format!("{place}: name the scopes of docs/permissions.md instead"),
        );
    }
}
