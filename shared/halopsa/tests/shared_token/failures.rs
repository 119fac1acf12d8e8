//! What goes wrong around a token: the one who asks dies, the store fails, HaloPSA fails.

use std::sync::Arc;

use halogard_simulator::{Fault, FaultRate};
use harness::{Harness, Outcome, all_answered, call, call_concurrently};

use crate::harness;

/// Waits until HaloPSA has had this many token requests.
async fn wait_for_token_requests(harness: &Harness, count: usize) {
    while harness.token_requests() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_crash_while_requesting_delays_others_by_one_lease_at_most() {
    let harness = Harness::new();
    let (dying, _answers) = harness.slow_client();
    let asking = tokio::spawn(call(dying));
    wait_for_token_requests(&harness, 1).await;
    asking.abort();

    let members = harness.new_clients(10);
    for _ in 0..44 {
        harness.advance(1);
        let outcomes = call_concurrently(&members).await;
        assert_eq!(outcomes[&Outcome::RetryLater], 10);
    }
    harness.advance(1);
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 2);
}

#[tokio::test]
async fn a_crash_during_early_refresh_delays_no_other_client() {
    let harness = Harness::new();
    let (dying, answers) = harness.slow_client();
    answers.add_permits(1);
    assert_eq!(call(Arc::clone(&dying)).await, Outcome::Answered);
    answers.forget_permits(1);
    let members = harness.new_clients(10);
    assert!(all_answered(&call_concurrently(&members).await));

    harness.advance(3360);
    let renewing = tokio::spawn(call(dying));
    wait_for_token_requests(&harness, 2).await;
    renewing.abort();
    assert!(all_answered(&call_concurrently(&members).await));
    let calls = harness.store.calls();
    for _ in 0..5 {
        harness.advance(5);
        assert!(all_answered(&call_concurrently(&members).await));
    }
    assert_eq!(harness.store.calls(), calls, "each looks twice a minute");
    for _ in 0..30 {
        assert!(all_answered(&call_concurrently(&members).await));
        harness.advance(10);
    }
    assert_eq!(harness.token_requests(), 3);
    assert_eq!(harness.refused_calls(), 0);
}

#[tokio::test]
async fn a_client_whose_lease_expired_uses_the_token_stored_meanwhile() {
    let harness = Harness::new();
    let (frozen, answers) = harness.slow_client();
    let asking = tokio::spawn(call(frozen));
    wait_for_token_requests(&harness, 1).await;
    harness.advance(46);
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    let shared = harness.store.sealed();

    answers.add_permits(1);
    assert_eq!(asking.await.unwrap(), Outcome::Answered);
    assert_eq!(harness.store.sealed(), shared);
    assert_eq!(harness.token_requests(), 2);
    assert_eq!(harness.used_last(), harness.issued().pop());
}

#[tokio::test]
async fn a_refused_token_is_not_used_again_while_the_next_one_is_requested() {
    let harness = Harness::new();
    let (dying, answers) = harness.slow_client();
    answers.add_permits(1);
    assert_eq!(call(Arc::clone(&dying)).await, Outcome::Answered);
    answers.forget_permits(1);
    let members = harness.new_clients(10);
    assert!(all_answered(&call_concurrently(&members).await));
    harness.advance(600);
    harness.halo.expire_tokens();

    let asking = tokio::spawn(call(dying));
    wait_for_token_requests(&harness, 2).await;
    asking.abort();
    for _ in 0..44 {
        let outcomes = call_concurrently(&members).await;
        assert_eq!(outcomes[&Outcome::RetryLater], 10);
        harness.advance(1);
    }
    assert_eq!(harness.refused_calls(), 11);
    harness.advance(1);
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.refused_calls(), 11);
    assert_eq!(harness.token_requests(), 3);
}

#[tokio::test]
async fn without_the_store_every_client_uses_its_own_token() {
    let harness = Harness::new();
    harness.store.fail(true);
    let members = harness.new_clients(5);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 5);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 5);

    // Renewing can wait as long as the token is good.
    harness.advance(3400);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 5);
    harness.advance(140);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 10);

    harness.store.fail(false);
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    assert!(all_answered(
        &call_concurrently(&harness.new_clients(5)).await
    ));
    assert_eq!(harness.token_requests(), 11);
}

#[tokio::test]
async fn a_token_refused_while_the_store_fails_is_replaced_all_the_same() {
    let harness = Harness::new();
    let member = harness.new_client();
    assert_eq!(call(Arc::clone(&member)).await, Outcome::Answered);
    harness.halo.expire_tokens();
    harness.store.fail(true);
    assert_eq!(call(member).await, Outcome::Answered);
    assert_eq!(harness.token_requests(), 2);
}

#[tokio::test]
async fn a_record_that_ran_out_may_be_cleared_away_at_any_time() {
    let harness = Harness::new();
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    harness.advance(3600);
    let (asking, answers) = harness.slow_client();
    let asking = tokio::spawn(call(asking));
    wait_for_token_requests(&harness, 2).await;
    harness.store.purge_expired();
    answers.add_permits(1);
    assert_eq!(asking.await.unwrap(), Outcome::Answered);
    assert!(all_answered(
        &call_concurrently(&harness.new_clients(5)).await
    ));
    assert_eq!(harness.token_requests(), 2);
}

#[tokio::test]
async fn clients_together_request_tokens_no_faster_than_one_when_none_is_issued() {
    let harness = Harness::new();
    harness.halo.faults().set_random(vec![FaultRate {
        fault: Fault::Status500,
        probability: 1.0,
        route: Some("POST /auth/token".to_owned()),
    }]);
    let members = harness.new_clients(100);
    for _ in 0..60 {
        let outcomes = call_concurrently(&members).await;
        assert_eq!(outcomes.get(&Outcome::Answered), None);
        harness.advance(1);
    }
    // One every fifteen seconds.
    assert_eq!(harness.token_requests(), 4);

    harness.halo.faults().set_random(Vec::new());
    harness.advance(15);
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 5);
}

#[tokio::test]
async fn a_renewal_that_fails_is_tried_again_while_the_token_is_good() {
    let harness = Harness::new();
    let members = harness.new_clients(10);
    call_concurrently(&members).await;
    harness.advance(3360);
    let faults = harness.halo.faults();
    faults.next("POST /auth/token", Fault::Status500);
    for _ in 0..18 {
        assert!(all_answered(&call_concurrently(&members).await));
        harness.advance(10);
    }
    assert_eq!(harness.token_answers(), [200, 500, 200]);
    assert_eq!(harness.refused_calls(), 0);
}

#[tokio::test]
async fn when_every_token_is_refused_one_is_requested_a_minute() {
    let harness = Harness::new();
    let members = harness.new_clients(20);
    call_concurrently(&members).await;
    harness.advance(1);
    harness.halo.faults().set_random(vec![FaultRate {
        fault: Fault::ExpireToken,
        probability: 1.0,
        route: Some("GET /Team".to_owned()),
    }]);
    for _ in 0..30 {
        let outcomes = call_concurrently(&members).await;
        assert_eq!(outcomes.get(&Outcome::Answered), None);
        harness.advance(10);
    }
    let within_five_minutes = harness.token_requests();
    println!("{within_five_minutes} token requests in five minutes of refusals");
    assert!(within_five_minutes <= 1 + 5, "{within_five_minutes}");

    harness.halo.faults().set_random(Vec::new());
    harness.advance(60);
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
}
