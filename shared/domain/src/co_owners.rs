//! Alerts that share a ticket because people merged tickets.
//!
//! A person who merges tickets decides that their alerts are one matter. From then on each alert
//! still has its own link, all of them name the ticket that remains, and none of them may act as if
//! the ticket were its own: it is closed only when all of them are over, and what changes is added
//! as a note, never as a field of a ticket that belongs to others too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::AlertId;
use crate::link::Link;

/// The other alerts of a ticket, as of the last read of their links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoOwners {
    /// Others whose cause is not resolved.
    pub open: BTreeSet<AlertId>,
    /// Others whose cause is resolved.
    pub closed: BTreeSet<AlertId>,
    /// Whether this alert is the one to close the ticket: the ticket was its own before the others
    /// were merged into it.
    pub closes: bool,
}

impl CoOwners {
    /// What `link` shares its ticket with, given the links that may name the same ticket; `None`
    /// when no other does.
    #[must_use]
    pub fn of<'a>(link: &Link, links: impl IntoIterator<Item = &'a Link>) -> Option<Self> {
        let ticket = link.ticket?;
        let mut co_owners = Self {
            closes: link.merged_tickets.is_empty(),
            ..Self::default()
        };
        for other in links {
            if other.alert == link.alert || other.ticket != Some(ticket) {
                continue;
            }
            if other.has_open_cause() {
                co_owners.open.insert(other.alert);
            } else {
                co_owners.closed.insert(other.alert);
            }
            // Two alerts may call one ticket their own (Liongard's own ticketing names it for
            // both). One of them closes it.
            if other.merged_tickets.is_empty() && other.alert < link.alert {
                co_owners.closes = false;
            }
        }
        (!co_owners.is_empty()).then_some(co_owners)
    }

    /// The other alerts, in order.
    pub fn alerts(&self) -> impl Iterator<Item = AlertId> {
        self.open.union(&self.closed).copied()
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }
}
