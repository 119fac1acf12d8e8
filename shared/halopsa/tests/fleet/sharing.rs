//! Who asks, who waits, and who goes on.

use std::sync::Arc;

use bench::{Bench, Outcome, all_answered, all_call, call, settings};

use crate::bench;

#[tokio::test]
async fn a_thousand_cold_clients_ask_for_one_token() {
    let bench = Bench::new();
    let members = bench.members(1000);
    let first = all_call(&members).await;
    assert_eq!(bench.token_requests(), 1);
    assert_eq!(first[&Outcome::Answered], 1);
    assert_eq!(first[&Outcome::ComeBack], 999);

    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 1);
    assert_eq!(bench.shelf.turns(), [""; 0]);
}

#[tokio::test]
async fn whoever_comes_later_asks_for_nothing() {
    let bench = Bench::new();
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    assert!(all_answered(&all_call(&bench.members(50)).await));
    assert_eq!(bench.token_requests(), 1);
}

#[tokio::test]
async fn a_client_that_waits_does_not_ask_the_store_again_before_its_time() {
    let bench = Bench::new();
    let (slow, _answers) = bench.slow_member();
    let asking = tokio::spawn(call(slow));
    while bench.token_requests() == 0 {
        tokio::task::yield_now().await;
    }
    let member = bench.member();
    assert_eq!(call(Arc::clone(&member)).await, Outcome::ComeBack);
    let calls = bench.shelf.calls();
    for _ in 0..10 {
        assert_eq!(call(Arc::clone(&member)).await, Outcome::ComeBack);
    }
    assert_eq!(bench.shelf.calls(), calls);
    asking.abort();
}

#[tokio::test]
async fn whoever_gets_the_turn_late_looks_again_before_asking() {
    let bench = Bench::new();
    let gate = bench.shelf.hold_back_a_turn();
    let late = tokio::spawn(call(bench.member()));
    while !bench.shelf.holds_back_a_turn() {
        tokio::task::yield_now().await;
    }
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    gate.add_permits(1);
    assert_eq!(late.await.unwrap(), Outcome::Answered);
    assert_eq!(bench.token_requests(), 1);
    assert_eq!(bench.shelf.turns(), [""; 0]);
}

#[tokio::test]
async fn an_hours_token_is_renewed_by_one_while_nobody_waits() {
    let bench = Bench::new();
    let members = bench.members(20);
    for member in &members {
        assert_eq!(call(Arc::clone(member)).await, Outcome::Answered);
    }
    bench.pass(3359);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 1);

    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 2);

    // Everybody else finds the new one while the old one is still good.
    bench.pass(30);
    assert!(all_answered(&all_call(&members).await));
    bench.pass(3600 - 3390);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 2);
    assert_eq!(bench.refused_calls(), 0);
}

#[tokio::test]
async fn calls_of_one_client_go_on_while_another_of_its_calls_renews() {
    let bench = Bench::new();
    let (member, answers) = bench.slow_member();
    answers.add_permits(1);
    assert_eq!(call(Arc::clone(&member)).await, Outcome::Answered);
    answers.forget_permits(1);

    bench.pass(3400);
    let renewing = tokio::spawn(call(Arc::clone(&member)));
    while bench.token_requests() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        assert_eq!(call(Arc::clone(&member)).await, Outcome::Answered);
    }
    assert!(!renewing.is_finished());
    answers.add_permits(1);
    assert_eq!(renewing.await.unwrap(), Outcome::Answered);
    assert_eq!(bench.token_requests(), 2);
}

#[tokio::test]
async fn a_token_of_two_minutes_is_renewed_in_proportion() {
    let bench = Bench::new();
    bench
        .halo
        .change_settings(|settings| settings.token_life = std::time::Duration::from_secs(120));
    let members = bench.members(5);
    all_call(&members).await;
    bench.pass(53);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 1);
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 2);
}

