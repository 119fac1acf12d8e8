//! The calls to SQS, one function each.

use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName as System,
    QueueAttributeName,
};
use halogard_app::ports::PortError;

use super::attributes::Attributes;
use crate::error::{AwsError, short};
use crate::store::Store;

/// Messages in one call. Source: SQS API reference, ReceiveMessage and the batch actions.
pub const BATCH_MAX: usize = 10;

/// The longest a queue delays a message by itself, in seconds. Source: SQS API reference,
/// SendMessage, `DelaySeconds`.
const DELAY_SECONDS_MAX: u64 = 900;

/// The longest a queue hides a message that was delivered, in seconds. Source: SQS API reference,
/// ReceiveMessage, `VisibilityTimeout`.
const VISIBILITY_SECONDS_MAX: u64 = 43_200;

/// How long a receive waits for a first message, in seconds, where it must not miss any: one that
/// waits asks every server of a queue, one that does not asks some.
const WAIT_SECONDS: i32 = 1;

/// What SQS says of a delivery that is over: the message was deleted, or is free for anyone again.
const OVER: [&str; 3] = [
    "MessageNotInflight",
    "ReceiptHandleIsInvalid",
    // In this one case it comes for a message that was deleted.
    "InvalidParameterValue",
];

/// Whether `code` says that a delivery is over.
fn is_over(code: Option<&str>) -> bool {
    code.is_some_and(|code| OVER.contains(&short(code)))
}

/// Whether a receive waits for a first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It returns at once, perhaps with nothing though there is something.
    No,
    /// It waits a moment, and returns with nothing only if there is nothing.
    ForAll,
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct EncodedMessage {
    /// The body.
    pub body: String,
    /// What travels with it.
    pub attributes: Attributes,
    /// How long the queue is to hold it back.
    pub delay: Duration,
}

impl EncodedMessage {
    /// The delay as a queue takes it: whole seconds, rather too long than too short.
    pub fn delay_seconds(&self) -> i32 {
        whole_seconds(self.delay, DELAY_SECONDS_MAX)
    }
}

/// `time` in whole seconds, rounded up, `most` at most.
fn whole_seconds(time: Duration, most: u64) -> i32 {
    let begun = u64::from(time.subsec_nanos() > 0);
    let seconds = time.as_secs().saturating_add(begun).min(most);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

impl<C> Store<C> {
    /// Receives at most `max` messages of `queue`, ten at most, and hides them for `visibility`.
    pub(super) async fn fetch(
        &self,
        queue: &str,
        max: usize,
        visibility: Duration,
        wait: Wait,
    ) -> Result<Vec<Message>, PortError> {
        let max = i32::try_from(max.min(BATCH_MAX)).unwrap_or(1);
        let received = self
            .sqs()
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(max)
            .visibility_timeout(whole_seconds(visibility, VISIBILITY_SECONDS_MAX))
            .wait_time_seconds(if wait == Wait::ForAll {
                WAIT_SECONDS
            } else {
                0
            })
            .message_system_attribute_names(System::ApproximateReceiveCount)
            .message_system_attribute_names(System::SentTimestamp)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| AwsError::of("SQS ReceiveMessage", error))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes the message of `handle`, if that delivery is not over.
    pub(super) async fn delete(&self, queue: &str, handle: &str) -> Result<(), PortError> {
        let call = self.sqs().delete_message().queue_url(queue);
        match call.receipt_handle(handle).send().await {
            Err(error) if is_over(error.code()) => Ok(()),
            Err(error) => Err(AwsError::of("SQS DeleteMessage", error).into()),
            Ok(_) => Ok(()),
        }
    }

    /// Hides the message of `handle` for `visibility` from now on, if that delivery is not over.
    pub(super) async fn hide(
        &self,
        queue: &str,
        handle: &str,
        visibility: Duration,
    ) -> Result<(), PortError> {
        let seconds = whole_seconds(visibility, VISIBILITY_SECONDS_MAX);
        let call = self.sqs().change_message_visibility().queue_url(queue);
        let call = call.receipt_handle(handle).visibility_timeout(seconds);
        match call.send().await {
            Err(error) if is_over(error.code()) => Ok(()),
            Err(error) => Err(AwsError::of("SQS ChangeMessageVisibility", error).into()),
            Ok(_) => Ok(()),
        }
    }

    /// Shows the messages of `handles` again at once, ten at most. How many it did not do.
    pub(super) async fn show(&self, queue: &str, handles: &[String]) -> Result<usize, PortError> {
        let mut call = self
            .sqs()
            .change_message_visibility_batch()
            .queue_url(queue);
        for (number, handle) in handles.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(number.to_string())
                .receipt_handle(handle)
                .visibility_timeout(0)
                .build()
                .map_err(|error| {
                    AwsError::invalid_request("SQS ChangeMessageVisibilityBatch", error)
                })?;
            call = call.entries(entry);
        }
        let answer = call
            .send()
            .await
            .map_err(|error| AwsError::of("SQS ChangeMessageVisibilityBatch", error))?;
        Ok(answer.failed().len())
    }

    /// Messages of `queue` that wait, are delayed, or are in flight. SQS counts them
    /// approximately while they move.
    pub(super) async fn count_messages(&self, queue: &str) -> Result<u64, PortError> {
        let counted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = self
            .sqs()
            .get_queue_attributes()
            .queue_url(queue)
            .set_attribute_names(Some(counted.to_vec()))
            .send()
            .await
            .map_err(|error| AwsError::of("SQS GetQueueAttributes", error))?;
        let mut sum = 0;
        for name in &counted {
            let value = answer.attributes().and_then(|all| all.get(name));
            let value = value.and_then(|text| text.parse::<u64>().ok());
            sum += value.ok_or(AwsError::Attribute {
                place: "queue",
                attribute: "ApproximateNumberOfMessages",
            })?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up_and_held_to_a_quarter_of_an_hour() {
        let asked = [0, 1, 999, 1000, 1001, 899_001, 900_000, 900_001, u64::MAX];
        let seconds =
            asked.map(|millis| whole_seconds(Duration::from_millis(millis), DELAY_SECONDS_MAX));
        assert_eq!(seconds, [0, 1, 1, 1, 2, 900, 900, 900, 900]);
    }
}
