//! What people are told: everything that goes out on the stack's topic.

use serde_json::{Value, json};

use crate::deployment::{Deployment, eventually};

/// A queue that hears what is told on the topic.
pub struct TopicSubscription<'a> {
    world: &'a Deployment,
    queue: String,
}

/// One thing that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMessage {
    /// What a mail would have as its subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl<'a> TopicSubscription<'a> {
    /// Subscribes to the topic, as whoever is on call does.
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

    /// What was told since this was last asked; waits for `count` of it.
    pub async fn wait_for(&self, count: usize) -> Vec<TopicMessage> {
        let told = std::sync::Mutex::new(Vec::new());
        let enough = eventually(async || {
            let news = self.take().await;
            let mut told = told.lock().unwrap();
            told.extend(news);
            told.len() >= count
        });
        let enough = enough.await;
        let told = told.into_inner().unwrap();
        assert!(enough, "people are told {} times: {told:#?}", told.len());
        assert_eq!(told.len(), count, "{told:#?}");
        told
    }

    /// What waits in the queue, taken out of it.
    pub async fn take(&self) -> Vec<TopicMessage> {
        let aws = &self.world.aws;
        let asked = json!({"QueueUrl": self.queue, "MaxNumberOfMessages": 10});
        let received = aws.call("sqs", "receive_message", asked).await;
        let mut told = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            let receipt =
                json!({"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]});
            aws.call("sqs", "delete_message", receipt).await;
            let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            told.push(TopicMessage {
                subject: text("Subject"),
                text: text("Message"),
            });
        }
        told
    }
}
