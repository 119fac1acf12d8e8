//! Checks every customer that the policy names, on both sides.

use std::collections::BTreeMap;

use halogard_app::ports::{ClientInfo, EnvironmentInfo, MainSite, ServiceDeskCatalog, SiteInfo};
use halogard_domain::Policy;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::policy::Mapping;
use halogard_domain::words::{agreeing, counted};

use super::{CheckId, DoctorReport, FindingScope, list, notices, some_of};
use crate::map::name_likeness;

/// Names that are less alike may be two customers.
const LIKE_NAMES: f64 = 0.6;

/// The same name but for its spelling.
const SAME_NAME: f64 = 0.95;

/// Checks mapped environments, and counts the unmapped ones.
pub(super) fn environments(
    environments: &[EnvironmentInfo],
    policy: &Policy,
    report: &mut DoctorReport,
) {
    if environments.is_empty() {
        report.cannot_tell(
            CheckId::EnvironmentExists,
            "Liongard shows no environment to this key".to_owned(),
            "give the access key's user a role that sees every environment",
        );
        return;
    }
    for check in [
        CheckId::EnvironmentExists,
        CheckId::EnvironmentActive,
        CheckId::EnvironmentMapped,
        CheckId::TemplateChosen,
    ] {
        report.done(check);
    }
    let known: BTreeMap<_, _> = environments.iter().map(|found| (found.id, found)).collect();
    for mapping in policy.environments.values() {
        let id = mapping.environment;
        match known.get(&id) {
            None => report.problem_of(
                CheckId::EnvironmentExists,
                FindingScope::Environment(id),
                format!("the config maps environment {id}, which Liongard does not have"),
                "correct the id under [[environments]], or let the access key see it",
            ),
            Some(found) if !found.active => report.warning(
                CheckId::EnvironmentActive,
                format!(
                    "environment {id} ({:?}) is mapped and not active",
                    found.name
                ),
                "take it out of the config, or activate it in Liongard",
            ),
            Some(_) => {}
        }
        let some_rule = policy.rules.iter().any(|rule| rule.may_match(mapping));
        if mapping.template.is_none() && !some_rule {
            report.warning(
                CheckId::TemplateChosen,
                format!("environment {id} has no template, and no rule can match its alerts: they all wait"),
                "add `template` to its [[environments]] entry, or a rule that fits",
            );
        }
    }
    let is_open = |found: &&EnvironmentInfo| {
        found.active
            && !policy.environments.contains_key(&found.id)
            && !policy.ignored_environments.contains(&found.id)
    };
    let unmapped: Vec<_> = environments.iter().filter(is_open).collect();
    if let Some(first) = unmapped.first() {
        report.warning(
            CheckId::EnvironmentMapped,
            format!(
                "{} {} mapped to no client, {} ({:?}) among them: their alerts wait",
                counted(unmapped.len(), "active environment"),
                agreeing(unmapped.len(), "is", "are"),
                first.id,
                first.name
            ),
            "`halogard map` suggests clients for them; list environments that need no tickets under `ignore`. Waiting alerts are \
             released at once",
        );
    }
}

/// Checks mapped clients and sites.
pub(super) async fn clients<D: ServiceDeskCatalog>(
    desk: &D,
    clients: &[ClientInfo],
    environments: Option<&[EnvironmentInfo]>,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    for check in [
        CheckId::ClientExists,
        CheckId::ClientActive,
        CheckId::ClientName,
        CheckId::ClientStoredId,
        CheckId::ClientMainSite,
    ] {
        report.done(check);
    }
    let known: BTreeMap<_, _> = clients.iter().map(|client| (client.id, client)).collect();
    let names_no_site = policy.environments.is_empty() && policy.notify.is_none();
    let sites = match names_no_site {
        true => None,
        // One list for all: a request for each client would spend the budget of the workers.
        false => list(report, CheckId::SiteUsable, "sites", desk.sites(None).await),
    };
    if sites.is_some() {
        report.done(CheckId::MainSiteActive);
    }
    notices::client(clients, sites.as_deref(), policy, report);
    for mapping in policy.environments.values() {
        let environment = mapping.environment;
        let Some(client) = known.get(&mapping.client) else {
            report.problem_of(
                CheckId::ClientExists,
                FindingScope::Environment(environment),
                format!(
                    "environment {environment} is mapped to client {}, which HaloPSA does not have",
                    mapping.client
                ),
                "correct the client id, or let the API agent see this client (Configuration → Teams & Agents → \
                 Agents → the agent → Allow use of all Customers)",
            );
            continue;
        };
        let listed = environments.into_iter().flatten();
        let found = listed.clone().find(|it| it.id == environment);
        if !client.active {
            report.warning(
                CheckId::ClientActive,
                format!(
                    "environment {environment} is mapped to the inactive client {:?}",
                    client.name
                ),
                "map it to an active client, or activate this one",
            );
        }
        if let Some(found) = found {
            names(found, client, clients, report);
        }
        if mapping.site.is_none() {
            main_site(environment, client, sites.as_deref(), report);
        }
        let stored = client.stored_environment.filter(|id| *id != environment);
        let other = stored.and_then(|id| listed.clone().find(|it| it.id == id));
        if let Some(other) = other {
            report.warning(
                CheckId::ClientStoredId,
                format!(
                    "environment {environment} is mapped to client {} ({:?}), which carries the id of environment {} \
                     ({:?}) in HaloPSA",
                    client.id, client.name, other.id, other.name
                ),
                "correct the client id, or the client's Liongard id in HaloPSA",
            );
        }
        if let (true, Some(sites)) = (client.active, &sites) {
            site(mapping, sites, report);
        }
    }
}

