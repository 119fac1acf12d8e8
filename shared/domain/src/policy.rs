//! What the operator decided, checked and ready to be asked.

mod closing;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use closing::{
    ClosePolicy, ClosedBy, Fallback, ReopenDecision, ReopenRule, ReopenTable, ReopenWhen,
};
pub use pattern::Pattern;

use crate::alert::Alert;
use crate::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketTypeId,
};
use crate::key::LinkKey;
use crate::render;
use crate::slug::Slug;
use crate::storm::StormPolicy;
use crate::ticket::Validation;

/// Who creates the tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// We do.
    Managed,
    /// Liongard's own ticketing does; we link, tell Liongard to look, and repair drift.
    Native,
}

/// Everything the operator decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Who creates the tickets.
    pub mode: Mode,
    /// Tells two installations that share one service desk apart.
    pub key_prefix: String,
    /// Templates by name.
    pub templates: BTreeMap<String, Template>,
    /// Which alert gets which template; the first match wins.
    pub rules: Vec<Rule>,
    /// The customers, each mapped once.
    pub environments: BTreeMap<EnvironmentId, Mapping>,
    /// In native mode: how long Liongard's own ticketing has to close a ticket before we do.
    pub native_grace: Duration,
    /// When many alerts share a ticket; `None` when each gets its own.
    #[serde(default)]
    pub storms: Option<StormPolicy>,
}

/// Time Liongard's own ticketing is given when the config names none. Its pushes are seen within a
/// minute or two; ten leave room for a retry of its own.
pub const NATIVE_GRACE: Duration = Duration::from_secs(600);

/// One customer on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The customer in Liongard.
    pub environment: EnvironmentId,
    /// The customer in HaloPSA.
    pub client: HaloClientId,
    /// The customer's site; the desk's default when absent.
    pub site: Option<SiteId>,
    /// The template when no rule matches.
    pub template: Option<String>,
    /// Groups and tiers that rules may ask for.
    pub groups: BTreeSet<String>,
}

/// Chooses a template. Every condition that is present must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The inspector's machine name or alias.
    pub inspector: Option<Pattern>,
    /// The name of the alert rule.
    pub rule: Option<Pattern>,
    /// Any of these priorities; empty means all.
    pub priorities: BTreeSet<Slug>,
    /// A group the customer is in.
    pub group: Option<String>,
    /// Any of these customers; empty means all.
    pub environments: BTreeSet<EnvironmentId>,
    /// The template to use.
    pub template: String,
}

/// How a ticket is made and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its name in the config.
    pub name: String,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
    /// The team, by name.
    pub team: Option<String>,
    /// The technician new tickets are given to.
    pub technician: Option<TechnicianId>,
    /// The category path, levels joined by `>`.
    pub category: Option<String>,
    /// Statuses for opening, closing and known words.
    pub statuses: StatusMap,
    /// Priorities for known words.
    pub priorities: PriorityMap,
    /// The title pattern; see [`render::SUMMARY_PLACEHOLDERS`].
    pub summary: String,
    /// The kind of our notes.
    pub outcome: OutcomeId,
    /// Values for custom fields, among them defaults for mandatory ones.
    pub custom_fields: BTreeMap<CustomFieldId, String>,
    /// A custom field that also receives the key.
    pub key_field: Option<CustomFieldId>,
    /// When a ticket is closed because its alert is over.
    pub close: ClosePolicy,
    /// Given to an unassigned ticket that we close: many desks refuse to close one that nobody has.
    pub closing_technician: Option<TechnicianId>,
    /// When a closed ticket is opened again because its alert is back.
    pub reopen: ReopenTable,
    /// Whether the desk checks mandatory fields.
    pub validation: Validation,
}

