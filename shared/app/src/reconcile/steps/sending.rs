//! Sending writes out, together with those of the looks in company.

use std::time::Duration;

use halogard_domain::ids::NoteId;
use halogard_domain::link::CLAIM_LIFE;
use halogard_domain::storm::Place;
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange};
use halogard_domain::{Alert, Ticket};
use tracing::warn;

use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Leased, PortError, TicketDesk};
use crate::reconcile::gather::{Due, Gather, Opened, hand_out, unanswered};

/// The right to open tickets. HaloPSA hands one number to two tickets that are opened at the same
/// moment, so one worker at a time opens tickets.
const OPENING: &str = "opening";

/// How long whoever finds another worker opening tickets stays away at the most.
const OPENING_PAUSE: Duration = Duration::from_secs(2);

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Gives `alert` its place in the storms, in company.
    pub(super) async fn place_together(
        &self,
        alert: Alert,
        gather: &Gather,
    ) -> Result<Place, PortError> {
        let (answer, due) = gather.leave_with(alert, |due| &mut due.places);
        self.send_out(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// Opens `ticket`, in company.
    pub(super) async fn open_together(
        &self,
        ticket: NewTicket,
        gather: &Gather,
    ) -> Result<Opened, PortError> {
        let (answer, due) = gather.leave_with(ticket, |due| &mut due.opens);
        self.send_out(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// Makes `change`, in company.
    pub(super) async fn change_together(
        &self,
        change: TicketChange,
        gather: &Gather,
    ) -> Result<Ticket, PortError> {
        let (answer, due) = gather.leave_with(change, |due| &mut due.changes);
        self.send_out(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// Adds `note`, in company.
    pub(super) async fn add_note_together(
        &self,
        note: NewNote,
        gather: &Gather,
    ) -> Result<NoteId, PortError> {
        let (answer, due) = gather.leave_with(note, |due| &mut due.notes);
        self.send_out(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// A look is over: its company waits for it no longer.
    pub(crate) async fn leave(&self, gather: &Gather) {
        self.send_out(gather.go()).await;
    }

    /// Sends out what is due, one array for each kind.
    async fn send_out(&self, due: Due) {
        if !due.places.is_empty() {
            let alerts: Vec<_> = due.places.iter().map(|it| it.asked.clone()).collect();
            hand_out(due.places, self.place_all(&alerts).await);
        }
        if !due.changes.is_empty() {
            let changes: Vec<_> = due.changes.iter().map(|it| it.asked.clone()).collect();
            hand_out(due.changes, self.desk.change(&changes).await);
        }
        if !due.notes.is_empty() {
            let notes: Vec<_> = due.notes.iter().map(|it| it.asked.clone()).collect();
            hand_out(due.notes, self.desk.add_notes(&notes).await);
        }
        if !due.opens.is_empty() {
            let tickets: Vec<_> = due.opens.iter().map(|it| it.asked.clone()).collect();
            hand_out(due.opens, self.open_alone(&tickets).await);
        }
    }

    /// Opens tickets, alone among all workers. Whoever finds another at it comes back a little later.
    async fn open_alone(&self, tickets: &[NewTicket]) -> Vec<Result<Opened, PortError>> {
        let now = self.clock.now();
        let until = now.plus(CLAIM_LIFE);
        match self.store.take_lease(OPENING, &self.worker, until).await {
            Ok(Leased::Ours) => {}
            Ok(Leased::Theirs { until }) => {
                let until = until.min(now.plus(OPENING_PAUSE));
                return tickets.iter().map(|_| Ok(Opened::After(until))).collect();
            }
            Err(error) => return tickets.iter().map(|_| Err(error.clone())).collect(),
        }
        let opened = self.desk.open(tickets).await;
        if let Err(error) = self.store.release_lease(OPENING, &self.worker).await {
            // It runs out by itself; others wait until then.
            warn!(error_type = error.error_type, "a right was not given back");
        }
        let here = |opened: Result<Ticket, PortError>| opened.map(Opened::Here);
        opened.into_iter().map(here).collect()
    }
}
