//! Limits and broken lines.

use std::time::Duration;

use halogard_simulator::{
    ConnectionLost, Fault, FaultRate, RefusedRequests, RequestNotReceived, ResponseTruncated,
    RetryAfter,
};
use serde_json::json;

use crate::caller::{HaloHarness, new_ticket};

/// A tenant that takes five requests a minute, one of which was the token's.
async fn narrow(refused: RefusedRequests, retry_after: RetryAfter) -> HaloHarness {
    HaloHarness::with(|settings| {
        settings.rate_limit.requests_max = 5;
        settings.rate_limit.window = Duration::from_secs(60);
        settings.rate_limit.refused = refused;
        settings.rate_limit.retry_after = retry_after;
    })
    .await
}

#[tokio::test]
async fn requests_over_the_limit_are_refused_with_halos_message() {
    let tenant = narrow(RefusedRequests::NotCounted, RetryAfter::Absent).await;
    for _ in 0..4 {
        assert_eq!(tenant.get("/Status").await.status, 200);
    }
    let answer = tenant.get("/Status").await;
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.text(),
        "Rate Limit Reached - 5 Requests per rolling 1 minute window"
    );
    assert!(answer.headers.get("retry-after").is_none());
    let traffic = tenant.halo.stats().traffic;
    assert_eq!(
        (
            traffic.requests,
            traffic.rejected_429,
            traffic.window_max,
            traffic.accepted_window_max
        ),
        (6, 1, 6, 5)
    );
    assert_eq!(traffic.by_route["GET /Status"], 5);
}

#[tokio::test]
async fn a_place_is_free_one_window_after_it_was_taken() {
    let tenant = narrow(RefusedRequests::NotCounted, RetryAfter::WholeSeconds).await;
    for _ in 0..4 {
        tenant.clock.advance(Duration::from_secs(10));
        tenant.get("/Status").await;
    }
    let answer = tenant.get("/Status").await;
    assert_eq!(
        (
            answer.status,
            answer.headers["retry-after"].to_str().unwrap()
        ),
        (429, "20")
    );
    tenant.clock.advance(Duration::from_secs(20));
    assert_eq!(tenant.get("/Status").await.status, 200);
    assert_eq!(tenant.get("/Status").await.status, 429);
}

#[tokio::test]
async fn refused_requests_may_keep_the_window_full() {
    let tenant = narrow(RefusedRequests::Counted, RetryAfter::Absent).await;
    for _ in 0..9 {
        tenant.get("/Status").await;
        tenant.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(tenant.get("/Status").await.status, 429);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_ticket_behind() {
    let tenant = HaloHarness::stock().await;
    tenant
        .halo
        .faults()
        .next("POST /Tickets", Fault::DropResponse);
    let answer = tenant.post("/Tickets", &json!([new_ticket("a")])).await;
    assert!(answer.extensions.get::<ConnectionLost>().is_some());
    assert!(answer.extensions.get::<RequestNotReceived>().is_none());
    assert_eq!(tenant.halo.stats().tickets, 1);
}

#[tokio::test]
async fn a_refused_connection_leaves_nothing_and_counts_nothing() {
    let tenant = HaloHarness::stock().await;
    tenant
        .halo
        .faults()
        .next("POST /Tickets", Fault::RefuseConnection);
    let answer = tenant.post("/Tickets", &json!([new_ticket("a")])).await;
    assert!(answer.extensions.get::<RequestNotReceived>().is_some());
    assert_eq!(
        (
            tenant.halo.stats().tickets,
            tenant.halo.stats().traffic.requests
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn each_fault_before_the_effect_leaves_no_ticket() {
    let faults = [
        (
            Fault::Status429 {
                retry_after: Some("7".to_owned()),
            },
            429,
        ),
        (Fault::Status500, 500),
        (Fault::Deadlock, 400),
        (Fault::Gateway502Html, 502),
        (Fault::Gateway504Html, 504),
        (Fault::Empty403, 403),
        (Fault::ExpireToken, 401),
    ];
    for (fault, status) in faults {
        let tenant = HaloHarness::stock().await;
        tenant.halo.faults().next("post /tickets", fault);
        assert_eq!(
            tenant
                .post("/Tickets", &json!([new_ticket("a")]))
                .await
                .status,
            status
        );
        assert_eq!(tenant.halo.stats().tickets, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_after_the_effect_leaves_the_ticket() {
    let faults = [
        Fault::DropResponse,
        Fault::DeadlockAfterEffect,
        Fault::Gateway504AfterEffect,
        Fault::Status500AfterEffect,
        Fault::TruncatedBody,
        Fault::UnexpectedJson,
        Fault::Delay { milliseconds: 500 },
        Fault::LargeBody { bytes: 4096 },
    ];
    for fault in faults {
        let tenant = HaloHarness::stock().await;
        tenant.halo.faults().next("POST /Tickets", fault.clone());
        let answer = tenant.post("/Tickets", &json!([new_ticket("a")])).await;
        assert_eq!(tenant.halo.stats().tickets, 1, "{fault:?}");
        match fault {
            Fault::TruncatedBody => assert!(answer.extensions.get::<ResponseTruncated>().is_some()),
            Fault::LargeBody { bytes } => assert_eq!(answer.body.len(), bytes),
            Fault::UnexpectedJson => assert!(answer.json().get("id").is_none()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_fault_can_wait_for_the_request_with_its_ordinal() {
    let tenant = HaloHarness::stock().await;
    tenant.halo.faults().at_request(3, Fault::Status500);
    let statuses = [
        tenant.get("/Status").await.status,
        tenant.get("/Team").await.status,
        tenant.get("/Team").await.status,
    ];
    assert_eq!(statuses, [200, 500, 200]);
}

#[tokio::test]
async fn an_expired_token_stays_expired() {
    let mut tenant = HaloHarness::stock().await;
    tenant.halo.faults().next("GET /Status", Fault::ExpireToken);
    assert_eq!(tenant.get("/Status").await.status, 401);
    assert_eq!(tenant.get("/Status").await.status, 401);
    tenant.sign_in().await;
    assert_eq!(tenant.get("/Status").await.status, 200);
}

#[tokio::test]
async fn chance_strikes_alike_under_the_same_seed_until_cleared() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let tenant = HaloHarness::stock().await;
        let odds = FaultRate {
            fault: Fault::Status500,
            probability: 0.5,
            route: Some("GET /Status".to_owned()),
        };
        tenant.halo.faults().set_random(vec![odds]);
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(tenant.get("/Status").await.status);
        }
        assert_eq!(tenant.get("/Team").await.status, 200);
        tenant.halo.faults().clear();
        assert_eq!(tenant.get("/Status").await.status, 200);
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&500) && runs[0].contains(&200));
}

#[tokio::test]
async fn a_fault_whose_request_was_throttled_waits_for_the_next() {
    let tenant = narrow(RefusedRequests::NotCounted, RetryAfter::Absent).await;
    for _ in 0..4 {
        tenant.get("/Team").await;
    }
    tenant.halo.faults().next("GET /Status", Fault::Status500);
    assert_eq!(tenant.get("/Status").await.status, 429);
    assert_eq!(tenant.halo.faults().pending(), 1);
    tenant.clock.advance(Duration::from_secs(60));
    assert_eq!(tenant.get("/Status").await.status, 500);
}
