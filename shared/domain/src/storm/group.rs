//! The alerts that share one ticket.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StormPolicy;
use crate::alert::Alert;
use crate::ids::{AlertId, LaunchpointId};
use crate::time::Timestamp;

/// The most alerts in one crowd; the next one leads another. A store keeps a crowd as one record, and
/// the smallest limit of one is 400 KB.
pub const MEMBERS_MAX: usize = 5_000;

/// The most alerts that are listed by what they are about; the others are counted.
pub const LISTED_MAX: usize = 25;

/// The most inspectors that are run when a person closes the ticket of a crowd.
const LAUNCHPOINTS_MAX: usize = 25;

/// How long a leader that was sent for may take before it is sent for again: its message may have got
/// lost.
const LEADER_REQUEST_TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// Alerts that share the ticket of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    leader: AlertId,
    last_joined_at: Timestamp,
    closed_to_new: bool,
    #[serde(default)]
    leader_requested_at: Option<Timestamp>,
    open: BTreeSet<AlertId>,
    closed: BTreeSet<AlertId>,
    listed: Vec<String>,
    launchpoints: BTreeSet<LaunchpointId>,
}

/// A crowd, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Alerts that joined, the leader not counted.
    pub joined: u64,
    /// Those among them that are open.
    pub open: u64,
    /// What the first of them are about.
    pub listed: Vec<String>,
    /// The inspectors that found them.
    pub launchpoints: BTreeSet<LaunchpointId>,
    /// It takes in nobody any more.
    pub closed: bool,
}

impl Group {
    /// A crowd of one.
    pub(super) const fn new(leader: AlertId, now: Timestamp) -> Self {
        Self {
            leader,
            last_joined_at: now,
            closed_to_new: false,
            leader_requested_at: None,
            open: BTreeSet::new(),
            closed: BTreeSet::new(),
            listed: Vec::new(),
            launchpoints: BTreeSet::new(),
        }
    }

    /// The alert whose ticket they share.
    #[must_use]
    pub const fn leader(&self) -> AlertId {
        self.leader
    }

    /// Whether it takes in nobody any more.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed_to_new
    }

    /// Takes in nobody any more.
    pub const fn close(&mut self) {
        self.closed_to_new = true;
    }

    /// Whether nobody joined for so long that the storm is over.
    pub(super) fn is_quiet(&self, policy: &StormPolicy, now: Timestamp) -> bool {
        now.since(self.last_joined_at) >= policy.quiet_after
    }

    /// Whether it holds as many as a record may.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() + self.closed.len() >= MEMBERS_MAX
    }

    /// Whether `alert` joined it.
    pub(super) fn contains(&self, alert: AlertId) -> bool {
        self.open.contains(&alert) || self.closed.contains(&alert)
    }

    /// Takes in `alert`.
    pub(super) fn add(&mut self, alert: &Alert, now: Timestamp) {
        self.open.insert(alert.id);
        self.last_joined_at = now;
        if self.listed.len() < LISTED_MAX {
            let system = alert.system.as_ref().unwrap_or(&alert.name);
            let number = alert.number.as_deref().unwrap_or_default();
            let words = format!("{number} {system}");
            self.listed.push(words.trim().to_owned());
        }
        if self.launchpoints.len() < LAUNCHPOINTS_MAX {
            self.launchpoints.extend(alert.launchpoint);
        }
    }

    /// Takes in that `alert`, which joined, is open or over; `false` when it is back and the crowd
    /// takes in nobody any more: then it is no longer part of it.
    pub(super) fn observe(&mut self, alert: AlertId, open: bool) -> bool {
        if !open {
            self.open.remove(&alert);
            self.closed.insert(alert);
        } else if self.closed.remove(&alert) && !self.closed_to_new {
            self.open.insert(alert);
        }
        self.contains(alert)
    }

    /// The crowd, counted.
    #[must_use]
    pub fn summary(&self) -> GroupSummary {
        let count = |alerts: &BTreeSet<AlertId>| u64::try_from(alerts.len()).unwrap_or(u64::MAX);
        GroupSummary {
            joined: count(&self.open) + count(&self.closed),
            open: count(&self.open),
            listed: self.listed.clone(),
            launchpoints: self.launchpoints.clone(),
            closed: self.closed_to_new,
        }
    }

    /// Sends for the leader, so that the ticket hears of the crowd; `false` when that was done lately
    /// and it has not come yet.
    pub fn request_leader(&mut self, now: Timestamp) -> bool {
        let on_the_way = |at: &Timestamp| now.since(*at) < LEADER_REQUEST_TTL;
        if self.leader_requested_at.as_ref().is_some_and(on_the_way) {
            return false;
        }
        self.leader_requested_at = Some(now);
        true
    }

    /// The leader is here; says whether that changed anything.
    pub const fn leader_arrived(&mut self) -> bool {
        self.leader_requested_at.take().is_some()
    }
}
