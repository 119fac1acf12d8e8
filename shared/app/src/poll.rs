//! Polling Liongard's alerts: alerts that differ from what was last queued are queued.

mod existence;
mod unlisted;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::missing::ExistenceCheck;
use halogard_domain::{Alert, FailureClass, Link, Policy, Timestamp, plan};
use tracing::{debug, error, info};

use crate::day_one::FirstPollCount;
use crate::env::Env;
use crate::outcome::{OperatorNotice, Outcome};
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, Lane, Outgoing, PortError, QueuedState, SinceQueued, keys};
use crate::quiet_polls::StandingCounts;
use crate::reconciler::Reconciler;
use crate::value_set::ValueSet;

/// Which alerts a poll compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that differ from what was last queued.
    Changed,
    /// Also the others that are listed, with their pairs: repairs what a lost message left behind.
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
    /// How many of them were read one by one.
    pub confirmed: usize,
    /// Bytes of the list.
    pub bytes: u64,
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

/// Failed polls in a row from which on it is an error and not a passing problem.
const FAILURES_LOUD_FROM: i64 = 2;

/// How long the entry of a closed alert stays whose pair is in sync. A closed alert without an entry that has
/// not changed for as long is not news.
const IN_SYNC_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Entries that one poll removes.
const REMOVED_MAX: usize = 5_000;

/// What is held of a list is queued after this time, however little it is: a list that takes longer than a function
/// may run must not delay what comes first indefinitely.
const HELD_MAX: Duration = Duration::from_secs(30);

/// What a poll learns about entries whose alert did not change.
struct IndexChanges {
    changed: BTreeMap<AlertId, QueuedState>,
    removed: BTreeSet<AlertId>,
    /// Which of their open tickets are to be looked for.
    check: ExistenceCheck,
    /// Those tickets.
    tickets: BTreeSet<TicketId>,
}

impl IndexChanges {
    /// Notes what was found out about the alert of the entry `known`.
    fn note(&mut self, id: AlertId, known: &QueuedState, since_then: SinceQueued) {
        let noted = QueuedState {
            since_then,
            ..*known
        };
        self.changed.insert(id, noted);
    }
}

/// Alerts that are to be queued.
#[derive(Default)]
struct HeldAlerts {
    alerts: BTreeMap<AlertId, Alert>,
    /// Roughly how many bytes of text they have.
    bytes: usize,
}

impl HeldAlerts {
    /// The most bytes of text that are held while the list arrives.
    const BYTES_MAX: usize = 8 * 1024 * 1024;

    /// The most alerts.
    const COUNT_MAX: usize = 5_000;

    fn add(&mut self, alert: Alert) {
        self.bytes += alert.name.len() + alert.description.len();
        self.alerts.insert(alert.id, alert);
    }

    fn is_full(&self) -> bool {
        self.bytes >= Self::BYTES_MAX || self.alerts.len() >= Self::COUNT_MAX
    }
}

impl<E: Env> Reconciler<E> {
    /// Polls once. Safe to repeat: queuing an alert twice does no harm.
    ///
    /// # Errors
    ///
    /// Liongard or a store failed, or the list is suddenly much shorter (`alerts.shrunk`). Nothing of the
    /// list was used, but for the beginning of one that is too long to be held, or arrives slowly; the next
    /// poll reads it again.
    pub async fn poll_alerts(&self, scope: Scope) -> Result<PollReport, PortError> {
        let mut values = ValueSet::load(&self.store).await?;
        let polled = self.poll_with(scope, &mut values).await;
        values.save(&self.store).await?;
        polled
    }

    /// The same, with `values` as they were read. What changes in them is left to the caller to save.
    pub(crate) async fn poll_with(
        &self,
        scope: Scope,
        values: &mut ValueSet,
    ) -> Result<PollReport, PortError> {
        // Large: it holds what it compares.
        let polled = Box::pin(self.read_and_queue(scope, values)).await;
        note_failures(polled.as_ref().err(), values);
        polled
    }

