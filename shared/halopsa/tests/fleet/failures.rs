//! What goes wrong around a token: the one who asks dies, the store fails, HaloPSA fails.

use std::sync::Arc;

use bench::{Bench, Outcome, all_answered, all_call, call};
use halogard_simulator::{Fault, FaultOdds};

use crate::bench;

/// Waits until HaloPSA has had so many token requests.
async fn until_asked(bench: &Bench, count: usize) {
    while bench.token_requests() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_dies_while_asking_holds_others_up_for_a_turn_and_no_longer() {
    let bench = Bench::new();
    let (dying, _answers) = bench.slow_member();
    let asking = tokio::spawn(call(dying));
    until_asked(&bench, 1).await;
    asking.abort();

    let members = bench.members(10);
    for _ in 0..44 {
        bench.pass(1);
        let outcomes = all_call(&members).await;
        assert_eq!(outcomes[&Outcome::ComeBack], 10);
    }
    bench.pass(1);
    all_call(&members).await;
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 2);
}

#[tokio::test]
async fn whoever_dies_while_renewing_early_holds_nobody_up() {
    let bench = Bench::new();
    let (dying, answers) = bench.slow_member();
    answers.add_permits(1);
    assert_eq!(call(Arc::clone(&dying)).await, Outcome::Answered);
    answers.forget_permits(1);
    let members = bench.members(10);
    assert!(all_answered(&all_call(&members).await));

    bench.pass(3360);
    let renewing = tokio::spawn(call(dying));
    until_asked(&bench, 2).await;
    renewing.abort();
    assert!(all_answered(&all_call(&members).await));
    let calls = bench.shelf.calls();
    for _ in 0..5 {
        bench.pass(5);
        assert!(all_answered(&all_call(&members).await));
    }
    assert_eq!(bench.shelf.calls(), calls, "each looks twice a minute");
    for _ in 0..30 {
        assert!(all_answered(&all_call(&members).await));
        bench.pass(10);
    }
    assert_eq!(bench.token_requests(), 3);
    assert_eq!(bench.refused_calls(), 0);
}

#[tokio::test]
async fn whoever_answers_after_its_turn_takes_over_what_was_shared_meanwhile() {
    let bench = Bench::new();
    let (frozen, answers) = bench.slow_member();
    let asking = tokio::spawn(call(frozen));
    until_asked(&bench, 1).await;
    bench.pass(46);
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    let shared = bench.shelf.sealed();

    answers.add_permits(1);
    assert_eq!(asking.await.unwrap(), Outcome::Answered);
    assert_eq!(bench.shelf.sealed(), shared);
    assert_eq!(bench.token_requests(), 2);
    assert_eq!(bench.used_last(), bench.issued().pop());
}

#[tokio::test]
async fn nobody_goes_back_to_a_refused_token_while_the_next_one_is_asked_for() {
    let bench = Bench::new();
    let (dying, answers) = bench.slow_member();
    answers.add_permits(1);
    assert_eq!(call(Arc::clone(&dying)).await, Outcome::Answered);
    answers.forget_permits(1);
    let members = bench.members(10);
    assert!(all_answered(&all_call(&members).await));
    bench.pass(600);
    bench.halo.expire_tokens();

    let asking = tokio::spawn(call(dying));
    until_asked(&bench, 2).await;
    asking.abort();
    for _ in 0..44 {
        let outcomes = all_call(&members).await;
        assert_eq!(outcomes[&Outcome::ComeBack], 10);
        bench.pass(1);
    }
    assert_eq!(bench.refused_calls(), 11);
    bench.pass(1);
    all_call(&members).await;
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.refused_calls(), 11);
    assert_eq!(bench.token_requests(), 3);
}

#[tokio::test]
async fn without_the_store_everybody_goes_on_alone() {
    let bench = Bench::new();
    bench.shelf.fail(true);
    let members = bench.members(5);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 5);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 5);

    // Renewing can wait as long as the token is good.
    bench.pass(3400);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 5);
    bench.pass(140);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 10);

    bench.shelf.fail(false);
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    assert!(all_answered(&all_call(&bench.members(5)).await));
    assert_eq!(bench.token_requests(), 11);
}

#[tokio::test]
async fn a_token_refused_while_the_store_fails_is_replaced_all_the_same() {
    let bench = Bench::new();
    let member = bench.member();
    assert_eq!(call(Arc::clone(&member)).await, Outcome::Answered);
    bench.halo.expire_tokens();
    bench.shelf.fail(true);
    assert_eq!(call(member).await, Outcome::Answered);
    assert_eq!(bench.token_requests(), 2);
}

#[tokio::test]
async fn a_record_that_ran_out_may_be_cleared_away_at_any_time() {
    let bench = Bench::new();
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    bench.pass(3600);
    let (asking, answers) = bench.slow_member();
    let asking = tokio::spawn(call(asking));
    until_asked(&bench, 2).await;
    bench.shelf.clear_away();
    answers.add_permits(1);
    assert_eq!(asking.await.unwrap(), Outcome::Answered);
    assert!(all_answered(&all_call(&bench.members(5)).await));
    assert_eq!(bench.token_requests(), 2);
}

#[tokio::test]
async fn a_halopsa_that_issues_no_token_is_asked_as_often_as_by_one() {
    let bench = Bench::new();
    bench.halo.faults().by_chance(vec![FaultOdds {
        fault: Fault::Status500,
        probability: 1.0,
        route: Some("POST /auth/token".to_owned()),
    }]);
    let members = bench.members(100);
    for _ in 0..60 {
        let outcomes = all_call(&members).await;
        assert_eq!(outcomes.get(&Outcome::Answered), None);
        bench.pass(1);
    }
    assert_eq!(bench.token_requests(), 12);

    bench.halo.faults().by_chance(Vec::new());
    bench.pass(5);
    all_call(&members).await;
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 13);
}

#[tokio::test]
async fn a_renewal_that_fails_is_tried_again_while_the_token_is_good() {
    let bench = Bench::new();
    let members = bench.members(10);
    all_call(&members).await;
    bench.pass(3360);
    let faults = bench.halo.faults();
    faults.next("POST /auth/token", Fault::Status500);
    for _ in 0..18 {
        assert!(all_answered(&all_call(&members).await));
        bench.pass(10);
    }
    assert_eq!(bench.token_answers(), [200, 500, 200]);
    assert_eq!(bench.refused_calls(), 0);
}

#[tokio::test]
async fn a_halopsa_that_refuses_every_token_is_asked_for_one_a_minute() {
    let bench = Bench::new();
    let members = bench.members(20);
    all_call(&members).await;
    bench.pass(1);
    bench.halo.faults().by_chance(vec![FaultOdds {
        fault: Fault::ExpireToken,
        probability: 1.0,
        route: Some("GET /Team".to_owned()),
    }]);
    for _ in 0..30 {
        let outcomes = all_call(&members).await;
        assert_eq!(outcomes.get(&Outcome::Answered), None);
        bench.pass(10);
    }
    let within_five_minutes = bench.token_requests();
    println!("{within_five_minutes} token requests in five minutes of refusals");
    assert!(within_five_minutes <= 1 + 5, "{within_five_minutes}");

    bench.halo.faults().by_chance(Vec::new());
    bench.pass(60);
    all_call(&members).await;
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
}
