//! Two versions of a credential while it rotates.

use std::sync::Arc;

use halogard_app::ports::Stage;
use harness::{
    Harness, NEXT_SECRET, Outcome, SECRET, TestVault, all_answered, call, call_concurrently,
};

use crate::harness;

#[tokio::test]
async fn a_refused_version_costs_all_clients_one_request_and_the_next_one_another() {
    let harness = Harness::new();
    let vault = TestVault::of(&[(Stage::Current, SECRET), (Stage::Pending, NEXT_SECRET)]);
    harness
        .halo
        .replace_secret(harness::APPLICATION, NEXT_SECRET)
        .unwrap();
    let members: Vec<_> = (0..100)
        .map(|_| harness.client_with_vault(&vault))
        .collect();
    for _ in 0..5 {
        call_concurrently(&members).await;
        harness.advance(1);
    }
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_answers(), [401, 200]);
}

#[tokio::test]
async fn each_version_has_a_token_of_its_own() {
    let harness = Harness::new();
    let old = TestVault::of(&[(Stage::Current, SECRET)]);
    let before = harness.client_with_vault(&old);
    assert_eq!(call(Arc::clone(&before)).await, Outcome::Answered);
    // The old secret is refused from here on; its token lives out its hour.
    harness
        .halo
        .replace_secret(harness::APPLICATION, NEXT_SECRET)
        .unwrap();
    let new = TestVault::of(&[(Stage::Current, NEXT_SECRET)]);
    let after = harness.client_with_vault(&new);
    for _ in 0..3 {
        assert_eq!(call(Arc::clone(&before)).await, Outcome::Answered);
        assert_eq!(call(Arc::clone(&after)).await, Outcome::Answered);
        assert_eq!(
            call(harness.client_with_vault(&old)).await,
            Outcome::Answered
        );
        assert_eq!(
            call(harness.client_with_vault(&new)).await,
            Outcome::Answered
        );
        harness.advance(600);
    }
    assert_eq!(harness.token_answers(), [200, 200]);
    assert_eq!(harness.store.sealed().len(), 2);
    assert_eq!(harness.refused_calls(), 0);
}

#[tokio::test]
async fn a_renewal_under_a_replaced_secret_moves_on_to_the_pending_one_before_the_end() {
    let harness = Harness::new();
    let vault = TestVault::of(&[(Stage::Current, SECRET)]);
    let members: Vec<_> = (0..10).map(|_| harness.client_with_vault(&vault)).collect();
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    vault.change_to(&[(Stage::Current, SECRET), (Stage::Pending, NEXT_SECRET)]);
    harness
        .halo
        .replace_secret(harness::APPLICATION, NEXT_SECRET)
        .unwrap();
    harness.advance(3359);
    for _ in 0..40 {
        assert!(all_answered(&call_concurrently(&members).await));
        harness.advance(10);
    }
    assert_eq!(harness.token_answers(), [200, 401, 200]);
    assert_eq!(harness.refused_calls(), 0);
}

#[tokio::test]
async fn a_credential_that_is_wrong_altogether_is_tried_by_one_a_minute() {
    let harness = Harness::new();
    harness
        .halo
        .replace_secret(harness::APPLICATION, NEXT_SECRET)
        .unwrap();
    let vault = TestVault::of(&[(Stage::Current, SECRET)]);
    let members: Vec<_> = (0..50).map(|_| harness.client_with_vault(&vault)).collect();
    for _ in 0..300 {
        let outcomes = call_concurrently(&members).await;
        assert_eq!(outcomes.get(&Outcome::Answered), None);
        harness.advance(1);
    }
    let tried = harness.token_requests();
    println!("{tried} token requests in five minutes of a wrong credential");
    assert!(tried <= 5, "{tried}");
}
