//! Whether a ticket that carries a key is ours. Anyone who can open a ticket, by mail for instance, can write
//! a key into its title; so a key alone proves nothing.

use std::fmt;

use crate::alert::Alert;
use crate::ids::{AlertId, HaloClientId, TicketId, TicketTypeId};
use crate::key::LinkKey;
use crate::link::{Claim, Link};
use crate::policy::Policy;
use crate::ticket::{Existence, Ticket};

/// A ticket that carries an alert's key, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The ticket.
    pub ticket: &'a Ticket,
    /// The key it carries.
    pub key: &'a LinkKey,
    /// Whether it carries the proof as well.
    pub is_proven: bool,
    /// Who opened it.
    pub opened_by: OpenedBy,
}

/// Who opened a ticket, as far as that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// HaloPSA has not been asked.
    NotAsked,
    /// HaloPSA does not show the entry that opened it.
    NotShown,
    /// Our application.
    Us,
    /// A person, or another application.
    Other,
}

/// What a store without a ticket's link proves about the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHistory {
    /// The store has been in use: a ticket of this installation carries its proof.
    Known,
    /// The store is new. Its predecessor, if there was one, had another secret: what our application
    /// opened is ours without a proof.
    New,
}

/// What follows for a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionVerdict {
    /// It is the alert's ticket: link it.
    Ours,
    /// It is the alert's ticket, and a person moved it to this client: link it, and write nothing to it
    /// while it is there. The client's people are not those whom the alert concerns.
    Moved(HaloClientId),
    /// It is the alert's ticket, and the config maps the alert to no client with which to compare: link it, and
    /// write nothing to it if the alert is mapped to another client.
    Unmapped,
    /// It is linked already, or was.
    Known,
    /// The alert must be read first.
    AskAlert,
    /// HaloPSA must be asked who opened it first.
    AskWhoOpened,
    /// It only claims to be the alert's.
    NotOurs(Mismatch),
}

/// Why a ticket that carries an alert's key is not linked to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The alert has this ticket.
    HasTicket(TicketId),
    /// The key has no proof, or a wrong one.
    NoProof,
    /// Liongard knows no such alert.
    NoSuchAlert,
    /// The config maps the alert to no client, so the client cannot be compared.
    NotMapped,
    /// It belongs to another client than the alert.
    OtherClient(HaloClientId),
    /// It has another type than our tickets, and HaloPSA does not say that our application opened it.
    OtherType(TicketTypeId),
    /// A person or another application opened it.
    OpenedByOther,
    /// HaloPSA does not say who opened it, and the proof is missing.
    OpenedByUnknown,
    /// Our application opened it for this other alert.
    OfAnotherAlert(AlertId),
    /// Another installation opened it with our application.
    OfAnotherInstallation,
    /// Its title names neither the alert nor what found it.
    OtherTitle,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HasTicket(ticket) => write!(f, "the alert has ticket {ticket}"),
            Self::NoProof => f.write_str("its key lacks the proof of this installation"),
            Self::NoSuchAlert => f.write_str("Liongard knows no such alert"),
            Self::NotMapped => f.write_str("the config maps the alert to no client"),
            Self::OtherClient(client) => write!(f, "it belongs to client {client}"),
            Self::OtherType(kind) => write!(f, "it has ticket type {kind}"),
            Self::OpenedByOther => f.write_str("our application did not open it"),
            Self::OpenedByUnknown => f.write_str("HaloPSA does not say who opened it"),
            Self::OfAnotherAlert(alert) => write!(f, "it was opened for alert {alert}"),
            Self::OfAnotherInstallation => f.write_str("another installation opened it"),
            Self::OtherTitle => {
                f.write_str("its title names neither the alert nor its inspector or rule")
            }
        }
    }
}

