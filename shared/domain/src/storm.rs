//! Storms: many alerts of one rule at one customer share a ticket.
//!
//! The first few alerts of a rule at a customer get tickets of their own. The next one within the same
//! stretch of time *leads* a crowd: its ticket stands for everything that joins it, which it counts in
//! notes at intervals. The crowd takes in nobody any more when it was calm for a while, or when its
//! ticket is closed; alerts then get tickets of their own again.

mod crowd;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crowd::{Crowd, LISTED_MAX, MEMBERS_MAX, Tally};

use crate::alert::Alert;
use crate::ids::{AlertId, EnvironmentId};
use crate::text::digest;
use crate::time::Timestamp;

/// What the operator decided about storms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormPolicy {
    /// Alerts of one rule at one customer that get tickets of their own within `within`.
    pub tickets_max: u32,
    /// The stretch of time in which they are counted.
    pub within: Duration,
    /// A storm is over when nobody joined it for so long.
    pub calm_after: Duration,
    /// The least time between two notes that count it.
    pub digest_every: Duration,
    /// The most notes of ours about changes on any one ticket.
    pub notes_max: u32,
}

impl Default for StormPolicy {
    /// Ten tickets in a quarter of an hour are what a technician reads one by one; a shift has some
    /// sixteen half hours. Fifty notes are what other tools found a ticket bears.
    fn default() -> Self {
        Self {
            tickets_max: 10,
            within: Duration::from_secs(15 * 60),
            calm_after: Duration::from_secs(60 * 60),
            digest_every: Duration::from_secs(30 * 60),
            notes_max: 50,
        }
    }
}

/// One rule at one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StormKey {
    environment: EnvironmentId,
    rule: u64,
}

impl StormKey {
    /// Where `alert` is counted: by its rule, by its name where Liongard names no rule.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        let rule = alert.rule.as_deref().unwrap_or(&alert.name);
        Self {
            environment: alert.environment,
            rule: digest(&[rule]),
        }
    }
}

impl fmt::Display for StormKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.environment, self.rule)
    }
}

/// Where an alert stands in the storms of its rule and customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Place {
    /// It has a ticket of its own.
    Alone,
    /// Its ticket stands for a crowd.
    Leads(Lead),
    /// It shares the ticket of another alert.
    Joined {
        /// The alert whose ticket it shares.
        leader: AlertId,
        /// Whether the crowd counts it as open.
        open: bool,
    },
}

/// What the leader of a crowd knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// The crowd, as it was last looked up.
    pub tally: Tally,
    /// Alerts that had joined when the ticket was last told.
    pub joined_told: u64,
    /// Those among them that were open.
    pub open_told: u64,
    /// When the ticket was last told, or the crowd began.
    pub told_at: Timestamp,
}

impl Lead {
    /// The lead of a crowd that begins at `now`.
    #[must_use]
    pub fn beginning(now: Timestamp) -> Self {
        Self {
            tally: Tally::default(),
            joined_told: 0,
            open_told: 0,
            told_at: now,
        }
    }

    /// Whether the ticket says less than is known.
    #[must_use]
    pub const fn has_news(&self) -> bool {
        self.tally.joined != self.joined_told || self.tally.open != self.open_told
    }

    /// When the ticket may be told next.
    #[must_use]
    pub fn due(&self, policy: &StormPolicy) -> Timestamp {
        self.told_at.plus(policy.digest_every)
    }

    /// The ticket has been told at `now`.
    pub fn told(&mut self, now: Timestamp) {
        self.joined_told = self.tally.joined;
        self.open_told = self.tally.open;
        self.told_at = now;
    }
}

/// The storms of one rule at one customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storms {
    /// Alerts that got tickets of their own lately, and when.
    #[serde(default)]
    alone: Vec<(AlertId, Timestamp)>,
    /// The newest last; only that one may still take in alerts.
    #[serde(default)]
    crowds: Vec<Crowd>,
}

/// The most crowds that are remembered; older ones are only asked who is still open.
const CROWDS_MAX: usize = 8;

impl Storms {
    /// Gives `alert` its place, or takes in what became of it. Safe to repeat.
    pub fn place(&mut self, alert: &Alert, policy: &StormPolicy, now: Timestamp) -> Place {
        let open = !alert.is_closed();
        let mut crowds = self.crowds.iter_mut();
        // Whoever is back when its crowd takes in nobody any more is no longer part of it.
        if let Some(crowd) = crowds.find(|crowd| crowd.holds(alert.id))
            && crowd.hear(alert.id, open)
        {
            let leader = crowd.leader();
            return Place::Joined { leader, open };
        }
        let leads = |crowd: &&Crowd| crowd.leader() == alert.id && !crowd.is_over();
        if self.crowds.iter().any(|crowd| leads(&crowd)) {
            return Place::Leads(Lead::beginning(now));
        }
        self.alone
            .retain(|(_, since)| now.since(*since) < policy.within);
        if self.alone.iter().any(|(id, _)| *id == alert.id) {
            return Place::Alone;
        }
        if let Some(crowd) = self.gathering(policy, now) {
            crowd.join(alert, now);
            let leader = crowd.leader();
            return Place::Joined { leader, open };
        }
        let tickets_max = usize::try_from(policy.tickets_max).unwrap_or(usize::MAX);
        if self.alone.len() < tickets_max {
            self.alone.push((alert.id, now));
            return Place::Alone;
        }
        self.crowds.push(Crowd::led_by(alert.id, now));
        let too_many = self.crowds.len().saturating_sub(CROWDS_MAX);
        self.crowds.drain(..too_many);
        Place::Leads(Lead::beginning(now))
    }

    /// The crowd that takes in alerts, if one does.
    fn gathering(&mut self, policy: &StormPolicy, now: Timestamp) -> Option<&mut Crowd> {
        let crowd = self.crowds.last_mut()?;
        if crowd.is_calm(policy, now) || crowd.is_full() {
            crowd.end();
        }
        Some(crowd).filter(|crowd| !crowd.is_over())
    }

    /// The crowd of `leader`.
    #[must_use]
    pub fn crowd(&self, leader: AlertId) -> Option<&Crowd> {
        self.crowds.iter().rev().find(|it| it.leader() == leader)
    }

    /// The same, to be changed.
    pub fn crowd_mut(&mut self, leader: AlertId) -> Option<&mut Crowd> {
        let mut newest_first = self.crowds.iter_mut().rev();
        newest_first.find(|crowd| crowd.leader() == leader)
    }
}
