//! Carrying out one step of a plan.

mod opening;
mod sending;
mod sharing;
mod writing;

use halogard_domain::LinkKey;
use halogard_domain::ids::TicketId;
use halogard_domain::link::{Base, Claim, Ended, Follow};
use halogard_domain::message::Message;
use halogard_domain::plan::Step;
use halogard_domain::runs::RunTarget;
use halogard_domain::ticket::{Fate, Hands, NoteAuthor};

use super::{CONTENTIONS_MAX, Hold, LookError, Looked};
use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Lane, SaveError, TicketDesk};

/// What follows a step.
pub(super) enum Next {
    /// The next step of the same plan.
    GoOn,
    /// The step has shown something new: the plan is made anew.
    PlanAgain,
    /// Nothing more can be done in this look.
    Leave(Looked),
}

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Carries out `step`; what it changes is noted in `hold`.
    pub(super) async fn carry_out(
        &self,
        step: Step,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let now = self.clock.now();
        match step {
            Step::TakePlace => self.take_place(hold).await,
            Step::Claim => self.claim(hold).await,
            Step::Find => self.find(hold).await,
            Step::Open(ticket) => self.open(*ticket, hold).await,
            Step::ReadHands => self.read_hands(hold).await,
            Step::SetFields(change) => self.set_fields(&change, hold).await,
            Step::AddNote(html) => self.add_note(&html, hold).await,
            Step::Digest(html) => {
                let next = self.add_note(&html, hold).await?;
                if let (Next::GoOn, Some(lead)) = (&next, hold.link.lead_mut()) {
                    lead.told(self.clock.now());
                }
                Ok(next)
            }
            Step::EndCrowd => self.end_crowd(hold).await,
            Step::Close(change) => self.close(change, hold).await,
            Step::Reopen(change, html) => self.reopen(&change, &html, hold).await,
            Step::RunInspector(targets) => self.ask_for_runs(&targets, hold).await,
            Step::Wait(until) => Ok(Next::Leave(Looked::Later(until))),
            Step::Adopt(ticket) => {
                hold.link.attach(ticket);
                hold.tell(now, "adopted", None);
                Ok(Next::PlanAgain)
            }
            Step::ReadTicket => {
                if let Some(ticket) = hold.link.ticket {
                    self.read_ticket(hold, ticket).await?;
                }
                Ok(Next::PlanAgain)
            }
            Step::Renew => {
                hold.link.renew();
                hold.tell(now, "renewed", None);
                Ok(Next::PlanAgain)
            }
            Step::Park(reason) => {
                hold.link.parked = Some(reason);
                hold.tell(now, "parked", Some(format!("{reason:?}")));
                Ok(Next::GoOn)
            }
            Step::Agree(base) => {
                hold.agree(base);
                Ok(Next::GoOn)
            }
            Step::Finish(ended) => {
                hold.link.ended = Some(ended);
                hold.link.parked = None;
                hold.link.place = None;
                let what = match ended {
                    Ended::NeverNeeded => "never_needed",
                    Ended::TicketGone | Ended::TicketGoneAlertOver => "ticket_gone",
                };
                hold.tell(now, what, None);
                Ok(Next::GoOn)
            }
        }
    }

    /// Reads the ticket's current state. One that is gone ends the pair's story.
    pub(super) async fn read_ticket(
        &self,
        hold: &mut Hold<'_>,
        id: TicketId,
    ) -> Result<(), LookError> {
        match (self.desk.read(id).await?, &mut hold.link.ticket_seen) {
            (Some(ticket), _) => hold.link.hear_ticket(ticket),
            (None, Some(seen)) => {
                seen.fate = Fate::Gone;
                seen.seen_at = self.clock.now();
            }
            (None, None) => {
                hold.link.ended = Some(Ended::TicketGone);
                hold.tell(self.clock.now(), "ticket_gone", None);
            }
        }
        Ok(())
    }

    /// Finds out whether a person has worked on the ticket. A sweep a moment ago that found it
    /// unchanged spares the request; the entry that opened it says nothing about persons.
    async fn read_hands(&self, hold: &mut Hold<'_>) -> Result<Next, LookError> {
        let by_a_person = hold.ticket_is_a_persons();
        if let Some(seen) = &mut hold.link.ticket_seen {
            if by_a_person {
                seen.hands = Hands::Touched;
                return Ok(Next::PlanAgain);
            }
            if let Hands::Untouched { .. } = seen.hands
                && let Some(swept_at) = self.swept_at().await?
                && let swept = (Hands::Untouched { as_of: swept_at })
                && swept.are_off(self.clock.now())
            {
                seen.hands = swept;
                return Ok(Next::PlanAgain);
            }
            let notes = self.desk.notes(seen.id).await?;
            let touched = notes
                .iter()
                .any(|note| note.id.get() != 1 && note.author == NoteAuthor::Person);
            seen.hands = if touched {
                Hands::Touched
            } else {
                Hands::Untouched {
                    as_of: self.clock.now(),
                }
            };
        }
        Ok(Next::PlanAgain)
    }

    /// Asks for inspector runs, and has somebody see to them.
    async fn ask_for_runs(
        &self,
        targets: &[RunTarget],
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let now = self.clock.now();
        for target in targets {
            self.ask_for_run(*target, hold).await?;
        }
        let asked = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        hold.link.follow = Some(Follow {
            since: now,
            asked,
            ended: 0,
        });
        hold.tell(now, "run_asked", None);
        Ok(Next::GoOn)
    }

    /// Asks for a run of one target. Asking again changes nothing.
    async fn ask_for_run(&self, target: RunTarget, hold: &Hold<'_>) -> Result<(), LookError> {
        for _ in 0..CONTENTIONS_MAX {
            let mut stored = self.store.load_runs(target).await?;
            stored.value.ask(hold.link.alert);
            let watched = stored.value.is_watched(self.clock.now());
            match self
                .store
                .save_runs(target, &stored.value, stored.revision)
                .await
            {
                Ok(_) if watched => return Ok(()),
                Ok(_) => {
                    let watch = Message::see_to_run(target).into();
                    return Ok(self.store.send(Lane::Runs, &[watch]).await?);
                }
                Err(SaveError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LookError::Contended)
    }
}

impl Hold<'_> {
    /// Whether the ticket is neither ours nor Liongard's own: one that a person opened, and into
    /// which ours was merged, or whose title a person has rewritten. Reports that hold no title say
    /// nothing about that.
    fn ticket_is_a_persons(&self) -> bool {
        let native = self
            .link
            .alert_seen
            .as_ref()
            .and_then(|alert| alert.native_ticket);
        self.link.ticket_seen.as_ref().is_some_and(|seen| {
            let marked = LinkKey::find_in(&seen.summary, &self.policy.key_prefix).is_some();
            !seen.summary.is_empty() && !marked && native != Some(seen.id)
        })
    }

    /// Records what both sides now agree on.
    fn agree(&mut self, base: Base) {
        if base.alert_closed == base.ticket_closed.is_some() {
            self.link.follow = None;
        }
        self.link.base = Some(base);
        self.link.opening = None;
        self.link.ended = None;
        self.link.claim = Claim::Free;
    }
}
