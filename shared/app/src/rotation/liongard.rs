//! Liongard's access keys: the one in use makes its successor.
//!
//! A key has no name, so one that was made and not stored (the process stopped in between, or the
//! answer was lost) cannot be told by it. What is written down before a key is made is the time: a
//! key from those minutes that was never used and that no version knows is that one, and goes.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{
    AccessKeyAdmin, ApplicationAdmin, Current, KeyInfo, KeyPair, Notice, NoticeKind, Notifier,
    RotateError, Rotation, StepOutcome, WebhookAdmin, days_until, required, required_secret,
};
use crate::credentials::SecretFields;
use crate::ports::{Clock, PortError, Refusal, Stage, Values, Vault, VaultError};

/// The first half of the key.
const KEY_ID: &str = "liongard_access_key_id";

/// The second half.
const KEY_SECRET: &str = "liongard_access_key_secret";

/// When the key ends, in milliseconds since 1970.
const EXPIRES_ON: &str = "liongard_access_key_expires_ms";

/// Keys that were replaced and are not yet deleted, each with the time of its successor.
const RETIRING: &str = "liongard_retiring_keys";

/// How many days a new key lives; `"Unlimited"` for ever.
const LIFE_DAYS: &str = "liongard_access_key_days";

/// What a new key lives for when nobody says. Source: the vendor offers 30, 90, 180 and 360; three
/// times the usual interval leaves two failed rotations before anything ends.
const LIFE_DAYS_USUAL: u16 = 90;

/// How long a replaced key goes on working, so that whoever holds it finds the new one first.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// A replaced key that was used this lately is still needed by somebody.
const STILL_USED: Duration = Duration::from_secs(3600);

/// How long before its end a key is reported.
pub const EXPIRES_SOON_DAYS: i64 = 21;

/// The mark that holds when a key was about to be made, before the secret's name; 0 when that came
/// to its end.
const KEY_CREATION: &str = "key_creation:";

/// How far Liongard's clock and ours may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// How long a request to make a key may linger before it takes effect.
const LINGERS: Duration = Duration::from_secs(600);

/// What a look at the keys found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupReport {
    /// Replaced keys that were deleted.
    pub deleted: usize,
    /// Replaced keys that stay for now.
    pub remaining: usize,
    /// Days until the current key ends; `None` for one without end.
    pub expires_in_days: Option<i64>,
}

