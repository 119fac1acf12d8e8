//! Tokens that several processes use, sealed before they come here.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, SealedToken, Stored, Tokens};
use halogard_domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> Tokens for Store<C> {
    async fn load_token(&self, name: &str) -> Result<Stored<Option<SealedToken>>, PortError> {
        let now = self.now();
        let found = self.read(|db| {
            Ok(db
                .prepare_cached("SELECT sealed, until, revision FROM tokens WHERE name = ?1")?
                .query_row([name], |row| {
                    let token = SealedToken {
                        sealed: row.get(0)?,
                        until: Timestamp::from_millis(row.get(1)?),
                    };
                    Ok((token, row.get(2)?))
                })
                .optional()?)
        })?;
        Ok(match found {
            Some((token, revision)) => Stored {
                value: Some(token).filter(|token| now < token.until),
                revision: Revision(revision),
            },
            None => Stored {
                value: None,
                revision: Revision::default(),
            },
        })
    }

    async fn save_token(
        &self,
        name: &str,
        token: &SealedToken,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let now = self.now();
        self.write(Durability::ProcessKill, |db| {
            if stored_revision(db, name)? != revision {
                return Err(SaveError::Conflict);
            }
            let next = Revision(revision.0 + 1);
            replace(db, name, token, next)?;
            clear_away(db, name, now)?;
            Ok(next)
        })
    }
}

/// Which write of the token of `name` is stored; 0 where none is.
fn stored_revision(db: &Connection, name: &str) -> Result<Revision, StoreError> {
    let revision = db
        .prepare_cached("SELECT revision FROM tokens WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(Revision(revision.unwrap_or_default()))
}

/// Puts `token` in the place of the one before.
fn replace(
    db: &Connection,
    name: &str,
    token: &SealedToken,
    revision: Revision,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO tokens (name, revision, sealed, until) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        name,
        revision.0,
        token.sealed,
        token.until.as_millis()
    ])?;
    Ok(())
}

/// Deletes what ran out under other names: those of credentials that were replaced.
fn clear_away(db: &Connection, name: &str, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM tokens WHERE until <= ?1 AND name <> ?2")?
        .execute(params![now.as_millis(), name])?;
    Ok(())
}
