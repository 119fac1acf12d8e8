//! Tokens that several functions use, sealed before they come here.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, PortError, Revision, SaveError, SealedToken, Stored, Tokens};
use halogard_domain::Timestamp;

use crate::items::{AttributeReader, EXPIRES, Item, SaveOutcome, key, number};
use crate::store::Store;

/// The partition that holds every token, by name.
const TOKENS: &str = "token";
/// What was sealed.
const SEALED: &str = "sealed";
/// When it runs out, in milliseconds.
const EXPIRES_AT_MS: &str = "expires_at_ms";

/// Reads tokens.
const READER: AttributeReader = AttributeReader("tokens");

/// Seconds after its end at which a token may be cleared away.
const RETENTION_SECONDS: i64 = 24 * 60 * 60;

impl<C: Clock> Tokens for Store<C> {
    async fn load_token(&self, name: &str) -> Result<Stored<Option<SealedToken>>, PortError> {
        let Some(item) = self.item(TOKENS, name).await? else {
            return Ok(Stored {
                value: None,
                revision: Revision::default(),
            });
        };
        let now = self.now();
        Ok(Stored {
            value: token(&item).filter(|token| now < token.until),
            revision: READER.revision(&item)?,
        })
    }

    async fn save_token(
        &self,
        name: &str,
        token: &SealedToken,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let expires_at_ms = token.until.as_millis();
        let expires = expires_at_ms
            .div_euclid(1000)
            .saturating_add(RETENTION_SECONDS);
        let sealed = AttributeValue::B(Blob::new(token.sealed.as_slice()));
        let mut item = key(TOKENS, name);
        item.insert(SEALED.to_owned(), sealed);
        item.insert(EXPIRES_AT_MS.to_owned(), number(expires_at_ms));
        item.insert(EXPIRES.to_owned(), number(expires));
        match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Ok(revision),
            SaveOutcome::Conflict(_) => Err(SaveError::Conflict),
        }
    }
}

/// The token in `item`. One that cannot be read counts as none: a new one is soon put in its place.
fn token(item: &Item) -> Option<SealedToken> {
    let sealed = item.get(SEALED)?.as_b().ok()?;
    let until = READER.number(item, EXPIRES_AT_MS).ok()?;
    Some(SealedToken {
        sealed: sealed.as_ref().to_vec(),
        until: Timestamp::from_millis(until),
    })
}