impl Template {
    /// A template with the decisions that have defaults made.
    #[must_use]
    pub fn new(name: &str, ticket_type: TicketTypeId, statuses: StatusMap) -> Self {
        Self {
            name: name.to_owned(),
            ticket_type,
            team: None,
            technician: None,
            category: None,
            statuses,
            priorities: PriorityMap::default(),
            summary: render::DEFAULT_SUMMARY_PATTERN.to_owned(),
            outcome: Self::INTERNAL_NOTE,
            custom_fields: BTreeMap::new(),
            key_field: None,
            close: ClosePolicy::Untouched,
            closing_technician: None,
            reopen: ReopenTable::default(),
            validation: Validation::Enforced,
        }
    }

    /// "Internal Note" on a stock tenant. Source: seen with several clients.
    pub const INTERNAL_NOTE: OutcomeId = OutcomeId::new(7);
}

/// What statuses mean, for tickets of one template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMap {
    /// New tickets, and reopened ones.
    pub open: StatusId,
    /// Closed tickets.
    pub closed: StatusId,
    /// Other statuses in which a ticket counts as closed.
    pub also_closed: BTreeSet<StatusId>,
    /// Statuses for words of Liongard other than "open" and "closed".
    pub by_slug: BTreeMap<Slug, StatusId>,
}

impl StatusMap {
    /// Whether a ticket in `status` is closed.
    #[must_use]
    pub fn is_closed(&self, status: StatusId) -> bool {
        status == self.closed || self.also_closed.contains(&status)
    }
}

/// Which priority a ticket gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityMap {
    /// By Liongard's word.
    pub by_slug: BTreeMap<Slug, PriorityId>,
    /// For every other word; `None` leaves it to the desk.
    pub default: Option<PriorityId>,
}

impl PriorityMap {
    /// The priority for `word`.
    #[must_use]
    pub fn of(&self, word: &Slug) -> Option<PriorityId> {
        self.by_slug.get(word).copied().or(self.default)
    }
}

/// Why an alert gets no ticket for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The config maps the environment to no client.
    Unmapped,
    /// No rule matches and the environment names no template.
    NoTemplate,
}

impl Policy {
    /// A policy that maps nothing yet.
    #[must_use]
    pub fn empty(mode: Mode) -> Self {
        Self {
            mode,
            key_prefix: LinkKey::DEFAULT_PREFIX.to_owned(),
            templates: BTreeMap::new(),
            rules: Vec::new(),
            environments: BTreeMap::new(),
            native_grace: NATIVE_GRACE,
            storms: None,
        }
    }

    /// The customer and the template for `alert`.
    ///
    /// # Errors
    ///
    /// Why it must wait: never a default client, never a silent skip.
    pub fn choose(&self, alert: &Alert) -> Result<(&Mapping, &Template), ParkReason> {
        let mapping = self
            .environments
            .get(&alert.environment)
            .ok_or(ParkReason::Unmapped)?;
        let by_rule = self.rules.iter().find(|rule| rule.matches(alert, mapping));
        let name = by_rule
            .map(|rule| rule.template.as_str())
            .or(mapping.template.as_deref());
        let template = name.and_then(|name| self.templates.get(name));
        template
            .map(|template| (mapping, template))
            .ok_or(ParkReason::NoTemplate)
    }

    /// A number that changes with any decision. What was refused under one policy may be tried
    /// again under another.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        crate::hash::hash64(&[&format!("{self:?}")])
    }
}

impl Rule {
    /// Whether every condition holds for `alert` of the customer `mapping`.
    #[must_use]
    pub fn matches(&self, alert: &Alert, mapping: &Mapping) -> bool {
        let inspector = self.inspector.as_ref().is_none_or(|pattern| {
            [&alert.inspector, &alert.inspector_alias]
                .into_iter()
                .flatten()
                .any(|name| pattern.matches(name))
        });
        let rule = self.rule.as_ref().is_none_or(|pattern| {
            alert
                .rule
                .as_deref()
                .is_some_and(|name| pattern.matches(name))
        });
        let priority = self.priorities.is_empty() || self.priorities.contains(&alert.priority);
        let group = self
            .group
            .as_ref()
            .is_none_or(|group| mapping.groups.contains(group));
        let environment =
            self.environments.is_empty() || self.environments.contains(&alert.environment);
        inspector && rule && priority && group && environment
    }
}
