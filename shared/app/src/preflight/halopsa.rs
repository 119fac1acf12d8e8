//! Checks everything that the policy names in HaloPSA.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use halogard_domain::Policy;
use halogard_domain::policy::{ClosePolicy, Mode, Template};

use super::{FindingScope, PreflightReport};
use crate::ports::{Named, PortError, ServiceDeskCatalog};

/// What to do when a list may not be read.
const GRANT: &str = "grant read:tickets and read:customers to the application, and let the API agent see \
                     all ticket types and clients";

/// Checks what templates and environments name.
pub(super) async fn check<D: ServiceDeskCatalog>(
    desk: &D,
    policy: &Policy,
    report: &mut PreflightReport,
) {
    templates(desk, policy, report).await;
    clients(desk, policy, report).await;
    if policy.mode == Mode::Managed {
        closing(desk, policy, report).await;
    }
}

/// Ticket types, statuses, priorities, teams, technicians and outcomes.
async fn templates<D: ServiceDeskCatalog>(desk: &D, policy: &Policy, report: &mut PreflightReport) {
    let statuses = read(report, "statuses", desk.statuses().await);
    let priorities = read(report, "priorities", desk.priorities().await);
    let types = read(report, "ticket types", desk.ticket_types().await);
    let teams = read(report, "teams", desk.teams().await);
    let technicians = read(report, "agents", desk.technicians().await);
    let outcomes = read(report, "outcomes", desk.outcomes().await);
    for template in policy.templates.values() {
        let mut lookup = Lookup { template, report };
        lookup.ids("ticket type", [template.ticket_type], types.as_deref());
        lookup.ids("status", statuses_of(template), statuses.as_deref());
        lookup.ids("priority", priorities_of(template), priorities.as_deref());
        lookup.ids("note outcome", [template.outcome], outcomes.as_deref());
        let people = template
            .technician
            .into_iter()
            .chain(template.closing_technician);
        lookup.ids("agent", people, technicians.as_deref());
        lookup.team(teams.as_deref());
        mandatory(desk, template, report).await;
    }
}

/// Every status a template names.
fn statuses_of(template: &Template) -> BTreeSet<halogard_domain::ids::StatusId> {
    let map = &template.statuses;
    let mut all: BTreeSet<_> = map
        .also_closed
        .iter()
        .chain(map.by_slug.values())
        .copied()
        .collect();
    all.extend([map.open, map.closed]);
    all
}

/// Every priority a template names.
fn priorities_of(template: &Template) -> BTreeSet<halogard_domain::ids::PriorityId> {
    template
        .priorities
        .by_slug
        .values()
        .copied()
        .chain(template.priorities.default)
        .collect()
}

/// A list, or a line saying that it could not be read.
fn read<T>(
    report: &mut PreflightReport,
    what: &str,
    answer: Result<Vec<T>, PortError>,
) -> Option<Vec<T>> {
    match answer {
        // Some tenants show an empty list to an agent without the right to see it.
        Ok(list) if list.is_empty() => {
            report.cannot_tell(format!("HaloPSA shows no {what} to this agent"), GRANT);
            None
        }
        Ok(list) => Some(list),
        Err(error) => {
            report.cannot_tell(format!("HaloPSA's {what}: {}", error.chain()), GRANT);
            None
        }
    }
}

/// Checks what one template names.
struct Lookup<'a> {
    template: &'a Template,
    report: &'a mut PreflightReport,
}

