//! Two versions of a credential while it rotates.

use std::sync::Arc;

use bench::{Bench, NEXT_SECRET, Outcome, Rotating, SECRET, all_answered, all_call, call};
use halogard_app::ports::Stage;

use crate::bench;

#[tokio::test]
async fn a_refused_version_costs_the_fleet_one_request_and_the_next_one_another() {
    let bench = Bench::new();
    let vault = Rotating::of(&[(Stage::Current, SECRET), (Stage::Pending, NEXT_SECRET)]);
    bench
        .halo
        .replace_secret(bench::APPLICATION, NEXT_SECRET)
        .unwrap();
    let members: Vec<_> = (0..100).map(|_| bench.member_with(&vault)).collect();
    for _ in 0..5 {
        all_call(&members).await;
        bench.pass(1);
    }
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_answers(), [401, 200]);
}

#[tokio::test]
async fn each_version_has_a_token_of_its_own() {
    let bench = Bench::new();
    let old = Rotating::of(&[(Stage::Current, SECRET)]);
    let before = bench.member_with(&old);
    assert_eq!(call(Arc::clone(&before)).await, Outcome::Answered);
    // The old secret is refused from here on; its token lives out its hour.
    bench
        .halo
        .replace_secret(bench::APPLICATION, NEXT_SECRET)
        .unwrap();
    let new = Rotating::of(&[(Stage::Current, NEXT_SECRET)]);
    let after = bench.member_with(&new);
    for _ in 0..3 {
        assert_eq!(call(Arc::clone(&before)).await, Outcome::Answered);
        assert_eq!(call(Arc::clone(&after)).await, Outcome::Answered);
        assert_eq!(call(bench.member_with(&old)).await, Outcome::Answered);
        assert_eq!(call(bench.member_with(&new)).await, Outcome::Answered);
        bench.pass(600);
    }
    assert_eq!(bench.token_answers(), [200, 200]);
    assert_eq!(bench.shelf.sealed().len(), 2);
    assert_eq!(bench.refused_calls(), 0);
}

#[tokio::test]
async fn a_renewal_under_a_replaced_secret_moves_on_to_the_pending_one_before_the_end() {
    let bench = Bench::new();
    let vault = Rotating::of(&[(Stage::Current, SECRET)]);
    let members: Vec<_> = (0..10).map(|_| bench.member_with(&vault)).collect();
    all_call(&members).await;
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    vault.change_to(&[(Stage::Current, SECRET), (Stage::Pending, NEXT_SECRET)]);
    bench
        .halo
        .replace_secret(bench::APPLICATION, NEXT_SECRET)
        .unwrap();
    bench.pass(3359);
    for _ in 0..40 {
        assert!(all_answered(&all_call(&members).await));
        bench.pass(10);
    }
    assert_eq!(bench.token_answers(), [200, 401, 200]);
    assert_eq!(bench.refused_calls(), 0);
}

#[tokio::test]
async fn a_credential_that_is_wrong_altogether_is_tried_by_one_a_minute() {
    let bench = Bench::new();
    bench
        .halo
        .replace_secret(bench::APPLICATION, NEXT_SECRET)
        .unwrap();
    let vault = Rotating::of(&[(Stage::Current, SECRET)]);
    let members: Vec<_> = (0..50).map(|_| bench.member_with(&vault)).collect();
    for _ in 0..300 {
        let outcomes = all_call(&members).await;
        assert_eq!(outcomes.get(&Outcome::Answered), None);
        bench.pass(1);
    }
    let tried = bench.token_requests();
    println!("{tried} token requests in five minutes of a wrong credential");
    assert!(tried <= 5, "{tried}");
}
