//! Opening the ticket: claim, look if in doubt, open once.

use halogard_domain::link::{CLAIM_LIFE, Claim, Opening, Refused, Write};
use halogard_domain::ticket::{Hands, NewTicket};
use halogard_domain::{FailureClass, Ticket};

use super::Next;
use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, PortError, Refusal, SearchWithin, TicketDesk};
use crate::reconcile::gather::Opened;
use crate::reconcile::{Hold, LookError, Looked, in_doubt};

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Takes the right to open the ticket: one conditional write, durable before anything is sent.
    pub(super) async fn claim(&self, hold: &mut Hold<'_>) -> Result<Next, LookError> {
        let since = self.clock.now();
        hold.link.opening = hold.link.alert_seen.as_ref().map(Opening::of);
        hold.link.claim = Claim::Held {
            since,
            until: since.plus(CLAIM_LIFE),
        };
        self.keep(hold).await?;
        Ok(Next::GoOn)
    }

    /// Looks for the ticket of an attempt that is in doubt.
    pub(super) async fn find(&self, hold: &mut Hold<'_>) -> Result<Next, LookError> {
        let since = match hold.link.claim {
            Claim::Held { since, .. } | Claim::InDoubt { since } => since,
            Claim::Free => self.clock.now(),
        };
        let alert = hold.link.alert_seen.as_ref();
        let mapped = alert.and_then(|alert| hold.policy.choose(alert).ok());
        let within = SearchWithin {
            client: mapped.map(|(mapping, _)| mapping.client),
            since,
        };
        let found = self.desk.find(&hold.link.key(hold.policy), &within).await?;
        match found.split_first() {
            None => hold.link.claim = Claim::Free,
            Some((ticket, others)) => {
                hold.link.attach(ticket.id);
                hold.link.hear_ticket(ticket.clone());
                let detail = (!others.is_empty())
                    .then(|| format!("{} more tickets carry the same key", others.len()));
                hold.tell(self.clock.now(), "found", detail);
            }
        }
        self.keep(hold).await?;
        Ok(Next::PlanAgain)
    }

    /// Opens the ticket. A lost answer leaves the claim in doubt; so does a crash before the look has
    /// recorded it.
    pub(super) async fn open(
        &self,
        ticket: NewTicket,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        match self.open_together(ticket, hold.gather).await {
            Ok(Opened::Here(opened)) => {
                let now = self.clock.now();
                hold.link.attach(opened.id);
                hold.link.hear_ticket(Ticket {
                    hands: Hands::Untouched { as_of: now },
                    ..opened
                });
                hold.tell(now, "opened", None);
                Ok(Next::PlanAgain)
            }
            Ok(Opened::After(until)) => {
                hold.link.claim = Claim::Free;
                Ok(Next::Leave(Looked::Later(until)))
            }
            Err(error) if in_doubt(&error) => {
                hold.link.claim = Claim::InDoubt {
                    since: self.clock.now(),
                };
                hold.tell(self.clock.now(), "open_in_doubt", error.said.clone());
                Err(error.into())
            }
            Err(error) => {
                hold.link.claim = Claim::Free;
                self.refused(Write::Open, error, hold)
            }
        }
    }

    /// Remembers a write that was refused for good; passes on every other failure.
    pub(super) fn refused(
        &self,
        write: Write,
        error: PortError,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let about_us = matches!(error.refusal, Some(Refusal::Unauthorised));
        if error.class != FailureClass::Permanent || about_us {
            return Err(error.into());
        }
        let said = reason(&error);
        hold.link.refused = Some(Refused {
            write,
            said: said.clone(),
            policy: hold.policy.digest(),
            ticket_changed_at: hold.link.ticket_seen.as_ref().map(|seen| seen.changed_at),
            at: self.clock.now(),
        });
        hold.tell(self.clock.now(), "refused", Some(said.clone()));
        Ok(Next::Leave(Looked::Refused(said)))
    }
}

/// Why a write was refused, for a person.
fn reason(error: &PortError) -> String {
    let said = error.said.clone().unwrap_or_else(|| error.chain());
    match &error.refusal {
        Some(Refusal::MissingFields(names)) if !names.is_empty() => {
            format!(
                "{said} (missing: {}; give them a value under custom_fields)",
                names.join(", ")
            )
        }
        Some(Refusal::Forbidden) => format!("{said} (the API agent's permissions do not allow it)"),
        _ => said,
    }
}
