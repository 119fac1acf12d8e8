//! What a write to HaloPSA led to, and how that enters the link.
//!
//! Another worker may save the link while a write is under way. The plan is then made again, but what
//! HaloPSA did is a fact: it is applied to the newest link. Each result changes only what it is about,
//! so results and reports may be applied in any order.

use crate::ids::{PriorityId, StatusId, TechnicianId, TicketId};
use crate::link::{
    AcceptedChange, AttemptEnd, Base, Claim, Closure, Link, NamedFields, NoteClaim, REQUEST_LINGER,
    RefusedWrite, WriteKind,
};
use crate::policy::ClosedBy;
use crate::slug::Slug;
use crate::ticket::{Ticket, TicketChange};
use crate::time::Timestamp;
use crate::work::InitialState;

/// What a write to HaloPSA led to.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteResult {
    /// The ticket of this recurrence was opened, or found by its key.
    Opened {
        /// Which ticket of the alert it is.
        recurrence: u32,
        /// The ticket.
        ticket: Ticket,
    },
    /// Nothing was opened under this claim.
    NotOpened(ClaimId),
    /// Whether the ticket was opened under this claim is unknown.
    OpenInDoubt {
        /// The claim.
        claim: ClaimId,
        /// When the request was last known to be under way.
        since: Timestamp,
        /// How it ended.
        end: AttemptEnd,
    },
    /// The request under this claim was accepted, and the response does not show the ticket. Precedes
    /// `OpenInDoubt`.
    Unrecognised(ClaimId),
    /// The ticket was changed.
    Changed {
        /// What was asked for.
        accepted: Box<AcceptedChange>,
        /// The ticket as the answer shows it.
        ticket: Ticket,
    },
    /// The answer to a change of fields shows these members as they were asked for, whatever else it shows.
    /// Follows `Changed`.
    MembersWritten {
        /// The ticket.
        ticket: TicketId,
        /// The status, and that of the alert for which it was set.
        status: Option<(StatusId, Slug)>,
        /// The priority, likewise.
        priority: Option<(PriorityId, Slug)>,
    },
    /// HaloPSA accepted a change, and shows something else than was asked for.
    Contradicted(Ticket),
    /// Whether this ticket was changed is unknown. It is read before it is written again: a person may have changed it
    /// since.
    ChangeInDoubt(TicketId),
    /// The ticket is about to be assigned to this technician by us: that it is so afterwards is not a person's work,
    /// however the request ends.
    AssignmentExpected {
        /// The ticket.
        ticket: TicketId,
        /// Who gets it.
        technician: TechnicianId,
    },
    /// A change that was accepted was not carried out.
    NotCarriedOut(RefusedWrite),
    /// A note was added.
    NoteAdded(PendingNote),
    /// A note was not added.
    NoteNotAdded(PendingNote),
    /// Whether a note was added is unknown.
    NoteInDoubt {
        /// The note.
        note: PendingNote,
        /// When the request was last known to be under way.
        since: Timestamp,
    },
    /// A note that counts the alerts of the storm was added; what it reported.
    SummaryReported {
        /// Alerts that had joined.
        joined: u64,
        /// How many of them were open.
        open: u64,
        /// When it was added.
        at: Timestamp,
    },
    /// HaloPSA refused a write.
    Refused(RefusedWrite),
    /// Both sides agree on something after a write.
    Agreed {
        /// The base that the plan was made with.
        before: Option<Base>,
        /// The base now.
        after: Base,
    },
}

/// One claim among those of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimId {
    /// The worker that acquired it.
    pub holder: String,
    /// Its number.
    pub number: u32,
}

/// A note that is being added: the ticket, and the hash of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingNote {
    /// The ticket.
    pub ticket: TicketId,
    /// Hash of the note's text.
    pub text_hash: u64,
}

