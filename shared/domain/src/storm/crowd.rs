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
const SENT_FOR_HOLDS: Duration = Duration::from_secs(2 * 60 * 60);

/// Alerts that share the ticket of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    leader: AlertId,
    joined_at: Timestamp,
    over: bool,
    #[serde(default)]
    sent_for_at: Option<Timestamp>,
    open: BTreeSet<AlertId>,
    closed: BTreeSet<AlertId>,
    listed: Vec<String>,
    launchpoints: BTreeSet<LaunchpointId>,
}

/// A crowd, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Alerts that joined, the leader not counted.
    pub joined: u64,
    /// Those among them that are open.
    pub open: u64,
    /// What the first of them are about.
    pub listed: Vec<String>,
    /// The inspectors that found them.
    pub launchpoints: BTreeSet<LaunchpointId>,
    /// It takes in nobody any more.
    pub over: bool,
}

impl Crowd {
    /// A crowd of one.
    pub(super) const fn led_by(leader: AlertId, now: Timestamp) -> Self {
        Self {
            leader,
            joined_at: now,
            over: false,
            sent_for_at: None,
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
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Takes in nobody any more.
    pub const fn end(&mut self) {
        self.over = true;
    }

    /// Whether nobody joined for so long that the storm is over.
    pub(super) fn is_calm(&self, policy: &StormPolicy, now: Timestamp) -> bool {
        now.since(self.joined_at) >= policy.calm_after
    }

    /// Whether it holds as many as a record may.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() + self.closed.len() >= MEMBERS_MAX
    }

    /// Whether `alert` joined it.
    pub(super) fn holds(&self, alert: AlertId) -> bool {
        self.open.contains(&alert) || self.closed.contains(&alert)
    }

    /// Takes in `alert`.
    pub(super) fn join(&mut self, alert: &Alert, now: Timestamp) {
        self.open.insert(alert.id);
        self.joined_at = now;
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
    pub(super) fn hear(&mut self, alert: AlertId, open: bool) -> bool {
        if !open {
            self.open.remove(&alert);
            self.closed.insert(alert);
        } else if self.closed.remove(&alert) && !self.over {
            self.open.insert(alert);
        }
        self.holds(alert)
    }

    /// The crowd, counted.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let count = |alerts: &BTreeSet<AlertId>| u64::try_from(alerts.len()).unwrap_or(u64::MAX);
        Tally {
            joined: count(&self.open) + count(&self.closed),
            open: count(&self.open),
            listed: self.listed.clone(),
            launchpoints: self.launchpoints.clone(),
            over: self.over,
        }
    }

    /// Sends for the leader, so that the ticket hears of the crowd; `false` when that was done lately
    /// and it has not come yet.
    pub fn send_for_leader(&mut self, now: Timestamp) -> bool {
        let on_the_way = |at: &Timestamp| now.since(*at) < SENT_FOR_HOLDS;
        if self.sent_for_at.as_ref().is_some_and(on_the_way) {
            return false;
        }
        self.sent_for_at = Some(now);
        true
    }

    /// The leader is here; says whether that changed anything.
    pub const fn leader_came(&mut self) -> bool {
        self.sent_for_at.take().is_some()
    }
}
