//! What goes wrong around a token: the one who asks dies, the store fails, HaloPSA fails.

use std::sync::Arc;

use halogard_simulator::{Fault, FaultRate};
use harness::{Harness, Outcome, all_answered, call, call_concurrently};

use crate::harness;

/// Waits until HaloPSA has had so many token requests.
async fn wait_for_token_requests(harness: &Harness, count: usize) {
    while harness.token_requests() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_dies_while_asking_holds_others_up_for_a_turn_and_no_longer() {
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
async fn whoever_dies_while_renewing_early_holds_nobody_up() {
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
async fn whoever_answers_after_its_turn_takes_over_what_was_shared_meanwhile() {
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
async fn nobody_goes_back_to_a_refused_token_while_the_next_one_is_asked_for() {
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
async fn without_the_store_everybody_goes_on_alone() {
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
async fn a_halopsa_that_issues_no_token_is_asked_as_often_as_by_one() {
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
    assert_eq!(harness.token_requests(), 12);

    harness.halo.faults().set_random(Vec::new());
    harness.advance(5);
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 13);
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
async fn a_halopsa_that_refuses_every_token_is_asked_for_one_a_minute() {
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
