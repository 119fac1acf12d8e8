//! Everything one tenant remembers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::rng::SeededRng;
use crate::world::World;

use super::outbox::Outbox;
use super::settings::SimHaloSettings;
use super::ticket::SimTicket;
use super::untriaged::{LateWrite, OldReading};
use super::webhooks::{EventBinding, Webhook};

/// Who writes: a person, or an API application as its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Author {
    pub(super) agent_id: i64,
    /// The application's client id; `None` for a person at the screen.
    pub(super) application: Option<String>,
    /// Whether HaloPSA acts by itself: a rule of the tenant.
    pub(super) is_system: bool,
}

impl Author {
    /// A technician at the screen.
    pub(super) const fn person(agent_id: i64) -> Self {
        Self {
            agent_id,
            application: None,
            is_system: false,
        }
    }

    /// An API application that works as an agent.
    pub(super) const fn application(name: String, agent_id: i64) -> Self {
        Self {
            agent_id,
            application: Some(name),
            is_system: false,
        }
    }

    /// HaloPSA itself.
    pub(super) const fn system() -> Self {
        Self {
            agent_id: 0,
            application: None,
            is_system: true,
        }
    }
}

/// An access token in force.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    /// Whom it speaks for.
    pub(super) author: Author,
    /// What it may do.
    pub(super) scopes: BTreeSet<String>,
    /// When it ends.
    pub(super) expires_at: i64,
}

/// The tenant's memory.
#[derive(Debug)]
pub(super) struct HaloState {
    pub(super) settings: SimHaloSettings,
    /// Clients and the service desk's configuration.
    pub(super) world: World,
    /// Tickets by id, deleted ones included.
    pub(super) tickets: BTreeMap<i64, SimTicket>,
    /// Writes that were accepted and have not landed.
    pub(super) late_writes: Vec<LateWrite>,
    /// Tickets as reads still show them, by id.
    pub(super) old_readings: BTreeMap<i64, OldReading>,
    /// Creates accepted and not yet answered.
    pub(super) creates_in_flight: usize,
    /// When each ticket was created, in order.
    pub(super) creates: Vec<i64>,
    /// Writes by application and kind.
    pub(super) writes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Tokens in force.
    pub(super) tokens: HashMap<String, AccessToken>,
    /// Webhook definitions by id.
    pub(super) webhooks: BTreeMap<String, Webhook>,
    /// Which event fires which webhook.
    pub(super) notifications: Vec<EventBinding>,
    /// Deliveries waiting and made.
    pub(super) outbox: Outbox,
    /// All chance.
    pub(super) rng: SeededRng,
}

impl HaloState {
    /// A tenant without a single ticket.
    pub(super) fn new(settings: SimHaloSettings, seed: u64) -> Self {
        Self {
            world: settings.world.clone(),
            settings,
            tickets: BTreeMap::new(),
            late_writes: Vec::new(),
            old_readings: BTreeMap::new(),
            creates_in_flight: 0,
            creates: Vec::new(),
            writes: BTreeMap::new(),
            tokens: HashMap::new(),
            webhooks: BTreeMap::new(),
            notifications: Vec::new(),
            outbox: Outbox::default(),
            rng: SeededRng::seeded(seed),
        }
    }

    /// The ticket with this id, unless it was deleted.
    pub(super) fn existing(&self, id: i64) -> Option<&SimTicket> {
        self.tickets.get(&id).filter(|ticket| !ticket.deleted)
    }

    /// The same, to be changed.
    pub(super) fn existing_mut(&mut self, id: i64) -> Option<&mut SimTicket> {
        self.tickets.get_mut(&id).filter(|ticket| !ticket.deleted)
    }

    /// The number of the next ticket: one more than any before.
    pub(super) fn next_ticket_id(&self) -> i64 {
        self.tickets
            .keys()
            .next_back()
            .map_or(4001, |last| last + 1)
    }

    /// Notes who wrote what.
    pub(super) fn count_write(&mut self, author: &Author, kind: &str) {
        let writer = author
            .application
            .clone()
            .unwrap_or_else(|| format!("agent {}", author.agent_id));
        *self
            .writes
            .entry(writer)
            .or_default()
            .entry(kind.to_owned())
            .or_default() += 1;
    }
}
