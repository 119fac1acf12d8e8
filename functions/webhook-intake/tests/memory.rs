//! The memory that a delivery needs in the function, which has 256 MB.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_app::intake::BODY_BYTES_MAX;
use serde_json::json;
use support::{Bench, KEY, TOKEN, delivery, signature};
use webhook_intake::Event;

/// The peak of this process's memory since the last reset, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn the_largest_delivery_needs_a_few_times_its_size_whatever_is_in_it() {
    let bench = Bench::default();
    let item = r#"{"b":0},"#;
    // What a function URL accepts is encoded: a body of this size needs about the largest event.
    let items = item.repeat(BODY_BYTES_MAX * 3 / 4 / item.len());
    let body = format!(r#"{{"object_id":1,"a":[{}]}}"#, items.trim_end_matches(','));
    for is_base64 in [false, true] {
        let mut event = delivery(TOKEN, KEY, if is_base64 { "" } else { &body });
        if is_base64 {
            event["headers"]["x-halo-signature"] = json!(signature(KEY, body.as_bytes()));
            event["isBase64Encoded"] = json!(true);
            event["body"] = json!(STANDARD.encode(&body));
        }
        let text = event.to_string();
        drop(event);
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = peak();
        let event: Event = serde_json::from_str(&text).unwrap();
        let reply = bench.intake.answer(&event).await;
        let needed = peak().saturating_sub(before);
        println!(
            "a body of {} bytes, base64 {is_base64}: {} KB more",
            body.len(),
            needed / 1024
        );
        assert_eq!(reply.status_code, 200);
        assert!(needed < 6 * BODY_BYTES_MAX, "{needed} bytes");
    }
}
