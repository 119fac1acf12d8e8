//! The events of the functions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::aws::PENDING;

/// The unguessable end of the webhook's path.
pub const PATH_TOKEN: &str = "bench-0123456789abcdef0123456789abcdef";

/// The key that webhooks are signed with.
pub const SIGNING_SECRET: &str = "bench-signing-secret";

/// Size of a delivery's body in bytes: the maximum that Standard Webhooks recommends.
const DELIVERY_BYTES: usize = 20_000;

/// How many different deliveries are sent in turn.
const DELIVERIES: usize = 32;

/// A delivery, from the samples of the tests.
const TICKET_CHANGED: &str = include_str!("../../../../events/halopsa/ticket-changed-full.json");

/// News of an alert, as the queue carries it.
const RECONCILE_ALERT: &str = include_str!("../../../../events/queue/reconcile-alert.json");

/// Signed deliveries of 20 kB, each of another ticket.
pub fn deliveries() -> anyhow::Result<Vec<Vec<u8>>> {
    (0..DELIVERIES)
        .map(|number| {
            let body = delivery(number)?;
            let signature = signature(body.as_bytes(), SIGNING_SECRET)?;
            Ok(request(PATH_TOKEN, Some(&signature), &body))
        })
        .collect()
}

/// Deliveries of the same size with a guessed path and no signature.
pub fn unauthenticated_deliveries() -> anyhow::Result<Vec<Vec<u8>>> {
    (0..DELIVERIES)
        .map(|number| Ok(request("bench-guessed", None, &delivery(number)?)))
        .collect()
}

/// The right deliveries at the right path, signed with a wrong secret.
pub fn forged_deliveries() -> anyhow::Result<Vec<Vec<u8>>> {
    (0..DELIVERIES)
        .map(|number| {
            let body = delivery(number)?;
            let signature = signature(body.as_bytes(), "another secret")?;
            Ok(request(PATH_TOKEN, Some(&signature), &body))
        })
        .collect()
}

/// A turn of the schedule.
pub fn turn() -> Vec<u8> {
    json!({ "type":"sync_cycle" }).to_string().into_bytes()
}

/// One message from the urgent queue about an alert that needs no ticket: its link is read, its snapshot
/// is written, and no vendor is called. `default-worker` does as much with it.
pub fn quiet_message() -> anyhow::Result<Vec<u8>> {
    batch(1, false)
}

/// Ten messages from the urgent queue, each of which leads to a ticket.
pub fn ten_messages() -> anyhow::Result<Vec<u8>> {
    batch(10, true)
}

/// A batch of `count` messages, each with the news of another open alert; shown to people or not.
fn batch(count: usize, shown: bool) -> anyhow::Result<Vec<u8>> {
    let records = (0..count)
        .map(|number| {
            let mut body: Value = serde_json::from_str(RECONCILE_ALERT)?;
            let alert = 7586 + number;
            body["alert"] = Value::from(alert);
            body["snapshot"]["id"] = Value::from(alert);
            body["snapshot"]["status"] = Value::from("new");
            body["snapshot"]["visible"] = Value::from(shown);
            body["snapshot"]["native_ticket"] = Value::Null;
            Ok(record(number, &body))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(json!({ "Records": records }).to_string().into_bytes())
}

/// One step of a rotation.
pub fn rotation_step(secret: &str, step: &str) -> Vec<u8> {
    json!({
        "SecretId": secret,
        "ClientRequestToken": PENDING,
        "Step": step,
    })
    .to_string()
    .into_bytes()
}

/// A message in the form of the SQS event source.
fn record(number: usize, body: &Value) -> Value {
    json!({
        "messageId": format!("19dd0b57-b21e-4ac1-bd88-{number:012x}"),
        "receiptHandle": format!("receipt-{number}"),
        "body": body.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1790318469000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1790318469010",
        },
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:urgent",
        "awsRegion": "us-east-1",
    })
}

/// The body of a delivery, filled up to its size with the ticket's text.
fn delivery(number: usize) -> anyhow::Result<String> {
    let mut delivery: Value = serde_json::from_str(TICKET_CHANGED)?;
    delivery["id"] = Value::from(format!("6f0a1c2e-5b7d-4e19-9a3c-{number:012x}"));
    delivery["object_id"] = Value::from(4242 + number);
    delivery["ticket"]["id"] = Value::from(4242 + number);
    let missing = DELIVERY_BYTES.saturating_sub(delivery.to_string().len());
    let line = "2 accounts have not signed in for 90 days\n";
    // The line break is two bytes in JSON.
    let lines = line.repeat(missing / (line.len() + 1));
    delivery["ticket"]["details"] = Value::from(lines);
    Ok(delivery.to_string())
}

/// `base64(HMAC-SHA256(secret, body))`.
fn signature(body: &[u8], secret: &str) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(body);
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

/// A request in the form of a function URL.
fn request(token: &str, signature: Option<&str>, body: &str) -> Vec<u8> {
    let path = format!("/webhooks/halopsa/{token}");
    let host = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws";
    let mut request = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-type": "application/json",
            "content-length": body.len().to_string(),
            "host": host,
            "user-agent": "HaloPSA",
            "x-forwarded-for": "192.0.2.10",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghijklmnopqrstuvwxyz012345",
            "domainName": host,
            "domainPrefix": "abcdefghijklmnopqrstuvwxyz012345",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.10",
                "userAgent": "HaloPSA",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "sandbox": "$default",
            "time": "25/Sep/2026:06:41:11 +0000",
            "timeEpoch": 1_790_318_471_000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    });
    if let Some(signature) = signature {
        request["headers"]["x-halo-signature"] = Value::from(signature);
    }
    request.to_string().into_bytes()
}
