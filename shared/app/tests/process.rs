//! How processing a message ends: done, deferred, retried, dead-lettered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use halogard_app::outcome::{Action, Outcome, Processed};
use halogard_app::poll::Scope;
use halogard_app::ports::{ErrorCode, Lane, PortError, Refusal, WorkSink};
use halogard_app::process::ATTEMPTS_MAX;
use halogard_domain::message::{Cause, Message};
use halogard_domain::runs::RunTarget;
use halogard_domain::{Alert, FailureClass, Slug};
use support::{ALERT, Bench, Failure, alert, at, failing};

/// A bench with one message that makes Liongard be asked, which fails so.
async fn failing_with(failure: Failure) -> Bench {
    let bench = Bench::new();
    bench.reconciler.liongard.switch.fail(failure);
    let look = Message::reconcile_alert(ALERT, Cause::Operator);
    bench
        .reconciler
        .store
        .send(Lane::Urgent, &[look.into()])
        .await
        .unwrap();
    bench
}

/// Works off the one message, which must be due.
async fn work(bench: &Bench) -> Processed {
    bench
        .reconciler
        .process_next(Lane::Urgent)
        .await
        .unwrap()
        .pop()
        .expect("a message is due")
}

/// Works off the one message again and again, each time when it is due, until it is dead-lettered or was
/// tried `most` times. Brings the pauses between.
async fn process_until_dead_lettered(bench: &Bench, most: u32) -> (Vec<Duration>, Processed) {
    let mut pauses = Vec::new();
    loop {
        let processed = work(bench).await;
        let left = bench.file.queue().pop();
        let Some(item) = left else {
            return (pauses, processed);
        };
        assert!(
            pauses.len() < usize::try_from(most).unwrap(),
            "it is never dead-lettered"
        );
        let now = halogard_app::ports::Clock::now(&bench.clock);
        let pause = item.not_before.since(now);
        assert!(pause > Duration::ZERO, "it came back at once");
        pauses.push(pause);
        bench.clock.pass(pause);
    }
}

#[tokio::test]
async fn an_undecodable_body_is_dead_lettered_at_once_and_whole() {
    for body in [
        "",
        "not json",
        "{}",
        r#"{"type":"open_ticket","version":1}"#,
        "\u{0}",
    ] {
        let bench = Bench::new();
        bench.file.enqueue(Lane::Urgent, body);
        assert_eq!(work(&bench).await.outcome, Outcome::Unreadable, "{body}");
        let dead = bench.only_dead();
        assert_eq!((dead.body.as_str(), dead.receive_count), (body, 1));
        assert!(!dead.reason.is_empty());
        assert_eq!(
            bench.reconciler.liongard.switch.asked() + bench.reconciler.desk.switch.asked(),
            0
        );
    }
}

#[tokio::test]
async fn an_unreadable_body_does_not_delay_other_messages() {
    let bench = Bench::new();
    bench.file.enqueue(Lane::Urgent, "not json");
    let look = Message::reconcile_alert(ALERT, Cause::Operator);
    bench
        .reconciler
        .store
        .send(Lane::Urgent, &[look.into()])
        .await
        .unwrap();
    assert_eq!(bench.process_all().await, ["unreadable", "not_ours"]);
}

#[tokio::test]
async fn a_message_in_the_lane_of_another_kind_of_work_is_kept_for_a_person() {
    let look = || Message::reconcile_alert(ALERT, Cause::Operator);
    let run = || Message::advance_run(RunTarget::HaloPsa);
    for (lane, message) in [
        (Lane::Urgent, run()),
        (Lane::Bulk, Message::poll()),
        (Lane::Runs, look()),
    ] {
        let bench = Bench::new();
        let store = &bench.reconciler.store;
        store.send(lane, &[message.into()]).await.unwrap();
        assert_eq!(bench.process_all().await, ["failed"], "{lane:?}");
        let letters = bench.file.dead_letters();
        assert_eq!(letters.len(), 1, "{lane:?}");
    }
}

