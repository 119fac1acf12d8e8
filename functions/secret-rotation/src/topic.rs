//! Sends notices to the topic that alarms use too.

use aws_sdk_sns::Client;
use aws_types::SdkConfig;
use halogard_app::ports::{ErrorCode, PortError};
use halogard_credentials::rotation::{Notice, Notifier};
use halogard_domain::FailureClass;

/// The most characters of a subject. Source: Amazon SNS API Reference, Publish.
const SUBJECT_CHARS_MAX: usize = 100;

/// A topic. Without one, a notice is only logged.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: Option<String>,
}

impl Topic {
    /// The topic of this ARN.
    #[must_use]
    pub fn new(config: &SdkConfig, arn: Option<String>) -> Self {
        Self {
            client: Client::new(config),
            arn,
        }
    }
}

impl Notifier for Topic {
    async fn notify(&self, notice: &Notice) -> Result<(), PortError> {
        tracing::warn!(
            notice = notice.kind.as_str(),
            text = notice.text,
            "notification sent"
        );
        let Some(arn) = &self.arn else {
            return Ok(());
        };
        let subject: String = format!("Halogard: {}", notice.kind.as_str())
            .chars()
            .take(SUBJECT_CHARS_MAX)
            .collect();
        let published = self
            .client
            .publish()
            .topic_arn(arn)
            .subject(subject)
            .message(&notice.text)
            .send()
            .await;
        match published {
            Ok(_) => Ok(()),
            Err(error) => Err(
                PortError::new(FailureClass::Transient, ErrorCode::TopicFailed).with_source(error),
            ),
        }
    }
}
