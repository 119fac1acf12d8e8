//! The policy: what the operator configured, checked and ready to be evaluated.

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
use crate::hash::{canonical_json, hash64};
use crate::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketTypeId,
};
use crate::key::LinkKey;
use crate::notify::NotifyPolicy;
use crate::record::Record;
use crate::render;
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::slug::Slug;
use crate::start::TicketsFor;
use crate::storm::StormPolicy;
use crate::ticket::{Automation, MachineApplications, Validation};

/// Who opens the tickets.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Halogard opens them.
    Managed,
    /// Liongard's own ticketing opens them; Halogard links them, asks Liongard to check, and
    /// repairs drift.
    Native,
    /// Not Halogard, which reads both sides, links what Liongard names, and writes nothing.
    Observe,
}

/// Everything that the operator configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Who opens the tickets.
    pub mode: Mode,
    /// Distinguishes two installations that use the same HaloPSA.
    pub key_prefix: String,
    /// Prefixes of earlier keys: tickets that carry one of them are still ours.
    pub former_prefixes: Vec<String>,
    /// Installations that are no longer in use, by the id in the reference of their tickets.
    pub former_installations: Vec<String>,
    /// Templates by name.
    pub templates: BTreeMap<String, Template>,
    /// Which alert gets which template. The first match decides.
    pub rules: Vec<Rule>,
    /// The customers, each mapped once.
    pub environments: BTreeMap<EnvironmentId, Mapping>,
    /// Customers whose alerts get no tickets, by the operator's choice.
    pub ignored_environments: BTreeSet<EnvironmentId>,
    /// In native mode: how long Liongard's own ticketing has to close a ticket before Halogard
    /// does.
    pub native_grace: Duration,
    /// When many alerts share a ticket; `None` if every alert gets its own.
    pub storms: Option<StormPolicy>,
    /// Applications in HaloPSA that are not a person's.
    pub machine_applications: MachineApplications,
    /// How long records are kept.
    pub retention: Retention,
    /// Which already-open alerts get tickets when ticketing starts for a customer; `None` where the
    /// operator has not chosen.
    pub tickets_for: Option<TicketsFor>,
    /// The same for single customers.
    pub tickets_for_customer: BTreeMap<EnvironmentId, TicketsFor>,
    /// Where notices to people go; nowhere when absent. Boxed: policies are held in many futures.
    pub notify: Option<Box<NotifyPolicy>>,
    /// What is done by itself from time to time.
    pub schedule: Schedule,
}

/// The grace period of Liongard's own ticketing when the config names none. Its updates arrive
/// within a minute or two; ten minutes leave room for a retry of its own.
pub const NATIVE_GRACE: Duration = Duration::from_secs(600);

/// One customer on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The customer in Liongard.
    pub environment: EnvironmentId,
    /// The customer in HaloPSA.
    pub client: HaloClientId,
    /// The customer's site; HaloPSA's default if absent.
    pub site: Option<SiteId>,
    /// The template when no rule matches.
    pub template: Option<String>,
    /// Names of groups that rules may refer to.
    pub groups: BTreeSet<String>,
}

/// Chooses a template. Every condition that is present must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The inspector's technical name or alias.
    pub inspector: Option<Pattern>,
    /// The name of the alert rule.
    pub rule: Option<Pattern>,
    /// Any of these priorities; empty means all.
    pub priorities: BTreeSet<Slug>,
    /// A group that the customer belongs to.
    pub group: Option<String>,
    /// Any of these customers; empty means all.
    pub environments: BTreeSet<EnvironmentId>,
    /// The template to use; `None` gives no ticket: the alert is watched.
    pub template: Option<String>,
}

/// How a ticket is opened and updated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its name in the config.
    pub name: String,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
    /// The team, by name.
    pub team: Option<String>,
    /// The technician that new tickets are assigned to.
    pub technician: Option<TechnicianId>,
    /// The category path, levels separated by `>`.
    pub category: Option<String>,
    /// Statuses of opened and closed tickets, and of Liongard's statuses.
    pub statuses: StatusMap,
    /// Priorities for Liongard's priorities.
    pub priorities: PriorityMap,
    /// The title pattern; see [`render::SUMMARY_PLACEHOLDERS`].
    pub summary: String,
    /// The kind of Halogard's notes.
    pub outcome: OutcomeId,
    /// Values of custom fields, among them defaults of mandatory ones.
    pub custom_fields: BTreeMap<CustomFieldId, String>,
    /// A custom field that also receives the key.
    pub key_field: Option<CustomFieldId>,
    /// When a ticket is closed because its alert was closed.
    pub close: ClosePolicy,
    /// The technician that an unassigned ticket is assigned to when Halogard closes it. Many
    /// HaloPSA tenants refuse to close an unassigned ticket.
    pub closing_technician: Option<TechnicianId>,
    /// When a closed ticket is reopened because its alert is open again.
    pub reopen: ReopenTable,
    /// Whether HaloPSA checks mandatory fields.
    pub validation: Validation,
    /// Whether HaloPSA applies the default template of the ticket type to new tickets.
    pub type_template: Automation,
    /// Whether HaloPSA's ticket rules run for new tickets.
    pub ticket_rules: Automation,
}

