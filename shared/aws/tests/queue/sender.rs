//! The sender that a function without a store uses.

use std::collections::BTreeMap;

use halogard_app::ports::{Lane, Outgoing, WorkQueue as _, WorkSink as _};
use halogard_aws::QueueSender;
use halogard_conformance::StoreFixture as _;
use halogard_domain::Message;
use halogard_domain::ids::TicketId;
use halogard_domain::message::Cause;
use halogard_emulator::FaultProxy;

use crate::fixture::{SqsFixture, access};

fn messages(count: u64) -> Vec<Outgoing> {
    let messages =
        (1..=count).map(|id| Message::reconcile_ticket(TicketId::new(id), Cause::Operator));
    messages.map(Outgoing::from).collect()
}

#[tokio::test]
async fn a_sender_puts_ten_messages_into_one_call_and_the_store_receives_each_once() {
    for (count, calls) in [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)] {
        let fixture = SqsFixture::fresh().await;
        let proxy = FaultProxy::start(&fixture.endpoint()).await.unwrap();
        let config = access(&fixture.account, &proxy.endpoint()).sdk_config();
        let urls = BTreeMap::from([(
            Lane::Urgent,
            fixture.names.queues[&Lane::Urgent].work.clone(),
        )]);
        let sender = QueueSender::new(&config, urls, fixture.clock.clone());

        sender.send(Lane::Urgent, &messages(count)).await.unwrap();

        assert_eq!(proxy.faults().calls("SendMessageBatch"), calls, "{count}");
        let stored = fixture.store.depth(Lane::Urgent).await.unwrap();
        assert_eq!(stored, count);
    }
}

#[tokio::test]
async fn a_sender_refuses_a_lane_without_a_queue_url() {
    let fixture = SqsFixture::fresh().await;
    let config = access(&fixture.account, &fixture.endpoint()).sdk_config();
    let sender = QueueSender::new(&config, BTreeMap::new(), fixture.clock.clone());
    let error = sender.send(Lane::Bulk, &messages(1)).await.unwrap_err();
    assert!(
        error.chain().contains("BULK_QUEUE_URL"),
        "{}",
        error.chain()
    );
}
