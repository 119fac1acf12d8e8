//! Batches: each record on its own account, whatever the outcome of the others.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use halogard_app::ports::{Lane, WorkQueue as _};
use halogard_app::process::PairWork;
use halogard_domain::Message;
use halogard_domain::budget::Limit;
use halogard_lambda::{FunctionError, Instance, NotReady, Reserves, batch, cycle};
use halogard_simulator::Fault;
use support::{Bench, CLIENT_SECRET, TestPlatform, listed};

/// Works off `records` in an invocation that has two minutes.
async fn process_batch(
    bench: &Bench,
    instance: &Instance<TestPlatform>,
    records: Vec<SqsMessage>,
) -> Result<SqsBatchResponse, FunctionError> {
    work_off_within(bench, instance, records, 120).await
}

/// The same in an invocation that has this long.
async fn work_off_within(
    bench: &Bench,
    instance: &Instance<TestPlatform>,
    records: Vec<SqsMessage>,
    seconds: u64,
) -> Result<SqsBatchResponse, FunctionError> {
    let deadline = bench.deadline(seconds);
    batch::process_batch::<PairWork, _>(instance, "ticket-sync", records, deadline).await
}

/// How many tickets HaloPSA has that carry a key of ours.
fn tickets(bench: &Bench) -> usize {
    let all = bench.halo.tickets();
    all.iter()
        .filter(|ticket| ticket.summary.contains("[LG-"))
        .count()
}

/// What waits on the urgent lane or is being worked on.
async fn depth(bench: &Bench) -> u64 {
    bench.store.depth(Lane::Urgent).await.unwrap()
}

/// How often each record has been delivered.
fn receive_counts(records: &[SqsMessage]) -> Vec<&str> {
    let counts = records
        .iter()
        .map(|record| record.attributes["ApproximateReceiveCount"].as_str());
    counts.collect()
}

#[tokio::test]
async fn a_batch_is_worked_off_whole_and_nothing_is_listed() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    let alerts: Vec<Message> = (0..3).map(|_| bench.alert()).collect();
    let records = bench.event(Lane::Urgent, alerts).await;

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    assert_eq!(tickets(&bench), 3);
    assert_eq!(depth(&bench).await, 0);
    let used = usize::try_from(bench.halo_requests()).unwrap();
    assert_eq!(
        bench.budget_in_use().await,
        used,
        "permits that were not used went back"
    );
}

#[tokio::test]
async fn an_unreadable_body_is_dead_lettered_alone() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    let mut records = bench
        .event(Lane::Urgent, vec![bench.alert(), bench.alert()])
        .await;
    records[0].body = Some("no message of ours".to_owned());

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    assert_eq!(tickets(&bench), 1);
    assert_eq!(depth(&bench).await, 0);
    assert_eq!(bench.store.dead_letters(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn when_the_budget_is_spent_the_rest_goes_back_untried_and_free_of_charge() {
    let bench = Bench::new().await;
    // One request: the token. The reconciliations of the first batch pause, the second is not tried.
    *bench.controls.limit.lock().unwrap() = Limit {
        requests_max: 1,
        window: Duration::from_secs(300),
    };
    let instance = bench.instance();
    let alerts: Vec<Message> = (0..60).map(|_| bench.alert()).collect();
    let records = bench.event(Lane::Urgent, alerts).await;
    assert_eq!(records.len(), 60);

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    assert_eq!(bench.halo_requests(), 1);
    assert!(
        bench.receive(Lane::Urgent).await.is_empty(),
        "they wait for the budget"
    );
    bench.time.pass(Duration::from_secs(301));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["1"; 60]);
}

#[tokio::test]
async fn near_the_deadline_nothing_is_begun_and_everything_comes_back_at_once() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    let records = bench
        .event(Lane::Urgent, vec![bench.alert(), bench.alert()])
        .await;

    let answer = work_off_within(&bench, &instance, records, 49)
        .await
        .unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    assert_eq!((bench.halo_requests(), bench.liongard_requests()), (0, 0));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["1"; 2]);
}

#[tokio::test]
async fn a_queue_that_is_not_ours_is_refused_and_its_neighbour_worked_off() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    let mut records = bench
        .event(
            Lane::Urgent,
            vec![bench.alert(), bench.alert(), bench.alert()],
        )
        .await;
    let stranger = "arn:aws:sqs:us-east-1:123456789012:somebody-elses".to_owned();
    records[0].event_source_arn = Some(stranger);
    // Ours, and not this function's.
    records[1].event_source_arn = Some(support::arn(Lane::Runs));
    let ids: Vec<String> = records[..2]
        .iter()
        .filter_map(|record| record.message_id.clone())
        .collect();

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), ids);
    assert_eq!(tickets(&bench), 1);
}

#[tokio::test]
async fn only_records_that_could_not_be_settled_are_listed() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    let records = bench
        .event(Lane::Urgent, vec![bench.alert(), bench.alert()])
        .await;
    let (receipt, id) = (
        records[1].receipt_handle.clone().unwrap(),
        records[1].message_id.clone().unwrap(),
    );
    bench.controls.broken.lock().unwrap().insert(receipt);

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), [id]);
    assert_eq!(tickets(&bench), 1);
}