    /// Reads the list while it arrives, and queues what is new in it.
    async fn read_and_queue(
        &self,
        scope: Scope,
        values: &mut ValueSet,
    ) -> Result<PollReport, PortError> {
        let index = self.store.load_index().await?;
        let is_first = values.get(keys::LAST_COMPLETE_POLL_AT).is_none();
        let now = self.clock.now();
        // What closed long ago and has no entry was in sync when its entry was removed. A first poll has
        // removed none.
        let is_long_over = |alert: &Alert| {
            !is_first && alert.is_closed() && now.since(alert.changed_at) >= IN_SYNC_KEPT
        };
        let is_news = |alert: &Alert| match index.get(&alert.id) {
            Some(known) => known.fingerprint != alert.fingerprint(),
            None => !is_long_over(alert),
        };
        // What waits for HaloPSA is not lost.
        let compared_from = match scope {
            Scope::Changed => None,
            Scope::All => self.desk_answers_since().await?,
        };
        let is_compared = |alert: &Alert| {
            index
                .get(&alert.id)
                .zip(compared_from)
                .is_some_and(|(known, since)| {
                    known.since_then != SinceQueued::InSync
                        && !now.is_within(LOST_AFTER, known.queued_at)
                        && !now.is_within(LOST_AFTER, since)
                })
        };
        let mut changes = IndexChanges {
            changed: BTreeMap::new(),
            removed: BTreeSet::new(),
            check: self.existence_check(values),
            tickets: BTreeSet::new(),
        };
        let mut report = PollReport::default();
        let mut listed = BTreeSet::new();
        let mut held = HeldAlerts::default();
        let policy = self.policy();
        let mut first = is_first.then(FirstPollCount::default);
        let mut held_since = now;
        let mut list = self.liongard.list().await?;
        while let Some(part) = list.next().await? {
            report.bytes += part.bytes;
            report.unreadable += self.odd_alerts.report(part.unreadable);
            self.odd_alerts.report(part.odd);
            let mut unchanged = BTreeMap::new();
            for alert in part.alerts {
                let unknown = alert.state() == halogard_domain::AlertState::Unknown;
                if listed.insert(alert.id) {
                    report.unknown_words += usize::from(unknown);
                }
                let is_new = is_news(&alert);
                if let Some(first) = &mut first
                    && policy.is_undecided_about(&alert)
                {
                    first.take(alert, is_new, |alert| held.add(alert));
                } else if is_new {
                    held.add(alert);
                } else {
                    changes.note_listed(alert.id, &index);
                    if is_compared(&alert) {
                        unchanged.insert(alert.id, alert);
                    }
                }
            }
            self.compare_with_pairs(unchanged, &index, &mut held, &mut changes)
                .await?;
            // Of a list that changed as a whole no more is held than fits.
            let arrived_at = self.clock.now();
            if held.is_full() || arrived_at.since(held_since) >= HELD_MAX {
                if let Some(first) = first.as_ref().filter(|first| first.is_too_many()) {
                    self.note_undecided(first.undecided).await?;
                }
                let lane = lane_of(report.queued + held.alerts.len());
                report.queued += self.queue_held(&mut held, &index, lane).await?;
                held_since = arrived_at;
            }
        }
        self.odd_alerts.list_ended(report.unreadable);
        guard_against_shrinking(listed.len(), values)?;
        if let Some(first) = first {
            self.note_undecided(first.undecided).await?;
            first.end(|alert| held.add(alert));
        }
        let unlisted = self
            .choose_unlisted(scope, &index, &listed, &mut changes)
            .await?;
        let confirmed = self.read_unlisted(&unlisted, &index, &mut changes).await;
        report.confirmed = confirmed.len();
        let mut unchanged = BTreeMap::new();
        for alert in confirmed.values().flatten() {
            if is_news(alert) {
                held.add(alert.clone());
            } else if is_compared(alert) {
                unchanged.insert(alert.id, alert.clone());
            }
        }
        self.compare_with_pairs(unchanged, &index, &mut held, &mut changes)
            .await?;
        changes.note_queued(&held, &confirmed, self.clock.now());
        let lane = lane_of(report.queued + held.alerts.len());
        report.queued += self.queue_held(&mut held, &index, lane).await?;
        if scope == Scope::All {
            self.look_for_tickets(&changes.tickets, changes.check, values)
                .await?;
        }
        self.store.save_index(&changes.changed).await?;
        self.store.remove_from_index(&changes.removed).await?;
        report.listed = listed.len();
        report.missing = index.keys().filter(|id| !listed.contains(id)).count();
        let PollReport {
            listed,
            queued,
            unreadable,
            unknown_words,
            missing,
            confirmed,
            bytes,
        } = report;
        self.poll_pace.list_had(bytes);
        let standing = StandingCounts {
            unreadable,
            unknown_words,
            missing,
        };
        let shown = self.quiet_polls.polled(self.clock.now(), queued, standing);
        macro_rules! log {
            ($level:ident, $polls:expr) => {
                $level!(
                    listed,
                    queued,
                    unreadable,
                    unknown_words,
                    missing,
                    confirmed,
                    bytes,
                    polls = $polls,
                    outcome = Outcome::Polled.as_str(),
                    "polled Liongard's alerts"
                )
            };
        }
        match shown {
            Some(polls) => log!(info, polls),
            None => log!(debug, 1),
        }
        Ok(report)
    }

