//! `doctor`: what is wrong with settings, config and both systems, one check for one thing, with the remedy.
//!
//! [`check`] asks both vendors and never fails: what cannot be checked becomes a finding. The start of `serve`, a
//! changed config file and the command itself use the same checks.

mod agent;
mod applications;
mod checks;
mod customers;
mod dialect;
mod liongard;
mod notices;
mod own;
mod report;
mod rights;
mod templates;
mod webhooks;
mod write_probe;

use halogard_app::ports::{
    AlertSource, DialectProbe, EnvironmentInfo, ErrorCode, Inspectors, OwnAgent, PortError,
    Refusal, ServiceDeskCatalog,
};
use halogard_domain::policy::Mode;
use halogard_domain::{FailureClass, Policy};

pub use checks::{CheckId, CheckOwner, Urgency};
pub use dialect::check_dialect;
pub use own::{Credential, CredentialAge, PublicAddress};
pub use report::{DoctorReport, Finding, FindingScope, Level};
pub use rights::{PERMISSIONS, Right, permissions_document, scopes_needed};
pub use write_probe::probe_writes;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Whether both vendors answer and accept the credentials, and which build of HaloPSA answers. Three requests
    /// of the budget.
    Access,
    /// Also everything the policy names: about two dozen requests, three for each template, and a page of sites for
    /// each hundred clients.
    Everything,
}

/// What only the caller knows of this installation.
#[derive(Clone, Default)]
pub struct OwnFacts {
    /// The unguessable end of the webhook's address; webhooks are checked only with it.
    pub webhook_token: Option<String>,
    /// How old the credentials are, and when they end.
    pub credentials: Vec<CredentialAge>,
    /// The address that HaloPSA calls, if it was tried.
    pub public_address: Option<PublicAddress>,
    /// The scopes that the token asks for, separated by blanks.
    pub scopes: String,
}

/// What to do when a list may not be read.
const GRANT: &str = "grant read:tickets and read:customers to the application, and let the API agent see \
                     all ticket types and clients";

/// Checks access to both vendors and everything the policy names there. Read-only.
///
/// Never fails: what cannot be checked becomes a finding.
pub async fn check<D: ServiceDeskCatalog + DialectProbe, L: AlertSource + Inspectors>(
    desk: &D,
    liongard: &L,
    policy: &Policy,
    own: &OwnFacts,
    extent: Extent,
) -> DoctorReport {
    let mut report = DoctorReport::default();
    own::check(own, &mut report);
    // One vendor that is away says nothing about the other one.
    let halopsa = halopsa_access(desk, own, extent, &mut report).await;
    if let (Reached::Yes(agent), Extent::Everything) = (&halopsa, extent) {
        everything_in_halopsa(desk, agent.as_ref(), policy, own, &mut report).await;
    }
    let liongard_access = match liongard.environments().await {
        Ok(environments) => {
            report.done(CheckId::LiongardCredential);
            customers::environments(&environments, policy, &mut report);
            Reached::Yes(Some(environments))
        }
        Err(error) => {
            refused(&mut report, CheckId::LiongardCredential, "Liongard", &error);
            Reached::after(&error)
        }
    };
    if let (Reached::Yes(_), Extent::Everything) = (&halopsa, extent) {
        let environments = liongard_access.known().and_then(Option::as_deref);
        clients(desk, environments, policy, &mut report).await;
    }
    if liongard_access.known().is_some() {
        liongard::inspectors(liongard, policy, &mut report).await;
        if extent == Extent::Everything {
            liongard::alerts(liongard, policy, &mut report).await;
        }
    }
    report
}

/// What came of asking a vendor first.
enum Reached<T> {
    /// It answers, with this.
    Yes(T),
    /// Every other request would fail the same way.
    No,
}

impl<T> Reached<Option<T>> {
    /// What follows from the failure of a first request.
    fn after(error: &PortError) -> Self {
        match is_fatal(error) {
            true => Self::No,
            false => Self::Yes(None),
        }
    }

    /// What is known of a vendor that answers.
    const fn known(&self) -> Option<&Option<T>> {
        match self {
            Self::Yes(known) => Some(known),
            Self::No => None,
        }
    }
}

/// Checks whether HaloPSA answers, and what it says of the agent and the application.
async fn halopsa_access<D: ServiceDeskCatalog + DialectProbe>(
    desk: &D,
    own: &OwnFacts,
    extent: Extent,
    report: &mut DoctorReport,
) -> Reached<Option<OwnAgent>> {
    let reached = match desk.identity().await {
        Ok(agent) => {
            agent::check::<D>(&agent, report);
            Reached::Yes(Some(agent))
        }
        Err(error) => {
            refused(report, CheckId::HaloPsaCredential, "HaloPSA", &error);
            Reached::after(&error)
        }
    };
    if let Reached::Yes(agent) = &reached {
        if let Some(build) = desk.build().await {
            tracing::info!(build, "HaloPSA says which build it is");
            report.ok(CheckId::HaloPsaBuild, format!("HaloPSA is build {build}"));
        }
        if extent == Extent::Everything {
            applications::check(desk, agent.as_ref(), own, report).await;
        }
    }
    reached
}

