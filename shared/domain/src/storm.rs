//! Alert storms: many alerts of one rule at one customer share a ticket.
//!
//! The first alerts of a rule at a customer get tickets of their own. The next alert within the
//! same window *leads* a group: its ticket represents every alert that joins the group, and summary
//! notes count them at intervals. A group accepts no more members once it has been quiet for a
//! while, or once its ticket is closed. After that, alerts get tickets of their own again.

mod group;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use group::{Group, GroupSummary, LISTED_MAX, MEMBERS_MAX};

use crate::alert::Alert;
use crate::hash::hash64;
use crate::ids::{AlertId, EnvironmentId};
use crate::record::Record;
use crate::time::Timestamp;

/// The operator's settings for storms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormPolicy {
    /// Alerts of one rule at one customer that get tickets of their own within `window`.
    pub tickets_max: u32,
    /// The window in which they are counted.
    pub window: Duration,
    /// A storm ends when no alert has joined its group for this long.
    pub quiet_after: Duration,
    /// Least time between two summary notes.
    pub summary_interval: Duration,
    /// The most change notes that Halogard adds to any one ticket.
    pub notes_max: u32,
}

impl Default for StormPolicy {
    /// A technician can read ten tickets one by one in a quarter of an hour; a shift has about
    /// sixteen half hours. Fifty notes is what comparable tools found a ticket can bear.
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
    /// The key under which `alert` is counted: by its rule, or by its name where Liongard names no
    /// rule.
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

/// The text is not a [`StormKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStormKey;

impl FromStr for StormKey {
    type Err = UnknownStormKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (environment, rule) = text.split_once('-').ok_or(UnknownStormKey)?;
        Ok(Self {
            environment: environment.parse().map_err(|_| UnknownStormKey)?,
            rule: u64::from_str_radix(rule, 16).map_err(|_| UnknownStormKey)?,
        })
    }
}

/// The role of an alert in the storm groups of its rule and customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Membership {
    /// It has its own ticket and belongs to no group.
    Ungrouped,
    /// Its ticket represents a group.
    Leader(LeaderState),
    /// It shares the ticket of another alert.
    Member {
        /// The alert whose ticket it shares.
        leader: AlertId,
        /// Whether the group counts it as open.
        open: bool,
    },
}

/// What the leader of a group knows about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderState {
    /// The group, as of the last read.
    pub summary: GroupSummary,
    /// Alerts that had joined when the last summary note was added.
    pub joined_reported: u64,
    /// How many of them were open then.
    pub open_reported: u64,
    /// When the last summary note was added, or the group began.
    pub reported_at: Timestamp,
}

impl LeaderState {
    /// The state of a leader whose group begins at `now`.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            summary: GroupSummary::default(),
            joined_reported: 0,
            open_reported: 0,
            reported_at: now,
        }
    }

    /// Whether the ticket's notes are behind the group.
    #[must_use]
    pub const fn has_unreported(&self) -> bool {
        self.summary.joined != self.joined_reported || self.summary.open != self.open_reported
    }

    /// When the next summary note may be added.
    #[must_use]
    pub fn summary_due_at(&self, policy: &StormPolicy) -> Timestamp {
        self.reported_at.plus(policy.summary_interval)
    }

    /// Records that a summary note was added at `now` that counted these alerts.
    pub const fn mark_reported(&mut self, joined: u64, open: u64, now: Timestamp) {
        self.joined_reported = joined;
        self.open_reported = open;
        self.reported_at = now;
    }
}

/// The groups of one rule at one customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storms {
    /// Alerts that got tickets of their own recently, and when.
    ungrouped: Vec<(AlertId, Timestamp)>,
    /// Oldest first. Only the last one may accept members.
    groups: Vec<Group>,
}

impl Record for Storms {
    const PARTITION: &'static str = "storm";
    type Key = StormKey;
}

/// The most groups that are stored: as many as a record can hold. Older groups serve to count alerts that
/// are still open; only one without such an alert makes room for another group.
const GROUPS_MAX: usize = 8;

impl Storms {
    /// Assigns `alert` to a group, or updates its group with its state. Repeatable.
    pub fn assign(&mut self, alert: &Alert, policy: &StormPolicy, now: Timestamp) -> Membership {
        let open = !alert.is_closed();
        let mut groups = self.groups.iter_mut();
        // An alert that is open again after its group was closed to new members leaves the group.
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
            .retain(|(_, since)| now.is_within(policy.window, *since));
        if self.ungrouped.iter().any(|(id, _)| *id == alert.id) {
            return Membership::Ungrouped;
        }
        if let Some(group) = self.open_group(policy, now) {
            group.add(alert, now);
            let leader = group.leader();
            return Membership::Member { leader, open };
        }
        let tickets_max = usize::try_from(policy.tickets_max).unwrap_or(usize::MAX);
        // Members of a former group still name this alert: a second group of it would be taken for
        // the one they belong to. It gets a ticket of its own, and the next alert leads.
        let led_before = self.groups.iter().any(|group| group.leader() == alert.id);
        if self.ungrouped.len() < tickets_max || led_before {
            self.ungrouped.push((alert.id, now));
            return Membership::Ungrouped;
        }
        if !self.make_room() {
            // Not noted: the storm may have any number of alerts.
            return Membership::Ungrouped;
        }
        self.groups.push(Group::new(alert.id, now));
        Membership::Leader(LeaderState::starting_at(now))
    }

    /// Discards the oldest group without an open alert, if there are as many groups as can be stored. Says
    /// whether there is room for one more.
    fn make_room(&mut self) -> bool {
        if self.groups.len() < GROUPS_MAX {
            return true;
        }
        let resolved = self.groups.iter().position(Group::is_resolved);
        if let Some(resolved) = resolved {
            self.groups.remove(resolved);
        }
        resolved.is_some()
    }

    /// Whether the group of `leader` was discarded, and so has no open alert. An empty record says nothing:
    /// it may have been lost.
    #[must_use]
    pub fn has_discarded(&self, leader: AlertId) -> bool {
        !self.groups.is_empty() && self.group(leader).is_none()
    }

    /// The group that accepts members, if there is one.
    fn open_group(&mut self, policy: &StormPolicy, now: Timestamp) -> Option<&mut Group> {
        let group = self.groups.last_mut()?;
        if group.is_quiet(policy, now) || group.is_full() {
            group.close();
        }
        Some(group).filter(|group| !group.is_closed())
    }

    /// The group of `leader`.
    #[must_use]
    pub fn group(&self, leader: AlertId) -> Option<&Group> {
        self.groups.iter().rev().find(|it| it.leader() == leader)
    }

    /// The group of `leader`, for a change.
    pub fn group_mut(&mut self, leader: AlertId) -> Option<&mut Group> {
        let mut newest_first = self.groups.iter_mut().rev();
        newest_first.find(|group| group.leader() == leader)
    }
}
