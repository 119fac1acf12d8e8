//! Alerts that a list no longer names: each is read by its id, because a list may leave out closed ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::AlertId;
use halogard_domain::{Alert, FailureClass, Link, Timestamp};
use tracing::debug;

use super::{CHUNK, HeldAlerts, IN_SYNC_KEPT, IndexChanges, REMOVED_MAX, Scope, is_in_sync};
use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{PortError, QueuedState, SinceQueued};
use crate::reconciler::Reconciler;

/// Alerts that one poll reads because this list is the first that does not name them, and as many again of those that
/// lists have not named for longer.
const CONFIRMED_MAX: usize = 20;

/// Reads in one poll that may fail before it reads no more.
const FAILURES_MAX: usize = 3;

/// How long an entry stays that no list names.
const UNLISTED_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl<E: Env> Reconciler<E> {
    /// Which of the alerts that are not in `listed` are to be read now. A full poll also reads those again that have
    /// an open ticket or whose message may be lost, and notes which entries go.
    pub(super) async fn choose_unlisted(
        &self,
        scope: Scope,
        index: &BTreeMap<AlertId, QueuedState>,
        listed: &BTreeSet<AlertId>,
        changes: &mut IndexChanges,
    ) -> Result<Vec<AlertId>, PortError> {
        let now = self.clock.now();
        let mut new = Vec::new();
        let mut unlisted_before = Vec::new();
        for (id, known) in index {
            match known.since_then {
                SinceQueued::InSync => {
                    let is_old = now.since(known.queued_at) >= IN_SYNC_KEPT;
                    if scope == Scope::All && is_old && changes.removed.len() < REMOVED_MAX {
                        changes.removed.insert(*id);
                    }
                }
                _ if listed.contains(id) => {}
                SinceQueued::Nothing => new.push(*id),
                SinceQueued::Unlisted(since) => unlisted_before.push((since, *id)),
            }
        }
        // Each poll begins with another one: some that cannot be read do not hold up the others.
        let turn = usize::try_from(now.as_millis().unsigned_abs()).unwrap_or_default();
        let first = turn.checked_rem(new.len()).unwrap_or_default();
        new.rotate_left(first);
        new.truncate(CONFIRMED_MAX);
        let mut chosen = new;
        if scope == Scope::All {
            let again = self.still_open(unlisted_before, index, changes).await?;
            chosen.extend(again.into_iter().take(CONFIRMED_MAX));
        }
        Ok(chosen)
    }

    /// Those of `unlisted` to be read again, the one that was read longest ago first. Notes which of the others need
    /// no further look.
    async fn still_open(
        &self,
        mut unlisted: Vec<(Timestamp, AlertId)>,
        index: &BTreeMap<AlertId, QueuedState>,
        changes: &mut IndexChanges,
    ) -> Result<Vec<AlertId>, PortError> {
        let policy = self.policy();
        let now = self.clock.now();
        // A time in the future was written under a clock that was ahead.
        unlisted.sort_unstable_by_key(|(since, id)| (since.believed_at(now), *id));
        let mut again = Vec::new();
        for chunk in unlisted.chunks(CHUNK) {
            let ids: BTreeSet<AlertId> = chunk.iter().map(|(_, id)| *id).collect();
            let links = self.store.load_many(&ids).await?;
            let links: BTreeMap<AlertId, Link> =
                links.into_iter().map(|link| (link.alert, link)).collect();
            for (since, id) in chunk {
                let Some(known) = index.get(id) else { continue };
                let link = links.get(id);
                let seen = link.and_then(|link| link.observed_alert.as_ref());
                let is_known = seen.is_some_and(|seen| seen.fingerprint() == known.fingerprint);
                let over = link.zip(seen).filter(|(link, seen)| {
                    seen.is_closed()
                        && is_known
                        && link.refused.is_empty()
                        && is_in_sync(link, seen, &policy, now)
                });
                let needs_a_look = link.is_some_and(|link| {
                    link.has_open_ticket() || !is_known || link.has_refusal_to_retry(now)
                });
                if over.is_some() {
                    changes.note(*id, known, SinceQueued::InSync);
                } else if needs_a_look {
                    again.push(*id);
                } else if since.believed_at(now) != *since {
                    changes.note(*id, known, SinceQueued::Unlisted(now));
                } else if now.since(*since) >= UNLISTED_KEPT && changes.removed.len() < REMOVED_MAX
                {
                    changes.removed.insert(*id);
                }
            }
        }
        Ok(again)
    }

    /// Reads each of `unlisted` by its id, as far as that succeeds; `None` for one that Liongard does not show. Notes
    /// those that the next poll need not read: an alert that is gone closes nothing.
    pub(super) async fn read_unlisted(
        &self,
        unlisted: &[AlertId],
        index: &BTreeMap<AlertId, QueuedState>,
        changes: &mut IndexChanges,
    ) -> BTreeMap<AlertId, Option<Alert>> {
        let mut confirmed = BTreeMap::new();
        let mut failures = 0;
        for id in unlisted {
            let Some(known) = index.get(id) else { continue };
            let asked_at = self.clock.now();
            match self.liongard.read(*id).await {
                Ok(read) => {
                    changes.note(*id, known, SinceQueued::Unlisted(asked_at));
                    confirmed.insert(*id, read);
                    continue;
                }
                // A full poll tries it again.
                Err(error) if error.class == FailureClass::Permanent => {
                    debug!(%error, alert_id = id.get(), "an alert that is not listed cannot be read");
                    changes.note(*id, known, SinceQueued::Unlisted(asked_at));
                }
                // The next poll does.
                Err(error) => {
                    debug!(%error, alert_id = id.get(), "an alert that is not listed was not read");
                }
            }
            failures += 1;
            if failures == FAILURES_MAX {
                break;
            }
        }
        confirmed
    }
}

impl IndexChanges {
    /// Notes that a list names an alert again, which is as it was when it was queued.
    pub(super) fn note_listed(&mut self, id: AlertId, index: &BTreeMap<AlertId, QueuedState>) {
        let known = index.get(&id);
        let unlisted = known.filter(|it| matches!(it.since_then, SinceQueued::Unlisted(_)));
        if let Some(known) = unlisted {
            self.note(id, known, SinceQueued::Nothing);
        }
    }

    /// Notes that those of `confirmed` that are `held` are queued at `now`, and that no list names them.
    pub(super) fn note_queued(
        &mut self,
        held: &HeldAlerts,
        confirmed: &BTreeMap<AlertId, Option<Alert>>,
        now: Timestamp,
    ) {
        let queued = confirmed.keys().filter_map(|id| held.alerts.get(id));
        for alert in queued {
            let state = QueuedState::new(alert.fingerprint(), now);
            self.note(alert.id, &state, SinceQueued::Unlisted(now));
        }
    }
}
