//! What becomes of calls that are throttled, refused, broken off or not answered.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use halogard_app::ports::{
    AlertIndex, Entry, Indexed, Journal, Leased, Leases, LedgerStore, Links, Marks, PortError,
    Revision, SaveError, Swap,
};
use halogard_conformance::{Bench as _, MovableClock};
use halogard_domain::budget::Ledger;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{FailureClass, Link, Timestamp};
use support::{Fault, InTable, store};

/// Attempts of one call; see `access.rs`.
const ATTEMPTS: usize = 3;

const THROTTLED: Fault = Fault::Refused(
    400,
    "ProvisionedThroughputExceededException",
    "The level of configured provisioned throughput for the table was exceeded.",
);
const BROKEN: Fault = Fault::Refused(500, "InternalServerError", "Internal server error");
const BUSY: Fault = Fault::Refused(503, "ServiceUnavailable", "Service is unavailable");

fn link() -> Link {
    Link::new(AlertId::new(1))
}

/// Loads a link from a table whose every answer is `fault`; it must fail.
async fn failing(fault: Fault) -> PortError {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    between.always(fault);
    store.load(AlertId::new(1)).await.unwrap_err()
}

#[tokio::test]
async fn a_call_that_fails_twice_succeeds_at_the_third_attempt() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    store.save(&link(), Revision(0)).await.unwrap();
    for fault in [THROTTLED, BROKEN, BUSY, Fault::HalfABody, Fault::Nothing] {
        between.seen();
        between.order([fault.clone(), fault.clone()]);

        let loaded = store.load(AlertId::new(1)).await.unwrap();

        assert!(loaded.is_some(), "{fault:?}");
        assert_eq!(between.seen().len(), ATTEMPTS, "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_asks_for_fewer_requests_is_throttled() {
    for code in [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
    ] {
        let error = failing(Fault::Refused(400, code, "Slow down")).await;
        assert_eq!(error.class, FailureClass::Throttled { retry_after: None });
        assert_eq!(error.error_type, "store.throttled");
        assert_eq!(error.said.as_deref(), Some("Slow down"));
    }
}

#[tokio::test]
async fn what_the_service_could_not_do_may_be_repeated() {
    for fault in [BROKEN, BUSY] {
        let error = failing(fault).await;
        assert_eq!(error.class, FailureClass::Transient);
        assert_eq!(error.error_type, "store.failed");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_unreachable() {
    for fault in [Fault::Nothing, Fault::HalfABody] {
        let error = failing(fault.clone()).await;
        assert_eq!(error.class, FailureClass::Transient, "{fault:?}");
        assert_eq!(error.error_type, "store.unreachable", "{fault:?}");
        assert!(
            error
                .chain()
                .starts_with("DynamoDB GetItem got no answer: ")
        );
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let store = store("100000000000", &endpoint, MovableClock::default());

    let error = store.load(AlertId::new(1)).await.unwrap_err();

    assert_eq!(error.class, FailureClass::Transient);
    assert_eq!(error.error_type, "store.unreachable");
}

#[tokio::test]
async fn a_fault_of_the_deployment_gives_up_no_message() {
    let codes = [
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
        (400, "ExpiredTokenException"),
        (403, "UnrecognizedClientException"),
    ];
    for (status, code) in codes {
        let error = failing(Fault::Refused(status, code, "You may not")).await;
        assert_eq!(error.class, FailureClass::Transient, "{code}");
        assert_eq!(error.error_type, "store.denied");
        assert_eq!(
            error.chain(),
            format!("DynamoDB GetItem was refused: {code}: You may not")
        );
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_in_itself_is_not_repeated() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    between.always(Fault::Refused(
        400,
        "ValidationException",
        "Item size has exceeded the maximum allowed size",
    ));

    let error = store.set_mark("tickets", 1).await.unwrap_err();

    assert_eq!(error.class, FailureClass::Permanent);
    assert_eq!(error.error_type, "store.refused");
    assert_eq!(between.seen().len(), 1);
}

#[tokio::test]
async fn what_the_service_said_is_cut() {
    let long: &'static str = "word ".repeat(500).leak();
    let error = failing(Fault::Refused(400, "AccessDeniedException", long)).await;
    assert!(error.said.unwrap().chars().count() <= 300);
}

#[tokio::test]
async fn a_sentence_that_quotes_the_signed_request_is_not_repeated() {
    let quote = "The Canonical String should have been 'x-amz-security-token:CANARY'";
    for code in ["InvalidSignatureException", "SignatureDoesNotMatch"] {
        let error = failing(Fault::Refused(400, code, quote)).await;
        let shown = format!("{error} {error:?} {}", error.chain());
        assert!(!shown.contains("CANARY"), "{shown}");
        assert!(shown.contains(code));
    }
}

#[tokio::test]
async fn a_save_whose_answer_was_lost_is_known_again() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    for fault in [Fault::Nothing, Fault::HalfABody] {
        let mut link = link();
        let mut revision = store
            .load(link.alert)
            .await
            .unwrap()
            .map_or(Revision(0), |stored| stored.revision);
        for recurrence in 1..=2 {
            link.recurrence = recurrence;
            between.order([fault.clone()]);
            let saved = store.save(&link, revision).await.unwrap();
            assert_eq!(saved, Revision(revision.0 + 1), "{fault:?}");
            revision = saved;
        }
        let stored = bench.store().load(link.alert).await.unwrap().unwrap();
        assert_eq!((stored.value, stored.revision), (link, revision));
    }
}

#[tokio::test]
async fn a_repeat_that_finds_somebody_elses_write_is_a_conflict() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    bench.store().save(&link(), Revision(0)).await.unwrap();
    between.order([BROKEN, THROTTLED]);

    let saved = store.save(&link(), Revision(0)).await;

    assert!(matches!(saved, Err(SaveError::Conflict)), "{saved:?}");
}

#[tokio::test]
async fn a_ledger_whose_answer_was_lost_is_swapped_once() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    between.order([Fault::Nothing]);

    let swapped = store.swap_ledger(&Ledger::default(), Revision(0)).await;

    assert_eq!(swapped.unwrap(), Swap::Done(Revision(1)));
    assert_eq!(
        bench.store().load_ledger().await.unwrap().revision,
        Revision(1)
    );
}

#[tokio::test]
async fn a_right_whose_answer_was_lost_is_ours() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let until = bench.now().plus(std::time::Duration::from_secs(90));
    between.order([Fault::Nothing]);

    let taken = store.take_lease("creates", "a", until).await.unwrap();

    assert_eq!(taken, Leased::Ours);
}

#[tokio::test]
async fn an_entry_whose_answer_was_lost_is_told_once() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let entry = Entry {
        at: Timestamp::from_millis(1),
        alert: Some(AlertId::new(1)),
        ticket: None,
        what: "opened".to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    };
    between.order([Fault::Nothing, Fault::HalfABody]);

    store.append(std::slice::from_ref(&entry)).await.unwrap();

    let story = store.story(AlertId::new(1), 10).await.unwrap();
    assert_eq!(story, [entry]);
}

