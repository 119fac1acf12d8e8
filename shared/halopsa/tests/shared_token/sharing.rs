//! Which instances request a token, which wait, and which continue.

use std::sync::Arc;

use harness::{Harness, Outcome, all_answered, call, call_concurrently, settings};

use crate::harness;

#[tokio::test]
async fn a_thousand_cold_clients_request_one_token() {
    let harness = Harness::new();
    let members = harness.new_clients(1000);
    let first = call_concurrently(&members).await;
    assert_eq!(harness.token_requests(), 1);
    assert_eq!(first[&Outcome::Answered], 1);
    assert_eq!(first[&Outcome::RetryLater], 999);

    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 1);
    assert_eq!(harness.store.leases(), [""; 0]);
}

#[tokio::test]
async fn a_later_client_requests_no_token() {
    let harness = Harness::new();
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    assert!(all_answered(
        &call_concurrently(&harness.new_clients(50)).await
    ));
    assert_eq!(harness.token_requests(), 1);
}

#[tokio::test]
async fn a_waiting_client_does_not_read_the_store_before_the_retry_delay() {
    let harness = Harness::new();
    let (slow, _answers) = harness.slow_client();
    let asking = tokio::spawn(call(slow));
    while harness.token_requests() == 0 {
        tokio::task::yield_now().await;
    }
    let member = harness.new_client();
    assert_eq!(call(Arc::clone(&member)).await, Outcome::RetryLater);
    let calls = harness.store.calls();
    for _ in 0..10 {
        assert_eq!(call(Arc::clone(&member)).await, Outcome::RetryLater);
    }
    assert_eq!(harness.store.calls(), calls);
    asking.abort();
}

#[tokio::test]
async fn a_client_reloads_the_store_after_getting_the_lease() {
    let harness = Harness::new();
    let gate = harness.store.pause_next_lease();
    let late = tokio::spawn(call(harness.new_client()));
    while !harness.store.is_lease_paused() {
        tokio::task::yield_now().await;
    }
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    gate.add_permits(1);
    assert_eq!(late.await.unwrap(), Outcome::Answered);
    assert_eq!(harness.token_requests(), 1);
    assert_eq!(harness.store.leases(), [""; 0]);
}

#[tokio::test]
async fn one_client_refreshes_the_token_early_and_none_waits() {
    let harness = Harness::new();
    let members = harness.new_clients(20);
    for member in &members {
        assert_eq!(call(Arc::clone(member)).await, Outcome::Answered);
    }
    harness.advance(3359);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 1);

    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 2);

    // Everybody else finds the new one while the old one is still good.
    harness.advance(30);
    assert!(all_answered(&call_concurrently(&members).await));
    harness.advance(3600 - 3390);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 2);
    assert_eq!(harness.refused_calls(), 0);
}

#[tokio::test]
async fn calls_of_a_client_continue_while_another_call_refreshes() {
    let harness = Harness::new();
    let (member, answers) = harness.slow_client();
    answers.add_permits(1);
    assert_eq!(call(Arc::clone(&member)).await, Outcome::Answered);
    answers.forget_permits(1);

    harness.advance(3400);
    let renewing = tokio::spawn(call(Arc::clone(&member)));
    while harness.token_requests() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        assert_eq!(call(Arc::clone(&member)).await, Outcome::Answered);
    }
    assert!(!renewing.is_finished());
    answers.add_permits(1);
    assert_eq!(renewing.await.unwrap(), Outcome::Answered);
    assert_eq!(harness.token_requests(), 2);
}

#[tokio::test]
async fn a_token_of_two_minutes_is_renewed_in_proportion() {
    let harness = Harness::new();
    harness
        .halo
        .change_settings(|settings| settings.token_life = std::time::Duration::from_secs(120));
    let members = harness.new_clients(5);
    call_concurrently(&members).await;
    harness.advance(53);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 1);
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 2);
}

