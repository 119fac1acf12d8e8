//! The events of the demo: what is raised, changed and closed, by whom and when. The seed decides.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_simulator::World;
use halogard_simulator::halopsa::TicketView;
use halogard_simulator::liongard::{AlertChange, AlertSpec};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::pairs;
use super::vendors::SimulatedVendors;
use crate::commands::demo::DemoOptions;

/// The alerts are raised within this time.
const RAISED_WITHIN: Duration = Duration::from_secs(600);

/// An event whose ticket does not exist yet waits this long.
const NOT_YET: Duration = Duration::from_secs(20);

/// Technicians of the simulated HaloPSA.
const TECHNICIANS: [i64; 2] = [12, 13];

/// Rules that fire.
const RULES: [(&str, &str); 6] = [
    (
        "Stale Privileged Accounts",
        "2 privileged accounts have not signed in for 90 days",
    ),
    (
        "Local Admin Added",
        "A local administrator was added on a server",
    ),
    (
        "Certificate Expires Soon",
        "A certificate expires in 14 days",
    ),
    (
        "Backup Older Than 48 Hours",
        "The newest backup is 53 hours old & the disk is <90 % full>",
    ),
    (
        "Firewall Rule Any-Any",
        "A rule allows any source to any destination",
    ),
    (
        "MFA Disabled",
        "Multi-factor authentication was switched off for an account",
    ),
];

/// Priority words.
const PRIORITIES: [&str; 4] = ["Critical", "High", "Medium", "Low"];

/// One event.
#[derive(Clone, Debug)]
enum Act {
    /// Liongard finds something.
    Raise(AlertSpec),
    /// Liongard changes an alert.
    Change(AlertChange),
    /// Liongard finds the condition gone.
    CloseAlert,
    /// Liongard finds it again.
    ReopenAlert,
    /// A technician writes a note.
    Note,
    /// A technician solves the problem and closes the ticket.
    SolveAndCloseTicket,
    /// A technician closes the ticket without solving the problem.
    CloseTicket,
}

/// An act, its time, and the alert it concerns, counted from 0.
#[derive(Clone, Debug)]
struct ScriptedEvent {
    at: Timestamp,
    about: usize,
    act: Act,
}

/// The events, and how many of them have happened.
pub struct Script {
    /// Events to come, soonest first.
    ahead: VecDeque<ScriptedEvent>,
    events: usize,
    /// The alerts raised so far, in order.
    raised: Vec<i64>,
    /// The position of an alert in that order.
    positions: HashMap<i64, usize>,
    ended_at: Timestamp,
}

impl Script {
    /// Writes the script for `options`, beginning at `now`.
    pub fn write(options: &DemoOptions, world: &World, now: Timestamp) -> Self {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let spread = RAISED_WITHIN.min(Duration::from_secs(u64::from(options.alerts).max(30)));
        let mut events = Vec::new();
        for about in 0..usize::try_from(options.alerts).unwrap_or(usize::MAX) {
            let mut at = now.plus(spread.mul_f64(rng.random_range(0.0..1.0)));
            events.push(ScriptedEvent {
                at,
                about,
                act: Act::Raise(spec(world, &mut rng)),
            });
            for act in acts_after(&mut rng) {
                at = at.plus(Duration::from_secs(rng.random_range(60..240)));
                events.push(ScriptedEvent { at, about, act });
            }
        }
        // Alerts get their numbers in the order in which they are raised.
        events.sort_by_key(|event| event.at);
        let mut numbers = HashMap::new();
        for event in &events {
            if matches!(event.act, Act::Raise(_)) {
                numbers.insert(event.about, numbers.len());
            }
        }
        for event in &mut events {
            event.about = numbers.get(&event.about).copied().unwrap_or_default();
        }
        Self {
            events: events.len(),
            ahead: events.into(),
            raised: Vec::new(),
            positions: HashMap::new(),
            ended_at: now,
        }
    }

    /// The position of `alert` in the order of raising; `None` for an alert that the script did not raise.
    pub fn position(&self, alert: i64) -> Option<usize> {
        self.positions.get(&alert).copied()
    }

    /// Lets everything happen that is due.
    pub fn advance(&mut self, vendors: &SimulatedVendors, now: Timestamp) -> anyhow::Result<()> {
        while self.ahead.front().is_some_and(|event| event.at <= now) {
            let Some(event) = self.ahead.pop_front() else {
                break;
            };
            if !self.happen(vendors, &event)? {
                self.postpone(ScriptedEvent {
                    at: now.plus(NOT_YET),
                    ..event
                });
            }
            self.ended_at = now;
        }
        Ok(())
    }

