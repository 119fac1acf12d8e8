//! Checks everything that the templates name in HaloPSA.

pub(super) mod closing;
mod custom_fields;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use halogard_app::ports::{
    Named, OwnAgent, PriorityInfo, ServiceDeskCatalog, StatusInfo, TeamInfo, TechnicianInfo,
    TicketField,
};
use halogard_domain::Policy;
use halogard_domain::ids::{OutcomeId, StatusId, TicketTypeId};
use halogard_domain::policy::{Mode, Template};

use super::{CheckId, DoctorReport, FindingScope, asked, list, notices, some_of};

/// What HaloPSA has, as far as it shows it.
pub(super) struct Offered {
    pub(super) statuses: Option<Vec<StatusInfo>>,
    pub(super) priorities: Option<Vec<PriorityInfo>>,
    pub(super) types: Option<Vec<Named<TicketTypeId>>>,
    pub(super) teams: Option<Vec<TeamInfo>>,
    technicians: Option<Vec<TechnicianInfo>>,
    outcomes: Option<Vec<Named<OutcomeId>>>,
    fields: Option<Vec<TicketField>>,
    categories: Option<Vec<String>>,
}

/// Checks every template.
pub(super) async fn check<D: ServiceDeskCatalog>(
    desk: &D,
    own: Option<&OwnAgent>,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    let names_fields = policy
        .templates
        .values()
        .any(|template| !template.custom_fields.is_empty() || template.key_field.is_some());
    let names_categories = policy.templates.values().any(|it| it.category.is_some());
    let offered = Offered {
        statuses: list(
            report,
            CheckId::StatusExists,
            "statuses",
            desk.statuses().await,
        ),
        priorities: list(
            report,
            CheckId::PriorityExists,
            "priorities",
            desk.priorities().await,
        ),
        types: list(
            report,
            CheckId::TypeUsable,
            "ticket types",
            desk.ticket_types().await,
        ),
        teams: list(report, CheckId::TeamUsable, "teams", desk.teams().await),
        technicians: list(
            report,
            CheckId::TechnicianUsable,
            "agents",
            desk.technicians().await,
        ),
        outcomes: list(
            report,
            CheckId::OutcomeUsable,
            "outcomes",
            desk.outcomes().await,
        ),
        fields: match names_fields {
            true => list(
                report,
                CheckId::FieldExists,
                "custom fields",
                desk.fields().await,
            ),
            false => None,
        },
        categories: match names_categories {
            true => list(
                report,
                CheckId::CategoryExists,
                "categories",
                desk.categories().await,
            ),
            false => None,
        },
    };
    notices::ticket(&offered, policy, report);
    for template in policy.templates.values() {
        let kind = template.ticket_type;
        let detail = desk.ticket_type(kind).await;
        let what = format!("the fields of ticket type {kind}");
        let detail = asked(report, CheckId::FieldMandatory, &what, detail);
        let allowed = desk.allowed_statuses(kind).await;
        let what = format!("the statuses that ticket type {kind} allows");
        let allowed = asked(report, CheckId::StatusAllowed, &what, allowed);
        let outcomes = desk.allowed_outcomes(kind).await;
        let what = format!("the outcomes that ticket type {kind} offers");
        let outcomes = asked(report, CheckId::OutcomeAllowed, &what, outcomes);
        let mut one = OneTemplate {
            template,
            is_chosen_by_us: policy.mode == Mode::Managed,
            report,
        };
        one.ticket_type(offered.types.as_deref(), own);
        one.statuses(offered.statuses.as_deref(), allowed.as_ref());
        let detail = detail.flatten();
        let sla = detail.as_ref().and_then(|detail| detail.sla);
        one.priorities(offered.priorities.as_deref(), sla);
        one.outcome(offered.outcomes.as_deref(), outcomes.as_ref());
        one.team(
            offered.teams.as_deref(),
            offered.technicians.as_deref(),
            own,
        );
        one.technicians(offered.technicians.as_deref());
        one.category(offered.categories.as_deref());
        one.fields(offered.fields.as_deref());
        if let Some(detail) = &detail {
            one.mandatory(detail);
        }
    }
}

/// Checks what one template names.
struct OneTemplate<'a> {
    template: &'a Template,
    /// Whether we open the tickets.
    is_chosen_by_us: bool,
    report: &'a mut DoctorReport,
}