    /// Queues what is held; says how many alerts that are.
    async fn queue_held(
        &self,
        held: &mut HeldAlerts,
        index: &BTreeMap<AlertId, QueuedState>,
        lane: Lane,
    ) -> Result<usize, PortError> {
        let alerts = std::mem::take(held).alerts;
        let writes = alerts.keys().filter(|id| index.contains_key(id)).count();
        if writes > 0 {
            self.refresh_before_writes(writes).await;
        }
        self.enqueue_alerts(&alerts, lane).await?;
        Ok(alerts.len())
    }

    /// Refreshes what is known of tickets before `writes` of them may be written: a person's change must
    /// be known before a write, and only untouched tickets are closed. One sweep of HaloPSA shows that for
    /// all of them; without it, reconciling each ticket reads it, one request each.
    async fn refresh_before_writes(&self, writes: usize) {
        if let Err(error) = self.sweep_if_older_than(Duration::ZERO, writes).await {
            debug!(%error, "sweep before writes failed; each ticket is read instead");
        }
    }

    /// Compares alerts that did not change with their pairs. Holds those whose pair is not in sync: their
    /// message was lost, or is a dead letter; and those whose refused write is tried once more. Notes which
    /// need no further comparison, and which of their tickets are to be looked for.
    async fn compare_with_pairs(
        &self,
        mut unchanged: BTreeMap<AlertId, Alert>,
        index: &BTreeMap<AlertId, QueuedState>,
        held: &mut HeldAlerts,
        changes: &mut IndexChanges,
    ) -> Result<(), PortError> {
        let policy = self.policy();
        let now = self.clock.now();
        let ids: Vec<AlertId> = unchanged.keys().copied().collect();
        let mut linked = BTreeSet::new();
        let mut in_sync = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            for mut link in self
                .store
                .load_many(&chunk.iter().copied().collect())
                .await?
            {
                link.correct_times(now);
                linked.insert(link.alert);
                let ticket = link.ticket.filter(|_| link.has_open_ticket());
                let due = ticket.filter(|ticket| changes.check.includes(*ticket));
                changes.tickets.extend(due);
                let Some(alert) = unchanged.get(&link.alert) else {
                    continue;
                };
                if is_in_sync(&link, alert, &policy, now) && !link.has_refusal_to_retry(now) {
                    let is_over = alert.is_closed() && link.refused.is_empty();
                    unchanged.remove(&link.alert);
                    in_sync.extend(is_over.then_some(link.alert));
                }
            }
        }
        for (id, alert) in unchanged {
            // A closed alert whose link has expired is over.
            if !linked.contains(&id)
                && alert.is_closed()
                && self.may_have_expired(&alert, &policy).await?
            {
                in_sync.push(id);
            } else {
                held.add(alert);
            }
        }
        for id in in_sync {
            if let Some(known) = index.get(&id) {
                changes.note(id, known, SinceQueued::InSync);
            }
        }
        Ok(())
    }

    /// Queues `alerts`, then records that in the index.
    async fn enqueue_alerts(
        &self,
        alerts: &BTreeMap<AlertId, Alert>,
        lane: Lane,
    ) -> Result<(), PortError> {
        let news: Vec<&Alert> = alerts.values().collect();
        for chunk in news.chunks(CHUNK) {
            let messages: Vec<Outgoing> = chunk
                .iter()
                .map(|alert| Message::alert_snapshot((*alert).clone(), Cause::Poll).into())
                .collect();
            self.store.send(lane, &messages).await?;
            let queued_at = self.clock.now();
            let entries = chunk
                .iter()
                .map(|alert| (alert.id, QueuedState::new(alert.fingerprint(), queued_at)))
                .collect();
            self.store.save_index(&entries).await?;
        }
        Ok(())
    }
}

