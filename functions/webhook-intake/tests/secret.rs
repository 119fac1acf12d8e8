//! How long a secret is used, when it is read again, and which versions are accepted.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::time::Duration;

use halogard_app::ports::Stage;
use serde_json::{Value, json};
use support::{Bench, KEY, TOKEN, Vault, delivery, samples_secret};

/// A key of 16 characters at least: shorter ones are refused.
fn long(key: &str) -> String {
    format!("{key:-<16}")
}

fn secret(key: &str) -> Value {
    json!({"halopsa_webhook_token": TOKEN, "halopsa_webhook_secret": long(key)})
}

fn signed(key: &str) -> Value {
    delivery(TOKEN, &long(key), "{}")
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_secret_is_read_at_the_first_event_and_then_once_per_ttl() {
    let bench = Bench::default();
    assert_eq!(bench.vault.reads(), 0);
    // Seconds before the delivery, and whether the delivery causes a read.
    for (passes, reads) in [(0, 1), (0, 0), (299, 0), (1, 1), (299, 0), (1_000, 1)] {
        bench.clock.pass(seconds(passes));
        assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
        assert_eq!(bench.vault.reads(), reads, "after {passes} s");
    }
}

#[tokio::test]
async fn wrong_paths_cause_at_most_one_read_a_minute() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    assert_eq!(bench.vault.reads(), 1);
    let mut reads = 0;
    for _ in 0..600 {
        bench.clock.pass(Duration::from_millis(400));
        let (status, _) = bench.answer(&delivery("wrong-token", "x", "{}")).await;
        assert_eq!(status, 401);
        reads += bench.vault.reads();
    }
    assert_eq!(reads, 4, "in four minutes");
}

#[tokio::test]
async fn wrong_signatures_while_the_vault_is_down_cause_one_read_a_minute() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench.vault.breaks(true);
    bench.vault.reads();
    let mut tries = 0;
    for _ in 0..240 {
        bench.clock.pass(seconds(1));
        assert_eq!(bench.answer(&signed("wrong")).await.0, 401);
        tries += bench.vault.reads();
    }
    assert_eq!(tries, 4, "in four minutes");
}

#[tokio::test]
async fn wrong_signatures_cause_at_most_one_read_a_minute() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    assert_eq!(bench.vault.reads(), 1);
    let mut reads = 0;
    for _ in 0..600 {
        bench.clock.pass(Duration::from_millis(400));
        assert_eq!(bench.answer(&signed("forged")).await.0, 401);
        reads += bench.vault.reads();
    }
    assert_eq!(reads, 4, "in four minutes");
}

#[tokio::test]
async fn wrong_paths_and_signatures_together_cause_one_read_a_minute_after_the_first_pair() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench.vault.reads();
    let mut reads = Vec::new();
    for _ in 0..10 {
        for _ in 0..60 {
            bench.clock.pass(seconds(1));
            let wrong_path = delivery("wrong-token", KEY, "{}");
            assert_eq!(bench.answer(&wrong_path).await.0, 401);
            assert_eq!(bench.answer(&signed("forged")).await.0, 401);
        }
        reads.push(bench.vault.reads());
    }
    assert_eq!(reads, [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_changed_secret_is_accepted_at_once_beside_the_old_one() {
    let bench = Bench::with(Vault::with(Stage::Current, &secret("old")));
    assert_eq!(bench.answer(&signed("old")).await.0, 200);
    bench.vault.put(Stage::Previous, &secret("old"));
    bench.vault.put(Stage::Current, &secret("new"));
    bench.vault.reads();
    assert_eq!(bench.answer(&signed("new")).await.0, 200);
    assert_eq!(bench.answer(&signed("old")).await.0, 200);
    assert_eq!(bench.answer(&signed("new")).await.0, 200);
    assert_eq!(bench.vault.reads(), 1);
}

#[tokio::test]
async fn wrong_paths_do_not_delay_a_new_secret() {
    let bench = Bench::with(Vault::with(Stage::Current, &secret("old")));
    for second in 0..600 {
        bench.clock.pass(seconds(1));
        bench.answer(&delivery("wrong-token", "guess", "{}")).await;
        if second == 330 {
            bench.vault.put(Stage::Pending, &secret("new"));
        }
        if second >= 330 {
            assert_eq!(bench.answer(&signed("new")).await.0, 200, "at {second} s");
        }
        assert_eq!(bench.answer(&signed("old")).await.0, 200, "at {second} s");
    }
}

#[tokio::test]
async fn no_delivery_is_rejected_during_a_rotation_and_the_old_secret_expires() {
    let bench = Bench::with(Vault::with(Stage::Current, &secret("old")));
    let (overlap, hour) = (2 * 3600, 3600);
    let made_at = 400;
    let mut forged = 0;
    let mut refused = Vec::new();
    for second in 0..(made_at + overlap + hour) {
        bench.clock.pass(seconds(1));
        let mut new = secret("new");
        new["rotated_at_ms"] = json!(1_795_276_800_000_i64 + (made_at + 1) * 1000);
        new["overlap_hours"] = json!(2);
        if second == made_at {
            bench.vault.put(Stage::Pending, &new);
        }
        if second == made_at + 30 {
            bench.vault.put(Stage::Previous, &secret("old"));
            bench.vault.put(Stage::Current, &new);
            bench.vault.take(Stage::Pending);
        }
        let old_counts = second < made_at + overlap;
        for (key, counts) in [("old", old_counts), ("new", second >= made_at)] {
            let (status, _) = bench.answer(&signed(key)).await;
            if (status == 200) != counts {
                refused.push((second, key, status));
            }
        }
        if second % 3 == 0 {
            assert_eq!(bench.answer(&signed("forged")).await.0, 401);
            forged += 1;
        }
    }
    // The wrong signatures had used up the read of the minute when the new value came.
    assert!(forged > 3_000);
    let late: Vec<_> = refused.iter().filter(|(_, key, _)| *key == "new").collect();
    assert!(
        late.iter().all(|(second, ..)| *second < made_at + 60),
        "{late:?}"
    );
    assert_eq!(late.len(), refused.len(), "{refused:?}");
    let reads = bench.vault.reads();
    let minutes = usize::try_from(made_at + overlap + hour).unwrap() / 60;
    // One a minute because of wrong signatures, one every five minutes as usual.
    assert!(
        reads <= minutes + minutes / 5 + 2,
        "{reads} in {minutes} minutes"
    );
}

#[tokio::test]
async fn an_old_secret_stays_in_use_while_the_vault_is_down() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench.vault.breaks(true);
    bench.vault.reads();
    // Seconds before the delivery, and whether it causes an attempt to read.
    for (passes, tries) in [(300, 1), (0, 0), (9, 0), (1, 1), (100_000, 1)] {
        bench.clock.pass(seconds(passes));
        assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
        assert_eq!(bench.vault.reads(), tries, "after {passes} s");
    }
    bench.vault.breaks(false);
    bench.clock.pass(seconds(10));
    bench.answer(&signed(KEY)).await;
    assert_eq!(bench.vault.reads(), 1);
}

#[tokio::test]
async fn an_old_secret_stays_in_use_if_the_new_one_is_invalid() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench
        .vault
        .put(Stage::Current, &json!({"halopsa_webhook_token": null}));
    bench.clock.pass(seconds(300));
    assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
}

