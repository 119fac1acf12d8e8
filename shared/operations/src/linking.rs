//! `link` and `unlink`: which ticket is an alert's.

use halogard_app::ports::{JournalEntry, Lane, Outgoing, SaveError, ServiceDesk};
use halogard_app::{PAUSES_READ_EVERY, Store};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::Claim;
use halogard_domain::message::{Cause, Message};
use halogard_domain::{Link, Ticket, Timestamp};
use serde::Serialize;

use crate::audit::{Operator, OperatorError};
use crate::policy::policy_in_force;

/// How often a change is repeated because a worker changed the pair meanwhile.
const ATTEMPTS_MAX: usize = 20;

/// What `link` and `unlink` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkAnswer {
    /// The alert.
    pub alert: AlertId,
    /// Its ticket from now on.
    pub ticket: Option<TicketId>,
    /// Its ticket until now.
    pub before: Option<TicketId>,
    /// What follows.
    pub next: String,
}

/// Makes `ticket`, which is read in HaloPSA first, the ticket of `alert`. A worker then reads both and brings them in
/// sync.
///
/// # Errors
///
/// The alert is not known or has a ticket, the ticket is another alert's or another client's, there is no such
/// ticket, or HaloPSA or the store failed.
pub async fn link(
    store: &impl Store,
    desk: &impl ServiceDesk,
    alert: AlertId,
    ticket: TicketId,
    operator: &Operator,
    now: Timestamp,
) -> Result<LinkAnswer, OperatorError> {
    let owners = store.owners(ticket).await?;
    if let Some(owner) = owners.into_iter().find(|owner| *owner != alert) {
        return Err(OperatorError::TicketTaken { ticket, owner });
    }
    let read = desk.read(ticket).await?.filter(Ticket::is_present);
    let read = read.ok_or(OperatorError::NoSuchTicket(ticket))?;
    let is_closed = suits(store, alert, &read).await?;
    let change = |link: &mut Link| match link.ticket {
        Some(known) if known == ticket => Ok(()),
        Some(known) if !link.is_ticket_deleted() => Err(OperatorError::HasTicket {
            alert,
            ticket: known,
        }),
        _ => {
            link.attach(ticket);
            Ok(())
        }
    };
    let before = change_link(store, alert, "linked", operator, now, change).await?;
    look_at(store, alert, Some(ticket), None).await?;
    Ok(LinkAnswer {
        alert,
        ticket: Some(ticket),
        before,
        next: match is_closed {
            false => format!("ticket #{ticket} is read and brought in sync with alert {alert}"),
            true => format!(
                "ticket #{ticket} is closed; it is read and brought in sync with alert {alert}, which counts as done \
                 in HaloPSA"
            ),
        },
    })
}

/// Whether `ticket` is closed; refused where it is not a ticket of the client whose alert `alert` is.
async fn suits(store: &impl Store, alert: AlertId, ticket: &Ticket) -> Result<bool, OperatorError> {
    let stored = store.load(alert).await?;
    let stored = stored.ok_or(OperatorError::UnknownAlert(alert))?.value;
    let policy = policy_in_force(store).await?;
    let (Some(policy), Some(seen)) = (policy, &stored.observed_alert) else {
        return Err(OperatorError::NoClient(alert));
    };
    let mapping = policy.environments.get(&seen.environment);
    let client = mapping.ok_or(OperatorError::NoClient(alert))?.client;
    if client != ticket.client {
        return Err(OperatorError::OtherClient {
            alert,
            customer: seen.environment_name.clone(),
            client,
            ticket: ticket.id,
            found: ticket.client,
        });
    }
    let chosen = policy.choose(seen).ok();
    Ok(chosen.is_some_and(|(_, template)| template.statuses.is_closed(ticket.status)))
}

/// Takes the ticket of `alert` away from it. An alert that is open gets another one, unless it is snoozed.
///
/// # Errors
///
/// The alert is not known or has no ticket, or the store failed.
pub async fn unlink(
    store: &impl Store,
    alert: AlertId,
    operator: &Operator,
    now: Timestamp,
) -> Result<LinkAnswer, OperatorError> {
    let change = |link: &mut Link| {
        if link.ticket.is_none() {
            return Err(OperatorError::NoTicket(alert));
        }
        link.begin_next_ticket();
        Ok(())
    };
    let stored = store.load(alert).await?;
    if stored.is_some_and(|stored| stored.value.ticket.is_some()) {
        // Before the change: a command that is killed after it would find nothing left to unlink when it is given again,
        // and no worker would know. By that time every worker knows that the alert is snoozed, if it is.
        let followed = now.plus(PAUSES_READ_EVERY);
        look_at(store, alert, None, Some(followed)).await?;
    }
    let before = change_link(store, alert, "unlinked", operator, now, change).await?;
    Ok(LinkAnswer {
        alert,
        ticket: None,
        before,
        next: format!(
            "the former ticket is not changed; alert {alert} gets another one while it is open, unless it is snoozed"
        ),
    })
}

/// Changes the link of `alert`, as a worker does: only if none has changed it meanwhile. Returns the ticket
/// that it had.
async fn change_link(
    store: &impl Store,
    alert: AlertId,
    event: &str,
    operator: &Operator,
    now: Timestamp,
    change: impl Fn(&mut Link) -> Result<(), OperatorError>,
) -> Result<Option<TicketId>, OperatorError> {
    for _ in 0..ATTEMPTS_MAX {
        let stored = store.load(alert).await?;
        let stored = stored.ok_or(OperatorError::UnknownAlert(alert))?;
        if stored.value.claim != Claim::Free {
            return Err(OperatorError::Claimed(alert));
        }
        let mut link = stored.value.clone();
        change(&mut link)?;
        let before = stored.value.ticket;
        if link == stored.value {
            return Ok(before);
        }
        let entry = JournalEntry {
            at: now,
            alert: Some(alert),
            ticket: link.ticket.or(before),
            event: event.to_owned(),
            cause: Cause::Operator.as_str().to_owned(),
            detail: Some(operator.in_words()),
        };
        match store.save(&link, &[entry], stored.revision).await {
            Ok(_) => return Ok(before),
            Err(SaveError::Conflict) => {}
            Err(SaveError::Store(error)) => return Err(error.into()),
        }
    }
    Err(OperatorError::Contended)
}

/// Has a worker reconcile the pair, at once or not before a time.
async fn look_at(
    store: &impl Store,
    alert: AlertId,
    ticket: Option<TicketId>,
    not_before: Option<Timestamp>,
) -> Result<(), OperatorError> {
    let alert = Message::reconcile_alert(alert, Cause::Operator);
    let ticket = ticket.map(|ticket| Message::reconcile_ticket(ticket, Cause::Operator));
    let messages = [Some(alert), ticket].into_iter().flatten();
    let outgoing = |message| Outgoing {
        message,
        not_before,
    };
    let messages: Vec<Outgoing> = messages.map(outgoing).collect();
    store.send(Lane::Urgent, &messages).await?;
    Ok(())
}
