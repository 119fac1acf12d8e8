//! How messages reach SQS, against a stand-in that takes what it is told to take.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use halogard_app::ports::{Lane, Outgoing, WorkSink};
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::{FailureClass, Timestamp};
use halogard_signed::Access;
use serde_json::{Value, json};
use support::Hand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use webhook_intake::Queues;

/// The answer to a batch that was asked for the so-manieth time.
type Answers = fn(usize, &Value) -> Value;

/// The queues, and the batches that reached them.
async fn queues(answers: Answers) -> (Queues<Hand>, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let batches: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&batches);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = stream.read(&mut buffer).await.unwrap();
            if read == 0 {
                return;
            }
            text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            let Some((_, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let Ok(batch) = serde_json::from_str::<Value>(body) else {
                continue;
            };
            text.clear();
            let answer = {
                let mut seen = seen.lock().unwrap();
                seen.push(batch);
                answers(seen.len(), &seen[seen.len() - 1]).to_string()
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
        }
    });
    let access = Access::read(|name| {
        Some(match name {
            "AWS_ENDPOINT_URL" => address.clone(),
            "AWS_SESSION_TOKEN" | "AWS_CA_BUNDLE" => return None,
            _ => "x".to_owned(),
        })
    });
    let access = Arc::new(access.unwrap());
    let queues = Queues::new(&access, "urgent".into(), "runs".into(), Hand::default());
    (queues, batches)
}

fn entries(batch: &Value) -> &Vec<Value> {
    batch["Entries"].as_array().unwrap()
}

/// Takes every message.
fn all(_: usize, batch: &Value) -> Value {
    let taken = entries(batch)
        .iter()
        .map(|entry| json!({"Id": entry["Id"]}));
    json!({"Successful": taken.collect::<Vec<_>>()})
}

fn looks(count: u64) -> Vec<Outgoing> {
    (1..=count)
        .map(|id| Message::look_at_ticket(TicketId::new(id), Cause::Operator).into())
        .collect()
}

fn kept(event: &str) -> Outgoing {
    let notification = Notification {
        delivery: None,
        content: "digest".into(),
        event: Some(event.into()),
        object: None,
        kind: "unknown".into(),
    };
    Message::KeepNotification {
        version: VERSION,
        notification,
    }
    .into()
}

#[tokio::test]
async fn ten_messages_are_one_call_and_every_message_arrives_once_and_whole() {
    for (count, calls) in [(1, 1), (10, 1), (11, 2), (25, 3)] {
        let (queues, batches) = queues(all).await;
        let messages = looks(count);
        queues.send(Lane::Urgent, &messages).await.unwrap();
        let batches = batches.lock().unwrap();
        assert_eq!(batches.len(), calls, "{count}");
        assert!(batches.iter().all(|batch| batch["QueueUrl"] == "urgent"));
        let arrived: Vec<Message> = batches
            .iter()
            .flat_map(entries)
            .map(|entry| serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap())
            .collect();
        let sent: Vec<Message> = messages.into_iter().map(|one| one.message).collect();
        assert_eq!(arrived, sent);
        for batch in batches.iter() {
            let ids: Vec<_> = entries(batch)
                .iter()
                .map(|entry| entry["Id"].as_str())
                .collect();
            let unique: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len());
        }
    }
}

#[tokio::test]
async fn large_messages_share_a_call_only_as_far_as_they_fit() {
    let (queues, batches) = queues(all).await;
    let messages = vec![kept(&"x".repeat(100_000)); 5];
    queues.send(Lane::Runs, &messages).await.unwrap();
    let sizes: Vec<usize> = batches
        .lock()
        .unwrap()
        .iter()
        .map(|batch| entries(batch).len())
        .collect();
    assert_eq!(sizes, [2, 2, 1]);
    let error = queues
        .send(Lane::Runs, &[kept(&"x".repeat(300_000))])
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.error_type),
        (FailureClass::Permanent, "queue.too_large")
    );
}

#[tokio::test(start_paused = true)]
async fn only_messages_that_were_not_taken_are_sent_again() {
    let (queues, batches) = queues(|time, batch| match time {
        1 => json!({
            "Successful": [{"Id": "0"}, {"Id": "2"}],
            "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": false}],
        }),
        _ => all(time, batch),
    })
    .await;
    queues.send(Lane::Urgent, &looks(3)).await.unwrap();
    let batches = batches.lock().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(entries(&batches[1]), &entries(&batches[0])[1..2]);
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_never_taken_are_said_to_be_in_trouble() {
    let (queues, batches) = queues(|_, _| json!({})).await;
    let error = queues.send(Lane::Urgent, &looks(1)).await.unwrap_err();
    assert_eq!(
        (error.class, error.error_type),
        (FailureClass::Transient, "queue.partly_taken")
    );
    assert_eq!(batches.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_message_that_sqs_calls_wrong_is_not_sent_again() {
    let (queues, batches) = queues(|_, _| {
        json!({"Failed": [{"Id": "0", "Code": "InvalidMessageContents", "SenderFault": true}]})
    })
    .await;
    let error = queues.send(Lane::Urgent, &looks(1)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(
        error.to_string().contains("InvalidMessageContents"),
        "{error}"
    );
    assert_eq!(batches.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn characters_that_sqs_refuses_travel_written_out() {
    let (queues, batches) = queues(all).await;
    let message = kept("\u{fffe}\u{ffff}\u{1}ü");
    queues
        .send(Lane::Urgent, std::slice::from_ref(&message))
        .await
        .unwrap();
    let batches = batches.lock().unwrap();
    let body = entries(&batches[0])[0]["MessageBody"].as_str().unwrap();
    assert!(!body.contains(['\u{fffe}', '\u{ffff}', '\u{1}']), "{body}");
    assert_eq!(
        serde_json::from_str::<Message>(body).unwrap(),
        message.message
    );
}

#[tokio::test]
async fn a_message_for_later_is_held_back_in_whole_seconds_and_not_longer_than_sqs_can() {
    let (queues, batches) = queues(all).await;
    let later = |millis: u64| {
        let mut message = looks(1).remove(0);
        let now = Timestamp::from_millis(1_795_276_800_000);
        message.not_before = Some(now.plus(Duration::from_millis(millis)));
        message
    };
    for (millis, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (900_000, 900)] {
        queues.send(Lane::Urgent, &[later(millis)]).await.unwrap();
        let last = batches.lock().unwrap().pop().unwrap();
        assert_eq!(entries(&last)[0]["DelaySeconds"], seconds);
    }
    let error = queues
        .send(Lane::Urgent, &[later(900_001)])
        .await
        .unwrap_err();
    assert_eq!(error.error_type, "queue.too_late");
}

#[tokio::test]
async fn webhooks_never_lead_to_bulk_work() {
    let (queues, batches) = queues(all).await;
    assert!(queues.send(Lane::Bulk, &looks(1)).await.is_err());
    assert!(batches.lock().unwrap().is_empty());
}