/// An index of the alerts up to `count`.
fn index(count: u64) -> BTreeMap<AlertId, Indexed> {
    let entry = |id| {
        let indexed = Indexed {
            face: id,
            queued_at: Timestamp::from_millis(1),
        };
        (AlertId::new(id), indexed)
    };
    (1..=count).map(entry).collect()
}

#[tokio::test]
async fn items_that_were_put_off_are_written_in_the_end() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let some = [0, 3, 24].map(|written| Fault::PutOff { written });
    between.order(
        some.into_iter()
            .chain([THROTTLED, Fault::PutOff { written: 0 }]),
    );

    store.save_index(&index(110)).await.unwrap();

    assert_eq!(bench.store().load_index().await.unwrap(), index(110));
}

#[tokio::test]
async fn a_table_that_puts_everything_off_is_throttled() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    between.always(Fault::PutOff { written: 0 });

    let error = store.save_index(&index(3)).await.unwrap_err();

    assert_eq!(error.class, FailureClass::Throttled { retry_after: None });
    assert_eq!(error.error_type, "store.throttled");
    assert_eq!(
        error.chain(),
        "DynamoDB BatchWriteItem left 3 items undone after 8 rounds"
    );
}

#[tokio::test]
async fn a_link_that_was_not_saved_owns_no_ticket() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let mut link = link();
    link.attach(TicketId::new(100));
    // The ticket is entered, then the link cannot be saved.
    between.order([Fault::Fine, BROKEN, BROKEN, BROKEN]);

    assert!(store.save(&link, Revision(0)).await.is_err());

    assert_eq!(bench.store().owner(TicketId::new(100)).await.unwrap(), None);
    store.save(&link, Revision(0)).await.unwrap();
    let owner = bench.store().owner(TicketId::new(100)).await.unwrap();
    assert_eq!(owner, Some(AlertId::new(1)));
}
