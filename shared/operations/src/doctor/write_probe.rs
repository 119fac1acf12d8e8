//! Checks by one test ticket what the API says of no right: opening, finding, noting, assigning, closing, and changing
//! after the closing.

use halogard_app::ports::{
    NoticeMessage, NoticeTickets, PortError, ServiceDesk, ServiceDeskCatalog,
};
use halogard_domain::ids::{HaloClientId, TechnicianId, TicketId};
use halogard_domain::notify::NoticeTicketPolicy;
use halogard_domain::policy::Template;
use halogard_domain::ticket::{NewNote, Premise, TicketChange};
use halogard_domain::{Ticket, Timestamp};

use super::{CheckId, DoctorReport, unanswered};

/// Where the rights of the agent's role are.
const ROLE: &str = "Configuration → Teams & Agents → Roles → the agent's role";

/// Where the rights of the agent are.
const AGENT: &str = "Configuration → Teams & Agents → Agents → the agent → Departments & Teams";

/// What the ticket says.
const TITLE: &str = "Halogard tests its rights";
const TEXT: &str = "Opened by `halogard doctor --probe-writes`. It is closed at the end of the test and may be deleted.";

/// Opens a ticket like those of `template` for `client`, does with it what a worker does, and closes it. Nothing else is
/// written.
///
/// Not safe to repeat without need: each time opens a ticket. Never fails: what cannot be done becomes a finding.
pub async fn probe_writes<D: ServiceDesk + ServiceDeskCatalog + NoticeTickets>(
    desk: &D,
    template: &Template,
    client: HaloClientId,
    now: Timestamp,
    report: &mut DoctorReport,
) {
    let reference = format!("probe-{}", now.as_millis());
    let message = NoticeMessage {
        title: TITLE.to_owned(),
        paragraphs: vec![TEXT.to_owned()],
        reference: reference.clone(),
    };
    let place = NoticeTicketPolicy {
        client,
        site: None,
        ticket_type: template.ticket_type,
        status: Some(template.statuses.open),
        priority: template.priorities.default,
        team: template.team.clone(),
    };
    let opened = desk.open_notice(&message, &place).await;
    let remedy = format!("{ROLE} → Tickets: let it add tickets of this type");
    let Some(id) = done(
        report,
        CheckId::ProbeOpen,
        "the test ticket cannot be opened",
        &remedy,
        opened,
    ) else {
        return;
    };
    report.ok(
        CheckId::ProbeOpen,
        format!("opened the test ticket #{id}, as {TITLE:?}"),
    );
    let mut probe = WriteProbe {
        desk,
        template,
        id,
        report,
    };
    probe.note(reference).await;
    probe
        .is_listed(CheckId::ProbeUnassigned, "unassigned")
        .await;
    probe.assign().await;
    if probe.close().await {
        probe.change_after_closing().await;
        probe.close_again().await;
    }
}

/// What came of a write; a problem where it was refused.
fn done<T>(
    report: &mut DoctorReport,
    check: CheckId,
    thing: &str,
    remedy: &str,
    answer: Result<T, PortError>,
) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) if error.refusal.is_some() || error.retry_at.is_none() => {
            report.problem(check, format!("{thing}: {}", error.chain()), remedy);
            None
        }
        Err(error) => {
            let (reason, again) = unanswered(&error, AGENT);
            report.cannot_tell(check, format!("{thing}: {reason}"), again);
            None
        }
    }
}

/// A test ticket.
struct WriteProbe<'a, D> {
    desk: &'a D,
    template: &'a Template,
    id: TicketId,
    report: &'a mut DoctorReport,
}

