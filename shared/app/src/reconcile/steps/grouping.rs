//! Alerts that share a ticket: joining a group, leading it, closing it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::storm::{GroupSummary, Membership, StormKey, Storms};
use halogard_domain::{Alert, FailureClass};

use super::Next;
use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, Lane, Outgoing, PortError, SaveError};
use crate::reconcile::write_batcher::AssignGroup;
use crate::reconcile::{CONFLICTS_MAX, PairSession, ReconcileError};
use crate::reconciler::Reconciler;

/// The leader is reconciled this long after its group changed: by then the change is stored.
const LEADER_RECONCILED_AFTER: Duration = Duration::from_secs(10);

impl<E: Env> Reconciler<E> {
    /// Finds out which group the alert belongs to. Batched: one write counts all alerts of a storm.
    pub(super) async fn resolve_membership(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let Some(alert) = session.link.observed_alert.clone() else {
            return Ok(Next::Replan);
        };
        let membership = self.submit(AssignGroup(alert), session.batcher).await?;
        let known = matches!(session.link.membership, Some(Membership::Member { .. }));
        match &membership {
            Membership::Member { leader, .. } if !known => {
                let detail = format!("shares the ticket of alert {leader}");
                session.record(self.clock.now(), Action::JoinedGroup, Some(detail));
            }
            Membership::Leader(_) => session.record(self.clock.now(), Action::LeadsGroup, None),
            Membership::Member { .. } | Membership::Ungrouped => {}
        }
        session.link.membership = Some(membership);
        // A ticket that was not needed may be needed now.
        session.link.terminal_reason = None;
        Ok(Next::Replan)
    }

    /// Assigns each of `alerts` to its group; one answer for each, in order.
    pub(super) async fn assign_groups(
        &self,
        alerts: &[Alert],
    ) -> Vec<Result<Membership, PortError>> {
        let mut storms: BTreeMap<StormKey, Vec<usize>> = BTreeMap::new();
        for (index, alert) in alerts.iter().enumerate() {
            storms.entry(StormKey::of(alert)).or_default().push(index);
        }
        let mut answers = BTreeMap::new();
        for (key, indices) in storms {
            let alerts: Vec<&Alert> = indices.iter().filter_map(|at| alerts.get(*at)).collect();
            match self.assign_members(key, &alerts).await {
                Ok(found) => answers.extend(indices.into_iter().zip(found.into_iter().map(Ok))),
                Err(error) => {
                    answers.extend(indices.into_iter().map(|at| (at, Err(error.clone()))));
                }
            }
        }
        answers.into_values().collect()
    }

    /// Assigns `alerts`, all of `key`, and enqueues the leaders whose group has changed.
    async fn assign_members(
        &self,
        key: StormKey,
        alerts: &[&Alert],
    ) -> Result<Vec<Membership>, PortError> {
        let policy = self.policy().storms.clone().unwrap_or_default();
        for _ in 0..CONFLICTS_MAX {
            let stored = self.store.load_record::<Storms>(&key).await?;
            let mut storms = stored.value.clone();
            let now = self.clock.now();
            let memberships: Vec<Membership> = alerts
                .iter()
                .map(|alert| storms.assign(alert, &policy, now))
                .collect();
            if storms == stored.value {
                return Ok(memberships);
            }
            let leaders: BTreeSet<AlertId> = memberships
                .iter()
                .filter_map(|membership| match membership {
                    Membership::Member { leader, .. } => Some(*leader),
                    Membership::Ungrouped | Membership::Leader(_) => None,
                })
                .collect();
            let messages: Vec<Outgoing> = leaders
                .into_iter()
                .filter(|leader| {
                    let group = storms.group_mut(*leader);
                    group.is_some_and(|group| group.request_leader(now))
                })
                .map(|leader| Outgoing {
                    message: Message::reconcile_alert(leader, Cause::Storm),
                    not_before: Some(now.plus(LEADER_RECONCILED_AFTER)),
                })
                .collect();
            // Sent before the save: a redundant reconciliation does no harm, a missing one would leave the
            // ticket without its note.
            if !messages.is_empty() {
                self.store.send(Lane::Bulk, &messages).await?;
            }
            match self.store.save_record(&key, &storms, stored.revision).await {
                Ok(_) => return Ok(memberships),
                Err(SaveError::Conflict) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        Err(contended())
    }

    /// Updates what a leader knows of its group.
    pub(in crate::reconcile) async fn refresh_group(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<(), ReconcileError> {
        let policy = session.policy.storms.clone().unwrap_or_default();
        let now = self.clock.now();
        let leader = session.link.alert;
        let key = session.link.observed_alert.as_ref().map(StormKey::of);
        let (Some(key), Some(lead)) = (key, session.link.leader_state_mut()) else {
            return Ok(());
        };
        let due = lead.summary_due_at(&policy);
        // A leader that is here only to wait stays requested, so that no member requests it again.
        let known = lead.summary.clone();
        let summary_after = |storms: &mut Storms| {
            if storms.has_discarded(leader) {
                return Some(GroupSummary {
                    open: 0,
                    closed: true,
                    ..known.clone()
                });
            }
            let group = storms.group_mut(leader)?;
            let summary = group.summary();
            if due <= now || summary.open == 0 {
                group.leader_arrived();
            }
            Some(summary)
        };
        if let Some(summary) = self.store.update_record(&key, summary_after).await? {
            lead.summary = summary;
        }
        Ok(())
    }

    /// Closes the group that the alert leads: no more alerts join it.
    pub(super) async fn close_group(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let leader = session.link.alert;
        let key = session.link.observed_alert.as_ref().map(StormKey::of);
        let (Some(key), Some(lead)) = (key, session.link.leader_state_mut()) else {
            return Ok(Next::Replan);
        };
        let close = |storms: &mut Storms| {
            let group = storms.group_mut(leader)?;
            group.close();
            Some(group.summary())
        };
        if let Some(summary) = self.store.update_record(&key, close).await? {
            lead.summary = summary;
        }
        lead.summary.closed = true;
        Ok(Next::Replan)
    }
}

/// Other workers kept writing the same storm.
fn contended() -> PortError {
    PortError::new(FailureClass::Transient, ErrorCode::StormContended)
}
