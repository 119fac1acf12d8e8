//! Polling Liongard's alerts: alerts that differ from what was last queued are queued.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::AlertId;
use halogard_domain::link::REFUSAL_RETRY_AFTER;
use halogard_domain::message::{Cause, Message};
use halogard_domain::ticket::ACTIVITY_TTL;
use halogard_domain::{Alert, FailureClass, plan};
use tracing::{debug, info, warn};

use crate::env::Env;
use crate::outcome::Outcome;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, Lane, LinkFilter, Outgoing, PortError, QueuedState, keys};
use crate::reconciler::Reconciler;

/// Which alerts a poll compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that differ from what was last queued.
    Changed,
    /// Also those whose pair is not in sync: repairs what a lost message left behind.
    All,
}

/// What a poll found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollReport {
    /// Alerts listed.
    pub listed: usize,
    /// Alerts queued.
    pub queued: usize,
    /// Records of the list that could not be decoded.
    pub unreadable: usize,
    /// Alerts with an unknown status.
    pub unknown_words: usize,
    /// Known alerts that are no longer listed. Not listed does not mean closed.
    pub missing: usize,
}

/// More changes than this in one poll use the bulk lane, so that people's changes do not wait for them.
const BULK_ABOVE: usize = 50;

/// Messages sent in one call, and index entries saved with them.
const CHUNK: usize = 200;

/// A list shorter than this percentage of the last one is an error, not a change.
const SHRUNK_BELOW_PERCENT: usize = 50;

/// Lists shorter than this may shrink freely.
const SHRINK_MATTERS_FROM: usize = 10;

/// A much shorter list is accepted after this many polls in a row.
const SHRUNK_ACCEPTED_AFTER: i64 = 3;

/// An alert queued this long ago whose pair is still not in sync is queued again.
const LOST_AFTER: Duration = Duration::from_secs(900);

impl<E: Env> Reconciler<E> {
    /// Polls once. Safe to repeat: queuing an alert twice does no harm.
    ///
    /// # Errors
    ///
    /// Liongard or a store failed, or the list is suddenly much shorter (`alerts.shrunk`). Nothing of the
    /// list was used; the next poll reads it again.
    pub async fn poll_alerts(&self, scope: Scope) -> Result<PollReport, PortError> {
        let list = self.liongard.list().await?;
        for place in &list.unreadable {
            warn!(
                place,
                "a record of Liongard's alert list cannot be decoded; it is skipped"
            );
        }
        let alerts: BTreeMap<AlertId, Alert> = list
            .alerts
            .into_iter()
            .map(|alert| (alert.id, alert))
            .collect();
        self.guard_against_shrinking(alerts.len()).await?;
        let index = self.store.load_index().await?;
        let is_new = |alert: &&Alert| {
            index
                .get(&alert.id)
                .is_none_or(|known| known.fingerprint != alert.fingerprint())
        };
        let mut wanted: BTreeSet<AlertId> = alerts.values().filter(is_new).map(|a| a.id).collect();
        if scope == Scope::All {
            wanted.extend(self.find_lost(&alerts, &index).await?);
            wanted.extend(self.refusals_to_retry().await?);
        }
        let is_closed = |id: &AlertId| alerts.get(id).is_some_and(Alert::is_closed);
        let closes = |id: &&AlertId| is_closed(id) && index.contains_key(id);
        let closes = wanted.iter().filter(closes).count();
        if closes > 0 {
            self.refresh_activity_before_closes(closes).await;
        }
        self.enqueue_alerts(&alerts, &wanted).await?;
        let unknown = |alert: &&Alert| alert.state() == halogard_domain::AlertState::Unknown;
        let report = PollReport {
            listed: alerts.len(),
            queued: wanted.len(),
            unreadable: list.unreadable.len(),
            unknown_words: alerts.values().filter(unknown).count(),
            missing: index.keys().filter(|id| !alerts.contains_key(id)).count(),
        };
        let PollReport {
            listed,
            queued,
            unreadable,
            unknown_words,
            missing,
        } = report;
        info!(
            listed,
            queued,
            unreadable,
            unknown_words,
            missing,
            outcome = Outcome::Polled.as_str(),
            "polled Liongard's alerts"
        );
        Ok(report)
    }

    /// Refreshes what is known of persons' activity before `closes` tickets are closed: only untouched
    /// tickets are. One sweep of HaloPSA shows that for all of them; without it, reconciling each ticket
    /// reads its notes, one request each.
    async fn refresh_activity_before_closes(&self, closes: usize) {
        if let Err(error) = self.sweep_if_older_than(ACTIVITY_TTL / 2, closes).await {
            debug!(%error, "sweep before closes failed; notes are read instead");
        }
    }

