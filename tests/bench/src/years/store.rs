//! A SQLite store that lives through years.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_app::ports::{
    AlertIndex as _, Clock as _, JournalEntry, LinkFilter, Links as _, Pruning as _, QueuedState,
    Records as _, Revision, SinceQueued,
};
use halogard_conformance::ManualClock;
use halogard_conformance::usual_records::{usual_alert, usual_ticket};
use halogard_domain::ids::{AlertId, PriorityId, StatusId, TicketId};
use halogard_domain::link::{Base, Closure};
use halogard_domain::policy::ClosedBy;
use halogard_domain::runs::Runs;
use halogard_domain::ticket::Ticket;
use halogard_domain::{Alert, Link, Slug, Timestamp};
use halogard_sqlite::{Store, StoreKey};
use tempfile::TempDir;

use super::dynamodb::{ENTRIES, INDEX_DAYS};
use crate::cold::stopwatch::now;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Records deleted in one transaction, as the use case does.
const PRUNED_AT_ONCE: usize = 200;

/// Alerts whose index entries, and links, one call handles, as polls do.
const CHUNK: usize = 200;

/// What the store seals secrets with.
const STORE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What a store shows at some moment.
pub struct Observation {
    /// Links.
    pub links: u64,
    /// Entries of the index.
    pub index: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The reads of a poll that compares everything.
    pub round: Duration,
}

/// A store, and how far it has lived.
pub struct StoreUnderLoad {
    store: Store<ManualClock>,
    clock: ManualClock,
    folder: TempDir,
    rate: u64,
    days: u64,
}

impl StoreUnderLoad {
    /// An empty store for `rate` alerts a day.
    pub fn open(rate: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = ManualClock::default();
        let key = StoreKey::from_text(STORE_KEY)?;
        let store = Store::open(&folder.path().join("halogard.db"), key, clock.clone())?;
        Ok(Self {
            store,
            clock,
            folder,
            rate: u64::from(rate),
            days: 0,
        })
    }

    /// A year, day by day.
    pub async fn live_for_a_year(&mut self) -> anyhow::Result<()> {
        for _ in 0..365 {
            self.clock.advance(DAY);
            self.raise().await?;
            self.close().await?;
            self.leave_index().await?;
            while self.store.prune(self.clock.now(), PRUNED_AT_ONCE).await? > 0 {}
            self.days += 1;
        }
        Ok(())
    }

    /// The alerts that were raised on `day`.
    fn raised_on(&self, day: u64) -> Vec<AlertId> {
        let first = 1 + day * self.rate;
        (first..first + self.rate).map(AlertId::new).collect()
    }

    /// Today's alerts get their tickets.
    async fn raise(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        for chunk in self.raised_on(self.days).chunks(CHUNK) {
            let queued = chunk
                .iter()
                .map(|id| (*id, QueuedState::new(id.get(), now)));
            self.store.save_index(&queued.collect()).await?;
            for id in chunk {
                let entries = entries(*id, now, ENTRIES / 2);
                self.store
                    .save(&link(*id, now, false), &entries, Revision(0))
                    .await?;
            }
        }
        Ok(())
    }

    /// Yesterday's alerts and tickets are closed, and polls see that they are in sync.
    async fn close(&self) -> anyhow::Result<()> {
        let Some(yesterday) = self.days.checked_sub(1) else {
            return Ok(());
        };
        let now = self.clock.now();
        for chunk in self.raised_on(yesterday).chunks(CHUNK) {
            let mut noted = BTreeMap::new();
            for id in chunk {
                let entries = entries(*id, now, ENTRIES - ENTRIES / 2);
                self.store
                    .save(&link(*id, now, true), &entries, Revision(1))
                    .await?;
                let state = QueuedState {
                    since_then: SinceQueued::InSync,
                    ..QueuedState::new(id.get(), now)
                };
                noted.insert(*id, state);
            }
            self.store.save_index(&noted).await?;
        }
        Ok(())
    }

    /// Those that closed a week ago leave the index.
    async fn leave_index(&self) -> anyhow::Result<()> {
        let Some(day) = self.days.checked_sub(u64::from(INDEX_DAYS) + 1) else {
            return Ok(());
        };
        for chunk in self.raised_on(day).chunks(CHUNK) {
            let alerts = chunk.iter().copied().collect();
            self.store.remove_from_index(&alerts).await?;
        }
        Ok(())
    }

    /// What the store shows now.
    pub async fn observe(&self) -> anyhow::Result<Observation> {
        let began = now();
        let index = self.store.load_index().await?;
        for chunk in self.raised_on(self.days - 1).chunks(CHUNK) {
            self.store
                .load_many(&chunk.iter().copied().collect())
                .await?;
        }
        for filter in [LinkFilter::Parked, LinkFilter::Refused] {
            self.store.list(filter, None, CHUNK).await?;
        }
        self.store.active_records::<Runs>().await?;
        let round = now().saturating_duration_since(began);
        Ok(Observation {
            links: self.links().await?,
            index: u64::try_from(index.len())?,
            bytes: self.bytes()?,
            round,
        })
    }

    /// The number of links.
    async fn links(&self) -> anyhow::Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.store.list(LinkFilter::All, after, 5_000).await?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after = Some(last.alert);
            count += u64::try_from(page.len())?;
        }
    }

    /// The bytes of the store's files.
    fn bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for file in std::fs::read_dir(self.folder.path())? {
            bytes += file?.metadata()?.len();
        }
        Ok(bytes)
    }
}

/// The link of `id`, raised or closed a moment ago.
fn link(id: AlertId, now: Timestamp, is_closed: bool) -> Link {
    let status = Slug::new(if is_closed { "closed" } else { "new" });
    let alert = Alert {
        status: status.clone(),
        ..usual_alert(id, now)
    };
    let ticket_status = StatusId::new(if is_closed { 9 } else { 1 });
    let ticket = Ticket {
        status: ticket_status,
        ..usual_ticket(TicketId::new(100_000 + id.get()), id, now)
    };
    let mut link = Link::new(id);
    link.base = Some(Base {
        alert_closed: is_closed,
        alert_status: status,
        alert_priority: Slug::new("high"),
        alert_text: alert.text_hash(),
        ticket_status,
        ticket_closed: is_closed.then_some(Closure {
            by: ClosedBy::Halogard,
            at: now,
        }),
        ticket_priority: Some(PriorityId::new(2)),
    });
    link.ticket = Some(ticket.id);
    link.observed_alert = Some(alert);
    link.observed_ticket = Some(ticket);
    link
}

/// `count` entries of the journal of `id`.
fn entries(id: AlertId, now: Timestamp, count: u64) -> Vec<JournalEntry> {
    let events = ["opened", "fields_set", "closed", "work_seen"];
    let events = events.into_iter().cycle().zip(0..count);
    events
        .map(|(event, _)| JournalEntry {
            at: now,
            alert: Some(id),
            ticket: Some(TicketId::new(100_000 + id.get())),
            event: event.to_owned(),
            cause: "poll".to_owned(),
            detail: None,
        })
        .collect()
}
