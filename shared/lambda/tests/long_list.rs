//! The memory and the work of a poll whose list is eighty megabytes long, in a function with half a gigabyte.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use halogard_app::ports::{AlertIndex as _, Lane, WorkQueue as _};
use halogard_lambda::cycle;
use halogard_simulator::serve_on_loopback;
use support::Bench;

/// Alerts in the list.
const ALERTS: u64 = 23_000;

/// Bytes of an alert's text.
const TEXT_BYTES: usize = 3_300;

/// What the process may need more than before: far less than the list, and a fraction of what the function has.
const MEMORY_MAX: u64 = 160 * 1024 * 1024;

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// One alert of the list, and what comes before it.
fn alert(number: u64) -> Bytes {
    let before = if number == 1 { '[' } else { ',' };
    let text = "x".repeat(TEXT_BYTES);
    let after = if number == ALERTS { "]" } else { "" };
    Bytes::from(format!(
        "{before}{{\"ID\":{number},\"Name\":\"Disk | Full\",\"Description\":\"{text}\",\
         \"Environment\":{{\"ID\":8801,\"Name\":\"Example\"}},\"Priority\":{{\"Name\":\"High\"}},\
         \"Status\":{{\"Name\":\"New\"}},\"CreatedOn\":\"2026-05-04T07:00:00.000Z\"}}{after}"
    ))
}

/// A Liongard that makes its list up while it sends it.
fn liongard() -> Router {
    let list = async || {
        let alerts = (1..=ALERTS).map(|number| Ok::<_, Infallible>(alert(number)));
        Body::from_stream(futures_util::stream::iter(alerts))
    };
    Router::new()
        .route("/api/v1/tasks", get(list))
        .route("/api/v1/tasks/", get(list))
}

#[tokio::test]
async fn a_list_of_eighty_megabytes_is_read_while_it_arrives() {
    let bench = Bench::new().await;
    let server = serve_on_loopback(liongard()).await.unwrap();
    let address = server.base_url();
    let settings = &bench.controls.settings;
    settings.lock().unwrap().insert("LIONGARD_URL", address);
    let instance = bench.instance();
    let before = peak();

    let run = cycle::run(&instance, "inspector-poll", bench.deadline(300)).await;

    let report = run.unwrap().unwrap().report.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.queued() as u64, ALERTS);
    assert_eq!(bench.store.depth(Lane::Bulk).await.unwrap(), ALERTS);
    let used = peak() - before;
    println!("{} MB more at most", used / 1_000_000);
    assert!(used <= MEMORY_MAX, "{used} bytes");
    let index = bench.store.load_index().await.unwrap();
    assert_eq!(index.len() as u64, ALERTS);
}
