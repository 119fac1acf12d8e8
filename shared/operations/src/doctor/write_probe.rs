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
    let technician = technician(desk, template).await;
    let mut probe = WriteProbe {
        desk,
        template,
        technician,
        id,
        report,
    };
    probe.note(reference).await;
    let unassigned = probe
        .look_in_lists(CheckId::ProbeUnassigned, "unassigned", false)
        .await;
    let others = probe.assign().await;
    probe.judge_lists([unassigned, others]);
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

/// Who gets tickets, or the first person who can work.
async fn technician<D: ServiceDeskCatalog>(desk: &D, template: &Template) -> Option<TechnicianId> {
    if let Some(named) = template.closing_technician {
        return Some(named);
    }
    let all = desk.technicians().await.ok()?;
    let mut people = all.iter().filter(|it| it.active && !it.is_api_only);
    people.next().map(|it| it.id)
}

/// How lists showed the test ticket.
struct ListedState {
    /// The check it decides.
    check: CheckId,
    /// What the ticket was then, in words.
    state: &'static str,
    /// How it was there.
    listing: Listing,
}

/// How a list shows a ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// As it is.
    Shown,
    /// As it was before its last change.
    Outdated,
    /// Not at all.
    Missing,
}

/// A test ticket.
struct WriteProbe<'a, D> {
    desk: &'a D,
    template: &'a Template,
    /// Whom it is given to, if anyone is known.
    technician: Option<TechnicianId>,
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

    /// How a list shows the ticket, which is `assigned` or not: sweeps read lists. `None` where that cannot be known,
    /// which is reported.
    async fn look_in_lists(
        &mut self,
        check: CheckId,
        state: &'static str,
        assigned: bool,
    ) -> Option<ListedState> {
        match self.desk.listed(&[self.id].into()).await {
            Ok(listed) => {
                let row = listed.iter().find(|it| it.id == self.id);
                let listing = row.map_or(Listing::Missing, |row| {
                    match row.ticket.as_ref().and_then(|it| it.assigned) {
                        Some(shown) if shown != assigned => Listing::Outdated,
                        _ => Listing::Shown,
                    }
                });
                Some(ListedState {
                    check,
                    state,
                    listing,
                })
            }
            Err(error) => {
                let (reason, remedy) = unanswered(&error, AGENT);
                let thing = format!("{}: {reason}", self.in_question(state));
                self.report.cannot_tell(check, thing, remedy);
                None
            }
        }
    }

    /// Reports what lists showed. A ticket that no list shows may be hidden, or lists show new tickets late; one that
    /// is shown in another state is hidden, unless lists show changes late.
    fn judge_lists(&mut self, looks: [Option<ListedState>; 2]) {
        let mut seen = looks.iter().flatten();
        let is_known_to_lists = seen.any(|it| it.listing == Listing::Shown);
        for look in looks.into_iter().flatten() {
            let (check, state) = (look.check, look.state);
            match look.listing {
                Listing::Shown => self.report.done(check),
                Listing::Missing if is_known_to_lists => {
                    let thing = format!(
                        "lists do not show the test ticket #{} while it is {state}, so sweeps miss changes",
                        self.id
                    );
                    let remedy = format!("{AGENT}: let it view such tickets");
                    self.report.problem(check, thing, remedy);
                }
                Listing::Missing | Listing::Outdated => {
                    let thing = format!(
                        "{}: lists may show new tickets and changes minutes late",
                        self.in_question(state)
                    );
                    let remedy = format!(
                        "{AGENT}: see that it can view unassigned tickets and those of others"
                    );
                    self.report.cannot_tell(check, thing, remedy);
                }
            }
        }
    }

    /// What lists are asked.
    fn in_question(&self, state: &str) -> String {
        format!(
            "whether lists show the test ticket #{} while it is {state}",
            self.id
        )
    }

    /// Gives the ticket to a person, and looks for it in a list.
    async fn assign(&mut self) -> Option<ListedState> {
        let check = CheckId::ProbeOthers;
        let Some(technician) = self.technician else {
            self.report.cannot_tell(
                check,
                "whether lists show tickets of other agents: no agent is known to give the test ticket to".to_owned(),
                "add closing_technician = <agent id> to the template",
            );
            return None;
        };
        let change = |change: &mut TicketChange| change.technician = Some(technician);
        let what = format!(
            "the test ticket #{} cannot be given to agent {technician}",
            self.id
        );
        self.change(check, &what, change).await?;
        self.look_in_lists(check, "another agent's", true).await
    }

    /// Closes the ticket; whether it is closed then. HaloPSA may close assigned tickets only, and an assignment may take
    /// effect late, so a ticket that does not show it yet is assigned once more.
    async fn close(&mut self) -> bool {
        let closed = self.template.statuses.closed;
        let technician = self.technician;
        let change = |change: &mut TicketChange| {
            change.status = Some(closed);
            change.closure_note = Some("The test is over.".to_owned());
            change.technician = technician.filter(|_| change.premise.assigned != Some(true));
        };
        let what = format!(
            "the test ticket #{} cannot be closed; close it by hand",
            self.id
        );
        let Some(ticket) = self.change(CheckId::ProbeClose, &what, change).await else {
            return false;
        };
        let is_closed = self.template.statuses.is_closed(ticket.status);
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