impl Link {
    /// Takes in what a write led to. `self` may be newer than the link that the write was planned with;
    /// applying the same result to the link that holds it already changes nothing but the count of
    /// notes.
    pub fn apply(&mut self, result: &WriteResult) {
        match result {
            WriteResult::Opened { recurrence, ticket } => self.apply_opened(*recurrence, ticket),
            WriteResult::NotOpened(claim) if self.claim.is(claim) => self.claim = Claim::Free,
            WriteResult::OpenInDoubt { claim, since, end } if self.claim.is(claim) => {
                self.claim = Claim::in_doubt_after(*end, *since);
            }
            WriteResult::Unrecognised(claim) if self.claim.is(claim) => {
                self.unrecognised = self.unrecognised.saturating_add(1);
            }
            WriteResult::Changed { accepted, ticket } if self.ticket == Some(ticket.id) => {
                self.apply_change(accepted, ticket);
            }
            WriteResult::MembersWritten {
                ticket,
                status,
                priority,
            } if self.ticket == Some(*ticket) => {
                self.apply_members(status.as_ref(), priority.as_ref());
            }
            WriteResult::AssignmentExpected { ticket, technician }
                if self.ticket == Some(*ticket) =>
            {
                self.expect_assignment(*technician);
            }
            WriteResult::Contradicted(ticket) => self.observe_current_ticket(ticket.clone()),
            WriteResult::ChangeInDoubt(ticket) => {
                self.mark_ticket_outdated(*ticket);
            }
            WriteResult::NotCarriedOut(refused) => self.take_back_accepted(refused),
            WriteResult::NoteAdded(note) if self.ticket == Some(note.ticket) => {
                self.release_note(*note);
                self.clear_refusal(WriteKind::AddNote, NamedFields::NONE);
                self.note_count = self.note_count.saturating_add(1);
            }
            WriteResult::NoteNotAdded(note) => self.release_note(*note),
            WriteResult::NoteInDoubt { note, since } if self.has_note_claim(*note) => {
                self.note_claim = Some(NoteClaim {
                    text_hash: note.text_hash,
                    // Earlier it may not be there yet, or reads may not show it.
                    until: since.plus(REQUEST_LINGER),
                });
            }
            WriteResult::SummaryReported { joined, open, at } => {
                if let Some(lead) = self.leader_state_mut()
                    && lead.reported_at <= *at
                {
                    lead.mark_reported(*joined, *open, *at);
                }
            }
            WriteResult::Refused(refused) => self.record_refusal(refused.clone()),
            WriteResult::Agreed { before, after } => self.apply_agreed(before.as_ref(), after),
            WriteResult::NotOpened(_)
            | WriteResult::Unrecognised(_)
            | WriteResult::OpenInDoubt { .. }
            | WriteResult::Changed { .. }
            | WriteResult::MembersWritten { .. }
            | WriteResult::AssignmentExpected { .. }
            | WriteResult::NoteAdded(_)
            | WriteResult::NoteInDoubt { .. } => {}
        }
    }

    /// Attaches the ticket, unless the link has one or has gone on to a later recurrence.
    fn apply_opened(&mut self, recurrence: u32, ticket: &Ticket) {
        if self.recurrence == recurrence && self.ticket.is_none_or(|known| known == ticket.id) {
            let is_new = self.ticket.is_none();
            self.attach(ticket.id);
            if is_new {
                self.initial = Some(InitialState::of(ticket));
            }
            self.note_title(&ticket.summary);
            self.observe_current_ticket(ticket.clone());
        } else if self.ticket != Some(ticket.id) && !self.earlier_tickets.contains(&ticket.id) {
            self.name_earlier_ticket(ticket.id);
        }
    }

    /// Takes in a change of the ticket. A ticket that we closed or reopened differs from the base by our
    /// own doing, which must not look like a person's.
    fn apply_change(&mut self, accepted: &AcceptedChange, ticket: &Ticket) {
        // The answer does not say whether an earlier change was carried out.
        let earlier = self.accepted.take();
        self.observe_current_ticket(ticket.clone());
        self.accept_change(accepted, earlier);
        let (write, at) = (accepted.write, accepted.answered_at);
        self.clear_refusal(write, accepted.fields());
        let Some(base) = &mut self.base else { return };
        match write {
            WriteKind::Close => {
                // Closing may have assigned it, or cleared the assignment.
                if let (Some(initial), Some(now)) = (&mut self.initial, ticket.handling.assignment)
                {
                    initial.handling.assignment = Some(now);
                }
                base.alert_closed = true;
                base.ticket_closed = Some(Closure {
                    by: ClosedBy::Halogard,
                    at,
                });
                base.ticket_status = ticket.status;
            }
            WriteKind::Reopen => {
                base.alert_closed = false;
                base.ticket_closed = None;
                base.ticket_status = ticket.status;
            }
            WriteKind::Open | WriteKind::SetFields | WriteKind::AddNote => {}
        }
    }

