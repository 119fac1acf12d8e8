//! A group of alerts that share one ticket.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StormPolicy;
use crate::alert::Alert;
use crate::ids::{AlertId, LaunchpointId};
use crate::time::Timestamp;

/// The most alerts in one group; the next alert leads another group. A store saves a group as one
/// record, and the smallest record limit among the stores is 400 KB.
pub const MEMBERS_MAX: usize = 5_000;

/// The most alerts that a summary note lists by name. The others are counted.
pub const LISTED_MAX: usize = 25;

/// The most inspectors that are run when a person closes the ticket of a group.
const LAUNCHPOINTS_MAX: usize = 25;

/// How long a requested leader may take before it is requested again: its message may have been
/// lost.
const LEADER_REQUEST_TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// Alerts that share the ticket of one of them, the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    leader: AlertId,
    last_joined_at: Timestamp,
    closed_to_new: bool,
    leader_requested_at: Option<Timestamp>,
    open: BTreeSet<AlertId>,
    closed: BTreeSet<AlertId>,
    listed: Vec<String>,
    launchpoints: BTreeSet<LaunchpointId>,
}

/// The counts of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Alerts that joined, without the leader.
    pub joined: u64,
    /// Members that are open.
    pub open: u64,
    /// Descriptions of the first members.
    pub listed: Vec<String>,
    /// The inspectors that raised the alerts.
    pub launchpoints: BTreeSet<LaunchpointId>,
    /// Whether the group is closed to new members.
    pub closed: bool,
}

impl Group {
    /// A group without members.
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

    /// Whether the group is closed to new members.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed_to_new
    }

    /// Closes the group to new members.
    pub const fn close(&mut self) {
        self.closed_to_new = true;
    }

    /// Whether no alert has joined for so long that the storm is over.
    pub(super) fn is_quiet(&self, policy: &StormPolicy, now: Timestamp) -> bool {
        !now.is_within(policy.quiet_after, self.last_joined_at)
    }

    /// Whether the group has as many members as a record may hold.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() + self.closed.len() >= MEMBERS_MAX
    }

    /// Whether no member is open.
    pub(super) fn is_resolved(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether `alert` is a member.
    pub(super) fn contains(&self, alert: AlertId) -> bool {
        self.open.contains(&alert) || self.closed.contains(&alert)
    }

    /// Adds `alert`.
    pub(super) fn add(&mut self, alert: &Alert, now: Timestamp) {
        self.open.insert(alert.id);
        self.last_joined_at = now;
        if self.listed.len() < LISTED_MAX {
            let system = alert.system.as_ref().unwrap_or(&alert.name);
            let number = alert.number.as_deref().unwrap_or_default();
            let description = format!("{number} {system}");
            self.listed.push(description.trim().to_owned());
        }
        if self.launchpoints.len() < LAUNCHPOINTS_MAX {
            self.launchpoints.extend(alert.launchpoint);
        }
    }

    /// Records that the member `alert` is open or closed. Returns `false` when it is open again
    /// although the group is closed to new members: it is no longer a member then.
    pub(super) fn observe(&mut self, alert: AlertId, open: bool) -> bool {
        if !open {
            self.open.remove(&alert);
            self.closed.insert(alert);
        } else if self.closed.remove(&alert) && !self.closed_to_new {
            self.open.insert(alert);
        }
        self.contains(alert)
    }

    /// The counts.
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

    /// Requests a reconciliation of the leader, so that its ticket is updated. Returns `false` when
    /// one was requested recently and has not happened yet.
    pub fn request_leader(&mut self, now: Timestamp) -> bool {
        let is_pending = |at: &Timestamp| now.is_within(LEADER_REQUEST_TTL, *at);
        if self.leader_requested_at.as_ref().is_some_and(is_pending) {
            return false;
        }
        self.leader_requested_at = Some(now);
        true
    }

    /// Records that the leader was reconciled. Returns whether that changed anything.
    pub const fn leader_arrived(&mut self) -> bool {
        self.leader_requested_at.take().is_some()
    }
}