#[tokio::test]
async fn without_a_secret_reading_is_tried_once_a_second() {
    let bench = Bench::default();
    bench.vault.breaks(true);
    for (passes, tries) in [(0, 1), (0, 0), (1, 1), (0, 0)] {
        bench.clock.pass(seconds(passes));
        assert_eq!(bench.answer(&signed(KEY)).await.0, 503);
        assert_eq!(bench.vault.reads(), tries);
    }
    bench.vault.breaks(false);
    bench.clock.pass(seconds(1));
    assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
}

#[tokio::test]
async fn concurrent_deliveries_cause_one_read() {
    let bench = Bench::default();
    let event = signed(KEY);
    let three = || async {
        let (one, two, three) = tokio::join!(
            bench.answer(&event),
            bench.answer(&event),
            bench.answer(&event)
        );
        [one.0, two.0, three.0]
    };
    assert_eq!(three().await, [200; 3]);
    assert_eq!(bench.vault.reads(), 1);
    bench.clock.pass(seconds(300));
    assert_eq!(three().await, [200; 3]);
    assert_eq!(bench.vault.reads(), 1);
}

#[tokio::test]
async fn the_previous_version_is_accepted_until_its_overlap_ends() {
    let now = 1_795_276_800_000_i64;
    let hour = 3_600_000;
    // When the current version was made, its overlap, and whether the previous one is accepted.
    let cases = [
        (json!(null), json!(null), true),
        (json!(now - 23 * hour), json!(null), true),
        (json!(now - 24 * hour), json!(null), false),
        (json!((now - hour).to_string()), json!("2"), true),
        (json!(now - 2 * hour), json!(2), false),
        (json!(now), json!(0), false),
        (json!(now - hour), json!(-5), false),
    ];
    for (rotated_at, overlap, counts) in cases {
        let mut current = secret("new");
        current["rotated_at_ms"] = rotated_at;
        current["overlap_hours"] = overlap;
        let vault = Vault::with(Stage::Current, &current);
        vault.put(Stage::Previous, &secret("old"));
        let bench = Bench::with(vault);
        let status = if counts { 200 } else { 401 };
        assert_eq!(bench.answer(&signed("old")).await.0, status, "{current}");
        assert_eq!(bench.answer(&signed("new")).await.0, 200, "{current}");
    }
}

#[tokio::test]
async fn a_pending_version_is_accepted_once_a_mismatch_caused_a_read() {
    let bench = Bench::with(Vault::with(Stage::Current, &secret("now")));
    bench.answer(&signed("now")).await;
    bench.vault.put(Stage::Pending, &secret("next"));
    assert_eq!(bench.answer(&signed("next")).await.0, 200);
    // And still after the secret is refreshed at the end of its TTL.
    bench.clock.pass(seconds(300));
    assert_eq!(bench.answer(&signed("now")).await.0, 200);
    assert_eq!(bench.answer(&signed("next")).await.0, 200);
}

#[tokio::test]
async fn other_versions_that_are_invalid_are_ignored() {
    let vault = Vault::with(Stage::Current, &samples_secret());
    vault.put(Stage::Previous, &json!([1]));
    let bench = Bench::with(vault);
    assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
}