impl<V, P, M, N, C> Rotation<V, P, M, N, C>
where
    V: Vault,
    P: AccessKeyAdmin + ApplicationAdmin + WebhookAdmin,
    M: Values,
    N: Notifier,
    C: Clock,
{
    /// Has the current key make its successor, and stores that as pending before anything else.
    pub(super) async fn create_key(
        &self,
        name: &str,
        version: &str,
        current: &Current,
    ) -> Result<StepOutcome, RotateError> {
        let current = &current.fields;
        let pair = pair(name, current)?;
        let rows = self.keys_of(name, &pair).await?;
        self.delete_forgotten(name, &pair, &rows).await?;
        let left = self.delete_replaced(name, current, &pair, &rows).await?.1;
        let now = self.clock.now();
        self.remember(name, now.as_millis()).await?;
        let minted = self.vendors.create(&pair, life(current)).await;
        let minted = minted.map_err(|error| cannot(name, error))?;
        let replaced = Replaced {
            id: pair.id.clone(),
            since: now,
        };
        let fields = successor(current, &minted.pair, minted.expires_at, left, replaced);
        match self.store(name, version, &fields).await {
            // Another call for the same version was faster; the key we made is not needed.
            Err(RotateError::Vault(VaultError::VersionTaken { .. })) => {
                self.delete(name, &pair, &minted.pair.id).await?;
                self.remember(name, 0).await?;
                Ok(StepOutcome::AlreadyPending)
            }
            stored => {
                let stored = stored?;
                self.remember(name, 0).await?;
                Ok(stored)
            }
        }
    }

    /// Reads something with the pending key.
    pub(super) async fn verify_key(
        &self,
        name: &str,
        pending: &SecretFields,
    ) -> Result<(), RotateError> {
        let pair = pair(name, pending)?;
        let verified = AccessKeyAdmin::verify(&self.vendors, &pair).await;
        verified.map_err(|source| match source.refusal {
            Some(_) => RotateError::NotAccepted {
                name: name.to_owned(),
                todo: "Liongard refuses the key; it was deleted or its user may not read; make \
                       one in Liongard under your profile → Account Settings → Access Tokens, and \
                       store it as the pending value"
                    .to_owned(),
                source: Box::new(source),
            },
            None => vendor(name, source),
        })
    }

    /// Deletes replaced keys whose overlap is over, and tells when the current one is about to end.
    pub(super) async fn delete_expired_keys(
        &self,
        name: &str,
        current: &SecretFields,
    ) -> Result<CleanupReport, RotateError> {
        let pair = pair(name, current)?;
        let rows = self.keys_of(name, &pair).await?;
        let (deleted, left) = self.delete_replaced(name, current, &pair, &rows).await?;
        let ends = rows
            .iter()
            .find(|row| row.id.eq_ignore_ascii_case(&pair.id))
            .and_then(|row| row.expires_at)
            .or_else(|| current.time(EXPIRES_ON));
        let expires_in_days = ends.map(|end| days_until(end, self.clock.now()));
        if let Some(days) = expires_in_days.filter(|days| *days <= EXPIRES_SOON_DAYS) {
            self.notify(&expires_soon(name, days)).await;
        }
        Ok(CleanupReport {
            deleted,
            remaining: left.len(),
            expires_in_days,
        })
    }

    /// The keys of our user.
    async fn keys_of(&self, name: &str, pair: &KeyPair) -> Result<Vec<KeyInfo>, RotateError> {
        let rows = self.vendors.list(pair).await;
        rows.map_err(|error| cannot(name, error))
    }

    /// Deletes a key an earlier attempt made and nobody stored.
    async fn delete_forgotten(
        &self,
        name: &str,
        pair: &KeyPair,
        rows: &[KeyInfo],
    ) -> Result<(), RotateError> {
        let mark = self.marks.value(&key_creation(name)).await;
        let mark = mark.map_err(|error| RotateError::Memory(Box::new(error)))?;
        let Some(began) = mark.filter(|at| *at > 0).map(Timestamp::from_millis) else {
            return Ok(());
        };
        let known = self.known_keys(name).await?;
        for row in rows {
            let then = row.created_at.is_some_and(|at| {
                at >= began.minus(CLOCKS_APART) && at <= began.plus(LINGERS).plus(CLOCKS_APART)
            });
            let ours = known.contains(&row.id.to_ascii_lowercase());
            if then && !ours && row.last_used_at.is_none() && !row.only_installs {
                info!(
                    outcome = "forgotten_key_deleted",
                    "deletes a key that was made and not stored"
                );
                self.delete(name, pair, &row.id).await?;
            }
        }
        Ok(())
    }

    /// The ids of the keys that stand in any version, in small letters.
    async fn known_keys(&self, name: &str) -> Result<BTreeSet<String>, RotateError> {
        let mut known = BTreeSet::new();
        for stage in [Stage::Current, Stage::Pending, Stage::Previous] {
            let Some(found) = self.vault.read(name, stage).await? else {
                continue;
            };
            if let Ok(fields) = SecretFields::parse(&found.value) {
                let replaced = retiring(&fields).into_iter().map(|key| key.id);
                let own = fields.text(KEY_ID).map(str::to_owned);
                known.extend(
                    own.into_iter()
                        .chain(replaced)
                        .map(|id| id.to_ascii_lowercase()),
                );
            }
        }
        Ok(known)
    }

    /// Deletes the replaced keys whose overlap is over; says how many, and which stay.
    async fn delete_replaced(
        &self,
        name: &str,
        current: &SecretFields,
        pair: &KeyPair,
        rows: &[KeyInfo],
    ) -> Result<(usize, Vec<Replaced>), RotateError> {
        let now = self.clock.now();
        let (mut deleted, mut left) = (0, Vec::new());
        for replaced in retiring(current) {
            let is = |row: &&KeyInfo| row.id.eq_ignore_ascii_case(&replaced.id);
            let Some(row) = rows.iter().find(is) else {
                continue;
            };
            if replaced.id.eq_ignore_ascii_case(&pair.id)
                || now.since(replaced.since) < overlap(current)
            {
                left.push(replaced);
                continue;
            }
            let lately = row
                .last_used_at
                .is_some_and(|at| now.since(at) < STILL_USED);
            if lately {
                self.notify(&still_used(name, &replaced.id)).await;
                left.push(replaced);
                continue;
            }
            self.delete(name, pair, &replaced.id).await?;
            deleted += 1;
        }
        Ok((deleted, left))
    }

    /// Deletes a key; one that is gone is deleted.
    async fn delete(&self, name: &str, pair: &KeyPair, id: &str) -> Result<(), RotateError> {
        match self.vendors.delete(pair, id).await {
            Ok(()) => Ok(()),
            Err(error) if error.refusal == Some(Refusal::NotFound) => Ok(()),
            Err(error) => {
                warn!(
                    error_type = error.error_type,
                    "a key could not be deleted; it is tried again at the next look"
                );
                Err(cannot(name, error))
            }
        }
    }

    /// Writes down that a key is about to be made, or 0 that it is stored.
    async fn remember(&self, name: &str, at_millis: i64) -> Result<(), RotateError> {
        let kept = self.marks.set_value(&key_creation(name), at_millis).await;
        kept.map_err(|error| RotateError::Memory(Box::new(error)))
    }
}

