//! Sending work without the rest of the store, for a function that only sends.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use halogard_app::ports::{Clock, Lane, Outgoing, PortError, WorkSink};

use super::sending::QueueTarget;
use crate::store::no_queue;

/// The queues that a function sends work to.
#[derive(Clone, Debug)]
pub struct QueueSender<C> {
    sqs: Client,
    queue_urls: BTreeMap<Lane, String>,
    clock: C,
}

impl<C: Clock> QueueSender<C> {
    /// A sender to the queue of each lane in `queue_urls`. It opens no connection yet.
    pub fn new(config: &SdkConfig, queue_urls: BTreeMap<Lane, String>, clock: C) -> Self {
        Self {
            sqs: Client::new(config),
            queue_urls,
            clock,
        }
    }
}

impl<C: Clock> WorkSink for QueueSender<C> {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        let queue = self.queue_urls.get(&lane);
        let target = QueueTarget {
            sqs: &self.sqs,
            queue: queue.ok_or_else(|| no_queue(lane, "queue"))?,
        };
        target.send(messages, self.clock.now()).await
    }
}
