//! `doctor`: what is wrong with settings, config and both systems, one check for one thing, with the remedy.
//!
//! [`check`] asks both vendors and never fails: what cannot be checked becomes a finding. The start of `serve`, a
//! changed config file and the command itself use the same checks.

mod agent;
mod checks;
mod customers;
mod dialect;
mod liongard;
mod own;
mod report;
mod rights;
mod templates;
mod webhooks;

use halogard_app::ports::{
    AlertSource, DialectProbe, EnvironmentInfo, Inspectors, OwnAgent, PortError, Refusal,
    ServiceDeskCatalog,
};
use halogard_domain::policy::Mode;
use halogard_domain::{FailureClass, Policy};

pub use checks::{CheckId, CheckOwner};
pub use dialect::check_dialect;
pub use own::{Credential, CredentialAge, PublicAddress};
pub use report::{DoctorReport, Finding, FindingScope, Level};
pub use rights::{PERMISSIONS, Right, permissions_document, scopes_needed};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Whether both vendors answer and accept the credentials, and which build of HaloPSA answers. Three requests
    /// of the budget.
    Access,
    /// Also everything the policy names: about two dozen requests, and one for each mapped site.
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
    let agent = match desk.identity().await {
        Ok(agent) => Some(agent),
        Err(error) => {
            refused(&mut report, CheckId::HaloPsaCredential, "HaloPSA", &error);
            if is_fatal(&error) {
                return report;
            }
            None
        }
    };
    if let Some(agent) = &agent {
        agent::check::<D>(agent, &mut report);
    }
    if let Some(build) = desk.build().await {
        tracing::info!(build, "HaloPSA says which build it is");
        report.ok(CheckId::HaloPsaBuild, format!("HaloPSA is build {build}"));
    }
    if extent == Extent::Everything {
        everything_in_halopsa(desk, agent.as_ref(), policy, own, &mut report).await;
    }
    let environments = match liongard.environments().await {
        Ok(environments) => {
            report.done(CheckId::LiongardCredential);
            customers::environments(&environments, policy, &mut report);
            Some(environments)
        }
        Err(error) => {
            refused(&mut report, CheckId::LiongardCredential, "Liongard", &error);
            if is_fatal(&error) {
                return report;
            }
            None
        }
    };
    if extent == Extent::Everything {
        clients(desk, environments.as_deref(), policy, &mut report).await;
    }
    liongard::inspectors(liongard, policy, &mut report).await;
    if extent == Extent::Everything {
        liongard::alerts(liongard, policy, &mut report).await;
    }
    report
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
    let settings = desk.tenant_settings().await.ok().flatten();
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
        None => report.cannot_tell(
            CheckId::OwnIntegration,
            "whether HaloPSA's own Liongard integration is on".to_owned(),
            "look under Configuration → Integrations → Liongard; this credential may not",
        ),
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
            let thing = format!("HaloPSA's {what}: {}", error.chain());
            report.cannot_tell(check, thing, GRANT);
            None
        }
    }
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
        Some(Refusal::Forbidden) => report.cannot_tell(
            check,
            format!("{vendor} does not let this credential look itself up ({said})"),
            "nothing, unless tickets are refused as well",
        ),
        Some(Refusal::Unauthorised) => report.problem(check, said, remedy),
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
