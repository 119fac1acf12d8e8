//! `route`: which ticket an alert would get, and why. Writes nothing.

use std::collections::BTreeSet;

use halogard_app::ports::{AlertListing as _, AlertSource, PortError};
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, PriorityId, SiteId, StatusId, TechnicianId, TicketTypeId,
};
use halogard_domain::policy::{Mapping, ParkReason, RuleCondition};
use halogard_domain::{Alert, Policy, Slug, Timestamp, render};
use serde::{Deserialize, Serialize};

/// What an alert would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteAnswer {
    /// The customer in Liongard.
    pub environment: EnvironmentId,
    /// The rules of the config in order, up to the first that matches.
    pub rules: Vec<RuleVerdict>,
    /// The ticket; `None` if it gets none.
    pub ticket: Option<RoutedTicket>,
    /// Why it gets none.
    pub no_ticket: Option<ParkReason>,
    /// Names of alert rules in Liongard that no rule of the config names; empty when Liongard was not asked.
    pub rules_without_rule: Vec<String>,
}

/// What a rule of the config says to an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleVerdict {
    /// Its place in the file, from 1.
    pub place: usize,
    /// The template it names; `None` for one that gives no ticket.
    pub template: Option<String>,
    /// The conditions that do not hold; empty for the rule that matches.
    pub unmet: Vec<RuleCondition>,
}

/// The ticket an alert would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoutedTicket {
    /// The template.
    pub template: String,
    /// The client.
    pub client: HaloClientId,
    /// The site; the client's main one if `None`.
    pub site: Option<SiteId>,
    /// The type.
    pub ticket_type: TicketTypeId,
    /// The team.
    pub team: Option<String>,
    /// The agent.
    pub technician: Option<TechnicianId>,
    /// The priority; HaloPSA's choice if `None`.
    pub priority: Option<PriorityId>,
    /// The status.
    pub status: StatusId,
    /// The title, without its key.
    pub summary: String,
}

/// An alert that was made up, to try the config with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleAlert {
    /// The customer in Liongard.
    pub environment: u64,
    /// The inspector's technical name or alias.
    pub inspector: Option<String>,
    /// The name of the alert rule.
    pub rule: Option<String>,
    /// The priority.
    #[serde(default)]
    pub priority: String,
    /// The name of the alert.
    #[serde(default)]
    pub name: String,
}

impl SampleAlert {
    /// The alert, as Liongard would report it.
    #[must_use]
    pub fn alert(self) -> Alert {
        let now = Timestamp::from_millis(0);
        Alert {
            id: AlertId::new(1),
            number: None,
            environment: EnvironmentId::new(self.environment),
            environment_name: String::new(),
            name: self.name,
            description: String::new(),
            priority: Slug::new(&self.priority),
            status: Slug::new("new"),
            inspector: self.inspector.clone(),
            inspector_alias: self.inspector,
            rule: self.rule,
            launchpoint: None,
            system: None,
            native_ticket: None,
            visible: true,
            raised_at: now,
            changed_at: now,
            observed_at: now,
            page: None,
        }
    }
}

/// What `alert` would get under `policy`.
#[must_use]
pub fn route(alert: &Alert, policy: &Policy) -> RouteAnswer {
    let mut rules = Vec::new();
    if let Some(mapping) = policy.environments.get(&alert.environment) {
        for (place, rule) in (1..).zip(&policy.rules) {
            let unmet = rule.unmet(alert, mapping);
            let is_match = unmet.is_empty();
            rules.push(RuleVerdict {
                place,
                template: rule.template.clone(),
                unmet,
            });
            if is_match {
                break;
            }
        }
    }
    let chosen = policy.choose(alert);
    let no_ticket = chosen.as_ref().err().copied();
    let ticket = chosen.ok().map(|(mapping, template)| {
        let Mapping { client, site, .. } = mapping;
        let by_word = template.statuses.by_slug.get(&alert.status).copied();
        RoutedTicket {
            template: template.name.clone(),
            client: *client,
            site: *site,
            ticket_type: template.ticket_type,
            team: template.team.clone(),
            technician: template.technician,
            priority: template.priorities.of(&alert.priority),
            status: by_word.unwrap_or(template.statuses.open),
            summary: render::summary(&template.summary, alert),
        }
    });
    RouteAnswer {
        environment: alert.environment,
        rules,
        ticket,
        no_ticket,
        rules_without_rule: Vec::new(),
    }
}

/// Names of alert rules that alerts in Liongard have and no rule of the config names.
///
/// # Errors
///
/// The list cannot be read to its end.
pub async fn rules_without_rule<L: AlertSource>(
    liongard: &L,
    policy: &Policy,
) -> Result<Vec<String>, PortError> {
    let mut names = BTreeSet::new();
    let mut listing = liongard.list().await?;
    while let Some(part) = listing.next().await? {
        names.extend(part.alerts.into_iter().filter_map(|alert| alert.rule));
    }
    let is_named = |name: &String| {
        let mut patterns = policy.rules.iter().filter_map(|rule| rule.rule.as_ref());
        patterns.any(|pattern| pattern.matches(name))
    };
    Ok(names.into_iter().filter(|name| !is_named(name)).collect())
}