/// A key that was replaced.
struct Replaced {
    id: String,
    /// When its successor was made.
    since: Timestamp,
}

/// The mark of a secret.
fn key_creation(name: &str) -> String {
    format!("{KEY_CREATION}{name}")
}

/// Both halves of a value's key.
fn pair(name: &str, fields: &SecretFields) -> Result<KeyPair, RotateError> {
    let secret: SecretString = required_secret(name, fields, KEY_SECRET)?;
    Ok(KeyPair {
        id: required(name, fields, KEY_ID)?.to_owned(),
        secret,
    })
}

/// How many days a new key lives.
fn life(fields: &SecretFields) -> Option<u16> {
    match fields.text(LIFE_DAYS) {
        Some(word) if word.eq_ignore_ascii_case("unlimited") => None,
        _ => Some(
            fields
                .number(LIFE_DAYS)
                .and_then(|days| u16::try_from(days).ok())
                .unwrap_or(LIFE_DAYS_USUAL),
        ),
    }
}

/// How long a replaced key goes on working.
fn overlap(fields: &SecretFields) -> Duration {
    match fields.number("overlap_hours") {
        Some(hours) => Duration::from_secs(u64::try_from(hours).unwrap_or(0).saturating_mul(3600)),
        None => OVERLAP,
    }
}

/// The replaced keys a value names.
fn retiring(fields: &SecretFields) -> Vec<Replaced> {
    let rows = fields.json(RETIRING).and_then(Value::as_array);
    let row = |row: &Value| {
        Some(Replaced {
            id: row.get("id")?.as_str()?.to_owned(),
            since: Timestamp::from_millis(row.get("since_ms")?.as_i64()?),
        })
    };
    rows.map(|rows| rows.iter().filter_map(row).collect())
        .unwrap_or_default()
}

/// The value that follows `current`: the new key, and all that was replaced and still works.
fn successor(
    current: &SecretFields,
    key: &KeyPair,
    expires_at: Option<Timestamp>,
    left: Vec<Replaced>,
    replaced: Replaced,
) -> SecretFields {
    let rows = left.into_iter().chain([replaced]);
    let rows: Vec<Value> = rows
        .map(|key| json!({ "id": key.id, "since_ms": key.since.as_millis() }))
        .collect();
    let fields = current
        .clone()
        .with(KEY_ID, &key.id)
        .with_secret(KEY_SECRET, &key.secret)
        .with_json(RETIRING, Value::Array(rows));
    match expires_at {
        Some(end) => fields.with_number(EXPIRES_ON, end.as_millis()),
        None => fields.without(EXPIRES_ON),
    }
}

/// The current key could not be used for it: a person must help where it is refused.
fn cannot(name: &str, source: PortError) -> RotateError {
    let why = match source.refusal {
        Some(Refusal::Unauthorised) => "Liongard no longer accepts the current key",
        Some(Refusal::Forbidden) => "the current key's user may not make or delete keys",
        _ => return vendor(name, source),
    };
    let todo = format!(
        "{why}; in Liongard sign in as the integration's user, open your profile → Account \
         Settings → Access Tokens, make a key, and store its ID and secret as the pending value of \
         secret {name}"
    );
    RotateError::ActionRequired {
        name: name.to_owned(),
        todo,
        source: Some(Box::new(source)),
    }
}

/// Liongard could not be asked.
fn vendor(name: &str, source: PortError) -> RotateError {
    RotateError::Vendor {
        name: name.to_owned(),
        source: Box::new(source),
    }
}

/// What is told when the key in use is about to end.
fn expires_soon(name: &str, days: i64) -> Notice {
    Notice {
        kind: NoticeKind::ExpiresSoon,
        secret: name.to_owned(),
        text: format!(
            "Liongard's access key in secret {name} ends in {days} days, and its rotation did not \
             replace it. Look at the last rotation of this secret; rotate it now, or make a key in \
             Liongard under your profile → Account Settings → Access Tokens and store it as the \
             pending value."
        ),
    }
}

/// What is told when a replaced key is still in use.
fn still_used(name: &str, id: &str) -> Notice {
    Notice {
        kind: NoticeKind::OldKeyInUse,
        secret: name.to_owned(),
        text: format!(
            "Liongard's access key {id} was replaced in secret {name}, and something still uses \
             it. It is deleted once it was not used for an hour. Look for a process whose settings \
             hold this key."
        ),
    }
}
