//! A world of its own for each case, over the wire, with a clock that the case moves.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use halogard_app::ports::{Clock as _, Lane};
use halogard_aws::{AwsSettings, QueueUrls, RECEIVES_MAX, Store, StoreNames};
use halogard_conformance::{ManualClock, QueueFixture, StoreFixture, TimeSource};
use halogard_domain::Timestamp;
use halogard_emulator::{Emulator, REGION, SECRET_ACCESS_KEY};

/// Six queues of an account that no other test uses.
pub struct SqsFixture {
    emulator: &'static Emulator,
    pub account: String,
    pub clock: ManualClock,
    pub sqs: aws_sdk_sqs::Client,
    pub names: StoreNames,
    pub store: Store<ManualClock>,
}

/// How a process with `account`'s key reaches AWS at `endpoint`.
pub fn access(account: &str, endpoint: &str) -> AwsSettings {
    AwsSettings::read(|name| match name {
        "AWS_REGION" => Some(REGION.to_owned()),
        "AWS_ACCESS_KEY_ID" => Some(account.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET_ACCESS_KEY.to_owned()),
        "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
        _ => None,
    })
    .unwrap()
}

/// Receives that no case of the port reaches: the port knows no message that goes away by itself.
/// The most that SQS takes. What the template's number does has tests of its own.
const NEVER: u32 = 1000;

/// Makes the queues of `lane` as the template makes them; returns their addresses.
async fn make_queues(
    sqs: &aws_sdk_sqs::Client,
    account: &str,
    lane: Lane,
    receives_max: u32,
) -> QueueUrls {
    let dead_letters = format!("{}-dead-letters", lane.name());
    let made = sqs.create_queue().queue_name(&dead_letters).send().await;
    let dead_letters_url = made.unwrap().queue_url.unwrap();
    let policy = format!(
        r#"{{"deadLetterTargetArn":"arn:aws:sqs:{REGION}:{account}:{dead_letters}","maxReceiveCount":{receives_max}}}"#
    );
    let made = sqs.create_queue().queue_name(lane.name());
    let made = made.attributes(QueueAttributeName::RedrivePolicy, policy);
    QueueUrls {
        work: made.send().await.unwrap().queue_url.unwrap(),
        dead_letters: Some(dead_letters_url),
    }
}

impl SqsFixture {
    /// As the template makes the queues: a message is dead-lettered after this many receives.
    pub async fn as_deployed() -> Self {
        Self::with_receives_max(RECEIVES_MAX).await
    }

    async fn with_receives_max(receives_max: u32) -> Self {
        let emulator = Emulator::shared().await;
        let account = emulator.account();
        let config = access(&account, &emulator.endpoint()).sdk_config();
        let sqs = aws_sdk_sqs::Client::new(&config);
        let clock = ManualClock::default();
        let mut queues = BTreeMap::new();
        for lane in Lane::ALL {
            queues.insert(lane, make_queues(&sqs, &account, lane, receives_max).await);
        }
        let names = StoreNames {
            queues,
            ..StoreNames::default()
        };
        let store = Store::new(&config, names.clone(), clock.clone());
        let fixture = Self {
            emulator,
            account,
            clock,
            sqs,
            names,
            store,
        };
        fixture.set_time().await;
        fixture
    }

    /// The same queues, reached through `endpoint`, by a process of its own.
    pub fn through(&self, endpoint: &str) -> Store<ManualClock> {
        let config = access(&self.account, endpoint).sdk_config();
        Store::new(&config, self.names.clone(), self.clock.clone())
    }

    /// Where the emulator listens.
    pub fn endpoint(&self) -> String {
        self.emulator.endpoint()
    }

    /// Sets the emulator's clock as ours.
    async fn set_time(&self) {
        let millis = self.clock.now().as_millis();
        let set = self.emulator.set_queue_time(&self.account, millis).await;
        set.unwrap();
    }
}

impl StoreFixture for SqsFixture {
    type Store = Store<ManualClock>;

    const TIME_SOURCE: TimeSource = TimeSource::Manual;

    async fn fresh() -> Self {
        Self::with_receives_max(NEVER).await
    }

    fn store(&self) -> Self::Store {
        self.store.clone()
    }

    async fn reopen(mut self) -> Self {
        self.store = self.through(&self.endpoint());
        self
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.set_time().await;
    }
}

impl QueueFixture for SqsFixture {
    async fn send_raw(&self, lane: Lane, body: &str) {
        let queue = &self.names.queues[&lane].work;
        let sent = self.sqs.send_message().queue_url(queue).message_body(body);
        sent.send().await.unwrap();
    }
}