#[tokio::test]
async fn an_empty_lane_has_no_work() {
    let bench = Bench::new();
    for lane in Lane::ALL {
        assert_eq!(bench.reconciler.process_next(lane).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_spent_budget_gives_the_message_back_free_and_rests_the_lane() {
    let until = at(240);
    let bench = failing_with(Arc::new(move || {
        let mut error = PortError::new(FailureClass::Transient, ErrorCode::BudgetExhausted);
        error.retry_at = Some(until);
        error
    }))
    .await;
    let processed = work(&bench).await;
    assert_eq!(
        processed,
        Processed {
            outcome: Outcome::BudgetExhausted,
            actions: vec![],
            lag: None,
            pause_until: Some(until)
        }
    );
    let item = bench.only_item();
    assert_eq!((item.received, item.not_before), (0, until));
    assert_eq!(
        bench.reconciler.process_next(Lane::Urgent).await.unwrap(),
        [],
        "it is not due"
    );
}

#[tokio::test]
async fn a_throttled_message_is_given_back_for_as_long_as_was_asked() {
    let asked = Some(Duration::from_secs(77));
    for (retry_after, pause) in [(asked, 77), (None, 30)] {
        let bench = failing_with(Arc::new(move || {
            PortError::new(
                FailureClass::Throttled { retry_after },
                ErrorCode::HalopsaThrottled,
            )
        }))
        .await;
        let processed = work(&bench).await;
        assert_eq!(
            processed,
            Processed {
                outcome: Outcome::Throttled,
                actions: vec![],
                lag: None,
                pause_until: Some(at(pause))
            }
        );
        let item = bench.only_item();
        assert_eq!((item.received, item.not_before), (0, at(pause)));
    }
}

/// A credential that is not accepted.
fn unauthorised() -> PortError {
    let mut error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaCredential);
    error.refusal = Some(Refusal::Unauthorised);
    error
}

/// A failure that says when to come back.
fn coming_back(code: ErrorCode) -> Failure {
    Arc::new(move || {
        let mut error = PortError::new(FailureClass::Transient, code);
        error.retry_at = Some(at(0));
        error
    })
}

#[tokio::test]
async fn waiting_costs_nothing_however_often_it_happens() {
    let rows: [(Outcome, Failure); 4] = [
        (Outcome::Unauthorized, Arc::new(unauthorised)),
        (
            Outcome::Throttled,
            failing(
                FailureClass::Throttled { retry_after: None },
                ErrorCode::HalopsaThrottled,
            ),
        ),
        (
            Outcome::BudgetExhausted,
            coming_back(ErrorCode::BudgetExhausted),
        ),
        (
            Outcome::Waiting,
            coming_back(ErrorCode::HalopsaTokenPending),
        ),
    ];
    for (outcome, failure) in rows {
        let bench = failing_with(failure).await;
        for _ in 0..3 * ATTEMPTS_MAX {
            assert_eq!(work(&bench).await.outcome, outcome);
            bench.clock.pass(Duration::from_secs(60));
        }
        assert_eq!(bench.only_item().received, 0);
        assert!(bench.file.dead_letters().is_empty());
    }
}

#[tokio::test]
async fn a_credential_that_is_not_accepted_is_tried_once_a_minute_until_it_is() {
    let bench = failing_with(Arc::new(unauthorised)).await;
    let processed = work(&bench).await;
    assert_eq!(
        processed,
        Processed {
            outcome: Outcome::Unauthorized,
            actions: vec![],
            lag: None,
            pause_until: Some(at(60))
        }
    );
    bench.reconciler.liongard.switch.repair();
    bench.clock.pass(Duration::from_secs(60));
    assert_eq!(work(&bench).await.outcome, Outcome::NotOurs);
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_after_growing_pauses_for_more_than_a_day() {
    let bench = failing_with(failing(
        FailureClass::Transient,
        ErrorCode::HalopsaUnreachable,
    ))
    .await;
    let (pauses, last) = process_until_dead_lettered(&bench, ATTEMPTS_MAX).await;
    assert_eq!(
        last,
        Processed {
            outcome: Outcome::AttemptsExhausted,
            actions: vec![],
            lag: None,
            pause_until: None
        }
    );
    let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
    assert_eq!(
        seconds[..11],
        [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    );
    assert!(seconds[9..].iter().all(|pause| *pause == 900));
    assert_eq!(pauses.len(), usize::try_from(ATTEMPTS_MAX).unwrap() - 1);
    assert!(pauses.iter().sum::<Duration>() > Duration::from_secs(24 * 3600));
    let dead = bench.only_dead();
    assert_eq!(dead.receive_count, ATTEMPTS_MAX);
    assert_eq!(
        dead.reason,
        format!("halopsa.unreachable ({ATTEMPTS_MAX} attempts)")
    );
}

#[tokio::test]
async fn doubt_is_tried_again_like_any_failure_that_may_pass() {
    let bench = failing_with(failing(FailureClass::InDoubt, ErrorCode::LiongardNoAnswer)).await;
    assert_eq!(work(&bench).await.outcome, Outcome::InDoubt);
    let item = bench.only_item();
    assert_eq!((item.received, item.not_before), (1, at(2)));
    let bench = failing_with(failing(FailureClass::InDoubt, ErrorCode::LiongardNoAnswer)).await;
    let (_, last) = process_until_dead_lettered(&bench, ATTEMPTS_MAX).await;
    assert_eq!(last.outcome, Outcome::AttemptsExhausted);
}

#[tokio::test]
async fn an_unexpected_answer_is_asked_for_five_times() {
    let bench = failing_with(Arc::new(|| {
        PortError::new(FailureClass::Permanent, ErrorCode::LiongardUnexpected)
            .with_message("alert 7586 at .")
    }))
    .await;
    let (pauses, last) = process_until_dead_lettered(&bench, 5).await;
    assert_eq!(last.outcome, Outcome::Failed);
    assert_eq!(
        pauses.iter().map(Duration::as_secs).collect::<Vec<_>>(),
        [2, 4, 8, 16]
    );
    let dead = bench.only_dead();
    assert_eq!(dead.receive_count, 5);
    assert_eq!(dead.reason, "liongard.unexpected: alert 7586 at .");
}

#[tokio::test]
async fn a_permanent_refusal_is_dead_lettered_at_once_with_the_reason() {
    let bench = failing_with(Arc::new(|| {
        PortError::new(FailureClass::Permanent, ErrorCode::LiongardRefused)
            .with_message("no such role")
    }))
    .await;
    assert_eq!(work(&bench).await.outcome, Outcome::Failed);
    assert_eq!(bench.only_dead().reason, "liongard.refused: no such role");
}

#[tokio::test]
async fn a_refused_write_is_dead_lettered_with_the_message_of_halopsa() {
    let bench = Bench::swept().await;
    bench.reconciler.liongard.show(1);
    bench.reconciler.desk.switch.fail(Arc::new(|| {
        let mut error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaRefused)
            .with_message("Category is required");
        error.refusal = Some(Refusal::MissingFields(["Category".into()].into()));
        error
    }));
    bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    assert_eq!(bench.process_all().await, ["refused"]);
    let dead = bench.only_dead();
    assert!(
        dead.reason.contains("Category is required"),
        "{}",
        dead.reason
    );
    assert!(
        dead.reason.contains("custom_fields"),
        "it says what to do: {}",
        dead.reason
    );
}

#[tokio::test]
async fn a_failure_that_passes_ends_in_one_ticket() {
    let bench = Bench::swept().await;
    bench.reconciler.liongard.show(1);
    bench.reconciler.desk.switch.fail(failing(
        FailureClass::Transient,
        ErrorCode::HalopsaUnreachable,
    ));
    bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    assert_eq!(bench.process_all().await, ["transient"]);
    bench.reconciler.desk.switch.repair();
    bench.clock.pass(Duration::from_secs(2));
    assert_eq!(bench.process_all().await, ["opened"]);
    assert_eq!(bench.reconciler.desk.tickets.lock().unwrap().len(), 1);
    assert!(bench.file.queue().is_empty());
}

#[tokio::test]
async fn a_processed_message_lists_every_action_of_its_reconciliation() {
    let bench = Bench::swept().await;
    bench.poll(1).await.unwrap();
    let processed = work(&bench).await;
    assert_eq!(processed.actions, [Action::Opened]);
    let news = |second, status, text: &str| {
        let alert = Alert {
            description: text.into(),
            status: Slug::new(status),
            changed_at: at(second),
            observed_at: at(second),
            ..alert(1)
        };
        [Message::alert_snapshot(alert, Cause::Poll).into()]
    };
    let over = news(0, "Closed", "over");
    bench
        .reconciler
        .store
        .send(Lane::Urgent, &over)
        .await
        .unwrap();
    assert_eq!(work(&bench).await.actions, [Action::Closed]);
    let again = news(10, "New", "worse");
    bench
        .reconciler
        .store
        .send(Lane::Urgent, &again)
        .await
        .unwrap();
    let processed = work(&bench).await;
    assert_eq!(processed.actions, [Action::Reopened, Action::Noted]);
    assert_eq!(processed.words().collect::<Vec<_>>(), ["reopened", "noted"]);
}

#[tokio::test]
async fn actions_before_a_failure_are_listed_as_well() {
    let bench = Bench::swept().await;
    bench.poll(1).await.unwrap();
    let lost = failing(FailureClass::InDoubt, ErrorCode::HalopsaNoAnswer);
    bench.reconciler.desk.switch.fail(lost);
    let processed = work(&bench).await;
    assert_eq!(
        processed.words().collect::<Vec<_>>(),
        ["open_in_doubt", "in_doubt"]
    );
}

#[test]
fn metrics_count_every_action_and_the_outcome_unless_the_actions_say_it_all() {
    let processed = |actions: &[Action], outcome| Processed {
        outcome,
        actions: actions.to_vec(),
        lag: None,
        pause_until: None,
    };
    let rows = [
        (processed(&[], Outcome::InSync), vec!["in_sync"]),
        (processed(&[Action::Closed], Outcome::Done), vec!["closed"]),
        (
            processed(
                &[Action::Opened, Action::Noted, Action::Noted],
                Outcome::Done,
            ),
            vec!["opened", "noted", "noted"],
        ),
        (
            processed(&[Action::Closed], Outcome::Transient),
            vec!["closed", "transient"],
        ),
    ];
    for (processed, words) in rows {
        let counted: Vec<_> = processed.words().collect();
        assert_eq!(counted, words, "{processed:?}");
    }
}
