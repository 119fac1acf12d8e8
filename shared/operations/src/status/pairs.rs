//! The pairs, counted. Of the finished ones only the newest are read, because their number only grows.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError, SinceQueued};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::{Link, Policy, Timestamp};

use super::{PairCounts, WaitingCount};
use crate::lag::{self, LagSamples, LagStatus};
use crate::moment::Moment;
use crate::scan::for_each_link;
use crate::waiting::{WaitingCause, waiting_pair};

/// Links that are loaded at once.
const LOADED_AT_ONCE: usize = 200;

/// Finished pairs that are read for their lags, the newest ones.
const FINISHED_READ: usize = 1_000;

/// What is read of the pairs.
#[derive(Default)]
pub(super) struct PairsRead {
    pub(super) counts: PairCounts,
    by_cause: BTreeMap<WaitingCause, WaitingCount>,
    pub(super) reported_tickets: Vec<(AlertId, TicketId)>,
    lags: LagSamples,
}

impl PairsRead {
    /// Reads the links that may wait, and those of alerts that polls know and have not seen closed and in
    /// sync.
    pub(super) async fn read(
        store: &impl Store,
        policy: Option<&Policy>,
        now: Timestamp,
    ) -> Result<Self, PortError> {
        let mut read = Self::default();
        let Some(policy) = policy else {
            return Ok(read);
        };
        let known = read.add_waiting(store, policy, now).await?;
        let mut open = BTreeMap::new();
        let mut finished = Vec::new();
        for (alert, state) in store.load_index().await? {
            if known.contains(&alert) {
                continue;
            }
            if state.since_then == SinceQueued::InSync {
                read.counts.total += 1;
                read.counts.in_sync += 1;
                if now.is_within(lag::AGE_MAX, state.queued_at) {
                    finished.push((state.queued_at, alert));
                }
            } else {
                open.insert(alert, state.queued_at);
            }
        }
        let ids: Vec<AlertId> = open.keys().copied().collect();
        for chunk in ids.chunks(LOADED_AT_ONCE) {
            let chunk = chunk.iter().copied().collect();
            for link in store.load_many(&chunk).await? {
                let behind = read.counts.behind;
                read.add(&link, policy, now);
                if read.counts.behind > behind {
                    let queued_at = open.get(&link.alert).copied().map(Moment);
                    let oldest = [read.counts.behind_since, queued_at];
                    read.counts.behind_since = oldest.into_iter().flatten().min();
                }
            }
        }
        read.add_lags_of(store, finished, now).await?;
        Ok(read)
    }

    /// Takes in how long the newest changes of `finished` pairs took, each with when its alert was queued.
    async fn add_lags_of(
        &mut self,
        store: &impl Store,
        mut finished: Vec<(Timestamp, AlertId)>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        finished.sort_unstable_by_key(|it| std::cmp::Reverse(*it));
        finished.truncate(FINISHED_READ);
        for chunk in finished.chunks(LOADED_AT_ONCE) {
            let chunk = chunk.iter().map(|(_, alert)| *alert).collect();
            for link in store.load_many(&chunk).await? {
                self.lags.add(&link, now);
            }
        }
        Ok(())
    }

    /// Reads the links that may wait, and no others.
    pub(super) async fn read_waiting(
        store: &impl Store,
        policy: Option<&Policy>,
        now: Timestamp,
    ) -> Result<Self, PortError> {
        let mut read = Self::default();
        if let Some(policy) = policy {
            read.add_waiting(store, policy, now).await?;
        }
        Ok(read)
    }

    /// Takes in the links that may wait; returns their alerts.
    async fn add_waiting(
        &mut self,
        store: &impl Store,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<BTreeSet<AlertId>, PortError> {
        let mut known = BTreeSet::new();
        for_each_link(store, LinkFilter::Waiting, |link| {
            known.insert(link.alert);
            self.add(&link, policy, now);
        })
        .await?;
        Ok(known)
    }

    fn add(&mut self, link: &Link, policy: &Policy, now: Timestamp) {
        self.counts.total += 1;
        self.lags.add(link, now);
        let reported = link.reported_tickets.iter();
        self.reported_tickets
            .extend(reported.map(|ticket| (link.alert, *ticket)));
        if let Some(pair) = waiting_pair(link, policy, now) {
            self.counts.waiting += 1;
            let count = self.by_cause.entry(pair.cause).or_insert(WaitingCount {
                cause: pair.cause,
                count: 0,
                oldest: pair.since,
                needs_operator: false,
            });
            count.count += 1;
            count.oldest = count.oldest.min(pair.since);
            count.needs_operator |= pair.needs_operator;
            return;
        }
        let counts = &mut self.counts;
        match pair_status(link, policy, now) {
            PairStatus::InSync => counts.in_sync += 1,
            PairStatus::AwaitingLiongard => counts.awaiting_liongard += 1,
            PairStatus::InStorm => counts.in_storm += 1,
            PairStatus::TicketDeleted => counts.ticket_deleted += 1,
            PairStatus::WatchedOnly => counts.watched_only += 1,
            _ => counts.behind += 1,
        }
    }

    /// How many pairs wait for each cause.
    pub(super) fn waiting(&self) -> Vec<WaitingCount> {
        self.by_cause.values().cloned().collect()
    }

    /// How long changes took to reach the other side.
    pub(super) fn lags(&self) -> Vec<LagStatus> {
        self.lags.summary()
    }
}
