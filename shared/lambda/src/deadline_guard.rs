//! Decorates the vendors' ports: no call to Liongard starts when too little time is left, and a refused
//! credential of either vendor sets the flag of the [`Deadline`].

use std::collections::BTreeSet;

use halogard_app::ports::{
    AlertListing, AlertSource, Changes, Clock, DialectProbe, EnvironmentInfo, ErrorCode,
    Inspectors, KeyedPage, KeyedTicket, NoticeMessage, NoticeTickets, OpeningGuard, PortError,
    RunProgress, SearchWithin, ServiceDesk, TicketListing, TicketTexts,
};
use halogard_domain::dialect::{DialectReport, ProbeFindings};
use halogard_domain::ids::{AlertId, LaunchpointId, NoteId, TicketId};
use halogard_domain::key::SignedKey;
use halogard_domain::notify::NoticeTicketPolicy;
use halogard_domain::runs::RunMark;
use halogard_domain::sweep_cursor::{ChangeRange, KeyedListPlace};
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange, TicketNotes};
use halogard_domain::{Alert, FailureClass, Ticket, Timestamp};

use crate::deadline::Deadline;

/// A port and the deadline it observes.
pub struct DeadlineGuard<P, C> {
    port: P,
    deadline: Deadline,
    clock: C,
}

impl<P, C> DeadlineGuard<P, C> {
    /// `port`, under `deadline`.
    pub const fn new(port: P, deadline: Deadline, clock: C) -> Self {
        Self {
            port,
            deadline,
            clock,
        }
    }

    /// Returns the answer; flags a refused credential.
    fn noted<T>(&self, answer: Result<T, PortError>) -> Result<T, PortError> {
        if let Err(error) = &answer {
            self.deadline.note(error);
        }
        answer
    }

    /// Returns the answers; flags a refused credential.
    fn all_noted<T>(&self, answers: Vec<Result<T, PortError>>) -> Vec<Result<T, PortError>> {
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            self.deadline.note(error);
        }
        answers
    }
}

impl<P, C: Clock> DeadlineGuard<P, C> {
    /// Rejects a call whose answer might come after the invocation's end. Nothing was sent; the next
    /// invocation may send it at once.
    fn in_time(&self) -> Result<(), PortError> {
        let now = self.clock.now();
        if self.deadline.allows_call(now) {
            return Ok(());
        }
        let mut late = PortError::new(FailureClass::Transient, ErrorCode::InvocationDeadline);
        late.retry_at = Some(now);
        Err(late)
    }
}

/// Here the budget checks the time, before each request instead of each call: some calls send many.
impl<P: ServiceDesk, C: Clock> ServiceDesk for DeadlineGuard<P, C> {
    async fn find(
        &self,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        self.noted(self.port.find(key, within).await)
    }

    async fn list_keyed(
        &self,
        prefix: &str,
        place: Option<&KeyedListPlace>,
    ) -> Result<KeyedPage, PortError> {
        self.noted(self.port.list_keyed(prefix, place).await)
    }

    async fn find_in_texts(&self, text: &str) -> Result<Option<Vec<TicketListing>>, PortError> {
        self.noted(self.port.find_in_texts(text).await)
    }

    async fn opened_since(&self, since: Timestamp) -> Result<Vec<TicketListing>, PortError> {
        self.noted(self.port.opened_since(since).await)
    }

    async fn read_texts(&self, id: TicketId) -> Result<Option<TicketTexts>, PortError> {
        self.noted(self.port.read_texts(id).await)
    }

    async fn open(
        &self,
        tickets: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> Vec<Result<Ticket, PortError>> {
        self.all_noted(self.port.open(tickets, guard).await)
    }

    async fn read(&self, id: TicketId) -> Result<Option<Ticket>, PortError> {
        self.noted(self.port.read(id).await)
    }

    async fn listed(&self, ids: &BTreeSet<TicketId>) -> Result<Vec<TicketListing>, PortError> {
        self.noted(self.port.listed(ids).await)
    }

    async fn is_marked_deleted(&self, id: TicketId) -> Result<bool, PortError> {
        self.noted(self.port.is_marked_deleted(id).await)
    }

    async fn notes(&self, id: TicketId) -> Result<TicketNotes, PortError> {
        self.noted(self.port.notes(id).await)
    }

    async fn change(&self, changes: &[TicketChange]) -> Vec<Result<Ticket, PortError>> {
        self.all_noted(self.port.change(changes).await)
    }

    async fn add_notes(&self, notes: &[NewNote]) -> Vec<Result<NoteId, PortError>> {
        self.all_noted(self.port.add_notes(notes).await)
    }

    fn desk_time(&self) -> Option<Timestamp> {
        self.port.desk_time()
    }

    async fn changed_since(&self, since: Timestamp) -> Result<Changes, PortError> {
        self.noted(self.port.changed_since(since).await)
    }

    async fn next_page(&self, range: &ChangeRange) -> Result<Changes, PortError> {
        self.noted(self.port.next_page(range).await)
    }
}

/// The budget checks the time here too.
impl<P: NoticeTickets, C: Clock> NoticeTickets for DeadlineGuard<P, C> {
    async fn open_notice(
        &self,
        message: &NoticeMessage,
        policy: &NoticeTicketPolicy,
    ) -> Result<TicketId, PortError> {
        self.noted(self.port.open_notice(message, policy).await)
    }

    async fn find_notice(
        &self,
        reference: &str,
        since: Timestamp,
    ) -> Result<Option<TicketId>, PortError> {
        self.noted(self.port.find_notice(reference, since).await)
    }
}

/// Its answers are not errors: a probe that is late finds out less.
impl<P: DialectProbe, C: Clock> DialectProbe for DeadlineGuard<P, C> {
    async fn probe(&self) -> ProbeFindings {
        if self.in_time().is_err() {
            return ProbeFindings::default();
        }
        self.port.probe().await
    }

    async fn build(&self) -> Option<String> {
        self.port.build().await
    }

    fn follow(&self, report: &DialectReport) {
        self.port.follow(report);
    }
}

impl<P: AlertSource, C: Clock> AlertSource for DeadlineGuard<P, C> {
    async fn list(&self) -> Result<impl AlertListing + Send, PortError> {
        self.in_time()?;
        self.noted(self.port.list().await)
    }

    async fn read(&self, id: AlertId) -> Result<Option<Alert>, PortError> {
        self.in_time()?;
        self.noted(self.port.read(id).await)
    }

    async fn environments(&self) -> Result<Vec<EnvironmentInfo>, PortError> {
        self.in_time()?;
        self.noted(self.port.environments().await)
    }
}

impl<P: Inspectors, C: Clock> Inspectors for DeadlineGuard<P, C> {
    async fn halo_launchpoints(&self) -> Result<Vec<LaunchpointId>, PortError> {
        self.in_time()?;
        self.noted(self.port.halo_launchpoints().await)
    }

    async fn newest_run(&self, launchpoint: LaunchpointId) -> Result<Option<RunMark>, PortError> {
        self.in_time()?;
        self.noted(self.port.newest_run(launchpoint).await)
    }

    async fn run(&self, launchpoint: LaunchpointId) -> Result<(), PortError> {
        self.in_time()?;
        self.noted(self.port.run(launchpoint).await)
    }

    async fn progress(
        &self,
        launchpoint: LaunchpointId,
        after: Option<RunMark>,
    ) -> Result<RunProgress, PortError> {
        self.in_time()?;
        self.noted(self.port.progress(launchpoint, after).await)
    }
}