/// A client of another name may be another customer, whose people would see the alerts.
fn names(
    environment: &EnvironmentInfo,
    client: &ClientInfo,
    clients: &[ClientInfo],
    report: &mut DoctorReport,
) {
    let likeness = name_likeness(&environment.name, &client.name);
    if client.stored_environment == Some(environment.id) || likeness >= SAME_NAME {
        return;
    }
    let better = clients
        .iter()
        .find(|other| name_likeness(&environment.name, &other.name) >= SAME_NAME);
    if likeness >= LIKE_NAMES && better.is_none() {
        return;
    }
    let better = better
        .map(|other| format!("; client {} is {:?}", other.id, other.name))
        .unwrap_or_default();
    report.warning(
        CheckId::ClientName,
        format!(
            "environment {} is {:?} in Liongard, and its client {} is {:?} in HaloPSA{better}",
            environment.id, environment.name, client.id, client.name
        ),
        "are they one customer? If not, correct the client id: another customer would see these alerts",
    );
}

/// Tickets of a mapping that names no site are opened at the client's main site.
fn main_site(
    environment: EnvironmentId,
    client: &ClientInfo,
    sites: Option<&[SiteInfo]>,
    report: &mut DoctorReport,
) {
    let remedy = "give the client a main site (Customers → the client → Sites), or name one as `site` in the mapping";
    let mapped = format!(
        "environment {environment} is mapped to client {} ({:?})",
        client.id, client.name
    );
    let main = match client.main_site {
        MainSite::Unknown => return,
        MainSite::Absent => {
            let thing = format!("{mapped}, which has no main site: HaloPSA may refuse its tickets");
            return report.warning(CheckId::ClientMainSite, thing, remedy);
        }
        MainSite::Site(main) => main,
    };
    let known = sites.into_iter().flatten().find(|site| site.id == main);
    if let Some(site) = known.filter(|site| client.active && !site.active) {
        report.warning(
            CheckId::MainSiteActive,
            format!(
                "{mapped}, whose main site {main} ({:?}) is inactive: HaloPSA may refuse its tickets",
                site.name
            ),
            remedy,
        );
    }
}

/// A mapped site must be the client's own.
fn site(mapping: &Mapping, all: &[SiteInfo], report: &mut DoctorReport) {
    let Some(site) = mapping.site else { return };
    report.done(CheckId::SiteUsable);
    let is_own = |it: &&SiteInfo| it.client.is_none_or(|client| client == mapping.client);
    let sites: Vec<&SiteInfo> = all.iter().filter(is_own).collect();
    let usable = sites.iter().filter(|site| site.active);
    let named = some_of(usable.map(|site| format!("{} {}", site.id, site.name)));
    let remedy = match named.is_empty() {
        true => "give the client a site that is in use (Customers → the client → Sites)".to_owned(),
        false => format!("choose one of: {named}"),
    };
    let (environment, client) = (mapping.environment, mapping.client);
    match sites.iter().find(|known| known.id == site) {
        None => report.problem_of(
            CheckId::SiteUsable,
            FindingScope::Environment(environment),
            format!(
                "environment {environment} names site {site}, which client {client} does not have"
            ),
            remedy,
        ),
        Some(found) if !found.active => report.warning(
            CheckId::SiteUsable,
            format!(
                "environment {environment} names site {site} ({:?}), which is inactive",
                found.name
            ),
            remedy,
        ),
        Some(_) => {}
    }
}