impl Template {
    /// A template with defaults for everything optional.
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
            type_template: Automation::Skipped,
            ticket_rules: Automation::Skipped,
        }
    }

    /// "Internal Note" in a HaloPSA tenant with standard settings. Source: several public API
    /// clients.
    pub const INTERNAL_NOTE: OutcomeId = OutcomeId::new(7);
}

/// The meaning of statuses, for tickets of one template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMap {
    /// The status of new and reopened tickets.
    pub open: StatusId,
    /// The status of closed tickets.
    pub closed: StatusId,
    /// Other statuses in which a ticket counts as closed.
    pub also_closed: BTreeSet<StatusId>,
    /// Statuses for Liongard's statuses other than "open" and "closed".
    pub by_slug: BTreeMap<Slug, StatusId>,
}

impl StatusMap {
    /// Whether a ticket in `status` is closed.
    #[must_use]
    pub fn is_closed(&self, status: StatusId) -> bool {
        status == self.closed || self.also_closed.contains(&status)
    }
}

/// The priority that a ticket gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityMap {
    /// By Liongard's priority.
    pub by_slug: BTreeMap<Slug, PriorityId>,
    /// For every other priority; `None` leaves it to HaloPSA.
    pub default: Option<PriorityId>,
}

impl PriorityMap {
    /// The priority for Liongard's priority `slug`.
    #[must_use]
    pub fn of(&self, slug: &Slug) -> Option<PriorityId> {
        self.by_slug.get(slug).copied().or(self.default)
    }
}

/// Why an alert gets no ticket for now.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The config maps the environment to no client.
    Unmapped,
    /// No rule matches and the environment names no template.
    NoTemplate,
    /// The config ignores the environment.
    Ignored,
    /// The first rule that matches gives no ticket.
    NotTicketed,
    /// It was open before its customer's alerts got tickets, and the operator wants no tickets for such alerts.
    BeforeStart,
    /// Many alerts were already open, and the operator has not chosen which of them get tickets.
    StartUndecided,
}

impl ParkReason {
    /// Whether the operator chose that the alert gets no ticket: it is watched, and waits for nothing.
    #[must_use]
    pub const fn is_chosen(self) -> bool {
        matches!(self, Self::Ignored | Self::NotTicketed | Self::BeforeStart)
    }

    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmapped => "the environment is not mapped",
            Self::NoTemplate => "no rule matches, and the environment has no template",
            Self::Ignored => "the environment is ignored",
            Self::NotTicketed => "a rule gives no ticket",
            Self::BeforeStart => "it was open before ticketing started for its customer",
            Self::StartUndecided => {
                "`[start] tickets_for` does not say whether such alerts get tickets"
            }
        }
    }
}

/// A policy that was in force. A ticket is followed to its end under the policy that it was opened
/// with: an alert whose mapping goes keeps the customer and the template its ticket has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppliedPolicy {
    /// The policy; `None` if none with this fingerprint was ever in force.
    pub policy: Option<Policy>,
}

impl Record for AppliedPolicy {
    const PARTITION: &'static str = "applied_policy";
    /// The policy's fingerprint, see [`AppliedPolicy::key`].
    type Key = str;
}

impl AppliedPolicy {
    /// The key of the policy with this fingerprint.
    #[must_use]
    pub fn key(fingerprint: u64) -> String {
        format!("{fingerprint:016x}")
    }
}

impl Policy {
    /// Whether `other` gives the ticket of `alert` to the same customer, by the template of the same
    /// name, in the same mode. What else differs is a correction that holds for open tickets too.
    #[must_use]
    pub fn treats_alike(&self, other: &Self, alert: &Alert) -> bool {
        let terms = |policy: &Self| {
            let (mapping, template) = policy.choose(alert).ok()?;
            Some((policy.mode, mapping.client, template.name.clone()))
        };
        terms(self).is_some() && terms(self) == terms(other)
    }

    /// The policy under which the open ticket of `alert` is followed that was opened under `former`; `None`
    /// when this one treats it alike.
    #[must_use]
    pub fn followed_as_opened(&self, former: Self, alert: &Alert) -> Option<Self> {
        if self.treats_alike(&former, alert) {
            return None;
        }
        Some(Self {
            key_prefix: self.key_prefix.clone(),
            former_prefixes: self.former_prefixes.clone(),
            former_installations: self.former_installations.clone(),
            storms: self.storms.clone(),
            ..former
        })
    }

