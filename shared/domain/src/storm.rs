//! Storms: many alerts of one rule at one customer share a ticket.
//!
//! The first few alerts of a rule at a customer get tickets of their own. The next one within the same
//! stretch of time *leads* a crowd: its ticket stands for everything that joins it, which it counts in
//! notes at intervals. The crowd takes in nobody any more when it was calm for a while, or when its
//! ticket is closed; alerts then get tickets of their own again.

mod group;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use group::{Group, GroupSummary, LISTED_MAX, MEMBERS_MAX};

use crate::alert::Alert;
use crate::hash::hash64;
use crate::ids::{AlertId, EnvironmentId};
use crate::time::Timestamp;

/// What the operator decided about storms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormPolicy {
    /// Alerts of one rule at one customer that get tickets of their own within `within`.
    pub tickets_max: u32,
    /// The stretch of time in which they are counted.
    pub window: Duration,
    /// A storm is over when nobody joined it for so long.
    pub quiet_after: Duration,
    /// The least time between two notes that count it.
    pub summary_interval: Duration,
    /// The most notes of ours about changes on any one ticket.
    pub notes_max: u32,
}

impl Default for StormPolicy {
    /// Ten tickets in a quarter of an hour are what a technician reads one by one; a shift has some
    /// sixteen half hours. Fifty notes are what other tools found a ticket bears.
    fn default() -> Self {
        Self {
            tickets_max: 10,
            window: Duration::from_secs(15 * 60),
            quiet_after: Duration::from_secs(60 * 60),
            summary_interval: Duration::from_secs(30 * 60),
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
            rule: hash64(&[rule]),
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
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Membership {
    /// It has a ticket of its own.
    Ungrouped,
    /// Its ticket stands for a crowd.
    Leader(LeaderState),
    /// It shares the ticket of another alert.
    Member {
        /// The alert whose ticket it shares.
        leader: AlertId,
        /// Whether the crowd counts it as open.
        open: bool,
    },
}

/// What the leader of a crowd knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderState {
    /// The crowd, as it was last looked up.
    pub summary: GroupSummary,
    /// Alerts that had joined when the ticket was last told.
    pub joined_reported: u64,
    /// Those among them that were open.
    pub open_reported: u64,
    /// When the ticket was last told, or the crowd began.
    pub reported_at: Timestamp,
}

impl LeaderState {
    /// The lead of a crowd that begins at `now`.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            summary: GroupSummary::default(),
            joined_reported: 0,
            open_reported: 0,
            reported_at: now,
        }
    }

    /// Whether the ticket says less than is known.
    #[must_use]
    pub const fn has_unreported(&self) -> bool {
        self.summary.joined != self.joined_reported || self.summary.open != self.open_reported
    }

    /// When the ticket may be told next.
    #[must_use]
    pub fn summary_due_at(&self, policy: &StormPolicy) -> Timestamp {
        self.reported_at.plus(policy.summary_interval)
    }

    /// The ticket has been told at `now`.
    pub fn mark_reported(&mut self, now: Timestamp) {
        self.joined_reported = self.summary.joined;
        self.open_reported = self.summary.open;
        self.reported_at = now;
    }
}

/// The storms of one rule at one customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storms {
    /// Alerts that got tickets of their own lately, and when.
    #[serde(default)]
    ungrouped: Vec<(AlertId, Timestamp)>,
    /// The newest last; only that one may still take in alerts.
    #[serde(default)]
    groups: Vec<Group>,
}

/// The most crowds that are remembered; older ones are only asked who is still open.
const GROUPS_MAX: usize = 8;

impl Storms {
    /// Gives `alert` its place, or takes in what became of it. Safe to repeat.
    pub fn assign(&mut self, alert: &Alert, policy: &StormPolicy, now: Timestamp) -> Membership {
        let open = !alert.is_closed();
        let mut groups = self.groups.iter_mut();
        // Whoever is back when its crowd takes in nobody any more is no longer part of it.
        if let Some(group) = groups.find(|group| group.contains(alert.id))
            && group.observe(alert.id, open)
        {
            let leader = group.leader();
            return Membership::Member { leader, open };
        }
        let leads = |group: &&Group| group.leader() == alert.id && !group.is_closed();
        if self.groups.iter().any(|group| leads(&group)) {
            return Membership::Leader(LeaderState::starting_at(now));
        }
        self.ungrouped
            .retain(|(_, since)| now.since(*since) < policy.window);
        if self.ungrouped.iter().any(|(id, _)| *id == alert.id) {
            return Membership::Ungrouped;
        }
        if let Some(group) = self.open_group(policy, now) {
            group.add(alert, now);
            let leader = group.leader();
            return Membership::Member { leader, open };
        }
        let tickets_max = usize::try_from(policy.tickets_max).unwrap_or(usize::MAX);
        if self.ungrouped.len() < tickets_max {
            self.ungrouped.push((alert.id, now));
            return Membership::Ungrouped;
        }
        self.groups.push(Group::new(alert.id, now));
        let too_many = self.groups.len().saturating_sub(GROUPS_MAX);
        self.groups.drain(..too_many);
        Membership::Leader(LeaderState::starting_at(now))
    }

    /// The crowd that takes in alerts, if one does.
    fn open_group(&mut self, policy: &StormPolicy, now: Timestamp) -> Option<&mut Group> {
        let group = self.groups.last_mut()?;
        if group.is_quiet(policy, now) || group.is_full() {
            group.close();
        }
        Some(group).filter(|group| !group.is_closed())
    }

    /// The crowd of `leader`.
    #[must_use]
    pub fn group(&self, leader: AlertId) -> Option<&Group> {
        self.groups.iter().rev().find(|it| it.leader() == leader)
    }

    /// The same, to be changed.
    pub fn group_mut(&mut self, leader: AlertId) -> Option<&mut Group> {
        let mut newest_first = self.groups.iter_mut().rev();
        newest_first.find(|group| group.leader() == leader)
    }
}