#[tokio::test]
async fn every_token_refused_at_once_leads_to_one_new_one() {
    let harness = Harness::new();
    let members = harness.new_clients(200);
    call_concurrently(&members).await;
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    harness.advance(600);
    harness.halo.expire_tokens();

    let storm = call_concurrently(&members).await;
    assert_eq!(harness.token_requests(), 2);
    assert_eq!(storm.get(&Outcome::Refused), None);
    harness.advance(1);
    assert!(all_answered(&call_concurrently(&members).await));
    assert_eq!(harness.token_requests(), 2);
    // No client went back to the token that was refused.
    assert_eq!(harness.refused_calls(), 200);
}

#[tokio::test]
async fn a_token_that_another_instance_replaced_is_adopted() {
    let harness = Harness::new();
    let (early, late) = (harness.new_client(), harness.new_client());
    for member in [&early, &late] {
        assert_eq!(call(Arc::clone(member)).await, Outcome::Answered);
    }
    harness.advance(600);
    harness.halo.expire_tokens();
    assert_eq!(call(early).await, Outcome::Answered);
    assert_eq!(harness.token_requests(), 2);
    harness.advance(900);
    assert_eq!(call(late).await, Outcome::Answered);
    assert_eq!(harness.token_requests(), 2);
    assert_eq!(harness.store.leases(), [""; 0]);
}

#[tokio::test]
async fn verifying_a_credential_requests_a_token_and_shares_it() {
    let harness = Harness::new();
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    let proving = harness.new_client();
    proving.sign_in().await.unwrap();
    assert_eq!(harness.token_requests(), 2);

    // Had the first one stayed, it would be due for renewal by now.
    harness.advance(1800);
    let later = harness.new_client();
    later.sign_in().await.unwrap();
    harness.advance(1800);
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    assert_eq!(call(proving).await, Outcome::Answered);
    assert_eq!(harness.token_requests(), 3);
}

#[tokio::test]
async fn a_client_that_shares_nothing_leaves_the_store_alone() {
    let harness = Harness::new();
    let alone = harness.unshared_client();
    alone.sign_in().await.unwrap();
    alone.teams().await.unwrap();
    assert_eq!(harness.store.calls(), 0);
    assert!(harness.store.sealed().is_empty());
}

#[tokio::test]
async fn tokens_of_other_scopes_are_stored_separately() {
    let harness = Harness::new();
    let usual = settings();
    let mut no_tenant = settings();
    no_tenant.tenant = None;
    let mut fewer = settings();
    fewer.scopes = "read:tickets".into();
    let mut elsewhere = settings();
    elsewhere.auth_url = url::Url::parse("https://HARBOURSTREET.halopsa.com:8443/auth").unwrap();
    let purposes = [usual, no_tenant, fewer, elsewhere];
    for (count, settings) in (1..).zip(&purposes) {
        let member = harness.client_with_settings(settings.clone());
        assert_eq!(call(member).await, Outcome::Answered);
        assert_eq!(harness.token_requests(), count);
    }
    for settings in &purposes {
        let member = harness.client_with_settings(settings.clone());
        assert_eq!(call(member).await, Outcome::Answered);
    }
    assert_eq!(harness.token_requests(), purposes.len());
    assert_eq!(harness.store.sealed().len(), purposes.len());
}

#[tokio::test]
async fn a_day_of_twenty_instances_costs_as_many_tokens_as_it_has_hours_and_two_more() {
    let harness = Harness::new();
    let mut members = harness.new_clients(20);
    let mut calls = 0;
    // Each minute every third instance works, and one is replaced by a cold one.
    for minute in 0..24 * 60_usize {
        let place = (minute * 7) % members.len();
        members[place] = harness.new_client();
        let at_work: Vec<_> = members
            .iter()
            .enumerate()
            .filter(|(place, _)| (minute + place) % 3 == 0)
            .map(|(_, member)| Arc::clone(member))
            .collect();
        let outcomes = call_concurrently(&at_work).await;
        calls += at_work.len();
        let to_come_back = outcomes.get(&Outcome::RetryLater).copied().unwrap_or(0);
        assert!(minute == 0 || to_come_back == 0, "minute {minute}");
        harness.advance(60);
    }
    let asked = harness.token_requests();
    println!("{asked} token requests in a day of 20 instances, 1,460 cold starts, {calls} calls");
    assert!(asked <= 26, "{asked}");
    assert_eq!(harness.refused_calls(), 0);
}
