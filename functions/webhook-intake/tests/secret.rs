//! How long a secret is used, when it is read again, and which versions count.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::time::Duration;

use halogard_app::ports::Stage;
use serde_json::{Value, json};
use support::{Bench, KEY, TOKEN, Vault, delivery, samples_secret};

fn secret(key: &str) -> Value {
    json!({"halopsa_webhook_token": TOKEN, "halopsa_webhook_secret": key})
}

fn signed(key: &str) -> Value {
    delivery(TOKEN, key, "{}")
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_secret_is_read_at_the_first_event_and_then_once_in_its_life() {
    let bench = Bench::default();
    assert_eq!(bench.vault.reads(), 0);
    // What passes before the delivery, and whether the secret is read for it.
    for (passes, reads) in [(0, 1), (0, 0), (299, 0), (1, 1), (299, 0), (1_000, 1)] {
        bench.clock.pass(seconds(passes));
        assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
        assert_eq!(bench.vault.reads(), reads, "after {passes} s");
    }
}

#[tokio::test]
async fn a_flood_of_strangers_makes_us_read_once_a_minute_at_most() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    assert_eq!(bench.vault.reads(), 1);
    let mut reads = 0;
    for _ in 0..600 {
        bench.clock.pass(Duration::from_millis(400));
        let (status, _) = bench.answer(&delivery("a-stranger", "x", "{}")).await;
        assert_eq!(status, 401);
        reads += bench.vault.reads();
    }
    assert_eq!(reads, 4, "in four minutes");
}

#[tokio::test]
async fn a_flood_while_the_vault_is_down_makes_us_try_once_a_minute_at_most() {
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
async fn a_flood_of_forgers_who_know_the_address_makes_us_read_once_a_minute_at_most() {
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
async fn a_flood_of_both_kinds_makes_us_read_once_a_minute_but_for_the_first_pair() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench.vault.reads();
    let mut reads = Vec::new();
    for _ in 0..10 {
        for _ in 0..60 {
            bench.clock.pass(seconds(1));
            let stranger = delivery("a-stranger", KEY, "{}");
            assert_eq!(bench.answer(&stranger).await.0, 401);
            assert_eq!(bench.answer(&signed("forged")).await.0, 401);
        }
        reads.push(bench.vault.reads());
    }
    assert_eq!(reads, [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_secret_that_was_changed_counts_at_once_beside_the_old_one() {
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
async fn noise_of_strangers_does_not_delay_a_new_secret() {
    let bench = Bench::with(Vault::with(Stage::Current, &secret("old")));
    for second in 0..600 {
        bench.clock.pass(seconds(1));
        bench.answer(&delivery("a-stranger", "guess", "{}")).await;
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
async fn no_delivery_is_refused_while_the_secret_rotates_and_the_old_one_is_once_it_may() {
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
    // The forgers had used up the minute's reading when the new value came.
    assert!(forged > 3_000);
    let late: Vec<_> = refused.iter().filter(|(_, key, _)| *key == "new").collect();
    assert!(
        late.iter().all(|(second, ..)| *second < made_at + 60),
        "{late:?}"
    );
    assert_eq!(late.len(), refused.len(), "{refused:?}");
    let reads = bench.vault.reads();
    let minutes = usize::try_from(made_at + overlap + hour).unwrap() / 60;
    // One a minute because of forgers, one each five minutes as usual.
    assert!(
        reads <= minutes + minutes / 5 + 2,
        "{reads} in {minutes} minutes"
    );
}

#[tokio::test]
async fn an_old_secret_stays_in_use_while_no_new_one_can_be_had() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench.vault.breaks(true);
    bench.vault.reads();
    // What passes before the delivery, and whether reading is tried for it.
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
async fn an_old_secret_stays_in_use_when_the_new_one_is_of_no_use() {
    let bench = Bench::default();
    bench.answer(&signed(KEY)).await;
    bench
        .vault
        .put(Stage::Current, &json!({"halopsa_webhook_token": null}));
    bench.clock.pass(seconds(300));
    assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
}

#[tokio::test]
async fn the_first_secret_is_tried_for_once_a_second_until_it_can_be_had() {
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
async fn one_reads_for_all_who_come_at_the_same_time() {
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
async fn the_version_before_counts_until_its_overlap_ends() {
    let now = 1_795_276_800_000_i64;
    let hour = 3_600_000;
    // When the current version was made, its overlap, and whether the one before still counts.
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
async fn a_pending_version_counts_once_a_delivery_made_us_look_for_it() {
    let bench = Bench::with(Vault::with(Stage::Current, &secret("now")));
    bench.answer(&signed("now")).await;
    bench.vault.put(Stage::Pending, &secret("next"));
    assert_eq!(bench.answer(&signed("next")).await.0, 200);
    // And stays known when the secret is renewed in the usual way.
    bench.clock.pass(seconds(300));
    assert_eq!(bench.answer(&signed("now")).await.0, 200);
    assert_eq!(bench.answer(&signed("next")).await.0, 200);
}

#[tokio::test]
async fn other_versions_that_are_of_no_use_are_left_out() {
    let vault = Vault::with(Stage::Current, &samples_secret());
    vault.put(Stage::Previous, &json!([1]));
    let bench = Bench::with(vault);
    assert_eq!(bench.answer(&signed(KEY)).await.0, 200);
}