#[tokio::test]
async fn a_record_that_stays_and_has_no_id_keeps_the_whole_batch_in_the_queue() {
    for nameless in [None, Some(String::new())] {
        let bench = Bench::new().await;
        let instance = bench.instance();
        let mut records = bench.event(Lane::Urgent, vec![bench.alert()]).await;
        records[0].message_id = nameless;
        let settled = process_batch(&bench, &instance, records.clone())
            .await
            .unwrap();
        assert_eq!(listed(&settled), [] as [&str; 0], "it need not be listed");

        records[0].event_source_arn = None;
        let refused = process_batch(&bench, &instance, records).await;
        assert!(
            matches!(refused, Err(FunctionError::MissingMessageId)),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn before_a_config_is_applied_messages_wait_a_minute_and_are_not_lost() {
    let bench = Bench::new().await;
    let config = bench.controls.applied.lock().unwrap().take();
    let instance = bench.instance();
    let records = bench.event(Lane::Urgent, vec![bench.alert()]).await;

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    assert_eq!((bench.halo_requests(), bench.liongard_requests()), (0, 0));
    assert!(bench.receive(Lane::Urgent).await.is_empty());
    bench.time.pass(Duration::from_secs(60));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["1"]);

    *bench.controls.applied.lock().unwrap() = config;
    process_batch(&bench, &instance, back).await.unwrap();
    assert_eq!(tickets(&bench), 1);
}

#[tokio::test]
async fn a_newly_applied_config_is_in_force_within_a_minute() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    process_batch(&bench, &instance, Vec::new()).await.unwrap();
    if let Some(applied) = &mut *bench.controls.applied.lock().unwrap() {
        applied.revision = 2;
        applied.policy.key_prefix = "NEW".to_owned();
    }
    let prefix_after = async |seconds| {
        bench.time.pass(Duration::from_secs(seconds));
        let invocation = instance.begin(bench.deadline(120)).await.unwrap();
        let reconciler = invocation.reconciler.unwrap();
        reconciler.policy().key_prefix.clone()
    };
    assert_eq!(prefix_after(59).await, "LG");
    assert_eq!(prefix_after(1).await, "NEW");
}

#[tokio::test]
async fn everything_that_is_missing_or_wrong_is_named_at_once_and_tried_again() {
    let bench = Bench::new().await;
    bench
        .store_secret("halopsa_secret", "v2", "not an object")
        .await;
    bench
        .store_secret("liongard_secret", "v2", r#"{"liongard_access_key_id": 7}"#)
        .await;
    let url = bench
        .controls
        .settings
        .lock()
        .unwrap()
        .remove("LIONGARD_URL");
    let instance = bench.instance();
    let records = bench.event(Lane::Urgent, vec![bench.alert()]).await;

    let answer = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    let invocation = instance.begin(bench.deadline(120)).await.unwrap();
    let Err(NotReady::SetUp(wrong)) = invocation.reconciler else {
        panic!("it cannot be ready");
    };
    let text = wrong.to_string();
    for named in [
        "the secret that HALOPSA_SECRET names cannot be used: the secret's value is not a JSON object",
        "liongard_access_key_id of the secret that LIONGARD_SECRET names is not a string",
        "LIONGARD_URL is missing",
        "HALOPSA_CLIENT_ID is missing",
        "LIONGARD_ACCESS_KEY_SECRET is missing",
    ] {
        assert!(text.contains(named), "{named} is not in:\n{text}");
    }
    assert!(
        !text.contains("not an object"),
        "a secret is shown:\n{text}"
    );

    // The secrets are put right while this instance lives; a setting comes with a new one.
    let sample = halogard_simulator::liongard::AccessKeySpec::sample();
    let right = serde_json::json!({
        "liongard_access_key_id": sample.id,
        "liongard_access_key_secret": sample.secret,
    });
    bench
        .store_secret("liongard_secret", "v3", &right.to_string())
        .await;
    let client_id = halogard_simulator::halopsa::ApiApplication::sample().client_id;
    bench
        .store_halo_secret("v3", &client_id, CLIENT_SECRET)
        .await;
    let text = match instance
        .begin(bench.deadline(120))
        .await
        .unwrap()
        .reconciler
    {
        Err(NotReady::SetUp(wrong)) => wrong.to_string(),
        _ => panic!("LIONGARD_URL is still missing"),
    };
    assert_eq!(text.lines().count(), 1, "{text}");

    bench
        .controls
        .settings
        .lock()
        .unwrap()
        .insert("LIONGARD_URL", url.unwrap());
    let instance = bench.instance();
    bench.time.pass(Duration::from_secs(60));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["1"]);
    process_batch(&bench, &instance, back).await.unwrap();
    assert_eq!(tickets(&bench), 1);
}

#[tokio::test]
async fn without_names_of_table_and_queues_the_invocation_fails_and_the_next_one_tries_again() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    *bench.controls.groundless.lock().unwrap() = true;
    let records = bench.event(Lane::Urgent, vec![bench.alert()]).await;

    let failed = process_batch(&bench, &instance, records.clone()).await;

    assert!(matches!(failed, Err(FunctionError::SetUp(_))), "{failed:?}");
    assert_eq!(failed.unwrap_err().error_type(), "function.set_up");
    *bench.controls.groundless.lock().unwrap() = false;
    process_batch(&bench, &instance, records).await.unwrap();
    assert_eq!(tickets(&bench), 1);
}

