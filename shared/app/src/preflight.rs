//! Checks a policy against what both vendors have, before the first alert depends on it.

mod alerts;
mod dialect;
mod environments;
mod halopsa;
mod report;

use halogard_domain::policy::Mode;
use halogard_domain::{FailureClass, Policy};

pub use dialect::check_dialect;
pub use report::{Finding, FindingScope, Level, PreflightReport};

use crate::ports::{AlertSource, Inspectors, PortError, Refusal, ServiceDeskCatalog};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Whether both vendors answer and accept the credentials, and which build of HaloPSA answers. Three requests
    /// of the budget.
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
            D::ENABLE_TECHNICIAN,
        ),
        Err(error) => {
            refused(&mut report, "HaloPSA", &error);
            if is_fatal(&error) {
                return report;
            }
        }
    }
    if let Some(build) = desk.build().await {
        tracing::info!(build, "HaloPSA says which build it is");
        report.note(format!("HaloPSA is build {build}"));
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
    if extent == Extent::Everything {
        alerts::check(liongard, policy, &mut report).await;
    }
    report
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
fn refused(report: &mut PreflightReport, vendor: &str, error: &PortError) {
    let said = error.chain();
    let remedy = error
        .remedy
        .unwrap_or("check its address and its credential in the settings");
    match error.refusal {
        Some(Refusal::Forbidden) => report.cannot_tell(
            format!("{vendor} does not let this credential look itself up ({said})"),
            "nothing, unless tickets are refused as well",
        ),
        Some(Refusal::Unauthorised) => report.problem(said, remedy),
        _ if is_temporary(error) => report.cannot_tell(
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
            report.problem_of(scope, thing, remedy);
        }
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
