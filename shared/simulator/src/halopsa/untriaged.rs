//! Writes that are accepted and do not land, or land later, and reads that lag behind writes.

use crate::clock::whole_millis;

use super::actions::ActionDraft;
use super::settings::UntriagedWrites;
use super::state::{Author, HaloState};
use super::ticket::SimTicket;
use super::ticket_draft::TicketDraft;

/// Whether a write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// It lands now.
    Now,
    /// It never does.
    Never,
    /// It lands at this time.
    At(i64),
}

/// What an accepted write still has to do.
#[derive(Clone, Debug)]
pub(super) enum LateEffect {
    /// Change a ticket.
    Ticket(TicketDraft),
    /// Add a note.
    Note(ActionDraft),
}

/// An accepted write that has not landed.
#[derive(Clone, Debug)]
pub(super) struct LateWrite {
    /// When it lands.
    pub(super) due: i64,
    /// Who wrote it.
    author: Author,
    /// What it does.
    effect: LateEffect,
}

/// A ticket as reads still show it.
#[derive(Clone, Debug)]
pub(super) struct OldReading {
    /// The ticket before the write.
    ticket: SimTicket,
    /// Until when reads show it.
    until: i64,
}

impl HaloState {
    /// When a note or an assignment on `ticket` lands.
    pub(super) fn landing(&self, ticket: i64, author: &Author, now: i64) -> Landing {
        let (first, landing) = match self.settings.untriaged_writes {
            UntriagedWrites::Land => return Landing::Now,
            UntriagedWrites::Dropped { for_the_first } => (for_the_first, Landing::Never),
            UntriagedWrites::Late { for_the_first, by } => {
                (for_the_first, Landing::At(now + whole_millis(by)))
            }
        };
        let untriaged = self.existing(ticket).is_some_and(|ticket| {
            let by_person = |action: &super::ticket::Action| action.application.is_empty();
            now < ticket.occurred_at + whole_millis(first)
                && !ticket.created_by.is_empty()
                && !ticket.actions.iter().any(by_person)
        });
        if untriaged && author.application.is_some() {
            landing
        } else {
            Landing::Now
        }
    }

    /// Remembers a write that lands at `due`.
    pub(super) fn land_later(&mut self, due: i64, author: &Author, effect: LateEffect) {
        self.late_writes.push(LateWrite {
            due,
            author: author.clone(),
            effect,
        });
    }

    /// Carries out every late write whose time has come.
    pub(super) fn land_late_writes(&mut self, now: i64) {
        while let Some(place) = self.late_writes.iter().position(|write| write.due <= now) {
            let LateWrite {
                due,
                author,
                effect,
            } = self.late_writes.remove(place);
            match effect {
                LateEffect::Ticket(draft) => {
                    if let Some(id) = draft.id {
                        self.update_ticket(id, draft, &author, due);
                    }
                }
                LateEffect::Note(draft) => {
                    self.land_action(draft, &author, due);
                }
            }
        }
    }

    /// Keeps the ticket as reads show it for a while after a write over the API.
    pub(super) fn keep_old_reading(&mut self, id: i64, author: &Author, now: i64) {
        let lag = whole_millis(self.settings.read_lag);
        if lag == 0 || author.application.is_none() {
            return;
        }
        let lags = |old: &OldReading| old.until > now;
        if self.old_readings.get(&id).is_some_and(lags) {
            return;
        }
        if let Some(ticket) = self.tickets.get(&id).cloned() {
            let until = now + lag;
            self.old_readings.insert(id, OldReading { ticket, until });
        }
    }

    /// `ticket` as a read at `now` shows it.
    pub(super) fn as_read<'a>(&'a self, ticket: &'a SimTicket, now: i64) -> &'a SimTicket {
        match self.old_readings.get(&ticket.id) {
            Some(old) if old.until > now && !ticket.deleted => &old.ticket,
            _ => ticket,
        }
    }
}
