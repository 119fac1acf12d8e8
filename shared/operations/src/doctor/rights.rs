//! The rights that the credentials need, each with what shows its absence.

use std::fmt::Write as _;

use halogard_domain::policy::Mode;

use super::checks::CheckId;

/// A right that Halogard needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Whose right it is, and where it is given.
    pub menu: &'static str,
    /// What it is called there.
    pub label: &'static str,
    /// Why Halogard needs it.
    pub why: &'static str,
    /// What happens without it.
    pub symptom: &'static str,
    /// The check that notices its absence; `None` where no answer of the API shows it before it is needed.
    pub check: Option<CheckId>,
    /// The OAuth scope, if it is one.
    pub scope: Option<&'static str>,
}

const APPLICATION: &str =
    "HaloPSA: Configuration → Integrations → HaloPSA API → View Applications → Permissions";
const AGENT: &str = "HaloPSA: Configuration → Teams & Agents → Agents → the API-only agent";
const ROLE: &str = "HaloPSA: Configuration → Teams & Agents → Roles → the agent's role";
const LIONGARD: &str = "Liongard: Admin → Users → the access key's user";

/// How the scopes begin that allow to write.
const WRITING: &str = "edit:";

/// Every right.
pub const PERMISSIONS: &[Right] = &[
    Right {
        menu: APPLICATION,
        label: "read:tickets",
        why: "lists and reads tickets",
        symptom: "no token: one scope that is not granted refuses all",
        check: Some(CheckId::HaloPsaCredential),
        scope: Some("read:tickets"),
    },
    Right {
        menu: APPLICATION,
        label: "edit:tickets",
        why: "opens, changes and closes tickets, adds notes",
        symptom: "no token: one scope that is not granted refuses all",
        check: Some(CheckId::HaloPsaCredential),
        scope: Some("edit:tickets"),
    },
    Right {
        menu: APPLICATION,
        label: "read:customers",
        why: "checks mapped clients and sites, and suggests new ones",
        symptom: "no token: one scope that is not granted refuses all",
        check: Some(CheckId::HaloPsaCredential),
        scope: Some("read:customers"),
    },
    Right {
        menu: APPLICATION,
        label: "Authentication Method: Client ID and Secret (Services), signed in as the API-only agent",
        why: "no person signs in; there is no redirect URI and no browser",
        symptom: "`unauthorized_client`; or notes and tickets in a person's name",
        check: Some(CheckId::AgentApiOnly),
        scope: None,
    },
    Right {
        menu: APPLICATION,
        label: "not `all` nor `all:standard`; an application and an agent for Halogard alone",
        why: "least rights: a leaked secret opens less, and what another integration does is not taken for Halogard's",
        symptom: "none",
        check: Some(CheckId::ApplicationScopes),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "enabled",
        why: "a disabled agent may do nothing",
        symptom: "every request is refused",
        check: Some(CheckId::AgentEnabled),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "not an administrator",
        why: "least rights: a leaked secret opens less",
        symptom: "none",
        check: Some(CheckId::AgentLeastRights),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "Departments & Teams: member of each team that gets tickets",
        why: "HaloPSA shows tickets by team",
        symptom: "a create with that team is refused, or the ticket is missing from lists",
        check: Some(CheckId::AgentTeams),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "Departments & Teams: member of the departments of these teams",
        why: "HaloPSA shows tickets by department",
        symptom: "a create with that team is refused, or the ticket is missing from lists",
        check: Some(CheckId::AgentDepartments),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "Departments & Teams: can view unassigned tickets",
        why: "new tickets are unassigned",
        symptom: "sweeps do not see them; closures arrive late or never",
        check: Some(CheckId::AgentUnassigned),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "Departments & Teams: can view tickets assigned to other agents",
        why: "technicians take the tickets",
        symptom: "a ticket vanishes from sweeps as soon as a technician takes it",
        check: Some(CheckId::AgentOthers),
        scope: None,
    },
    Right {
        menu: AGENT,
        label: "Allow use of all Customers: Yes",
        why: "tickets of every mapped client, and of the client that `[notify.ticket]` names",
        symptom: "clients are missing from lists; creates are refused",
        check: Some(CheckId::ClientExists),
        scope: None,
    },
    Right {
        menu: ROLE,
        label: "Ticket Types: can add and edit the types of the templates, and of `[notify.ticket]`",
        why: "opens and changes tickets of these types",
        symptom: "creates or updates are refused",
        check: Some(CheckId::AgentTicketTypes),
        scope: None,
    },
    Right {
        menu: ROLE,
        label: "Tickets: Read and Modify; can add new tickets; can edit closed tickets; can edit tickets not assigned to it",
        why: "reopens tickets, and writes on those of technicians",
        symptom: "an update answers 200 and changes nothing, or is refused",
        check: Some(CheckId::ProbeEditClosed),
        scope: None,
    },
    Right {
        menu: ROLE,
        label: "Editing of Actions: own actions",
        why: "adds notes; never changes a person's",
        symptom: "notes are missing",
        check: Some(CheckId::ProbeNote),
        scope: None,
    },
    Right {
        menu: LIONGARD,
        label: "a role that reads every environment (Reader suffices for reading)",
        why: "reads alerts and environments",
        symptom: "customers are missing; their alerts look removed",
        check: Some(CheckId::EnvironmentExists),
        scope: None,
    },
    Right {
        menu: LIONGARD,
        label: "may run launchpoints (Manager in the environment of the HaloPSA inspector)",
        why: "starts the HaloPSA inspector, which reads tickets for Liongard",
        symptom: "alerts stay open in Liongard after their tickets are closed",
        check: Some(CheckId::InspectorSingle),
        scope: None,
    },
];

/// The OAuth scopes that the application needs for what is switched on, in the form of the setting. A token is
/// refused as a whole when one scope of it is not granted, so none is asked for that nothing uses.
#[must_use]
pub fn scopes_needed(mode: Mode) -> String {
    let scopes = PERMISSIONS.iter().filter_map(|right| right.scope);
    let needed = scopes.filter(|scope| mode != Mode::Observe || !scope.starts_with(WRITING));
    needed.collect::<Vec<_>>().join(" ")
}

/// The rights as a document.
#[must_use]
pub fn permissions_document() -> String {
    let mut text = "# Permissions\n\nWhich rights the credentials need, why, and what happens without them. `halogard doctor` checks each \
                    right\nthat has a check; the others show only when they are needed. Doctor requests its own token, so it sees a \
                    right that you\nhave just granted; a running `serve` sees a new scope with its next token. Generated from the \
                    checks: `halogard\ndoctor --print-permissions` prints the same.\n"
        .to_owned();
    let mut menu = "";
    for right in PERMISSIONS {
        if right.menu != menu {
            menu = right.menu;
            // A String takes everything.
            write!(
                text,
                "\n## {menu}\n\n| Right | Why | Without it | Check |\n| --- | --- | --- | --- |\n"
            )
            .unwrap_or_default();
        }
        let check = right.check.map_or_else(
            || "only when it is needed".to_owned(),
            |check| format!("`{}`", check.as_str()),
        );
        writeln!(
            text,
            "| {} | {} | {} | {check} |",
            right.label, right.why, right.symptom
        )
        .unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_asks_for_no_scope_that_allows_to_write() {
        let tickets = "read:tickets edit:tickets read:customers";
        assert_eq!(scopes_needed(Mode::Managed), tickets);
        assert_eq!(scopes_needed(Mode::Native), tickets);
        assert_eq!(scopes_needed(Mode::Observe), "read:tickets read:customers");
    }
}