#[tokio::test]
async fn every_token_refused_at_once_leads_to_one_new_one() {
    let bench = Bench::new();
    let members = bench.members(200);
    all_call(&members).await;
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    bench.pass(600);
    bench.halo.expire_tokens();

    let storm = all_call(&members).await;
    assert_eq!(bench.token_requests(), 2);
    assert_eq!(storm.get(&Outcome::Refused), None);
    bench.pass(1);
    assert!(all_answered(&all_call(&members).await));
    assert_eq!(bench.token_requests(), 2);
    // Nobody went back to the token that was refused.
    assert_eq!(bench.refused_calls(), 200);
}

#[tokio::test]
async fn a_token_that_somebody_replaced_meanwhile_is_taken_over() {
    let bench = Bench::new();
    let (early, late) = (bench.member(), bench.member());
    for member in [&early, &late] {
        assert_eq!(call(Arc::clone(member)).await, Outcome::Answered);
    }
    bench.pass(600);
    bench.halo.expire_tokens();
    assert_eq!(call(early).await, Outcome::Answered);
    assert_eq!(bench.token_requests(), 2);
    bench.pass(900);
    assert_eq!(call(late).await, Outcome::Answered);
    assert_eq!(bench.token_requests(), 2);
    assert_eq!(bench.shelf.turns(), [""; 0]);
}

#[tokio::test]
async fn the_proof_of_a_credential_asks_by_itself_and_shares_what_it_gets() {
    let bench = Bench::new();
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    let proving = bench.member();
    proving.sign_in().await.unwrap();
    assert_eq!(bench.token_requests(), 2);

    // Had the first one stayed, it would be due for renewal by now.
    bench.pass(1800);
    let later = bench.member();
    later.sign_in().await.unwrap();
    bench.pass(1800);
    assert_eq!(call(bench.member()).await, Outcome::Answered);
    assert_eq!(call(proving).await, Outcome::Answered);
    assert_eq!(bench.token_requests(), 3);
}

#[tokio::test]
async fn a_client_that_shares_nothing_leaves_the_store_alone() {
    let bench = Bench::new();
    let alone = bench.lone_member();
    alone.sign_in().await.unwrap();
    alone.teams().await.unwrap();
    assert_eq!(bench.shelf.calls(), 0);
    assert!(bench.shelf.sealed().is_empty());
}

#[tokio::test]
async fn tokens_for_other_purposes_are_kept_apart() {
    let bench = Bench::new();
    let usual = settings();
    let mut no_tenant = settings();
    no_tenant.tenant = None;
    let mut fewer = settings();
    fewer.scopes = "read:tickets".into();
    let mut elsewhere = settings();
    elsewhere.auth_url = url::Url::parse("https://HARBOURSTREET.halopsa.com:8443/auth").unwrap();
    let purposes = [usual, no_tenant, fewer, elsewhere];
    for (count, settings) in (1..).zip(&purposes) {
        let member = bench.member_of(settings.clone());
        assert_eq!(call(member).await, Outcome::Answered);
        assert_eq!(bench.token_requests(), count);
    }
    for settings in &purposes {
        let member = bench.member_of(settings.clone());
        assert_eq!(call(member).await, Outcome::Answered);
    }
    assert_eq!(bench.token_requests(), purposes.len());
    assert_eq!(bench.shelf.sealed().len(), purposes.len());
}

#[tokio::test]
async fn a_day_of_twenty_instances_costs_as_many_tokens_as_it_has_hours_and_two_more() {
    let bench = Bench::new();
    let mut members = bench.members(20);
    let mut calls = 0;
    // Each minute every third instance works, and one is replaced by a cold one.
    for minute in 0..24 * 60_usize {
        let place = (minute * 7) % members.len();
        members[place] = bench.member();
        let at_work: Vec<_> = members
            .iter()
            .enumerate()
            .filter(|(place, _)| (minute + place) % 3 == 0)
            .map(|(_, member)| Arc::clone(member))
            .collect();
        let outcomes = all_call(&at_work).await;
        calls += at_work.len();
        let to_come_back = outcomes.get(&Outcome::ComeBack).copied().unwrap_or(0);
        assert!(minute == 0 || to_come_back == 0, "minute {minute}");
        bench.pass(60);
    }
    let asked = bench.token_requests();
    println!("{asked} token requests in a day of 20 instances, 1,460 cold starts, {calls} calls");
    assert!(asked <= 26, "{asked}");
    assert_eq!(bench.refused_calls(), 0);
}
