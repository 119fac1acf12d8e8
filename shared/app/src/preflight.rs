//! Checks a policy against what both vendors have, before the first alert depends on it.

mod environments;
mod halopsa;
mod report;

use halogard_domain::policy::Mode;
use halogard_domain::{FailureClass, Policy};

pub use report::{Finding, Level, PreflightReport};

use crate::ports::{AlertSource, Inspectors, PortError, Refusal, ServiceDeskCatalog};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Whether both vendors answer and accept the credentials. Two requests of the budget.
    Access,
    /// Also everything the policy names: about a dozen requests, and one for each mapped site.
    Everything,
}

/// Checks access to both vendors and everything the policy names there. Read-only.
///
/// Never fails: what cannot be checked becomes a finding.
pub async fn check<D: ServiceDeskCatalog, L: AlertSource + Inspectors>(
    desk: &D,
    liongard: &L,
    policy: &Policy,
    extent: Extent,
) -> PreflightReport {
    let mut report = PreflightReport::default();
    match desk.identity().await {
        Ok(agent) if agent.active => report.note(format!("HaloPSA answers as {:?}", agent.name)),
        Ok(agent) => report.problem(
            format!("the HaloPSA agent {:?} is disabled", agent.name),
            "enable it under Configuration → Teams & Agents → Agents",
        ),
        Err(error) => {
            refused(&mut report, "HaloPSA", &error);
            if is_fatal(&error) {
                return report;
            }
        }
    }
    if extent == Extent::Everything {
        halopsa::check(desk, policy, &mut report).await;
    }
    match liongard.environments().await {
        Ok(environments) => environments::check(&environments, policy, &mut report),
        Err(error) => {
            refused(&mut report, "Liongard", &error);
            if is_fatal(&error) {
                return report;
            }
        }
    }
    inspectors(liongard, policy, &mut report).await;
    report
}

/// Whether every other request would fail the same way.
fn is_fatal(error: &PortError) -> bool {
    matches!(error.refusal, Some(Refusal::Unauthorised))
        || error.error_type.ends_with(".unreachable")
}

/// Whether the failure may be over in a minute: throttled, no budget, a gateway's error.
fn is_temporary(error: &PortError) -> bool {
    error.retry_at.is_some() || (error.class != FailureClass::Permanent && !is_fatal(error))
}

/// Reports a vendor that does not answer or does not accept the credential.
fn refused(report: &mut PreflightReport, vendor: &str, error: &PortError) {
    let said = error.chain();
    match error.refusal {
        Some(Refusal::Forbidden) => report.cannot_tell(
            format!("{vendor} does not let this credential look itself up ({said})"),
            "nothing, unless tickets are refused as well",
        ),
        Some(Refusal::Unauthorised) if vendor == "Liongard" => report.problem(
            said,
            "compare LIONGARD_ACCESS_KEY_ID and LIONGARD_ACCESS_KEY_SECRET with the key under your \
             profile → Account Settings → Access Tokens, and LIONGARD_URL with the address you sign \
             in at; make a new key if the secret is lost",
        ),
        _ if is_temporary(error) => report.cannot_tell(
            format!("{vendor} does not answer right now: {said}"),
            "nothing; work waits until it does, and the check is made again at the next start",
        ),
        _ if vendor == "Liongard" => report.problem(
            format!("Liongard does not answer: {said}"),
            "check LIONGARD_URL (such as us1.app.liongard.com) and that this machine can reach it",
        ),
        // The HaloPSA adapter's messages say what to change.
        _ => report.problem(
            format!("HaloPSA does not answer as it should: {said}"),
            halo_remedy(error),
        ),
    }
}

/// What to change when HaloPSA refuses or does not answer.
fn halo_remedy(error: &PortError) -> &'static str {
    match error.error_type {
        "halopsa.scope" => {
            "take the scope out of HALOPSA_SCOPES, or grant it to the application under \
             Configuration → Integrations → HaloPSA API → Permissions; one unknown scope refuses all"
        }
        "halopsa.tenant" => {
            "compare HALOPSA_TENANT with Configuration → Integrations → HaloPSA API → Tenant"
        }
        "halopsa.credential" => {
            "compare HALOPSA_CLIENT_ID and HALOPSA_CLIENT_SECRET with the application under \
             Configuration → Integrations → HaloPSA API (the client id may change at the first \
             save), HALOPSA_TENANT with the tenant shown there, and HALOPSA_RESOURCE_URL with the \
             address you sign in at"
        }
        "halopsa.unreachable" => {
            "check HALOPSA_RESOURCE_URL and HALOPSA_AUTH_URL and that this machine can reach them"
        }
        _ => "check HALOPSA_RESOURCE_URL, HALOPSA_AUTH_URL and HALOPSA_TENANT",
    }
}

/// Liongard must have exactly one enabled HaloPSA inspector, which reads the tickets.
async fn inspectors<L: Inspectors>(liongard: &L, policy: &Policy, report: &mut PreflightReport) {
    let remedy = "add or enable one HaloPSA inspector in Liongard, in your own environment; it is \
                  the only way in which Liongard learns of a ticket's state";
    match (liongard.halo_launchpoints().await, policy.mode) {
        (Ok(found), _) if found.len() == 1 => {
            report.note("Liongard has its HaloPSA inspector".to_owned())
        }
        (Ok(found), Mode::Native) => {
            report.problem(
                format!(
                    "Liongard has {} enabled HaloPSA inspectors, not one",
                    found.len()
                ),
                remedy,
            );
        }
        (Ok(found), Mode::Managed) => {
            report.warning(
                format!(
                    "Liongard has {} enabled HaloPSA inspectors, not one",
                    found.len()
                ),
                remedy,
            );
        }
        (Err(error), _) => report.cannot_tell(
            format!(
                "whether Liongard has a HaloPSA inspector: {}",
                error.chain()
            ),
            "give the access key a role that may read launchpoints",
        ),
    }
}
