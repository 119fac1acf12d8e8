//! A pair that is only observed: read and recorded. No step of it writes to a vendor or has one do something.

use crate::alert::Alert;
use crate::link::{Base, Link, TerminalReason};
use crate::plan::Step;
use crate::policy::Policy;
use crate::ticket::{Existence, Ticket};

/// The steps for a pair that is only observed. The base follows what is seen, so that the pair's status says
/// whether both sides agree.
pub(super) fn plan(
    link: &Link,
    alert: &Alert,
    ticket: Option<&Ticket>,
    policy: &Policy,
) -> Vec<Step> {
    let Some(id) = link.ticket else {
        return match alert.native_ticket {
            Some(ticket) => vec![Step::Adopt(ticket)],
            None if alert.is_closed() && link.terminal_reason.is_none() => {
                vec![Step::Finish(TerminalReason::NotNeeded)]
            }
            None => Vec::new(),
        };
    };
    let Some(ticket) = ticket.filter(|ticket| ticket.id == id) else {
        return vec![Step::ReadTicket];
    };
    if ticket.existence != Existence::Present {
        let is_noted = link.terminal_reason.is_some();
        let finish = Step::Finish(TerminalReason::TicketDeleted);
        return (!is_noted).then_some(finish).into_iter().collect();
    }
    if link.is_ticket_deleted() {
        return vec![Step::Resume];
    }
    let Ok((_, template)) = policy.choose(alert) else {
        return Vec::new();
    };
    let seen = Base::of(alert, ticket, &template.statuses, link.base.as_ref());
    let is_new = link.base.as_ref() != Some(&seen);
    is_new.then_some(Step::SetBase(seen)).into_iter().collect()
}
