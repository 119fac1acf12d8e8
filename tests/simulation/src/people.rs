//! What people, end users and HaloPSA's own rules do to tickets.

use bytes::Bytes;
use halogard_simulator::halopsa::{TicketEdit, TicketSpec, TicketView};
use halogard_simulator::world::status_ids;
use rand::RngExt as _;
use serde_json::Value;

use crate::oracle::Field;
use crate::sim::Sim;

/// Technicians of the service desk.
pub const TECHNICIANS: [i64; 2] = [12, 13];

/// What a person does to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Writes a note.
    Note,
    /// The end user answers.
    UserNote,
    /// Sets a status in which the ticket is open.
    Status(i64),
    /// Sets a priority.
    Priority(i64),
    /// Takes the ticket.
    Assign,
    /// Gives it to another team.
    Team,
    /// Sets its category.
    Category,
    /// Rewrites its title.
    Rename,
    /// Moves it to another client.
    MoveClient,
    /// Closes it; the condition stays.
    Close,
    /// Mends the cause and closes it.
    FixAndClose,
    /// Mends the cause and resolves it.
    Resolve,
    /// Reopens it.
    Reopen,
    /// Deletes it.
    Delete,
    /// Restores it.
    Restore,
    /// Takes it out of the ticket it was merged into.
    Unmerge,
    /// A rule of HaloPSA closes it.
    CloseByRule,
}

/// Every act, the usual ones more than once.
pub const ACTS: &[Act] = &[
    Act::Note,
    Act::Note,
    Act::Note,
    Act::UserNote,
    Act::Status(status_ids::IN_PROGRESS),
    Act::Status(status_ids::IN_PROGRESS),
    Act::Status(status_ids::WAITING),
    Act::Priority(1),
    Act::Priority(2),
    Act::Priority(3),
    Act::Assign,
    Act::Assign,
    Act::Team,
    Act::Category,
    Act::Rename,
    Act::MoveClient,
    Act::Close,
    Act::FixAndClose,
    Act::FixAndClose,
    Act::FixAndClose,
    Act::Resolve,
    Act::Reopen,
    Act::Reopen,
    Act::Delete,
    Act::Restore,
    Act::Unmerge,
    Act::CloseByRule,
];

/// Lets a person act on a ticket that the bundle is about to write.
pub fn intervene(sim: &Sim, body: Option<&Bytes>) {
    let items = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let Some(Value::Array(items)) = items else {
        return;
    };
    let number = |item: &Value, name: &str| item.get(name).and_then(Value::as_i64);
    let ticket = items
        .iter()
        .find_map(|item| number(item, "id").or_else(|| number(item, "ticket_id")));
    let Some(ticket) = ticket.and_then(|id| sim.halo.ticket(id)) else {
        return;
    };
    let acts = [
        Act::Note,
        Act::Assign,
        Act::Category,
        Act::Rename,
        Act::Team,
    ];
    let act = {
        let mut core = sim.core();
        core.coverage.reached("intervention: just before a write");
        acts[core.rng.random_range(0..acts.len())]
    };
    act_on(sim, &ticket, TECHNICIANS[0], act);
}