    /// Rejects a list that is suddenly much shorter, until it was so a few times in a row.
    async fn guard_against_shrinking(&self, listed: usize) -> Result<(), PortError> {
        let before = self.store.value(keys::ALERTS_LISTED).await?.unwrap_or(0);
        let before = usize::try_from(before).unwrap_or(0);
        let shrunk = before >= SHRINK_MATTERS_FROM
            && listed.saturating_mul(100) < before.saturating_mul(SHRUNK_BELOW_PERCENT);
        let in_a_row = self.store.value(keys::ALERTS_SHRUNK).await?.unwrap_or(0);
        if shrunk && in_a_row + 1 < SHRUNK_ACCEPTED_AFTER {
            self.store
                .set_value(keys::ALERTS_SHRUNK, in_a_row + 1)
                .await?;
            let message = format!("{listed} alerts listed where there were {before}");
            return Err(
                PortError::new(FailureClass::Transient, ErrorCode::AlertsShrunk)
                    .with_message(message),
            );
        }
        if in_a_row != 0 {
            self.store.set_value(keys::ALERTS_SHRUNK, 0).await?;
        }
        if listed != before {
            let listed = i64::try_from(listed).unwrap_or(i64::MAX);
            self.store.set_value(keys::ALERTS_LISTED, listed).await?;
        }
        Ok(())
    }

    /// Alerts that were queued a while ago and whose pair is still not in sync: their message was lost or
    /// dead-lettered.
    async fn find_lost(
        &self,
        alerts: &BTreeMap<AlertId, Alert>,
        index: &BTreeMap<AlertId, QueuedState>,
    ) -> Result<Vec<AlertId>, PortError> {
        let policy = self.policy();
        let now = self.clock.now();
        let mut unsettled: BTreeSet<AlertId> = alerts.keys().copied().collect();
        let mut after = None;
        loop {
            let links = self.store.list(LinkFilter::All, after, CHUNK).await?;
            let Some(last) = links.last() else { break };
            after = Some(last.alert);
            for link in links {
                let (alert, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
                let observed = alert.map(Alert::fingerprint);
                let listed = alerts.get(&link.alert).map(Alert::fingerprint);
                let nothing_missing = plan(&link, alert, ticket, &policy, now).is_empty();
                if observed == listed && nothing_missing {
                    unsettled.remove(&link.alert);
                }
            }
        }
        let long_ago = |id: &AlertId| {
            index
                .get(id)
                .is_none_or(|known| now.since(known.queued_at) >= LOST_AFTER)
        };
        Ok(unsettled.into_iter().filter(long_ago).collect())
    }

    /// Alerts whose write was refused so long ago that it is tried once more: the cause may have been
    /// fixed in HaloPSA.
    async fn refusals_to_retry(&self) -> Result<Vec<AlertId>, PortError> {
        let now = self.clock.now();
        let mut due = Vec::new();
        let mut after = None;
        loop {
            let links = self.store.list(LinkFilter::Refused, after, CHUNK).await?;
            let Some(last) = links.last() else {
                return Ok(due);
            };
            after = Some(last.alert);
            due.extend(links.iter().filter_map(|link| {
                let refused = link.refused.as_ref()?;
                (now.since(refused.at) >= REFUSAL_RETRY_AFTER).then_some(link.alert)
            }));
        }
    }

    /// Queues the alerts `wanted`, then records that in the index.
    async fn enqueue_alerts(
        &self,
        alerts: &BTreeMap<AlertId, Alert>,
        wanted: &BTreeSet<AlertId>,
    ) -> Result<(), PortError> {
        let lane = if wanted.len() > BULK_ABOVE {
            Lane::Bulk
        } else {
            Lane::Urgent
        };
        let news: Vec<&Alert> = wanted.iter().filter_map(|id| alerts.get(id)).collect();
        for chunk in news.chunks(CHUNK) {
            let messages: Vec<Outgoing> = chunk
                .iter()
                .map(|alert| Message::alert_snapshot((*alert).clone(), Cause::Poll).into())
                .collect();
            self.store.send(lane, &messages).await?;
            let queued_at = self.clock.now();
            let entries = chunk
                .iter()
                .map(|alert| {
                    (
                        alert.id,
                        QueuedState {
                            fingerprint: alert.fingerprint(),
                            queued_at,
                        },
                    )
                })
                .collect();
            self.store.save_index(&entries).await?;
        }
        Ok(())
    }
}
