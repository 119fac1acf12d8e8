//! Checks everything that the templates name in HaloPSA.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use halogard_app::ports::{
    FieldKind, MandatoryField, Named, OwnAgent, PriorityInfo, ServiceDeskCatalog, StatusInfo,
    TeamInfo, TechnicianInfo, TicketField, TicketTypeInfo,
};
use halogard_domain::Policy;
use halogard_domain::ids::{OutcomeId, StatusId, TechnicianId, TicketTypeId};
use halogard_domain::policy::{ClosePolicy, Mode, Template};

use super::{CheckId, DoctorReport, FindingScope, list, some_of};

/// What HaloPSA has, as far as it shows it.
struct Offered {
    statuses: Option<Vec<StatusInfo>>,
    priorities: Option<Vec<PriorityInfo>>,
    types: Option<Vec<Named<TicketTypeId>>>,
    teams: Option<Vec<TeamInfo>>,
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
    for template in policy.templates.values() {
        let detail = desk.ticket_type(template.ticket_type).await;
        let allowed = desk.allowed_statuses(template.ticket_type).await.ok();
        let outcomes = desk.allowed_outcomes(template.ticket_type).await.ok();
        let mut one = OneTemplate {
            template,
            is_chosen_by_us: policy.mode == Mode::Managed,
            report,
        };
        one.ticket_type(offered.types.as_deref(), own);
        one.statuses(offered.statuses.as_deref(), allowed.as_ref());
        let detail = detail.ok().flatten();
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

    /// The team is written by name, so a renamed team breaks creates.
    fn team(
        &mut self,
        known: Option<&[TeamInfo]>,
        technicians: Option<&[TechnicianInfo]>,
        own: Option<&OwnAgent>,
    ) {
        let (Some(team), Some(known)) = (self.template.team.clone(), known) else {
            return;
        };
        self.report.done(CheckId::TeamUsable);
        let offered = known.iter().filter(|it| it.active && it.takes_tickets);
        let offered = offered.map(|it| it.name.clone());
        match known.iter().find(|it| it.name == team) {
            None => return self.missing(CheckId::TeamUsable, "team", format!("{team:?}"), offered),
            Some(found) if !found.active => {
                // As before HaloPSA said which are inactive: a team that is not in use is not there.
                return self.missing(CheckId::TeamUsable, "team", format!("{team:?}"), offered);
            }
            Some(found) if !found.takes_tickets => {
                let thing = format!(
                    "{} names team {team:?}, which takes no tickets",
                    self.name()
                );
                let remedy = "Configuration → Teams & Agents → Teams: allow tickets for it, or choose another";
                self.report.warning(CheckId::TeamUsable, thing, remedy);
            }
            Some(_) => {}
        }
        if let Some(technicians) = technicians.filter(|it| it.iter().any(|it| it.team.is_some())) {
            self.report.done(CheckId::TeamMembers);
            let works = |it: &&TechnicianInfo| {
                it.active && !it.is_api_only && it.team.as_deref() == Some(team.as_str())
            };
            if technicians.iter().find(works).is_none() {
                let thing = format!(
                    "{} gives tickets to team {team:?}, which is no agent's first team",
                    self.name()
                );
                let remedy = "Configuration → Teams & Agents → Agents: make agents members of it, or choose another team";
                self.report.warning(CheckId::TeamMembers, thing, remedy);
            }
        }
        if let Some(own) = own.filter(|own| !own.teams.is_empty()) {
            self.own_membership(&team, own);
        }
    }

    /// An agent sees and writes in the teams it belongs to.
    fn own_membership(&mut self, team: &str, own: &OwnAgent) {
        let agents = "Configuration → Teams & Agents → Agents → the agent → Departments & Teams";
        self.report.done(CheckId::AgentTeams);
        let Some(membership) = own.teams.iter().find(|it| it.team == team) else {
            let thing = format!(
                "the agent {:?} is no member of team {team:?}, to which {} gives tickets",
                own.name,
                self.name()
            );
            let remedy =
                format!("{agents}: add the team; without it tickets may be refused or not listed");
            return self.report.warning(CheckId::AgentTeams, thing, remedy);
        };
        for (check, sees, what) in [
            (
                CheckId::AgentUnassigned,
                membership.sees_unassigned,
                "unassigned tickets",
            ),
            (
                CheckId::AgentOthers,
                membership.sees_others,
                "tickets of other agents",
            ),
        ] {
            self.report.done(check);
            if sees == Some(false) {
                let thing = format!(
                    "the agent {:?} does not see {what} of team {team:?}",
                    own.name
                );
                let remedy =
                    format!("{agents}: let it view {what}; without it sweeps miss changes");
                self.report.warning(check, thing, remedy);
            }
        }
    }

    fn technicians(&mut self, known: Option<&[TechnicianInfo]>) {
        let Some(known) = known else { return };
        self.report.done(CheckId::TechnicianUsable);
        let people: BTreeSet<TechnicianId> = self
            .template
            .technician
            .into_iter()
            .chain(self.template.closing_technician)
            .collect();
        for id in people {
            let usable = known.iter().filter(|it| it.active && !it.is_api_only);
            let offered = usable.map(|it| format!("{} {}", it.id, it.name));
            let Some(found) = known.iter().find(|it| it.id == id) else {
                self.missing(CheckId::TechnicianUsable, "agent", id, offered);
                continue;
            };
            let remedy = format!("choose one of: {}", some_of(offered));
            let what = format!("{} names agent {id} ({:?})", self.name(), found.name);
            if !found.active {
                let thing = format!("{what}, who is disabled");
                self.report
                    .warning(CheckId::TechnicianUsable, thing, remedy);
            } else if found.is_api_only {
                let thing = format!("{what}, which exists for the API only and is no person");
                self.report
                    .warning(CheckId::TechnicianPerson, thing, remedy);
            }
        }
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

    fn fields(&mut self, known: Option<&[TicketField]>) {
        let Some(known) = known else { return };
        for check in [CheckId::FieldExists, CheckId::FieldValue, CheckId::FieldKey] {
            self.report.done(check);
        }
        let offered = || known.iter().map(|it| format!("{} {}", it.id, it.name));
        for (id, value) in &self.template.custom_fields.clone() {
            let Some(field) = known.iter().find(|it| it.id == *id) else {
                self.missing(CheckId::FieldExists, "custom field", id, offered());
                continue;
            };
            if let Some(why) = unfit(field, value) {
                let thing = format!(
                    "{} gives custom field {id} ({:?}) the value {value:?}, which {why}",
                    self.name(),
                    field.name
                );
                let options = some_of(field.options.iter().cloned());
                let remedy = match field.options.is_empty() {
                    true => "shorten it, or change the field under Configuration → Custom Objects → Custom Fields".to_owned(),
                    false => format!("choose one of: {options}"),
                };
                self.report.warning(CheckId::FieldValue, thing, remedy);
            }
        }
        let Some(id) = self.template.key_field else {
            return;
        };
        match known.iter().find(|it| it.id == id) {
            None => self.missing(CheckId::FieldExists, "key_field", id, offered()),
            Some(field) if field.kind == Some(FieldKind::Select) => {
                let thing = format!(
                    "{} puts the key into custom field {id} ({:?}), which takes only its options",
                    self.name(),
                    field.name
                );
                let texts = known.iter().filter(|it| it.kind == Some(FieldKind::Text));
                let texts = some_of(texts.map(|it| format!("{} {}", it.id, it.name)));
                self.problem(CheckId::FieldKey, thing, format!("choose one of: {texts}"));
            }
            Some(_) => {}
        }
    }

    /// Mandatory fields that the template gives no value to.
    fn mandatory(&mut self, detail: &TicketTypeInfo) {
        self.report.done(CheckId::FieldMandatory);
        let given: BTreeSet<u64> = self
            .template
            .custom_fields
            .keys()
            .chain(self.template.key_field.iter())
            .map(|field| field.get())
            .collect();
        let left = |field: &&MandatoryField| !given.contains(&field.id);
        for field in detail.mandatory.iter().filter(left) {
            self.report.warning(
                CheckId::FieldMandatory,
                format!(
                    "ticket type {:?} may ask for {:?} (field {}), and {} gives it no value",
                    detail.name,
                    field.name,
                    field.id,
                    self.name()
                ),
                format!(
                    "add custom_fields = {{ {} = \"…\" }} to the template; or make the field optional (Configuration → \
                     Tickets → Ticket Types → the type → Field List); or give these tickets a type of their own",
                    field.id
                ),
            );
        }
    }
}

/// Why `value` does not fit `field`.
fn unfit(field: &TicketField, value: &str) -> Option<String> {
    if field.kind == Some(FieldKind::Select)
        && !field.options.is_empty()
        && !field.options.iter().any(|option| option == value)
    {
        return Some("is none of its options".to_owned());
    }
    let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    let most = field.characters_max.filter(|most| *most < length)?;
    Some(format!("is longer than {most} characters"))
}

/// A ticket without an assignee may be refused when it is closed, so there should be a technician for it.
pub(super) fn closing(must_assign: Option<bool>, policy: &Policy, report: &mut DoctorReport) {
    report.done(CheckId::ClosingTechnician);
    for template in policy.templates.values() {
        if let Some(warning) = unassigned_close(template, must_assign == Some(true)) {
            report.warning(
                CheckId::ClosingTechnician,
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
