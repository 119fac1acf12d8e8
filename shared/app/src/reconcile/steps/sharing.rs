//! Alerts that share a ticket: joining its crowd, leading it, ending it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::storm::{Place, StormKey, Storms};
use halogard_domain::{Alert, FailureClass};

use super::Next;
use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Lane, Outgoing, PortError, SaveError, TicketDesk};
use crate::reconcile::{CONTENTIONS_MAX, Hold, LookError};

/// How long after its crowd has changed a leader looks: by then the change is stored.
const LEADER_LOOKS_AFTER: Duration = Duration::from_secs(10);

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Finds out where the alert stands, in company: alerts of one storm are counted with one write.
    pub(super) async fn take_place(&self, hold: &mut Hold<'_>) -> Result<Next, LookError> {
        let Some(alert) = hold.link.alert_seen.clone() else {
            return Ok(Next::PlanAgain);
        };
        let place = self.place_together(alert, hold.gather).await?;
        let known = matches!(hold.link.place, Some(Place::Joined { .. }));
        match &place {
            Place::Joined { leader, .. } if !known => {
                let detail = format!("shares the ticket of alert {leader}");
                hold.tell(self.clock.now(), "joined_storm", Some(detail));
            }
            Place::Leads(_) => hold.tell(self.clock.now(), "leads_storm", None),
            Place::Joined { .. } | Place::Alone => {}
        }
        hold.link.place = Some(place);
        // What was never needed may be now.
        hold.link.ended = None;
        Ok(Next::PlanAgain)
    }

    /// Gives each of `alerts` its place; one answer for each, in order.
    pub(super) async fn place_all(&self, alerts: &[Alert]) -> Vec<Result<Place, PortError>> {
        let mut storms: BTreeMap<StormKey, Vec<usize>> = BTreeMap::new();
        for (place, alert) in alerts.iter().enumerate() {
            storms.entry(StormKey::of(alert)).or_default().push(place);
        }
        let mut answers = BTreeMap::new();
        for (key, places) in storms {
            let about: Vec<&Alert> = places.iter().filter_map(|at| alerts.get(*at)).collect();
            match self.place_in(key, &about).await {
                Ok(found) => answers.extend(places.into_iter().zip(found.into_iter().map(Ok))),
                Err(error) => answers.extend(places.into_iter().map(|at| (at, Err(error.clone())))),
            }
        }
        answers.into_values().collect()
    }

    /// Gives `alerts`, all of `key`, their places, and sends for the leaders whose crowd has changed.
    async fn place_in(&self, key: StormKey, alerts: &[&Alert]) -> Result<Vec<Place>, PortError> {
        let policy = self.policy().storms.clone().unwrap_or_default();
        for _ in 0..CONTENTIONS_MAX {
            let stored = self.store.load_storms(key).await?;
            let mut storms = stored.value.clone();
            let now = self.clock.now();
            let places: Vec<Place> = alerts
                .iter()
                .map(|alert| storms.place(alert, &policy, now))
                .collect();
            if storms == stored.value {
                return Ok(places);
            }
            let leaders: BTreeSet<AlertId> = places
                .iter()
                .filter_map(|place| match place {
                    Place::Joined { leader, .. } => Some(*leader),
                    Place::Alone | Place::Leads(_) => None,
                })
                .collect();
            let looks: Vec<Outgoing> = leaders
                .into_iter()
                .filter(|leader| {
                    let crowd = storms.crowd_mut(*leader);
                    crowd.is_some_and(|crowd| crowd.send_for_leader(now))
                })
                .map(|leader| Outgoing {
                    message: Message::look_at_alert(leader, Cause::Storm),
                    not_before: Some(now.plus(LEADER_LOOKS_AFTER)),
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
    pub(in crate::reconcile) async fn hear_crowd(
        &self,
        hold: &mut Hold<'_>,
    ) -> Result<(), LookError> {
        let policy = hold.policy.storms.clone().unwrap_or_default();
        let now = self.clock.now();
        let leader = hold.link.alert;
        let key = hold.link.alert_seen.as_ref().map(StormKey::of);
        let (Some(key), Some(lead)) = (key, hold.link.lead_mut()) else {
            return Ok(());
        };
        let due = lead.due(&policy);
        // Whoever comes to wait stays sent for: nobody needs to send for it again.
        let crowd_after = |storms: &mut Storms| {
            let crowd = storms.crowd_mut(leader)?;
            let tally = crowd.tally();
            if due <= now || tally.open == 0 {
                crowd.leader_came();
            }
            Some(tally)
        };
        if let Some(tally) = self.change_storms(key, crowd_after).await? {
            lead.tally = tally;
        }
        Ok(())
    }

    /// Lets no more alerts join the crowd that the alert leads.
    pub(super) async fn end_crowd(&self, hold: &mut Hold<'_>) -> Result<Next, LookError> {
        let leader = hold.link.alert;
        let key = hold.link.alert_seen.as_ref().map(StormKey::of);
        let (Some(key), Some(lead)) = (key, hold.link.lead_mut()) else {
            return Ok(Next::PlanAgain);
        };
        let end = |storms: &mut Storms| {
            let crowd = storms.crowd_mut(leader)?;
            crowd.end();
            Some(crowd.tally())
        };
        if let Some(tally) = self.change_storms(key, end).await? {
            lead.tally = tally;
        }
        lead.tally.over = true;
        Ok(Next::PlanAgain)
    }

    /// Changes the storms of `key`; writes them only if they differ.
    async fn change_storms<A>(
        &self,
        key: StormKey,
        change: impl Fn(&mut Storms) -> A,
    ) -> Result<A, LookError> {
        for _ in 0..CONTENTIONS_MAX {
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
        Err(LookError::Contended)
    }
}

/// Other workers kept counting the same storm.
fn contended() -> PortError {
    PortError::new(FailureClass::Transient, "storm.contended")
}
