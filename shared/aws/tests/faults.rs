//! Calls that are throttled, refused, broken off or not answered.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::{join, join_all};
use halogard_app::ports::{
    ErrorCode, Journal, JournalEntry, LeaseOutcome, Leases, Links, NamedValues, Notifications,
    PortError, Records, Revision, SaveError, Swap,
};
use halogard_conformance::{ManualClock, StoreFixture as _};
use halogard_domain::budget::Ledger;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Notification;
use halogard_domain::record::Singleton;
use halogard_domain::{FailureClass, Link, Timestamp};
use support::{DynamoDbFixture, Fault, store};
use tokio::sync::Notify;

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
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    proxy.always(fault);
    store.load(AlertId::new(1)).await.unwrap_err()
}

#[tokio::test]
async fn a_call_that_fails_twice_succeeds_at_the_third_attempt() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    store.save(&link(), &[], Revision(0)).await.unwrap();
    for fault in [
        THROTTLED,
        BROKEN,
        BUSY,
        Fault::TruncatedBody,
        Fault::NoAnswer,
    ] {
        proxy.requests();
        proxy.inject([fault.clone(), fault.clone()]);

        let loaded = store.load(AlertId::new(1)).await.unwrap();

        assert!(loaded.is_some(), "{fault:?}");
        assert_eq!(proxy.requests().len(), ATTEMPTS, "{fault:?}");
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
        assert_eq!(error.code, ErrorCode::StoreThrottled);
        assert_eq!(error.message.as_deref(), Some("Slow down"));
    }
}

#[tokio::test]
async fn what_the_service_could_not_do_may_be_repeated() {
    for fault in [BROKEN, BUSY] {
        let error = failing(fault).await;
        assert_eq!(error.class, FailureClass::Transient);
        assert_eq!(error.code, ErrorCode::StoreFailed);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_unreachable() {
    for fault in [Fault::NoAnswer, Fault::TruncatedBody] {
        let error = failing(fault.clone()).await;
        assert_eq!(error.class, FailureClass::Transient, "{fault:?}");
        assert_eq!(error.code, ErrorCode::StoreUnreachable, "{fault:?}");
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
    let store = store("100000000000", &endpoint, ManualClock::default());

    let error = store.load(AlertId::new(1)).await.unwrap_err();

    assert_eq!(error.class, FailureClass::Transient);
    assert_eq!(error.code, ErrorCode::StoreUnreachable);
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
        assert_eq!(error.code, ErrorCode::StoreDenied);
        assert_eq!(
            error.chain(),
            format!("DynamoDB GetItem was refused: {code}: You may not")
        );
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_in_itself_is_not_repeated() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    proxy.always(Fault::Refused(
        400,
        "ValidationException",
        "Item size has exceeded the maximum allowed size",
    ));

    let error = store.set_value("tickets", 1).await.unwrap_err();

    assert_eq!(error.class, FailureClass::Permanent);
    assert_eq!(error.code, ErrorCode::StoreRefused);
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn what_the_service_said_is_cut() {
    let long: &'static str = "word ".repeat(500).leak();
    let error = failing(Fault::Refused(400, "AccessDeniedException", long)).await;
    assert!(error.message.unwrap().chars().count() <= 300);
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
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    for fault in [Fault::NoAnswer, Fault::TruncatedBody] {
        let mut link = link();
        let mut revision = store
            .load(link.alert)
            .await
            .unwrap()
            .map_or(Revision(0), |stored| stored.revision);
        for recurrence in 1..=2 {
            link.recurrence = recurrence;
            proxy.inject([fault.clone()]);
            let saved = store.save(&link, &[], revision).await.unwrap();
            assert_eq!(saved, Revision(revision.0 + 1), "{fault:?}");
            revision = saved;
        }
        let stored = fixture.store().load(link.alert).await.unwrap().unwrap();
        assert_eq!((stored.value, stored.revision), (link, revision));
    }
}

#[tokio::test]
async fn a_repeat_that_finds_another_workers_write_is_a_conflict() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    fixture
        .store()
        .save(&link(), &[], Revision(0))
        .await
        .unwrap();
    proxy.inject([BROKEN, THROTTLED]);

    let saved = store.save(&link(), &[], Revision(0)).await;

    assert!(matches!(saved, Err(SaveError::Conflict)), "{saved:?}");
}

#[tokio::test]
async fn a_ledger_whose_answer_was_lost_is_swapped_once() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    proxy.inject([Fault::NoAnswer]);

    let swapped = store
        .swap_record(&Singleton, &Ledger::default(), Revision(0))
        .await;

    assert_eq!(swapped.unwrap(), Swap::Stored(Revision(1)));
    assert_eq!(
        fixture
            .store()
            .load_record::<Ledger>(&Singleton)
            .await
            .unwrap()
            .revision,
        Revision(1)
    );
}

#[tokio::test]
async fn a_right_whose_answer_was_lost_is_ours() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let until = fixture.now().plus(std::time::Duration::from_secs(90));
    proxy.inject([Fault::NoAnswer]);

    let taken = store.acquire_lease("creates", "a", until).await.unwrap();

    assert_eq!(taken, LeaseOutcome::Acquired);
}

#[tokio::test]
async fn an_entry_whose_answer_was_lost_is_written_once() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let entry = JournalEntry {
        at: Timestamp::from_millis(1_767_600_000_001),
        alert: Some(AlertId::new(1)),
        ticket: None,
        event: "opened".to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    };
    proxy.inject([Fault::NoAnswer, Fault::TruncatedBody]);

    store.append(std::slice::from_ref(&entry)).await.unwrap();

    let journal = store.journal(AlertId::new(1), 10).await.unwrap();
    assert_eq!(journal, [entry]);
}