/// Decides about a ticket that carries the key of `link`'s alert. The only rule by which a key leads to a
/// link: for sweeps, webhooks, the search after a lost response, and the first sweep of a store.
///
/// What costs nothing to compare comes first, so that a flood of such titles costs no request. Only our
/// application opens a ticket as itself, so a ticket of ours at another client was moved there by a person.
#[must_use]
pub fn judge(
    link: &Link,
    candidate: &Candidate<'_>,
    policy: &Policy,
    history: StoreHistory,
) -> AdoptionVerdict {
    let ticket = candidate.ticket;
    let is_earlier = candidate.key.recurrence < link.recurrence;
    if link.ticket == Some(ticket.id) || link.earlier_tickets.contains(&ticket.id) || is_earlier {
        return AdoptionVerdict::Known;
    }
    if let Some(current) = link.ticket {
        let follows = candidate.key.recurrence > link.recurrence && is_over(link, policy);
        if !follows {
            return AdoptionVerdict::NotOurs(Mismatch::HasTicket(current));
        }
    }
    if !candidate.is_proven && history == StoreHistory::Known {
        return AdoptionVerdict::NotOurs(Mismatch::NoProof);
    }
    let Some((client, ticket_type)) = requested(link, policy) else {
        return match candidate.opened_by {
            _ if link.observed_alert.is_none() => AdoptionVerdict::AskAlert,
            OpenedBy::NotAsked => AdoptionVerdict::AskWhoOpened,
            OpenedBy::Us => AdoptionVerdict::Unmapped,
            OpenedBy::Other => AdoptionVerdict::NotOurs(Mismatch::OpenedByOther),
            OpenedBy::NotShown => AdoptionVerdict::NotOurs(Mismatch::NotMapped),
        };
    };
    let is_moved = ticket.client != client;
    match candidate.opened_by {
        OpenedBy::NotAsked => AdoptionVerdict::AskWhoOpened,
        OpenedBy::Us if is_moved => AdoptionVerdict::Moved(ticket.client),
        OpenedBy::Us => AdoptionVerdict::Ours,
        OpenedBy::Other => AdoptionVerdict::NotOurs(Mismatch::OpenedByOther),
        OpenedBy::NotShown if is_moved => {
            AdoptionVerdict::NotOurs(Mismatch::OtherClient(ticket.client))
        }
        OpenedBy::NotShown if !candidate.is_proven => {
            AdoptionVerdict::NotOurs(Mismatch::OpenedByUnknown)
        }
        OpenedBy::NotShown if ticket.ticket_type != ticket_type => {
            AdoptionVerdict::NotOurs(Mismatch::OtherType(ticket.ticket_type))
        }
        OpenedBy::NotShown => AdoptionVerdict::Ours,
    }
}

/// The shortest part of an alert's name whose occurrence in a title says anything, in characters.
const NAME_CHARS_MIN: usize = 4;

/// Whether `ticket` may be the one that Liongard's own ticketing opened for `alert`. That its number is in
/// the alert proves little: what the number means is not documented, and it may be that of a ticket of another
/// system. So the ticket must belong to the alert's client, and its title must name the alert, its rule, or
/// what found it.
///
/// # Errors
///
/// What contradicts it.
pub fn judge_native(alert: &Alert, ticket: &Ticket, policy: &Policy) -> Result<(), Mismatch> {
    let (mapping, _) = policy.choose(alert).map_err(|_| Mismatch::NotMapped)?;
    if ticket.client != mapping.client {
        return Err(Mismatch::OtherClient(ticket.client));
    }
    let title = ticket.summary.to_lowercase();
    let names = [&alert.inspector, &alert.inspector_alias, &alert.rule];
    let names = names.into_iter().flatten().map(String::as_str);
    let is_named = alert
        .name
        .split('|')
        .chain(names)
        .map(|name| name.trim().to_lowercase())
        .filter(|name| name.chars().count() >= NAME_CHARS_MIN)
        .any(|name| title.contains(&name));
    is_named.then_some(()).ok_or(Mismatch::OtherTitle)
}

/// Client and type with which the alert's ticket was, or would be, requested.
fn requested(link: &Link, policy: &Policy) -> Option<(HaloClientId, TicketTypeId)> {
    if let (Claim::Held { .. } | Claim::InDoubt { .. }, Some(opening)) =
        (&link.claim, &link.opening)
    {
        return opening.client.zip(opening.ticket_type);
    }
    let alert = link.observed_alert.as_ref()?;
    let (mapping, template) = policy.choose(alert).ok()?;
    Some((mapping.client, template.ticket_type))
}

/// Whether the link's ticket needs no more work: it is closed, or exists no more.
fn is_over(link: &Link, policy: &Policy) -> bool {
    let Some(seen) = &link.observed_ticket else {
        return link.terminal_reason.is_some();
    };
    let alert = link.observed_alert.as_ref();
    let template = alert.and_then(|alert| policy.choose(alert).ok());
    seen.existence != Existence::Present
        || template.is_some_and(|(_, template)| template.statuses.is_closed(seen.status))
}