/// Counts polls in a row that failed; from the second on it is more than a passing problem.
fn note_failures(failed: Option<&PortError>, values: &mut ValueSet) {
    let before = values.get(keys::POLLS_FAILED).unwrap_or(0);
    let in_a_row = if failed.is_some() { before + 1 } else { 0 };
    if in_a_row != before {
        values.set(keys::POLLS_FAILED, in_a_row);
    }
    if let Some(error) = failed
        && in_a_row >= FAILURES_LOUD_FROM
    {
        error!(
            in_a_row,
            error_type = error.code.as_str(),
            reason = error.chain(),
            outcome = OperatorNotice::PollsFailing.as_str(),
            "Liongard's alerts cannot be read"
        );
    }
}

/// Rejects a list that is suddenly much shorter, until it was so a few times in a row.
fn guard_against_shrinking(listed: usize, values: &mut ValueSet) -> Result<(), PortError> {
    let before = values.get(keys::ALERTS_LISTED).unwrap_or(0);
    let before = usize::try_from(before).unwrap_or(0);
    let shrunk = before >= SHRINK_MATTERS_FROM
        && listed.saturating_mul(100) < before.saturating_mul(SHRUNK_BELOW_PERCENT);
    let in_a_row = values.get(keys::ALERTS_SHRUNK).unwrap_or(0);
    if shrunk && in_a_row + 1 < SHRUNK_ACCEPTED_AFTER {
        values.set(keys::ALERTS_SHRUNK, in_a_row + 1);
        let message = format!("{listed} alerts listed where there were {before}");
        return Err(
            PortError::new(FailureClass::Transient, ErrorCode::AlertsShrunk).with_message(message),
        );
    }
    if in_a_row != 0 {
        values.set(keys::ALERTS_SHRUNK, 0);
    }
    if listed != before {
        let listed = i64::try_from(listed).unwrap_or(i64::MAX);
        values.set(keys::ALERTS_LISTED, listed);
    }
    Ok(())
}

/// The lane of `changes` in one poll.
const fn lane_of(changes: usize) -> Lane {
    if changes > BULK_ABOVE {
        Lane::Bulk
    } else {
        Lane::Urgent
    }
}

/// Whether the pair knows `alert` as it is, and nothing is missing.
fn is_in_sync(link: &Link, alert: &Alert, policy: &Policy, now: Timestamp) -> bool {
    let (seen, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
    seen.is_some_and(|seen| seen.fingerprint() == alert.fingerprint())
        && plan(link, seen, ticket, policy, now).is_empty()
}