fn entry(what: &str) -> JournalEntry {
    JournalEntry {
        at: Timestamp::from_millis(1_767_600_000_001),
        alert: Some(AlertId::new(1)),
        ticket: None,
        event: what.to_owned(),
        cause: "poll".to_owned(),
        detail: Some("x".repeat(300)),
    }
}

#[tokio::test]
async fn entries_saved_with_a_link_whose_answer_was_lost_are_written_once() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    for fault in [Fault::NoAnswer, Fault::TruncatedBody] {
        let stored = store.load(AlertId::new(1)).await.unwrap();
        let revision = stored.map_or(Revision(0), |stored| stored.revision);
        proxy.inject([fault]);
        store
            .save(&link(), &[entry("opened")], revision)
            .await
            .unwrap();
    }

    let journal = store.journal(AlertId::new(1), 10).await.unwrap();
    assert_eq!(journal, [entry("opened"), entry("opened")]);
}

#[tokio::test]
async fn a_story_that_could_not_be_moved_is_whole_and_moved_by_the_next_save() {
    // Which of the two writes of the move fails, and whether it takes effect.
    let troubles: [(usize, [Fault; 3]); 4] = [
        (0, [BROKEN, BROKEN, BROKEN]),
        (1, [BROKEN, BROKEN, BROKEN]),
        (0, [Fault::NoAnswer, BROKEN, BROKEN]),
        (1, [Fault::NoAnswer, BROKEN, BROKEN]),
    ];
    for (step, faults) in troubles {
        let fixture = DynamoDbFixture::fresh().await;
        let (store, proxy) = fixture.through().await;
        let entries: Vec<_> = (0..9).map(|n| entry(&n.to_string())).collect();
        let fine = std::iter::repeat_n(Fault::None, 1 + step);
        proxy.inject(fine.chain(faults.clone()));

        let saved = store.save(&link(), &entries[..4], Revision(0)).await;

        let revision = saved.expect("the save itself has succeeded");
        assert_eq!(proxy.requests().len(), 1 + step + 3, "{step} {faults:?}");
        let journal = || store.journal(AlertId::new(1), 10);
        assert_eq!(journal().await.unwrap(), entries[..4], "{step} {faults:?}");
        let revision = store.save(&link(), &entries[4..5], revision).await.unwrap();
        assert_eq!(journal().await.unwrap(), entries[..5], "{step} {faults:?}");
        store.save(&link(), &entries[5..], revision).await.unwrap();
        assert_eq!(journal().await.unwrap(), entries, "{step} {faults:?}");
    }
}