#[tokio::test]
async fn a_refused_credential_is_read_again_at_most_once_a_minute() {
    let bench = Bench::new().await;
    let client_id = halogard_simulator::halopsa::ApiApplication::sample().client_id;
    let instance = bench.instance();
    process_batch(&bench, &instance, Vec::new()).await.unwrap();
    bench
        .halo
        .replace_secret(&client_id, "fresh-secret")
        .unwrap();
    bench.time.pass(Duration::from_secs(30));
    let records = bench.event(Lane::Urgent, vec![bench.alert()]).await;

    let refused = process_batch(&bench, &instance, records).await.unwrap();

    assert_eq!(listed(&refused), [] as [&str; 0]);
    assert_eq!(tickets(&bench), 0);
    bench
        .store_halo_secret("v2", &client_id, "fresh-secret")
        .await;

    // Too soon after the last reading: the old credential is still in use, and refused again.
    let before = bench.halo_requests();
    let another = bench.event(Lane::Urgent, vec![bench.alert()]).await;
    process_batch(&bench, &instance, another).await.unwrap();
    assert_eq!(tickets(&bench), 0);
    assert!(bench.halo_requests() <= before + 1, "one try, no storm");

    bench.time.pass(Duration::from_secs(60));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["1"; 2]);
    process_batch(&bench, &instance, back).await.unwrap();
    assert_eq!(tickets(&bench), 2);
}

#[tokio::test]
async fn work_that_takes_too_long_is_cut_off_and_tried_again() {
    let bench = Bench::new().await;
    let reserves = Reserves {
        call_max: Duration::from_millis(50),
        start_min: Duration::ZERO,
        shutdown: Duration::from_secs(100),
    };
    let instance = bench.instance_with(reserves);
    let slow = Fault::Delay {
        milliseconds: 60_000,
    };
    bench.halo.faults().next("POST /auth/token", slow);
    let records = bench.event(Lane::Urgent, vec![bench.alert()]).await;

    // A fifth of a second until work is cut off, by the real clock.
    let deadline = bench.deadline(100).plus(Duration::from_millis(200));
    let answer = batch::process_batch::<PairWork, _>(&instance, "ticket-sync", records, deadline)
        .await
        .unwrap();

    assert_eq!(listed(&answer), [] as [&str; 0]);
    assert_eq!(
        bench.halo.faults().pending(),
        0,
        "the slow answer was asked for"
    );
    bench.time.pass(Duration::from_secs(60));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["2"]);
    // The claim of the process that was cut off has to run out first.
    let instance = bench.instance();
    process_batch(&bench, &instance, back).await.unwrap();
    for _ in 0..10 {
        bench.time.pass(Duration::from_secs(60));
        let back = bench.receive(Lane::Urgent).await;
        process_batch(&bench, &instance, back).await.unwrap();
    }
    assert_eq!(tickets(&bench), 1);
    assert_eq!(depth(&bench).await, 0);
}

/// How many token requests HaloPSA received.
fn token_requests(bench: &Bench) -> u64 {
    let by_route = bench.halo.stats().traffic.by_route;
    by_route.get("POST /auth/token").copied().unwrap_or(0)
}

#[tokio::test]
async fn cold_instances_share_one_token_and_give_work_back_while_it_is_asked_for() {
    let bench = Bench::new().await;
    let hour = Fault::Delay {
        milliseconds: 3_600_000,
    };
    bench.halo.faults().next("POST /auth/token", hour);
    let dying = bench.instance();
    let others = async {
        while token_requests(&bench) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..7 {
            let records = bench.event(Lane::Urgent, vec![bench.alert()]).await;
            let answer = process_batch(&bench, &bench.instance(), records).await;
            assert_eq!(listed(&answer.unwrap()), [] as [&str; 0]);
        }
    };
    tokio::select! {
        _ = cycle::run(&dying, "inspector-poll", bench.deadline(120)) => {
            panic!("its answer takes an hour")
        }
        () = others => {}
    }
    assert_eq!((tickets(&bench), token_requests(&bench)), (0, 1));

    // The one who asked is dead; its turn runs out.
    bench.time.pass(Duration::from_secs(45));
    let back = bench.receive(Lane::Urgent).await;
    assert_eq!(receive_counts(&back), ["1"; 7]);
    for record in back {
        let answer = process_batch(&bench, &bench.instance(), vec![record]).await;
        assert_eq!(listed(&answer.unwrap()), [] as [&str; 0]);
    }
    assert_eq!((tickets(&bench), token_requests(&bench)), (7, 2));
}