impl Lookup<'_> {
    /// Each of `wanted` must be in `known`; `None` when the list could not be read.
    fn ids<Id: Copy + PartialEq + Display>(
        &mut self,
        what: &str,
        wanted: impl IntoIterator<Item = Id>,
        known: Option<&[Named<Id>]>,
    ) {
        let Some(known) = known else { return };
        for id in wanted {
            if !known.iter().any(|named| named.id == id) {
                let offered = known
                    .iter()
                    .map(|named| format!("{} {}", named.id, named.name));
                self.report.problem_of(
                    FindingScope::Template(self.template.name.clone()),
                    format!(
                        "template {:?} names {what} {id}, which HaloPSA does not have",
                        self.template.name
                    ),
                    format!("choose one of: {}", some_of(offered)),
                );
            }
        }
    }

    /// The team is written by name, so a renamed team breaks creates.
    fn team(&mut self, known: Option<&[String]>) {
        let (Some(team), Some(known)) = (&self.template.team, known) else {
            return;
        };
        if !known.contains(team) {
            self.report.problem_of(
                FindingScope::Template(self.template.name.clone()),
                format!(
                    "template {:?} names team {team:?}, which HaloPSA does not have",
                    self.template.name
                ),
                format!("choose one of: {}", some_of(known.iter().cloned())),
            );
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

/// Mandatory fields that the template gives no value to.
async fn mandatory<D: ServiceDeskCatalog>(
    desk: &D,
    template: &Template,
    report: &mut PreflightReport,
) {
    let Ok(Some(info)) = desk.ticket_type(template.ticket_type).await else {
        return;
    };
    let given: BTreeSet<u64> = template
        .custom_fields
        .keys()
        .chain(template.key_field.iter())
        .map(|field| field.get())
        .collect();
    for field in info
        .mandatory
        .iter()
        .filter(|field| !given.contains(&field.id))
    {
        report.warning(
            format!(
                "ticket type {:?} may ask for {:?} (field {}), and template {:?} gives it no value",
                info.name, field.name, field.id, template.name
            ),
            format!(
                "add custom_fields = {{ {} = \"…\" }} to the template",
                field.id
            ),
        );
    }
}

/// Mapped clients and sites.
async fn clients<D: ServiceDeskCatalog>(desk: &D, policy: &Policy, report: &mut PreflightReport) {
    let Some(clients) = read(report, "clients", desk.clients().await) else {
        return;
    };
    let known: BTreeMap<_, _> = clients.iter().map(|client| (client.id, client)).collect();
    for mapping in policy.environments.values() {
        let environment = mapping.environment;
        match known.get(&mapping.client) {
            None => report.problem_of(
                FindingScope::Environment(environment),
                format!(
                    "environment {environment} is mapped to client {}, which HaloPSA does not have",
                    mapping.client
                ),
                "correct the client id, or let the API agent see this client",
            ),
            Some(client) if !client.active => report.warning(
                format!(
                    "environment {environment} is mapped to the inactive client {:?}",
                    client.name
                ),
                "map it to an active client, or activate this one",
            ),
            Some(_) => site(desk, mapping, report).await,
        }
    }
}

/// A mapped site must be the client's own.
async fn site<D: ServiceDeskCatalog>(
    desk: &D,
    mapping: &halogard_domain::policy::Mapping,
    report: &mut PreflightReport,
) {
    let Some(site) = mapping.site else { return };
    let Ok(sites) = desk.sites(mapping.client).await else {
        return;
    };
    if !sites.is_empty() && !sites.iter().any(|known| known.id == site) {
        report.problem_of(
            FindingScope::Environment(mapping.environment),
            format!(
                "environment {} names site {site}, which client {} does not have",
                mapping.environment, mapping.client
            ),
            format!(
                "choose one of: {}",
                some_of(
                    sites
                        .iter()
                        .map(|site| format!("{} {}", site.id, site.name))
                )
            ),
        );
    }
}

/// A ticket without an assignee may be refused when it is closed, so there should be a technician for it.
async fn closing<D: ServiceDeskCatalog>(desk: &D, policy: &Policy, report: &mut PreflightReport) {
    let demands = matches!(desk.must_assign_to_close().await, Ok(Some(true)));
    for template in policy.templates.values() {
        if let Some(warning) = unassigned_close(template, demands) {
            report.warning(
                warning,
                "add closing_technician = <agent id> to the template",
            );
        }
    }
}

/// What may keep tickets of `template` from being closed. HaloPSA may clear an assignment with a change of
/// the status, so a technician for new tickets does not help; and it may demand one although its setting,
/// as far as we may see it, does not say so.
fn unassigned_close(template: &Template, demands: bool) -> Option<String> {
    if template.close == ClosePolicy::Never || template.closing_technician.is_some() {
        return None;
    }
    let why = if demands {
        "HaloPSA closes assigned tickets only"
    } else {
        "HaloPSA may refuse to close a ticket whose assignment it has cleared"
    };
    Some(format!(
        "{why}, and template {:?} names no closing technician",
        template.name
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use halogard_domain::ids::{StatusId, TechnicianId, TicketTypeId};
    use halogard_domain::policy::StatusMap;

    use super::*;

    #[test]
    fn a_template_that_closes_tickets_without_a_closing_technician_is_pointed_out() {
        let statuses = StatusMap {
            open: StatusId::new(1),
            closed: StatusId::new(9),
            also_closed: BTreeSet::new(),
            by_slug: BTreeMap::new(),
        };
        let template = Template::new("default", TicketTypeId::new(5), statuses);
        let technician = Some(TechnicianId::new(12));
        let rows = [
            (template.clone(), true),
            (
                Template {
                    technician,
                    ..template.clone()
                },
                true,
            ),
            (
                Template {
                    closing_technician: technician,
                    ..template.clone()
                },
                false,
            ),
            (
                Template {
                    close: ClosePolicy::Never,
                    ..template
                },
                false,
            ),
        ];
        for (template, warns) in rows {
            for demands in [true, false] {
                assert_eq!(unassigned_close(&template, demands).is_some(), warns);
            }
        }
    }
}
