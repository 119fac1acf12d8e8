//! Day one: which already-open alerts get tickets.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::EnvironmentId;
use crate::policy::{ParkReason, Policy};
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// Up to this many already-open alerts get tickets without an explicit choice of the operator.
pub const UNDECIDED_MAX: u32 = 25;

/// Which already-open alerts get tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketsFor {
    /// All that are open.
    All,
    /// Those that were raised at this time or later.
    Since(Timestamp),
    /// None: only alerts that come later.
    NewAlerts,
}

/// When an alert came, seen from the time at which its customer's alerts began to get tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// Later.
    AfterStart,
    /// Before, with `undecided` such alerts, this one included, of customers for which the operator has not
    /// chosen.
    BeforeStart {
        /// How many.
        undecided: u32,
    },
    /// The operator asked for its ticket.
    TicketRequested,
}

/// What the choice of the operator means for an alert without a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartVerdict {
    /// It gets one.
    Ticket,
    /// It gets none, for this reason.
    NoTicket(ParkReason),
    /// It is not known yet when the customer's alerts began to get tickets.
    NotKnown,
}

/// What `choice` means for `alert`, which came at `arrival`.
#[must_use]
pub fn start_verdict(
    choice: Option<TicketsFor>,
    alert: &Alert,
    arrival: Option<Arrival>,
) -> StartVerdict {
    if arrival == Some(Arrival::TicketRequested) {
        return StartVerdict::Ticket;
    }
    match (choice, arrival) {
        (Some(TicketsFor::All), _) => StartVerdict::Ticket,
        (Some(TicketsFor::Since(since)), _) if alert.raised_at >= since => StartVerdict::Ticket,
        (Some(TicketsFor::Since(_)), _)
        | (Some(TicketsFor::NewAlerts), Some(Arrival::BeforeStart { .. })) => {
            StartVerdict::NoTicket(ParkReason::BeforeStart)
        }
        (None, Some(Arrival::BeforeStart { undecided })) if undecided > UNDECIDED_MAX => {
            StartVerdict::NoTicket(ParkReason::StartUndecided)
        }
        (_, Some(_)) => StartVerdict::Ticket,
        (_, None) => StartVerdict::NotKnown,
    }
}

/// Since when the alerts of each customer get tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerStarts {
    /// By environment. An entry stays when its mapping goes: the customer is not new when it comes back.
    pub began: BTreeMap<EnvironmentId, Timestamp>,
    /// How many alerts were already open, of customers for which the operator has not chosen.
    pub undecided: u32,
    /// Fingerprint of the policy whose customers are noted.
    pub policy: u64,
}

impl CustomerStarts {
    /// Notes that the alerts of `environments` get tickets from `now` on, as far as they did not before. Returns
    /// the new ones.
    pub fn begin(
        &mut self,
        environments: impl IntoIterator<Item = EnvironmentId>,
        now: Timestamp,
    ) -> BTreeSet<EnvironmentId> {
        let mut new = BTreeSet::new();
        for environment in environments {
            if let Entry::Vacant(vacant) = self.began.entry(environment) {
                vacant.insert(now);
                new.insert(environment);
            }
        }
        new
    }

    /// When `alert` came; `None` where its customer is not noted.
    #[must_use]
    pub fn arrival(&self, alert: &Alert) -> Option<Arrival> {
        let began = self.began.get(&alert.environment)?;
        Some(if alert.raised_at <= *began {
            Arrival::BeforeStart {
                undecided: self.undecided,
            }
        } else {
            Arrival::AfterStart
        })
    }

    /// Whether `alert` came before its customer's alerts got tickets, and waits for the operator's choice.
    #[must_use]
    pub fn is_undecided(&self, alert: &Alert, policy: &Policy) -> bool {
        let came_before = matches!(self.arrival(alert), Some(Arrival::BeforeStart { .. }));
        came_before && policy.is_undecided_about(alert)
    }
}

impl Record for CustomerStarts {
    const PARTITION: &'static str = "customer_start";
    type Key = Singleton;
}
