//! Alerts that share a ticket: joining its crowd, leading it, ending it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::storm::{Membership, StormKey, Storms};
use halogard_domain::{Alert, FailureClass};

use super::Next;
use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{Lane, Outgoing, PortError, SaveError};
use crate::reconcile::{CONFLICTS_MAX, PairSession, ReconcileError};
use crate::reconciler::Reconciler;

/// How long after its crowd has changed a leader looks: by then the change is stored.
const LEADER_RECONCILED_AFTER: Duration = Duration::from_secs(10);

impl<E: Env> Reconciler<E> {
    /// Finds out where the alert stands, in company: alerts of one storm are counted with one write.
    pub(super) async fn resolve_membership(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let Some(alert) = session.link.observed_alert.clone() else {
            return Ok(Next::Replan);
        };
        let place = self
            .resolve_membership_batched(alert, session.batcher)
            .await?;
        let known = matches!(session.link.membership, Some(Membership::Member { .. }));
        match &place {
            Membership::Member { leader, .. } if !known => {
                let detail = format!("shares the ticket of alert {leader}");
                session.record(self.clock.now(), "joined_group", Some(detail));
            }
            Membership::Leader(_) => session.record(self.clock.now(), "leads_group", None),
            Membership::Member { .. } | Membership::Ungrouped => {}
        }
        session.link.membership = Some(place);
        // What was never needed may be now.
        session.link.terminal_reason = None;
        Ok(Next::Replan)
    }

    /// Gives each of `alerts` its place; one answer for each, in order.
    pub(super) async fn resolve_memberships(
        &self,
        alerts: &[Alert],
    ) -> Vec<Result<Membership, PortError>> {
        let mut storms: BTreeMap<StormKey, Vec<usize>> = BTreeMap::new();
        for (place, alert) in alerts.iter().enumerate() {
            storms.entry(StormKey::of(alert)).or_default().push(place);
        }
        let mut answers = BTreeMap::new();
        for (key, places) in storms {
            let about: Vec<&Alert> = places.iter().filter_map(|at| alerts.get(*at)).collect();
            match self.assign_members(key, &about).await {
                Ok(found) => answers.extend(places.into_iter().zip(found.into_iter().map(Ok))),
                Err(error) => answers.extend(places.into_iter().map(|at| (at, Err(error.clone())))),
            }
        }
        answers.into_values().collect()
    }

    /// Gives `alerts`, all of `key`, their places, and sends for the leaders whose crowd has changed.
    async fn assign_members(
        &self,
        key: StormKey,
        alerts: &[&Alert],
    ) -> Result<Vec<Membership>, PortError> {
        let policy = self.policy().storms.clone().unwrap_or_default();
        for _ in 0..CONFLICTS_MAX {
            let stored = self.store.load_storms(key).await?;
            let mut storms = stored.value.clone();
            let now = self.clock.now();
            let places: Vec<Membership> = alerts
                .iter()
                .map(|alert| storms.assign(alert, &policy, now))
                .collect();
            if storms == stored.value {
                return Ok(places);
            }
            let leaders: BTreeSet<AlertId> = places
                .iter()
                .filter_map(|place| match place {
                    Membership::Member { leader, .. } => Some(*leader),
                    Membership::Ungrouped | Membership::Leader(_) => None,
                })
                .collect();
            let looks: Vec<Outgoing> = leaders
                .into_iter()
                .filter(|leader| {
                    let crowd = storms.group_mut(*leader);
                    crowd.is_some_and(|crowd| crowd.request_leader(now))
                })
                .map(|leader| Outgoing {
                    message: Message::reconcile_alert(leader, Cause::Storm),
                    not_before: Some(now.plus(LEADER_RECONCILED_AFTER)),
                })
                .collect();
            // Sent first: a look too many does no harm, and one too few would leave the ticket untold.
            if !looks.is_empty() {
                self.store.send(Lane::Bulk, &looks).await?;
            }
            match self.store.save_storms(key, &storms, stored.revision).await {
                Ok(_) => return Ok(places),
                Err(SaveError::Conflict) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        Err(contended())
    }

    /// Brings what a leader knows of its crowd up to date.
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
        // Whoever comes to wait stays sent for: nobody needs to send for it again.
        let crowd_after = |storms: &mut Storms| {
            let crowd = storms.group_mut(leader)?;
            let summary = crowd.summary();
            if due <= now || summary.open == 0 {
                crowd.leader_arrived();
            }
            Some(summary)
        };
        if let Some(summary) = self.update_storms(key, crowd_after).await? {
            lead.summary = summary;
        }
        Ok(())
    }

    /// Lets no more alerts join the crowd that the alert leads.
    pub(super) async fn close_group(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let leader = session.link.alert;
        let key = session.link.observed_alert.as_ref().map(StormKey::of);
        let (Some(key), Some(lead)) = (key, session.link.leader_state_mut()) else {
            return Ok(Next::Replan);
        };
        let end = |storms: &mut Storms| {
            let crowd = storms.group_mut(leader)?;
            crowd.close();
            Some(crowd.summary())
        };
        if let Some(summary) = self.update_storms(key, end).await? {
            lead.summary = summary;
        }
        lead.summary.closed = true;
        Ok(Next::Replan)
    }

    /// Changes the storms of `key`; writes them only if they differ.
    async fn update_storms<A>(
        &self,
        key: StormKey,
        change: impl Fn(&mut Storms) -> A,
    ) -> Result<A, ReconcileError> {
        for _ in 0..CONFLICTS_MAX {
            let stored = self.store.load_storms(key).await?;
            let mut storms = stored.value.clone();
            let answer = change(&mut storms);
            if storms == stored.value {
                return Ok(answer);
            }
            match self.store.save_storms(key, &storms, stored.revision).await {
                Ok(_) => return Ok(answer),
                Err(SaveError::Conflict) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ReconcileError::Conflict)
    }
}

/// Other workers kept counting the same storm.
fn contended() -> PortError {
    PortError::new(FailureClass::Transient, "storm.contended")
}
