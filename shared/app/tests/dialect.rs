//! When a tenant is probed, and who follows what was found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::dialect::BUILD_CHECK_INTERVAL;
use halogard_app::ports::{Lane, Records as _, WorkSink as _};
use halogard_domain::dialect::DialectReport;
use halogard_domain::message::Message;
use halogard_domain::record::Singleton;
use halogard_domain::webhook_sample::WebhookSamples;
use support::Bench;

/// A cycle, and how often the desk was probed until then.
async fn cycle(bench: &Bench) -> u32 {
    bench.reconciler.sync_cycle().await;
    *bench.reconciler.desk.probed.times.lock().unwrap()
}

fn set_build(bench: &Bench, build: &str) {
    *bench.reconciler.desk.probed.build.lock().unwrap() = Some(build.to_owned());
}

#[tokio::test]
async fn cycles_probe_a_tenant_once_and_again_when_a_later_look_shows_another_build() {
    let mut bench = Bench::new();
    assert_eq!(cycle(&bench).await, 0, "not unless it is asked for");
    bench.reconciler.probes_dialect = true;
    set_build(&bench, "2.1");
    assert_eq!(cycle(&bench).await, 1);
    assert_eq!(cycle(&bench).await, 1);
    set_build(&bench, "2.2");
    bench.clock.pass(Duration::from_secs(60));
    assert_eq!(cycle(&bench).await, 1, "the build is not asked for yet");
    bench.clock.pass(BUILD_CHECK_INTERVAL);
    assert_eq!(cycle(&bench).await, 2);
    bench.clock.pass(BUILD_CHECK_INTERVAL);
    assert_eq!(cycle(&bench).await, 2, "the same build");
    let store = &bench.reconciler.store;
    let known = store
        .load_record::<DialectReport>(&Singleton)
        .await
        .unwrap();
    assert_eq!(known.value.build.as_deref(), Some("2.2"));
    let followed = bench.reconciler.desk.probed.followed.lock().unwrap();
    assert_eq!(followed.last(), Some(&known.value));
}

#[tokio::test]
async fn the_form_of_the_first_webhook_of_each_kind_is_kept() {
    let bench = Bench::new();
    let store = &bench.reconciler.store;
    for (kind, members) in [
        ("ticket_changed", "{id: text}"),
        ("unknown", "{a: number}"),
        ("ticket_changed", "{id: number}"),
    ] {
        let message = Message::keep_webhook_sample(kind.to_owned(), members.to_owned());
        store.send(Lane::Urgent, &[message.into()]).await.unwrap();
    }
    let mut outcomes = bench.process_all().await;
    outcomes.sort_unstable();
    let kept = "notification_recorded";
    assert_eq!(outcomes, ["duplicate", kept, kept]);
    let samples = store.load_record::<WebhookSamples>(&Singleton).await;
    let samples = samples.unwrap().value.by_kind;
    assert_eq!(samples.len(), 2);
    assert!(["{id: text}", "{id: number}"].contains(&samples["ticket_changed"].members.as_str()));
}