impl OneTemplate<'_> {
    fn name(&self) -> String {
        format!("template {:?}", self.template.name)
    }

    fn problem(&mut self, check: CheckId, thing: String, remedy: impl Into<String>) {
        let scope = FindingScope::Template(self.template.name.clone());
        self.report.problem_of(check, scope, thing, remedy);
    }

    /// Something HaloPSA does not have.
    fn missing<Id: Display>(
        &mut self,
        check: CheckId,
        what: &str,
        id: Id,
        offered: impl Iterator<Item = String>,
    ) {
        let thing = format!(
            "{} names {what} {id}, which HaloPSA does not have",
            self.name()
        );
        self.problem(check, thing, format!("choose one of: {}", some_of(offered)));
    }

    fn ticket_type(&mut self, known: Option<&[Named<TicketTypeId>]>, own: Option<&OwnAgent>) {
        let id = self.template.ticket_type;
        let Some(known) = known else { return };
        self.report.done(CheckId::TypeUsable);
        let Some(found) = known.iter().find(|named| named.id == id) else {
            let offered = known.iter().map(|it| format!("{} {}", it.id, it.name));
            return self.missing(CheckId::TypeUsable, "ticket type", id, offered);
        };
        if !found.active && self.is_chosen_by_us {
            let thing = format!(
                "{} names ticket type {id} ({:?}), which this agent may not open",
                self.name(),
                found.name
            );
            let remedy = "let the API agent's role add tickets of this type (Configuration → Teams & Agents → Roles → \
                          Ticket Types), or choose another type";
            self.report.warning(CheckId::TypeUsable, thing, remedy);
        }
        let Some(own) = own.filter(|own| !own.ticket_types.is_empty()) else {
            return;
        };
        self.report.done(CheckId::AgentTicketTypes);
        let rights = own.ticket_types.iter().find(|it| it.ticket_type == id);
        let lacks = match rights {
            None => Some("see"),
            Some(rights) if rights.may_create == Some(false) && self.is_chosen_by_us => {
                Some("open")
            }
            Some(rights) if rights.may_edit == Some(false) => Some("edit"),
            Some(_) => None,
        };
        if let Some(lacks) = lacks {
            let thing = format!(
                "the agent {:?} may not {lacks} tickets of type {id} ({:?})",
                own.name, found.name
            );
            let remedy = "Configuration → Teams & Agents → Agents → the agent → Roles → Ticket Types: allow it to add and \
                          edit tickets of this type";
            self.report
                .warning(CheckId::AgentTicketTypes, thing, remedy);
        }
    }

    fn statuses(&mut self, known: Option<&[StatusInfo]>, allowed: Option<&BTreeSet<StatusId>>) {
        let Some(known) = known else { return };
        for check in [
            CheckId::StatusExists,
            CheckId::StatusMeaning,
            CheckId::StatusAllowed,
        ] {
            self.report.done(check);
        }
        let map = self.template.statuses.clone();
        let closed = map.also_closed.iter().map(|id| ("also_closed", *id, true));
        let by_word = map.by_slug.iter();
        let by_word: Vec<(String, StatusId)> =
            by_word.map(|(word, id)| (word.to_string(), *id)).collect();
        let words = by_word
            .iter()
            .map(|(word, id)| (word.as_str(), *id, word.starts_with("closed")));
        let all = [("open", map.open, false), ("closed", map.closed, true)];
        for (key, id, should_be_closed) in all.into_iter().chain(closed).chain(words) {
            let Some(found) = known.iter().find(|status| status.id == id) else {
                let offered = known.iter().map(|it| format!("{} {}", it.id, it.name));
                let named = format!("{id} as `{key}`");
                self.missing(CheckId::StatusExists, "status", named, offered);
                continue;
            };
            if found
                .is_closed
                .is_some_and(|closed| closed != should_be_closed)
            {
                let (is, wanted) = match should_be_closed {
                    true => ("is not a closed one", true),
                    false => ("is a closed one", false),
                };
                let fitting = known.iter().filter(|it| it.is_closed == Some(wanted));
                let offered = some_of(fitting.map(|it| format!("{} {}", it.id, it.name)));
                let thing = format!(
                    "{} names status {id} ({:?}) as `{key}`, and in HaloPSA it {is}",
                    self.name(),
                    found.name
                );
                let remedy = format!(
                    "choose one of: {offered}; or change it under Configuration → Tickets → Statuses"
                );
                self.problem(CheckId::StatusMeaning, thing, remedy);
            }
            if allowed.is_some_and(|allowed| !allowed.is_empty() && !allowed.contains(&id)) {
                let thing = format!(
                    "{} names status {id} ({:?}), which its ticket type does not allow",
                    self.name(),
                    found.name
                );
                let remedy = "Configuration → Tickets → Ticket Types → the type → Allowed Values: allow the status";
                self.report.warning(CheckId::StatusAllowed, thing, remedy);
            }
        }
    }

    fn priorities(&mut self, known: Option<&[PriorityInfo]>, sla: Option<i64>) {
        let Some(known) = known else { return };
        for check in [
            CheckId::PriorityExists,
            CheckId::PriorityShown,
            CheckId::PrioritySla,
        ] {
            self.report.done(check);
        }
        let map = &self.template.priorities;
        let wanted: BTreeSet<_> = map.by_slug.values().copied().chain(map.default).collect();
        for id in wanted {
            let rows: Vec<_> = known.iter().filter(|it| it.id == id).collect();
            let Some(first) = rows.first() else {
                let shown: BTreeMap<_, _> = known
                    .iter()
                    .filter(|it| it.shown)
                    .map(|it| (it.id, &it.name))
                    .collect();
                let offered = shown.iter().map(|(id, name)| format!("{id} {name}"));
                self.missing(CheckId::PriorityExists, "priority", id, offered);
                continue;
            };
            let what = format!("{} names priority {id} ({:?})", self.name(), first.name);
            if rows.iter().all(|it| !it.shown) {
                self.report.warning(
                    CheckId::PriorityShown,
                    format!("{what}, which is hidden in HaloPSA"),
                    "choose another, or show it under Configuration → Tickets → Priorities",
                );
            } else if sla
                .is_some_and(|sla| rows.iter().all(|it| it.sla.is_some_and(|of| of != sla)))
            {
                self.report.warning(
                    CheckId::PrioritySla,
                    format!("{what}, which the SLA of its ticket type does not have"),
                    "choose a priority of that SLA, or add it under Configuration → Tickets → Service Level Agreements",
                );
            }
        }
    }

    fn outcome(
        &mut self,
        known: Option<&[Named<OutcomeId>]>,
        allowed: Option<&BTreeSet<OutcomeId>>,
    ) {
        let Some(known) = known else { return };
        self.report.done(CheckId::OutcomeUsable);
        let id = self.template.outcome;
        let offered = known.iter().filter(|it| it.active);
        let offered = offered.map(|it| format!("{} {}", it.id, it.name));
        match known.iter().find(|named| named.id == id) {
            None => self.missing(CheckId::OutcomeUsable, "note outcome", id, offered),
            Some(found) if !found.active => {
                let thing = format!(
                    "{} names note outcome {id} ({:?}), which is hidden",
                    self.name(),
                    found.name
                );
                let remedy = format!("choose one of: {}", some_of(offered));
                self.report.warning(CheckId::OutcomeUsable, thing, remedy);
            }
            Some(found) => self.outcome_of_type(found, allowed),
        }
    }

    /// A note of a kind that the type does not offer is refused, whatever it says.
    fn outcome_of_type(&mut self, found: &Named<OutcomeId>, allowed: Option<&BTreeSet<OutcomeId>>) {
        let Some(allowed) = allowed.filter(|allowed| !allowed.is_empty()) else {
            return;
        };
        self.report.done(CheckId::OutcomeAllowed);
        if allowed.contains(&found.id) {
            return;
        }
        let kind = self.template.ticket_type;
        let thing = format!(
            "{} names note outcome {} ({:?}), which ticket type {kind} does not offer",
            self.name(),
            found.id,
            found.name
        );
        let offered = some_of(allowed.iter().map(ToString::to_string));
        let remedy = format!(
            "choose one of: {offered}; or allow it under Configuration → Tickets → Ticket Types → the type → Actions"
        );
        self.report.warning(CheckId::OutcomeAllowed, thing, remedy);
    }

    fn category(&mut self, known: Option<&[String]>) {
        let (Some(category), Some(known)) = (&self.template.category, known) else {
            return;
        };
        self.report.done(CheckId::CategoryExists);
        let is_same = |it: &&String| it.trim().eq_ignore_ascii_case(category.trim());
        if known.iter().find(is_same).is_none() {
            let thing = format!(
                "{} names category {category:?}, which HaloPSA does not have",
                self.name()
            );
            let remedy = format!(
                "choose one of: {}; or add it under Configuration → Tickets → Categories",
                some_of(known.iter().cloned())
            );
            self.report.warning(CheckId::CategoryExists, thing, remedy);
        }
    }
}
