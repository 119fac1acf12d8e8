//! Cases for [`Tokens`].

use std::time::Duration;

use halogard_app::ports::{Revision, SealedToken, Stored, Tokens};
use halogard_domain::Timestamp;

use crate::fixture::{StoreFixture, at_once};
use crate::optimistic_concurrency::{NEW, assert_conflict};

/// Tries an adapter of `Tokens`.
#[macro_export]
macro_rules! tokens {
    ($bench:ident) => {
        $crate::cases! {
            $bench, tokens:
            a_name_without_a_token_has_none,
            a_token_is_kept_to_the_byte,
            a_token_needs_the_newest_revision,
            of_writers_at_once_exactly_one_keeps_its_token,
            tokens_are_kept_apart_by_name,
            a_token_that_ran_out_is_none_and_is_replaced,
            a_token_saved_after_its_end_is_none,
            saving_one_leaves_others_that_are_good,
            tokens_survive_a_restart,
        }
    };
}

/// The name most cases are about.
const NAME: &str = "9f3c02d1a7b84e5566778899aabbccdd";

/// How long a token is good for in most cases.
const LIFE: Duration = Duration::from_secs(3600);

/// A token of 5,000 bytes, every byte among them, that is good until `until`.
fn token(first: u8, until: Timestamp) -> SealedToken {
    SealedToken {
        sealed: (0..5000_u32)
            .map(|place| {
                u8::try_from(place % 256)
                    .expect("a byte")
                    .wrapping_add(first)
            })
            .collect(),
        until,
    }
}

/// What is stored under `name`.
async fn load(tokens: &impl Tokens, name: &str) -> Stored<Option<SealedToken>> {
    tokens.load_token(name).await.expect("the store loads")
}

/// Saves a token that nobody else saves.
async fn save(
    tokens: &impl Tokens,
    name: &str,
    token: &SealedToken,
    revision: Revision,
) -> Revision {
    let saved = tokens.save_token(name, token, revision).await;
    saved.expect("nobody else wrote")
}

pub async fn a_name_without_a_token_has_none<B: StoreFixture<Store: Tokens>>(bench: B) {
    let nothing = Stored {
        value: None,
        revision: NEW,
    };
    assert_eq!(load(&bench.store(), NAME).await, nothing);
}

pub async fn a_token_is_kept_to_the_byte<B: StoreFixture<Store: Tokens>>(bench: B) {
    let tokens = bench.store();
    let kept = token(0, bench.now().plus(LIFE));
    let revision = save(&tokens, NAME, &kept, NEW).await;
    let expected = Stored {
        value: Some(kept),
        revision,
    };
    assert_eq!(load(&tokens, NAME).await, expected);
}

pub async fn a_token_needs_the_newest_revision<B: StoreFixture<Store: Tokens>>(bench: B) {
    let tokens = bench.store();
    let until = bench.now().plus(LIFE);
    let lost = tokens.save_token(NAME, &token(1, until), Revision(1)).await;
    assert_conflict(lost);

    let first = save(&tokens, NAME, &token(2, until), NEW).await;
    assert_conflict(tokens.save_token(NAME, &token(3, until), NEW).await);
    let second = save(&tokens, NAME, &token(4, until), first).await;
    assert!(second > first && first > NEW);

    assert_conflict(tokens.save_token(NAME, &token(5, until), first).await);
    let expected = Stored {
        value: Some(token(4, until)),
        revision: second,
    };
    assert_eq!(load(&tokens, NAME).await, expected);
}

pub async fn of_writers_at_once_exactly_one_keeps_its_token<B>(bench: B)
where
    B: StoreFixture<Store: Tokens>,
{
    let until = bench.now().plus(LIFE);
    let outcomes = at_once((0..16).map(|first| {
        let tokens = bench.store();
        async move {
            let saved = tokens.save_token(NAME, &token(first, until), NEW).await;
            (first, saved)
        }
    }))
    .await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, saved)| saved.is_ok());
    let winners: Vec<u8> = won.into_iter().map(|(first, _)| first).collect();
    assert_eq!(winners.len(), 1);
    for (_, outcome) in lost {
        assert_conflict(outcome);
    }
    let kept = load(&bench.store(), NAME).await.value;
    assert_eq!(kept, Some(token(winners[0], until)));
}

pub async fn tokens_are_kept_apart_by_name<B: StoreFixture<Store: Tokens>>(bench: B) {
    let tokens = bench.store();
    let until = bench.now().plus(LIFE);
    let names = [NAME, &NAME[..31], &NAME.to_uppercase()];
    for (first, name) in (0_u8..).zip(names) {
        save(&tokens, name, &token(first, until), NEW).await;
    }
    for (first, name) in (0_u8..).zip(names) {
        assert_eq!(load(&tokens, name).await.value, Some(token(first, until)));
    }
}

pub async fn a_token_that_ran_out_is_none_and_is_replaced<B>(bench: B)
where
    B: StoreFixture<Store: Tokens>,
{
    let tokens = bench.store();
    let short = Duration::from_secs(2);
    let ending = token(0, bench.now().plus(short));
    let first = save(&tokens, NAME, &ending, NEW).await;
    bench.advance(short + Duration::from_millis(1)).await;

    let stored = load(&tokens, NAME).await;
    assert_eq!(stored.value, None);
    let next = token(1, bench.now().plus(LIFE));
    assert!(stored.revision == first || stored.revision == NEW);
    save(&tokens, NAME, &next, stored.revision).await;
    assert_eq!(load(&tokens, NAME).await.value, Some(next));
}

pub async fn a_token_saved_after_its_end_is_none<B: StoreFixture<Store: Tokens>>(bench: B) {
    let tokens = bench.store();
    let over = token(0, bench.now().minus(Duration::from_millis(1)));
    let revision = save(&tokens, NAME, &over, NEW).await;
    let expected = Stored {
        value: None,
        revision,
    };
    assert_eq!(load(&tokens, NAME).await, expected);
}

pub async fn saving_one_leaves_others_that_are_good<B: StoreFixture<Store: Tokens>>(bench: B) {
    let tokens = bench.store();
    let (now, until) = (bench.now(), bench.now().plus(LIFE));
    let good = save(&tokens, "good", &token(0, until), NEW).await;
    save(&tokens, "over", &token(1, now.minus(LIFE)), NEW).await;
    save(&tokens, NAME, &token(2, until), NEW).await;

    let expected = Stored {
        value: Some(token(0, until)),
        revision: good,
    };
    assert_eq!(load(&tokens, "good").await, expected);
    assert_eq!(load(&tokens, "over").await.value, None);
}

pub async fn tokens_survive_a_restart<B: StoreFixture<Store: Tokens>>(bench: B) {
    let kept = token(7, bench.now().plus(LIFE));
    let revision = save(&bench.store(), NAME, &kept, NEW).await;
    let bench = bench.reopen().await;
    let expected = Stored {
        value: Some(kept),
        revision,
    };
    assert_eq!(load(&bench.store(), NAME).await, expected);
}