#[tokio::test]
async fn a_move_that_comes_late_takes_nothing_from_the_story() {
    let fixture = DynamoDbFixture::fresh().await;
    let (slow, proxy) = fixture.through().await;
    let entries: Vec<_> = (0..5).map(|n| entry(&n.to_string())).collect();
    let until = Arc::new(Notify::new());
    // The save, then the move, which is in progress when another worker saves and moves.
    proxy.inject([Fault::None, Fault::Delayed(Arc::clone(&until))]);
    let first = link();
    let late = slow.save(&first, &entries[..4], Revision(0));
    let meanwhile = async {
        let fast = fixture.store();
        while proxy.request_count() < 2 {
            tokio::task::yield_now().await;
        }
        let saved = fast.save(&first, &entries[4..], Revision(1)).await;
        until.notify_one();
        saved
    };

    let (late, fast) = join(late, meanwhile).await;

    assert_eq!((late.unwrap(), fast.unwrap()), (Revision(1), Revision(2)));
    let journal = fixture.store().journal(AlertId::new(1), 10).await.unwrap();
    assert_eq!(journal, entries);
}

#[tokio::test]
async fn a_ticket_that_could_not_be_entered_is_entered_by_who_waited() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let links: Vec<_> = (1..=20)
        .map(|id| {
            let mut link = Link::new(AlertId::new(id));
            // All of them share an item.
            link.attach(TicketId::new(4_800 + id));
            link
        })
        .collect();
    // The first to come writes alone and fails; so does who writes for all others.
    proxy.inject([BROKEN, BROKEN, BROKEN, BUSY, BUSY, BUSY]);

    let saves = links.iter().map(|link| store.save(link, &[], Revision(0)));
    let saved = join_all(saves).await;

    let failed = saved.iter().filter(|saved| saved.is_err()).count();
    assert_eq!(failed, 2);
    for (link, saved) in links.iter().zip(&saved) {
        let owners = store.owners(link.ticket.unwrap()).await.unwrap();
        assert_eq!(!owners.is_empty(), saved.is_ok(), "{}", link.alert);
    }
}

fn notification() -> Notification {
    Notification {
        delivery: Some("one".to_owned()),
        content: "a".to_owned(),
        event: None,
        object: Some(100),
        kind: "ticket_changed".to_owned(),
    }
}

#[tokio::test]
async fn items_that_were_put_off_are_read_in_the_end() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let now = fixture.now();
    store.record(&notification(), now).await.unwrap();
    let put_off = [
        Fault::Unprocessed { read: 0 },
        THROTTLED,
        Fault::Unprocessed { read: 1 },
    ];
    proxy.inject(put_off);

    assert!(store.is_known(&notification(), now).await.unwrap());
}

#[tokio::test]
async fn a_table_that_puts_everything_off_is_throttled() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    proxy.always(Fault::Unprocessed { read: 0 });

    let error = store
        .is_known(&notification(), fixture.now())
        .await
        .unwrap_err();

    assert_eq!(error.class, FailureClass::Throttled { retry_after: None });
    assert_eq!(error.code, ErrorCode::StoreThrottled);
    assert_eq!(
        error.chain(),
        "DynamoDB BatchGetItem left 2 items undone after 5 rounds"
    );
}

#[tokio::test]
async fn a_link_that_was_not_saved_owns_no_ticket() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let mut link = link();
    link.attach(TicketId::new(100));
    // The ticket is entered, then the link cannot be saved.
    proxy.inject([Fault::None, BROKEN, BROKEN, BROKEN]);

    assert!(store.save(&link, &[], Revision(0)).await.is_err());

    let owners = fixture.store().owners(TicketId::new(100)).await.unwrap();
    assert!(owners.is_empty(), "{owners:?}");
    store.save(&link, &[], Revision(0)).await.unwrap();
    let owners = fixture.store().owners(TicketId::new(100)).await.unwrap();
    assert_eq!(owners, BTreeSet::from([AlertId::new(1)]));
}