    /// What `answer` shows as `change` of fields asked for: those members are ours, whatever a person changed
    /// beside them in the meantime.
    #[must_use]
    pub fn written_members(&self, change: &TicketChange, answer: &Ticket) -> Option<WriteResult> {
        let alert = self.observed_alert.as_ref()?;
        let status = change.status.filter(|asked| *asked == answer.status);
        let priority = change
            .priority
            .filter(|asked| Some(*asked) == answer.priority);
        (status.is_some() || priority.is_some()).then(|| WriteResult::MembersWritten {
            ticket: change.id,
            status: status.map(|written| (written, alert.status.clone())),
            priority: priority.map(|written| (written, alert.priority.clone())),
        })
    }

    /// Takes in members of the ticket that were written for the alert.
    fn apply_members(
        &mut self,
        status: Option<&(StatusId, Slug)>,
        priority: Option<&(PriorityId, Slug)>,
    ) {
        if let Some(base) = &mut self.base {
            if let Some((written, of_alert)) = status {
                base.ticket_status = *written;
                base.alert_status = of_alert.clone();
            }
            if let Some((written, of_alert)) = priority {
                base.ticket_priority = Some(*written);
                base.alert_priority = of_alert.clone();
            }
        } else if let Some(opening) = &mut self.opening {
            if let Some((_, of_alert)) = status {
                opening.status = of_alert.clone();
            }
            if let Some((_, of_alert)) = priority {
                opening.priority = of_alert.clone();
            }
        }
    }

    /// Whether `note` is claimed.
    fn has_note_claim(&self, note: PendingNote) -> bool {
        self.ticket == Some(note.ticket)
            && self
                .note_claim
                .is_some_and(|claim| claim.text_hash == note.text_hash)
    }

    /// Gives up the claim on `note`.
    fn release_note(&mut self, note: PendingNote) {
        if self.has_note_claim(note) {
            self.note_claim = None;
        }
    }

    /// Sets what changed between `before` and `after`, and keeps what another worker agreed on.
    fn apply_agreed(&mut self, before: Option<&Base>, after: &Base) {
        let merged = match (&self.base, before) {
            (Some(known), Some(before)) => Base {
                alert_closed: newer(
                    &before.alert_closed,
                    &after.alert_closed,
                    &known.alert_closed,
                ),
                alert_status: newer(
                    &before.alert_status,
                    &after.alert_status,
                    &known.alert_status,
                ),
                alert_priority: newer(
                    &before.alert_priority,
                    &after.alert_priority,
                    &known.alert_priority,
                ),
                alert_text: newer(&before.alert_text, &after.alert_text, &known.alert_text),
                ticket_status: newer(
                    &before.ticket_status,
                    &after.ticket_status,
                    &known.ticket_status,
                ),
                ticket_closed: newer(
                    &before.ticket_closed,
                    &after.ticket_closed,
                    &known.ticket_closed,
                ),
                ticket_priority: newer(
                    &before.ticket_priority,
                    &after.ticket_priority,
                    &known.ticket_priority,
                ),
            },
            _ => after.clone(),
        };
        self.agree(merged);
    }

    /// Sets the base: what both sides now agree on.
    pub fn agree(&mut self, base: Base) {
        if base.alert_closed == base.ticket_closed.is_some() {
            self.pending_inspection = None;
        }
        self.base = Some(base);
        self.opening = None;
        self.terminal_reason = None;
        self.claim = Claim::Free;
    }
}

/// `after` if it differs from `before`, otherwise what is known.
fn newer<T: PartialEq + Clone>(before: &T, after: &T, known: &T) -> T {
    if after == before { known } else { after }.clone()
}
