//! The team and the technicians that a template names.

use std::collections::BTreeSet;

use halogard_app::ports::{OwnAgent, TeamInfo, TechnicianInfo};
use halogard_domain::ids::TechnicianId;

use super::OneTemplate;
use crate::doctor::{CheckId, some_of};

impl OneTemplate<'_> {
    /// The team is written by name, so a renamed team breaks creates.
    pub(super) fn team(
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
                // As before HaloPSA said which are inactive: a team that is not in use does not exist.
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
                    "{} gives tickets to team {team:?}, which is not the first team of any agent",
                    self.name()
                );
                let remedy = "Configuration → Teams & Agents → Agents: make agents members of it, or choose another team";
                self.report.warning(CheckId::TeamMembers, thing, remedy);
            }
        }
        if let Some(own) = own.filter(|own| !own.teams.is_empty()) {
            self.own_membership(&team, own);
        }
        let department = known.iter().find(|it| it.name == team);
        let department = department.and_then(|it| it.department);
        if let (Some(department), Some(own)) = (department, own) {
            self.own_department(&team, department, own);
        }
    }

    /// An agent sees what belongs to its departments.
    fn own_department(&mut self, team: &str, department: i64, own: &OwnAgent) {
        if own.departments.is_empty() {
            return;
        }
        self.report.done(CheckId::AgentDepartments);
        if own.departments.contains(&department) {
            return;
        }
        let thing = format!(
            "the agent {:?} is not in the department (number {department}) of team {team:?}, to which {} gives tickets",
            own.name,
            self.name()
        );
        let remedy = "Configuration → Teams & Agents → Departments → the department: add the agent; without it tickets may \
                      be refused or not listed";
        self.report
            .warning(CheckId::AgentDepartments, thing, remedy);
    }

    /// An agent sees and writes in the teams it belongs to.
    pub(super) fn own_membership(&mut self, team: &str, own: &OwnAgent) {
        let agents = "Configuration → Teams & Agents → Agents → the agent → Departments & Teams";
        self.report.done(CheckId::AgentTeams);
        let Some(membership) = own.teams.iter().find(|it| it.team == team) else {
            let thing = format!(
                "the agent {:?} is not a member of team {team:?}, to which {} gives tickets",
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

    pub(super) fn technicians(&mut self, known: Option<&[TechnicianInfo]>) {
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
                let thing = format!("{what}, which is an API-only agent and not a person");
                self.report
                    .warning(CheckId::TechnicianPerson, thing, remedy);
            }
        }
    }
}
