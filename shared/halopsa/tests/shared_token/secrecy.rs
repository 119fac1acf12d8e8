//! A shared token reveals nothing without the credential, and one that cannot be opened counts as none.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use halogard_app::ports::{PortError, SealedToken, Stage};
use halogard_domain::Timestamp;
use halogard_halopsa::Error;
use harness::{
    APPLICATION, Harness, NEXT_SECRET, Outcome, SECRET, TestVault, all_answered, call,
    call_concurrently,
};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness;

/// Everything that is logged. Clones share.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What all tests of this program log, from the first use on. One thread's log alone would miss what
/// another thread came by first without one.
static LOG: LazyLock<Captured> = LazyLock::new(|| {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    captured
});

/// What an attacker does to a record.
type Change = fn(&mut SealedToken);

/// Whether `needle` stands somewhere in `hay`.
fn holds(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn what_is_stored_holds_neither_the_token_nor_the_credential() {
    let harness = Harness::new();
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    let issued = harness.issued();
    let stored = harness.store.sealed();
    assert_eq!((issued.len(), stored.len()), (1, 1));
    for (name, sealed) in &stored {
        assert_eq!(name.len(), 32);
        for hidden in [
            issued[0].as_str(),
            &issued[0][..24],
            SECRET,
            APPLICATION,
            "Bearer",
        ] {
            assert!(!holds(sealed, hidden) && !holds(name.as_bytes(), hidden));
        }
    }
}

#[tokio::test]
async fn the_same_token_sealed_twice_looks_different() {
    let harness = Harness::new();
    harness.new_client().sign_in().await.unwrap();
    let first = harness.store.sealed();
    harness.new_client().sign_in().await.unwrap();
    let second = harness.store.sealed();
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    let start = |sealed: &std::collections::BTreeMap<String, Vec<u8>>| {
        sealed.values().next().unwrap()[..24].to_vec()
    };
    // The nonce, and the first words, which are the same in both.
    assert_ne!(start(&first)[..12], start(&second)[..12]);
    assert_ne!(start(&first)[12..], start(&second)[12..]);
}

#[tokio::test]
async fn a_record_that_was_changed_counts_as_none_and_is_replaced() {
    let changes: [(&str, Change); 5] = [
        ("the first byte", |token| token.sealed[0] ^= 1),
        ("the last byte", |token| {
            *token.sealed.last_mut().unwrap() ^= 1
        }),
        ("one byte of the text", |token| token.sealed[40] ^= 0x80),
        ("cut short", |token| token.sealed.truncate(11)),
        ("nothing", |token| token.sealed.clear()),
    ];
    for (what, change) in changes {
        let harness = Harness::new();
        assert_eq!(call(harness.new_client()).await, Outcome::Answered);
        harness.store.tamper(|_, token| change(token));
        assert_eq!(
            call(harness.new_client()).await,
            Outcome::Answered,
            "{what}"
        );
        assert_eq!(harness.token_requests(), 2, "{what}");
        assert!(all_answered(
            &call_concurrently(&harness.new_clients(5)).await
        ));
        assert_eq!(harness.token_requests(), 2, "{what}");
        assert_eq!(harness.refused_calls(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_record_put_under_another_name_counts_as_none() {
    let harness = Harness::new();
    let old = TestVault::of(&[(Stage::Current, SECRET)]);
    assert_eq!(
        call(harness.client_with_vault(&old)).await,
        Outcome::Answered
    );
    harness
        .halo
        .replace_secret(APPLICATION, NEXT_SECRET)
        .unwrap();
    let new = TestVault::of(&[(Stage::Current, NEXT_SECRET)]);
    assert_eq!(
        call(harness.client_with_vault(&new)).await,
        Outcome::Answered
    );
    let sealed = harness.store.sealed();
    let (names, values): (Vec<_>, Vec<_>) = sealed.into_iter().unzip();
    harness.store.tamper(|name, token| {
        let other = usize::from(name == names[0]);
        token.sealed.clone_from(&values[other]);
    });
    assert_eq!(
        call(harness.client_with_vault(&new)).await,
        Outcome::Answered
    );
    assert_eq!(harness.token_requests(), 3);
}

#[tokio::test]
async fn an_older_record_put_back_is_not_used_beyond_its_time() {
    let harness = Harness::new();
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    let old = harness.store.sealed().into_values().next().unwrap();
    harness.advance(3600);
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    // Its own end stands inside, whatever the record says.
    let forever = Timestamp::from_millis(i64::MAX);
    harness.store.tamper(|_, token| {
        token.sealed.clone_from(&old);
        token.until = forever;
    });
    assert_eq!(call(harness.new_client()).await, Outcome::Answered);
    assert_eq!(harness.token_requests(), 3);
    assert_eq!(harness.refused_calls(), 0);
}

#[tokio::test]
async fn nothing_that_is_logged_or_printed_holds_the_token_or_the_secret() {
    let captured = LazyLock::force(&LOG);
    let harness = Harness::new();
    let members = harness.new_clients(5);
    call_concurrently(&members).await;
    harness.store.tamper(|_, token| token.sealed[20] ^= 1);
    call_concurrently(&harness.new_clients(3)).await;
    harness.store.fail(true);
    harness.halo.expire_tokens();
    call_concurrently(&members).await;
    harness
        .halo
        .replace_secret(APPLICATION, NEXT_SECRET)
        .unwrap();
    harness.halo.expire_tokens();
    let error = harness.new_client().teams().await.unwrap_err();
    let underway = Error::TokenPending {
        until: Timestamp::from_millis(1),
    };
    let mut printed = format!("{error} {error:?} {underway} {underway:?}");
    let state = harness.store.sealed().into_values().next().unwrap();
    let sealed = SealedToken {
        sealed: state.clone(),
        until: Timestamp::from_millis(1),
    };
    printed += &format!("{sealed:?} {:?}", PortError::from(error));

    let logged = captured.0.lock().unwrap().clone();
    assert!(holds(&logged, "requested a shared token"));
    assert!(holds(&logged, "the shared token could not be opened"));
    assert!(holds(
        &logged,
        "the store of the shared token failed; using a token of our own"
    ));
    for hidden in harness
        .issued()
        .iter()
        .map(String::as_str)
        .chain([SECRET, NEXT_SECRET])
    {
        assert!(!holds(&logged, hidden), "logged");
        assert!(!printed.contains(hidden), "{printed}");
    }
    assert!(
        !printed.contains(&format!("{:?}", &state[..4])[1..]),
        "{printed}"
    );
}