/// Lets `by` act on `ticket`; whether that was possible.
pub fn act_on(sim: &Sim, ticket: &TicketView, by: i64, act: Act) -> bool {
    let halo = &sim.halo;
    let id = ticket.id;
    let edit =
        |field: Field, edit: TicketEdit| (halo.change_ticket(id, by, edit).is_ok(), Some(field));
    let set_status = |status| {
        edit(
            Field::Status,
            TicketEdit {
                status_id: Some(status),
                ..TicketEdit::default()
            },
        )
    };
    let (done, field) = match act {
        Act::Note => (halo.add_note(id, by, "Looking into it.").is_ok(), None),
        Act::UserNote => (halo.add_note_by_user(id, "Any news?").is_ok(), None),
        Act::Status(_) | Act::Close | Act::FixAndClose | Act::Resolve | Act::CloseByRule
            if ticket.closed =>
        {
            return false;
        }
        Act::Priority(priority) if ticket.priority_id == priority => return false,
        Act::Reopen if !ticket.closed || ticket.merged_into_id != 0 => return false,
        Act::Unmerge if ticket.merged_into_id == 0 => return false,
        Act::Restore if !ticket.deleted => return false,
        Act::Status(status) => set_status(status),
        Act::Priority(priority) => edit(
            Field::Priority,
            TicketEdit {
                priority_id: Some(priority),
                ..TicketEdit::default()
            },
        ),
        Act::Assign => edit(
            Field::Agent,
            TicketEdit {
                agent_id: Some(by),
                ..TicketEdit::default()
            },
        ),
        Act::Team => edit(
            Field::Team,
            TicketEdit {
                team: Some("Projects".to_owned()),
                ..TicketEdit::default()
            },
        ),
        Act::Category => edit(
            Field::Category,
            TicketEdit {
                category: Some("Security>Accounts".to_owned()),
                ..TicketEdit::default()
            },
        ),
        Act::Rename => edit(
            Field::Title,
            TicketEdit {
                summary: Some(format!("Rewritten by {by}: {}", ticket.summary)),
                ..TicketEdit::default()
            },
        ),
        Act::MoveClient => {
            let other = 17 + (ticket.client_id - 17 + 1).rem_euclid(6);
            edit(
                Field::Client,
                TicketEdit {
                    client_id: Some(other),
                    site_id: Some(other + 4),
                    ..TicketEdit::default()
                },
            )
        }
        Act::Close | Act::FixAndClose => (halo.close_ticket(id, by).is_ok(), Some(Field::Status)),
        Act::Resolve => edit(
            Field::Status,
            TicketEdit {
                status_id: Some(status_ids::RESOLVED),
                agent_id: Some(by),
                ..TicketEdit::default()
            },
        ),
        Act::Reopen => (halo.reopen_ticket(id, by).is_ok(), Some(Field::Status)),
        Act::Delete => (halo.delete_ticket(id, by).is_ok(), None),
        Act::Restore => (halo.restore_ticket(id, by).is_ok(), None),
        Act::Unmerge => (halo.unmerge_ticket(id, by).is_ok(), Some(Field::Status)),
        Act::CloseByRule => (halo.close_by_rule(id).is_ok(), None),
    };
    if done {
        let now = sim.scheduler.now();
        let mut core = sim.core();
        if now - ticket.occurred_at < 60_000 {
            core.coverage
                .reached("person: acts before the ticket is a minute old");
        }
        let what = match act {
            Act::Delete => Some("person: deleted"),
            Act::Restore => Some("person: restored"),
            Act::MoveClient => Some("person: moved to another client"),
            Act::Rename => Some("person: renamed"),
            Act::Close | Act::FixAndClose | Act::Resolve => Some("person: closed"),
            Act::Reopen => Some("person: reopened"),
            Act::CloseByRule => Some("rule: closed a ticket"),
            _ => None,
        };
        if let Some(what) = what {
            core.coverage.reached(what);
        }
        if act != Act::CloseByRule {
            core.oracle.person_acted(id, field, act, now);
        }
        core.note(now, "person", "acts", &format!("{act:?} on ticket {id}"));
    }
    done
}

/// Merges `ticket` into `into`; whether that was possible.
pub fn merge(sim: &Sim, ticket: &TicketView, into: &TicketView) -> bool {
    let sound = |it: &TicketView| !it.deleted && it.merged_into_id == 0;
    if ticket.id == into.id || !sound(ticket) || !sound(into) {
        return false;
    }
    let done = sim.halo.merge_ticket(ticket.id, into.id, TECHNICIANS[1]);
    if done.is_err() {
        return false;
    }
    let now = sim.scheduler.now();
    let mut core = sim.core();
    core.coverage.reached("person: merged");
    core.oracle.merged(ticket.id, into.id, now);
    let detail = format!("ticket {} into {}", ticket.id, into.id);
    core.note(now, "person", "merges", &detail);
    true
}

/// A stranger opens a ticket whose title copies that of `ours`, or guesses a key.
pub fn open_look_alike(sim: &Sim, alert: i64, ours: Option<&TicketView>, client: i64) {
    let title = match ours {
        Some(ticket) => format!("RE: {}", ticket.summary),
        None => format!("RE: [LG-{alert}] please look"),
    };
    let spec = TicketSpec {
        client_id: client,
        tickettype_id: 5,
        summary: title,
        details: "An answer to your ticket.".to_owned(),
    };
    let now = sim.scheduler.now();
    if let Ok(id) = sim.halo.log_ticket(TECHNICIANS[0], &spec) {
        let mut core = sim.core();
        core.coverage.reached("person: opens a ticket with our key");
        core.note(
            now,
            "person",
            "opens",
            &format!("ticket {id}: {}", spec.summary),
        );
    }
}
