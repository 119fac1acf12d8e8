//! The events the function handles.

use aws_lambda_events::sqs::SqsMessage;
use halogard_lambda::FunctionError;
use serde::Deserialize;

/// The events, for the error about any other.
const EXPECTED: &str =
    r#"{"type":"sync_cycle"} from the schedule, or {"Records":[…]} from the queue of runs"#;

/// An event as received; other members are ignored.
#[derive(Debug, Deserialize)]
#[serde(
    expecting = r#"{"type":"sync_cycle"} from the schedule, or {"Records":[…]} from the queue of runs"#
)]
pub struct ScheduledEvent {
    /// The schedule's input.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    /// The records of a queue.
    #[serde(rename = "Records", default)]
    records: Option<Vec<SqsMessage>>,
}

/// What an event requests.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// A sync cycle.
    SyncCycle,
    /// Processing these messages.
    Batch(Vec<SqsMessage>),
}

impl TryFrom<ScheduledEvent> for Request {
    type Error = FunctionError;

    fn try_from(event: ScheduledEvent) -> Result<Self, FunctionError> {
        match (event.kind.as_deref(), event.records) {
            (Some("sync_cycle"), None) => Ok(Self::SyncCycle),
            (None, Some(records)) => Ok(Self::Batch(records)),
            _ => Err(FunctionError::Event { expected: EXPECTED }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What `text` requests, or the error.
    fn call(text: &str) -> Result<Request, String> {
        let event: ScheduledEvent =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        Request::try_from(event).map_err(|error| error.to_string())
    }

    fn sample(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda");
        fs::read_to_string(path.join(name)).unwrap()
    }

    #[test]
    fn each_sample_is_parsed_as_its_request() {
        assert_eq!(
            call(&sample("inspector-poll-sync-cycle.json")),
            Ok(Request::SyncCycle)
        );
        let runs = call(&sample("inspector-poll-runs.json"));
        assert!(matches!(runs, Ok(Request::Batch(records)) if records.len() == 1));
        assert!(call(&sample("inspector-poll-wrong-type.json")).is_err());
    }

    #[test]
    fn an_unknown_event_is_rejected_with_what_was_expected() {
        let strange = [
            "{}",
            "[]",
            "7",
            "\"sync_cycle\"",
            "null",
            r#"{"type":"sweep"}"#,
            r#"{"type":7}"#,
            r#"{"type":"sync_cycle","Records":[]}"#,
            r#"{"Records":7}"#,
            r#"{"source":"aws.events","detail":{}}"#,
        ];
        for event in strange {
            let said = call(event).unwrap_err();
            let named = said.contains("expected") || said.contains("Records");
            assert!(named, "{event}: {said}");
        }
    }
}
