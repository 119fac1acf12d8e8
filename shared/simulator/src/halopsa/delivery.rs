//! Posts webhook deliveries over the network.

use std::time::Duration;

use super::HaloPsa;
use super::outbox::{DeliveryResult, OutgoingDelivery};

/// How often the outbox is polled, in real time.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The most concurrent deliveries.
const CONCURRENCY_MAX: usize = 16;

/// The longest wait for a receiver's answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Posts due deliveries until it is aborted. Spawn it; abort the task to stop.
pub async fn deliver_webhooks(halo: HaloPsa, client: reqwest::Client) {
    loop {
        let due = halo.take_due(halo.clock.now_millis());
        let mut due = due.into_iter().peekable();
        while due.peek().is_some() {
            let mut calls = tokio::task::JoinSet::new();
            for delivery in due.by_ref().take(CONCURRENCY_MAX) {
                let (halo, client) = (halo.clone(), client.clone());
                calls.spawn(async move {
                    let result = post(&client, &delivery, &halo).await;
                    halo.record_delivery(&delivery, &result);
                });
            }
            calls.join_all().await;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Posts one delivery.
async fn post(
    client: &reqwest::Client,
    delivery: &OutgoingDelivery,
    halo: &HaloPsa,
) -> DeliveryResult {
    let began = halo.clock.now_millis();
    let took = |ended: i64| u64::try_from(ended - began).unwrap_or(0);
    let mut request = client
        .request(delivery.method.clone(), &delivery.url)
        .timeout(RESPONSE_TIMEOUT)
        .body(delivery.body.clone());
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let (body, error) = match response.text().await {
                Ok(body) => (body, None),
                Err(error) => (String::new(), Some(error.to_string())),
            };
            let duration_ms = took(halo.clock.now_millis());
            DeliveryResult {
                status: Some(status),
                body,
                duration_ms,
                error,
            }
        }
        Err(error) => DeliveryResult {
            status: None,
            body: String::new(),
            duration_ms: took(halo.clock.now_millis()),
            error: Some(error.to_string()),
        },
    }
}
