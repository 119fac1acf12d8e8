//! The table, the queues and the time: what every port works with.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_types::SdkConfig;
use halogard_app::ports::{Clock, ErrorCode, Lane, PortError, Pruning};
use halogard_domain::{FailureClass, Retention, Timestamp};

use crate::links::{TicketOwnerCache, WaitingLinks};
use crate::queue::InFlight;

/// Every store port on AWS. Cheap to clone; all clones share their connections.
pub struct Store<C> {
    inner: Arc<StoreInner<C>>,
}

/// What all clones share.
struct StoreInner<C> {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    names: StoreNames,
    clock: C,
    /// How long records are kept.
    retention: Mutex<Retention>,
    /// Names this store among all that write to the table.
    instance: String,
    /// Writes of this store so far.
    writes: AtomicU64,
    ticket_owners: TicketOwnerCache,
    waiting_links: WaitingLinks,
    in_flight: InFlight,
}

/// What the parts of the store are called.
#[derive(Clone, Debug, Default)]
pub struct StoreNames {
    /// The DynamoDB table.
    pub table: String,
    /// The queues of each lane this process has to do with.
    pub queues: BTreeMap<Lane, QueueUrls>,
}

/// The queues of one lane.
#[derive(Clone, Debug)]
pub struct QueueUrls {
    /// Where work is put.
    pub work: String,
    /// Where dead letters go; `None` where this process dead-letters nothing.
    pub dead_letters: Option<String>,
}

impl<C: Clock> Store<C> {
    /// A store on the table and queues that `names` gives. Nothing is sent yet.
    pub fn new(config: &SdkConfig, names: StoreNames, clock: C) -> Self {
        Self {
            inner: Arc::new(StoreInner {
                dynamodb: aws_sdk_dynamodb::Client::new(config),
                sqs: aws_sdk_sqs::Client::new(config),
                names,
                clock,
                retention: Mutex::default(),
                instance: format!("{:016x}", RandomState::new().hash_one(())),
                writes: AtomicU64::new(0),
                in_flight: InFlight::default(),
                ticket_owners: TicketOwnerCache::default(),
                waiting_links: WaitingLinks::default(),
            }),
        }
    }

    /// The time by the store's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// How long records are kept.
    pub(crate) fn retention(&self) -> Retention {
        let retention = self.inner.retention.lock();
        *retention.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock> Pruning for Store<C> {
    fn set_retention(&self, retention: Retention) {
        let kept = self.inner.retention.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = retention;
    }

    /// Deletes tickets of expired links from the index of their owners. All else DynamoDB deletes by the
    /// attribute `expires`, and SQS what is older than the queue keeps.
    async fn prune(&self, now: Timestamp, limit: usize) -> Result<usize, PortError> {
        self.prune_ticket_owners(now, limit).await
    }
}

impl<C> Store<C> {
    /// The client of the table's service.
    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.inner.dynamodb
    }

    /// The client of the queues' service.
    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.inner.sqs
    }

    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        &self.inner.names.table
    }

    /// The address of the queue that work of `lane` is put on.
    pub(crate) fn work_queue(&self, lane: Lane) -> Result<&str, PortError> {
        let urls = self.inner.names.queues.get(&lane);
        urls.map(|urls| urls.work.as_str())
            .ok_or_else(|| no_queue(lane, "queue"))
    }

    /// The address of the queue that dead letters of `lane` are put on.
    pub(crate) fn dead_letter_queue(&self, lane: Lane) -> Result<&str, PortError> {
        let urls = self.inner.names.queues.get(&lane);
        urls.and_then(|urls| urls.dead_letters.as_deref())
            .ok_or_else(|| no_queue(lane, "dead-letter queue"))
    }

    /// The lanes whose dead letters this process knows of.
    pub(crate) fn lanes_with_dead_letters(&self) -> impl Iterator<Item = Lane> {
        let known = self.inner.names.queues.iter();
        known
            .filter(|(_, urls)| urls.dead_letters.is_some())
            .map(|(lane, _)| *lane)
    }

    /// The messages in flight.
    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.inner.in_flight
    }

    /// A name for one write, unlike any other's: by it a write whose answer was lost is known
    /// again.
    pub(crate) fn write_id(&self) -> String {
        let number = self.inner.writes.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number:x}", self.inner.instance)
    }

    /// Tickets known to be indexed in the table.
    pub(crate) fn ticket_owners(&self) -> &TicketOwnerCache {
        &self.inner.ticket_owners
    }

    /// Links known to wait.
    pub(crate) fn waiting_links(&self) -> &WaitingLinks {
        &self.inner.waiting_links
    }
}

impl<C> Clone for Store<C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

/// The process has no URL of a queue. That is not a message's fault, so none is dead-lettered for it.
pub(crate) fn no_queue(lane: Lane, kind: &str) -> PortError {
    let name = lane.name().to_uppercase();
    PortError::new(FailureClass::Transient, ErrorCode::StoreNoQueue).with_message(format!(
        "this process knows no {kind} for the lane {}; set {name}_QUEUE_URL and {name}_DEAD_LETTERS_URL",
        lane.name()
    ))
}
