//! Checks what `[notify.ticket]` names: a notice whose ticket HaloPSA refuses reaches no one.

use halogard_app::ports::{ClientInfo, SiteInfo};
use halogard_domain::Policy;
use halogard_domain::notify::NoticeTicketPolicy;

use super::templates::Offered;
use super::{CheckId, DoctorReport, some_of};

/// The ticket of notices, if the config has one.
fn notice_ticket(policy: &Policy) -> Option<&NoticeTicketPolicy> {
    policy.notify.as_ref()?.ticket.as_ref()
}

/// Checks the client and the site.
pub(super) fn client(
    clients: &[ClientInfo],
    sites: Option<&[SiteInfo]>,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    let Some(ticket) = notice_ticket(policy) else {
        return;
    };
    let check = CheckId::NoticeClient;
    report.done(check);
    let id = ticket.client;
    let Some(client) = clients.iter().find(|it| it.id == id) else {
        return report.warning(
            check,
            format!("[notify.ticket] names client {id}, which HaloPSA does not have"),
            "correct `client` under [notify.ticket], or let the API agent see this client (Configuration → Teams & \
             Agents → Agents → the agent → Allow use of all Customers)",
        );
    };
    if !client.active {
        let thing = format!(
            "[notify.ticket] names client {id} ({:?}), which is inactive",
            client.name
        );
        let remedy = "name your own client, or activate this one";
        report.warning(check, thing, remedy);
    }
    let (Some(site), Some(sites)) = (ticket.site, sites) else {
        return;
    };
    let own = sites.iter();
    let own = own.filter(|it| it.active && it.client.is_none_or(|client| client == id));
    let own: Vec<&SiteInfo> = own.collect();
    if !own.iter().any(|it| it.id == site) {
        let named = some_of(own.iter().map(|it| format!("{} {}", it.id, it.name)));
        let remedy = match named.is_empty() {
            true => "leave `site` out of [notify.ticket]".to_owned(),
            false => format!("leave `site` out of [notify.ticket], or choose one of: {named}"),
        };
        let thing =
            format!("[notify.ticket] names site {site}, which is no active site of client {id}");
        report.warning(check, thing, remedy);
    }
}

/// Checks ticket type, status, priority and team.
pub(super) fn ticket(offered: &Offered, policy: &Policy, report: &mut DoctorReport) {
    let Some(ticket) = notice_ticket(policy) else {
        return;
    };
    if let Some(types) = &offered.types {
        let id = ticket.ticket_type;
        let found = types.iter().find(|it| it.id == id);
        let usable = types.iter().filter(|it| it.active);
        let usable = usable.map(|it| format!("{} {}", it.id, it.name));
        named(report, "ticket type", id, found.is_some(), usable);
        if let Some(found) = found.filter(|it| !it.active) {
            let thing = format!(
                "[notify.ticket] names ticket type {id} ({:?}), which this agent may not open",
                found.name
            );
            let remedy = "let the API agent's role add tickets of this type (Configuration → Teams & Agents → Roles → \
                          Ticket Types), or choose another type";
            report.warning(CheckId::NoticeTicket, thing, remedy);
        }
    }
    if let (Some(id), Some(statuses)) = (ticket.status, &offered.statuses) {
        let usable = statuses.iter().filter(|it| it.is_closed != Some(true));
        let is_usable = usable.clone().any(|it| it.id == id);
        let usable = usable.map(|it| format!("{} {}", it.id, it.name));
        named(report, "open status", id, is_usable, usable);
    }
    if let (Some(id), Some(priorities)) = (ticket.priority, &offered.priorities) {
        let usable = priorities.iter().filter(|it| it.shown);
        let is_usable = usable.clone().any(|it| it.id == id);
        let usable = usable.map(|it| format!("{} {}", it.id, it.name));
        named(report, "priority", id, is_usable, usable);
    }
    if let (Some(team), Some(teams)) = (&ticket.team, &offered.teams) {
        let usable = teams.iter().filter(|it| it.active && it.takes_tickets);
        let is_usable = usable.clone().any(|it| it.name == *team);
        let team = format!("{team:?}");
        named(
            report,
            "team",
            team,
            is_usable,
            usable.map(|it| it.name.clone()),
        );
    }
}

/// Reports a `what` that is not among those `offered`.
fn named(
    report: &mut DoctorReport,
    what: &str,
    id: impl std::fmt::Display,
    is_offered: bool,
    offered: impl Iterator<Item = String>,
) {
    report.done(CheckId::NoticeTicket);
    if !is_offered {
        let thing = format!("[notify.ticket] names {what} {id}, which HaloPSA does not offer");
        let remedy = format!("choose one of: {}", some_of(offered));
        report.warning(CheckId::NoticeTicket, thing, remedy);
    }
}
