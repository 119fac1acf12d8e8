//! Checks the agent that the application acts as.

use halogard_app::ports::{OwnAgent, ServiceDeskCatalog};

use super::{CheckId, DoctorReport};

/// Checks what HaloPSA says of the agent itself.
pub(super) fn check<D: ServiceDeskCatalog>(agent: &OwnAgent, report: &mut DoctorReport) {
    let name = &agent.name;
    report.ok(
        CheckId::HaloPsaCredential,
        format!("HaloPSA answers as {name:?}"),
    );
    report.done(CheckId::AgentEnabled);
    if !agent.active {
        report.problem(
            CheckId::AgentEnabled,
            format!("the HaloPSA agent {name:?} is disabled"),
            D::ENABLE_TECHNICIAN,
        );
    }
    if let Some(is_api_only) = agent.is_api_only {
        report.done(CheckId::AgentApiOnly);
        if !is_api_only {
            report.warning(
                CheckId::AgentApiOnly,
                format!("the application acts as {name:?}, a person's agent: tickets show that person's name"),
                "make an API-only agent for it (Configuration → Teams & Agents → Agents → New → API-only) and choose it \
                 in the application (Configuration → Integrations → HaloPSA API)",
            );
        }
    }
    if let Some(is_administrator) = agent.is_administrator {
        report.done(CheckId::AgentLeastRights);
        if is_administrator {
            report.warning(
                CheckId::AgentLeastRights,
                format!("the agent {name:?} is an administrator, more than Halogard needs"),
                "give it a role with the rights of docs/permissions.md instead (Configuration → Teams & Agents → Roles)",
            );
        }
    }
}