    /// The prefix of our keys and those of earlier ones, each once.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> + Clone {
        let former = self.former_prefixes.iter().map(String::as_str);
        let others = former.filter(|former| *former != self.key_prefix);
        std::iter::once(self.key_prefix.as_str()).chain(others)
    }

    /// A policy that maps nothing yet.
    #[must_use]
    pub fn empty(mode: Mode) -> Self {
        Self {
            mode,
            key_prefix: LinkKey::DEFAULT_PREFIX.to_owned(),
            former_prefixes: Vec::new(),
            former_installations: Vec::new(),
            templates: BTreeMap::new(),
            rules: Vec::new(),
            environments: BTreeMap::new(),
            ignored_environments: BTreeSet::new(),
            native_grace: NATIVE_GRACE,
            storms: None,
            machine_applications: MachineApplications::default(),
            retention: Retention::default(),
            tickets_for: Some(TicketsFor::All),
            tickets_for_customer: BTreeMap::new(),
            notify: None,
            schedule: Schedule::default(),
        }
    }

    /// Which already-open alerts of `environment` get tickets; `None` where the operator has not
    /// chosen.
    #[must_use]
    pub fn tickets_for(&self, environment: EnvironmentId) -> Option<TicketsFor> {
        let own = self.tickets_for_customer.get(&environment);
        own.copied().or(self.tickets_for)
    }

    /// Whether `alert` would get a ticket if the operator chose so: it is open and visible, and the config has a
    /// client and a template for it, but no choice for its customer.
    #[must_use]
    pub fn is_undecided_about(&self, alert: &Alert) -> bool {
        self.mode == Mode::Managed
            && self.tickets_for(alert.environment).is_none()
            && alert.visible
            && !alert.is_closed()
            && self.choose(alert).is_ok()
    }

    /// The customer and the template for `alert`.
    ///
    /// # Errors
    ///
    /// Why the alert must wait. There is no default client, and no alert is skipped silently.
    pub fn choose(&self, alert: &Alert) -> Result<(&Mapping, &Template), ParkReason> {
        let Some(mapping) = self.environments.get(&alert.environment) else {
            return Err(if self.ignored_environments.contains(&alert.environment) {
                ParkReason::Ignored
            } else {
                ParkReason::Unmapped
            });
        };
        let by_rule = self.rules.iter().find(|rule| rule.matches(alert, mapping));
        let name = match by_rule {
            Some(rule) => Some(rule.template.as_deref().ok_or(ParkReason::NotTicketed)?),
            None => mapping.template.as_deref(),
        };
        let template = name.and_then(|name| self.templates.get(name));
        template
            .map(|template| (mapping, template))
            .ok_or(ParkReason::NoTemplate)
    }

    /// A hash that changes with any setting that concerns pairs. A write that was refused under one
    /// policy may be tried again under another. Where notices go does not matter to them, nor what is done on a schedule.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        if self.notify.is_none() && self.schedule == Schedule::default() {
            return hash64(&[&canonical_json(self)]);
        }
        let about_pairs = Self {
            notify: None,
            schedule: Schedule::default(),
            ..self.clone()
        };
        hash64(&[&canonical_json(&about_pairs)])
    }
}

impl Rule {
    /// Whether it can match alerts of the customer `mapping` at all.
    #[must_use]
    pub fn may_match(&self, mapping: &Mapping) -> bool {
        let group = self
            .group
            .as_ref()
            .is_none_or(|group| mapping.groups.contains(group));
        let environment =
            self.environments.is_empty() || self.environments.contains(&mapping.environment);
        group && environment
    }

    /// Whether every condition holds for `alert` of the customer `mapping`.
    #[must_use]
    pub fn matches(&self, alert: &Alert, mapping: &Mapping) -> bool {
        self.unmet(alert, mapping).is_empty()
    }

    /// The conditions that do not hold for `alert` of the customer `mapping`.
    #[must_use]
    pub fn unmet(&self, alert: &Alert, mapping: &Mapping) -> Vec<RuleCondition> {
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
        let conditions = [
            (RuleCondition::Inspector, inspector),
            (RuleCondition::Rule, rule),
            (RuleCondition::Priority, priority),
            (RuleCondition::Customer, self.may_match(mapping)),
        ];
        let unmet = conditions.into_iter().filter(|(_, holds)| !holds);
        unmet.map(|(condition, _)| condition).collect()
    }
}

/// A condition of a rule.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleCondition {
    /// The inspector's name.
    Inspector,
    /// The name of the alert rule.
    Rule,
    /// The priority.
    Priority,
    /// The customer, or the customer's group.
    Customer,
}

impl RuleCondition {
    /// As a table shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inspector => "inspector",
            Self::Rule => "rule",
            Self::Priority => "priority",
            Self::Customer => "customer",
        }
    }
}