    /// Whether half of the events have happened.
    pub fn is_half_over(&self) -> bool {
        self.ahead.len() * 2 <= self.events
    }

    /// Whether all events have happened.
    pub fn is_over(&self) -> bool {
        self.ahead.is_empty()
    }

    /// When the last event happened.
    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }

    /// How many events happened, of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.events - self.ahead.len(), self.events)
    }

    /// Puts `event` back in its place.
    fn postpone(&mut self, event: ScriptedEvent) {
        let place = self.ahead.partition_point(|other| other.at <= event.at);
        self.ahead.insert(place, event);
    }

    /// Lets `event` happen; `false` when it has to wait for its ticket.
    fn happen(
        &mut self,
        vendors: &SimulatedVendors,
        event: &ScriptedEvent,
    ) -> anyhow::Result<bool> {
        if let Act::Raise(spec) = &event.act {
            let alert = vendors.liongard.raise(spec)?;
            self.positions.insert(alert, self.raised.len());
            self.raised.push(alert);
            return Ok(true);
        }
        let Some(alert) = self.raised.get(event.about).copied() else {
            return Ok(false);
        };
        match &event.act {
            Act::Raise(_) => {}
            Act::Change(change) => vendors.liongard.change(alert, change.clone())?,
            Act::CloseAlert => vendors.liongard.close(alert)?,
            Act::ReopenAlert => vendors.liongard.reopen(alert)?,
            Act::Note | Act::SolveAndCloseTicket | Act::CloseTicket => {
                let Some(ticket) = ticket_of(vendors, alert) else {
                    // Closed before it got a ticket: there is nothing for a technician to do.
                    return Ok(vendors
                        .liongard
                        .alert(alert)
                        .is_none_or(|alert| alert.closed));
                };
                let technician = TECHNICIANS[event.about % TECHNICIANS.len()];
                match event.act {
                    Act::Note => {
                        vendors
                            .halo
                            .add_note(ticket.id, technician, "Looking into it.")?;
                    }
                    Act::SolveAndCloseTicket => {
                        vendors.liongard.clear_condition(alert)?;
                        vendors.halo.close_ticket(ticket.id, technician)?;
                    }
                    _ => vendors.halo.close_ticket(ticket.id, technician)?,
                }
            }
        }
        Ok(true)
    }
}

/// What happens to one alert after it was raised.
fn acts_after(rng: &mut StdRng) -> Vec<Act> {
    match rng.random_range(0..100) {
        0..25 => vec![],
        25..45 => vec![change(rng)],
        45..65 => vec![Act::CloseAlert],
        65..72 => vec![Act::Note, Act::CloseAlert],
        72..88 => vec![Act::SolveAndCloseTicket],
        88..93 => vec![Act::CloseTicket],
        93..97 => vec![Act::CloseAlert, Act::ReopenAlert],
        _ => vec![Act::Change(AlertChange {
            status: Some("Triaged by Robot".to_owned()),
            ..AlertChange::default()
        })],
    }
}

/// A change of text and priority.
fn change(rng: &mut StdRng) -> Act {
    Act::Change(AlertChange {
        description: Some(format!("{} accounts now", rng.random_range(3..30))),
        priority: PRIORITIES.choose(rng).map(|word| (*word).to_owned()),
        ..AlertChange::default()
    })
}

/// A random alert of a random customer.
fn spec(world: &World, rng: &mut StdRng) -> AlertSpec {
    let environments: Vec<i64> = world.client_of.keys().copied().skip(1).collect();
    let environment = environments.choose(rng).copied().unwrap_or_default();
    let (rule, description) = RULES.choose(rng).copied().unwrap_or_default();
    let priority = PRIORITIES
        .choose(rng)
        .map_or_else(String::new, |word| (*word).to_owned());
    AlertSpec {
        priority,
        ..AlertSpec::new(environment, rule, description)
    }
}

/// The ticket of an alert, once there is one.
fn ticket_of(vendors: &SimulatedVendors, alert: i64) -> Option<TicketView> {
    let alert = vendors.liongard.alert(alert)?;
    pairs::tickets_of(&alert, &vendors.halo.tickets())
        .into_iter()
        .next()
}