/// Checks what the policy names in HaloPSA, customers apart, and the tenant's settings.
async fn everything_in_halopsa<D: ServiceDeskCatalog>(
    desk: &D,
    agent: Option<&OwnAgent>,
    policy: &Policy,
    own: &OwnFacts,
    report: &mut DoctorReport,
) {
    templates::check(desk, agent, policy, report).await;
    let what = "whether HaloPSA's own Liongard integration is on";
    let look = "look under Configuration → Integrations → Liongard";
    let answer = desk.tenant_settings().await;
    let settings = asked(report, CheckId::OwnIntegration, what, answer);
    let was_answered = settings.is_some();
    let settings = settings.flatten();
    if policy.mode == Mode::Managed {
        let demands = settings.and_then(|settings| settings.must_assign_to_close);
        templates::closing::check(demands, policy, report);
    }
    match settings.and_then(|settings| settings.has_own_integration) {
        Some(true) => report.warning(
            CheckId::OwnIntegration,
            "HaloPSA's own Liongard integration is on: it writes clients and assets, as Halogard may".to_owned(),
            "use only one of them: Configuration → Integrations → Liongard",
        ),
        Some(false) => report.done(CheckId::OwnIntegration),
        None if was_answered => report.not_shown(
            CheckId::OwnIntegration,
            format!("{what}: this credential may not see it"),
            look,
        ),
        None => {}
    }
    webhooks::check(desk, own, report).await;
}

/// Checks the mapped clients.
async fn clients<D: ServiceDeskCatalog>(
    desk: &D,
    environments: Option<&[EnvironmentInfo]>,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    let answer = desk.clients().await;
    if let Some(found) = list(report, CheckId::ClientExists, "clients", answer) {
        customers::clients(desk, &found, environments, policy, report).await;
    }
}

/// A list, or a line saying that it could not be read.
fn list<T>(
    report: &mut DoctorReport,
    check: CheckId,
    what: &str,
    answer: Result<Vec<T>, PortError>,
) -> Option<Vec<T>> {
    match answer {
        // Some tenants show an empty list to an agent without the right to see it.
        Ok(list) if list.is_empty() => {
            let thing = format!("HaloPSA shows no {what} to this agent");
            report.cannot_tell(check, thing, GRANT);
            None
        }
        Ok(list) => Some(list),
        Err(error) => {
            let (reason, remedy) = unanswered(&error, GRANT);
            report.cannot_tell(check, format!("HaloPSA's {what}: {reason}"), remedy);
            None
        }
    }
}

/// What HaloPSA answered to a check that the credential may lack the right for; a line where it did not answer.
fn asked<T>(
    report: &mut DoctorReport,
    check: CheckId,
    what: &str,
    answer: Result<T, PortError>,
) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            let (reason, remedy) = unanswered(&error, GRANT);
            report.cannot_tell(check, format!("{what}: {reason}"), remedy);
            None
        }
    }
}

/// What to do when the request budget is spent.
const AFTER_THE_BUDGET: &str =
    "run the command again then: the workers use the budget at the moment";

/// Why a check has no answer, and what to do; `grant` where a right is missing. A request budget that is spent is no
/// missing right, and neither is a vendor that is busy or away.
fn unanswered(error: &PortError, grant: &'static str) -> (String, &'static str) {
    match spent_budget(error) {
        Some(reason) => (reason, AFTER_THE_BUDGET),
        None if is_temporary(error) || error.code.is_vendor_unreachable() => {
            (error.chain(), "run the command again in a minute")
        }
        None => (error.chain(), grant),
    }
}

/// That a request was not sent because the request budget for HaloPSA is spent, and until when.
pub(crate) fn spent_budget(error: &PortError) -> Option<String> {
    let is_budget = matches!(
        error.code,
        ErrorCode::BudgetExhausted | ErrorCode::BudgetReserved
    );
    let until = error
        .retry_at
        .map_or_else(String::new, |at| format!(" until {at}"));
    is_budget.then(|| {
        format!(
            "not asked, because the request budget for HaloPSA has no spare permit for checks{until}"
        )
    })
}

/// At most a dozen, for one line.
fn some_of(offered: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = offered.collect();
    let more = all.len().saturating_sub(12);
    all.truncate(12);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join(", ")
}

/// Whether every other request would fail the same way.
fn is_fatal(error: &PortError) -> bool {
    matches!(error.refusal, Some(Refusal::Unauthorised)) || error.code.is_vendor_unreachable()
}

/// Whether the failure may be over in a minute: throttled, no budget, a gateway's error.
fn is_temporary(error: &PortError) -> bool {
    error.retry_at.is_some() || (error.class != FailureClass::Permanent && !is_fatal(error))
}

/// Reports a vendor that does not answer or does not accept the credential.
fn refused(report: &mut DoctorReport, check: CheckId, vendor: &str, error: &PortError) {
    let said = error.chain();
    let remedy = error
        .remedy
        .unwrap_or("check its address and its credential in the settings");
    match error.refusal {
        Some(Refusal::Forbidden) => report.not_shown(
            check,
            format!("{vendor} does not let this credential look itself up ({said})"),
            "nothing, unless tickets are refused as well",
        ),
        Some(Refusal::Unauthorised) => report.problem(check, said, remedy),
        _ if spent_budget(error).is_some() => {
            let (reason, remedy) = unanswered(error, GRANT);
            report.cannot_tell(check, format!("whether {vendor} answers: {reason}"), remedy);
        }
        _ if is_temporary(error) => report.cannot_tell(
            check,
            format!("{vendor} does not answer right now: {said}"),
            "nothing; work waits until it does, and the check is made again at the next start",
        ),
        _ => {
            let scope = if error.code.is_vendor_unreachable() {
                FindingScope::Connection
            } else {
                FindingScope::All
            };
            let thing = format!("{vendor} does not answer as it should: {said}");
            report.problem_of(check, scope, thing, remedy);
        }
    }
}
