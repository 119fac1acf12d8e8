//! Notifications to people: every message published on the stack's topic.

use serde_json::{Value, json};

use crate::deployment::{Deployment, eventually};

/// A queue that is subscribed to the topic.
pub struct TopicSubscription<'a> {
    world: &'a Deployment,
    queue: String,
}

/// One message published on the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMessage {
    /// What a mail would have as its subject.
    pub subject: String,
    pub text: String,
}

impl<'a> TopicSubscription<'a> {
    /// Subscribes a queue to the topic, as the person on call subscribes.
    pub async fn of(world: &'a Deployment) -> Self {
        let aws = &world.aws;
        let made = aws.call("sqs", "create_queue", json!({"QueueName": "on-call"}));
        let queue = made.await["QueueUrl"].as_str().unwrap().to_owned();
        let asked = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
        let known = aws.call("sqs", "get_queue_attributes", asked).await;
        let arn = known["Attributes"]["QueueArn"].clone();
        let topic = &world.outputs["NotificationTopicArn"];
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }],
        });
        let allowed = json!({"QueueUrl": queue, "Attributes": {"Policy": policy.to_string()}});
        aws.call("sqs", "set_queue_attributes", allowed).await;
        let subscription = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn});
        aws.call("sns", "subscribe", subscription).await;
        Self { world, queue }
    }

    /// Waits for `count` messages published since the last call, and returns them.
    pub async fn wait_for(&self, count: usize) -> Vec<TopicMessage> {
        let messages = std::sync::Mutex::new(Vec::new());
        let enough = eventually(async || {
            let news = self.take().await;
            let mut messages = messages.lock().unwrap();
            messages.extend(news);
            messages.len() >= count
        });
        let enough = enough.await;
        let messages = messages.into_inner().unwrap();
        assert!(
            enough,
            "{} messages on the topic: {messages:#?}",
            messages.len()
        );
        assert_eq!(messages.len(), count, "{messages:#?}");
        messages
    }

    /// What waits in the queue, taken out of it.
    pub async fn take(&self) -> Vec<TopicMessage> {
        let aws = &self.world.aws;
        let asked = json!({"QueueUrl": self.queue, "MaxNumberOfMessages": 10});
        let received = aws.call("sqs", "receive_message", asked).await;
        let mut messages = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            let receipt =
                json!({"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]});
            aws.call("sqs", "delete_message", receipt).await;
            let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            messages.push(TopicMessage {
                subject: text("Subject"),
                text: text("Message"),
            });
        }
        messages
    }
}