impl<D: ServiceDesk + ServiceDeskCatalog> WriteProbe<'_, D> {
    /// The ticket as it is now.
    async fn read(&mut self, check: CheckId) -> Option<Ticket> {
        let id = self.id;
        let read = self.desk.read(id).await;
        let what = format!("the test ticket #{id} cannot be read");
        let read = done(self.report, check, &what, AGENT, read)?;
        if read.is_none() {
            self.report
                .problem(check, format!("{what}: HaloPSA does not show it"), AGENT);
        }
        read
    }

    /// Writes a note.
    async fn note(&mut self, reference: String) {
        let note = NewNote {
            ticket: self.id,
            outcome: self.template.outcome,
            html: "<p>A note of the test.</p>".to_owned(),
            reference,
        };
        let noted = self.desk.add_notes(&[note]).await.into_iter().next();
        let what = format!("no note can be added to the test ticket #{}", self.id);
        let remedy = format!("{ROLE} → Editing of Actions; and the outcome of the template");
        if let Some(noted) = noted
            && done(self.report, CheckId::ProbeNote, &what, &remedy, noted).is_some()
        {
            self.report.done(CheckId::ProbeNote);
        }
    }

    /// Whether a list shows the ticket: sweeps read lists.
    async fn is_listed(&mut self, check: CheckId, state: &str) {
        let listed = self.desk.listed(&[self.id].into()).await;
        let what = format!(
            "whether lists show the test ticket #{} while it is {state}",
            self.id
        );
        match listed {
            Ok(listed) if listed.iter().any(|it| it.id == self.id) => self.report.done(check),
            Ok(_) => self.report.problem(
                check,
                format!(
                    "lists do not show the test ticket #{} while it is {state}, so sweeps miss changes",
                    self.id
                ),
                format!("{AGENT}: let it view such tickets"),
            ),
            Err(error) => {
                let (reason, remedy) = unanswered(&error, AGENT);
                self.report
                    .cannot_tell(check, format!("{what}: {reason}"), remedy);
            }
        }
    }

    /// Gives the ticket to a person, and looks for it in a list.
    async fn assign(&mut self) {
        let check = CheckId::ProbeOthers;
        let Some(technician) = self.technician().await else {
            return self.report.cannot_tell(
                check,
                "whether lists show tickets of other agents: no agent is known to give the test ticket to".to_owned(),
                "add closing_technician = <agent id> to the template",
            );
        };
        let change = |change: &mut TicketChange| change.technician = Some(technician);
        let what = format!(
            "the test ticket #{} cannot be given to agent {technician}",
            self.id
        );
        if self.change(check, &what, change).await.is_some() {
            self.is_listed(check, "another agent's").await;
        }
    }

    /// Who gets tickets, or the first person who can work.
    async fn technician(&self) -> Option<TechnicianId> {
        if let Some(named) = self.template.closing_technician {
            return Some(named);
        }
        let all = self.desk.technicians().await.ok()?;
        let mut people = all.iter().filter(|it| it.active && !it.is_api_only);
        people.next().map(|it| it.id)
    }

    /// Closes the ticket; whether it is closed then.
    async fn close(&mut self) -> bool {
        let closed = self.template.statuses.closed;
        let change = |change: &mut TicketChange| {
            change.status = Some(closed);
            change.closure_note = Some("The test is over.".to_owned());
        };
        let what = format!("the test ticket #{} cannot be closed", self.id);
        let ticket = self.change(CheckId::ProbeClose, &what, change).await;
        let is_closed = ticket.is_some_and(|it| self.template.statuses.is_closed(it.status));
        if is_closed {
            self.report.done(CheckId::ProbeClose);
        } else {
            let thing = format!(
                "the test ticket #{} is not closed; close it by hand",
                self.id
            );
            let remedy = format!("{ROLE} → Tickets; and the workflow of the ticket type");
            self.report.problem(CheckId::ProbeClose, thing, remedy);
        }
        is_closed
    }

    /// Changes the priority of the closed ticket, or says why that cannot be tried.
    async fn change_after_closing(&mut self) {
        let check = CheckId::ProbeEditClosed;
        let Some(before) = self.read(check).await else {
            return;
        };
        let priorities = self.template.priorities.by_slug.values().copied();
        let mut others = priorities.filter(|it| Some(*it) != before.priority);
        let Some(other) = others.next() else {
            return self.report.cannot_tell(
                check,
                "whether closed tickets can be edited: the template names no second priority to try it with".to_owned(),
                "see that the agent's role can edit closed tickets",
            );
        };
        let change = |change: &mut TicketChange| change.priority = Some(other);
        let what = format!("the closed test ticket #{} cannot be changed", self.id);
        let Some(after) = self.change(check, &what, change).await else {
            return;
        };
        match after.priority == Some(other) {
            true => self.report.done(check),
            false => self.report.problem(
                check,
                format!("{what}: HaloPSA accepts the change and does not make it"),
                format!("{ROLE} → Tickets: can edit closed tickets"),
            ),
        }
    }

    /// The change may have opened the ticket again.
    async fn close_again(&mut self) {
        let ticket = self.read(CheckId::ProbeClose).await;
        if ticket.is_some_and(|it| !self.template.statuses.is_closed(it.status)) {
            self.close().await;
        }
    }

    /// Makes a change, for the ticket as it is now; the ticket afterwards.
    async fn change(
        &mut self,
        check: CheckId,
        what: &str,
        change: impl FnOnce(&mut TicketChange),
    ) -> Option<Ticket> {
        let before = self.read(check).await?;
        let mut wanted = TicketChange {
            id: self.id,
            status: None,
            priority: None,
            technician: None,
            closure_note: None,
            premise: Premise::of(&before),
        };
        change(&mut wanted);
        let changed = self.desk.change(&[wanted]).await.into_iter().next()?;
        let remedy = format!(
            "{ROLE} → Tickets: read and modify, can edit closed tickets and those of others"
        );
        done(self.report, check, what, &remedy, changed)
    }
}
