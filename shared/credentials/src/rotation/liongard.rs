//! Liongard's access keys: the current key creates its successor.
//!
//! A key has no name. If the process stops after a key was created and before it is stored, or if the
//! response is lost, the key is an orphan that cannot be found by name. So the time is recorded before a
//! key is created. A key from those minutes that was never used and is in no version of the secret is
//! the orphan, and is deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::words::counted;
use secrecy::SecretString;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{
    AccessKeyAdmin, ApplicationAdmin, Current, KeyInfo, KeyPair, Notice, NoticeKind, Notifier,
    RotateError, Rotation, StepOutcome, WebhookAdmin, days_until, required, required_secret,
};
use crate::{SecretFields, members};
use halogard_app::ports::{Clock, NamedValues, PortError, Refusal, Stage, Vault, VaultError};

/// How many days a new key is valid unless the secret says otherwise. Source: the vendor offers 30, 90,
/// 180 and 360. Three times the usual interval allows two failed rotations before the key expires.
const LIFE_DAYS_DEFAULT: u16 = 90;

/// A replaced key that was used within this time is still in use.
const STILL_USED: Duration = Duration::from_secs(3600);

/// A notice is sent when a key expires within this many days.
pub const EXPIRES_SOON_DAYS: i64 = 21;

/// The prefix, before the secret's name, of the value that records when the creation of a key began;
/// 0 once the key is stored.
const KEY_CREATION: &str = "key_creation:";

/// How far Liongard's clock and ours may differ.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

/// How long after it was sent a request to create a key may take effect.
const CREATION_DELAY_MAX: Duration = Duration::from_secs(600);

/// What a cleanup found and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupReport {
    /// Replaced keys that were deleted.
    pub deleted: usize,
    /// Replaced keys that are not deleted yet.
    pub remaining: usize,
    /// Days until the current key expires; `None` if it never does.
    pub expires_in_days: Option<i64>,
}

impl<V, H, L, M, N, C> Rotation<V, H, L, M, N, C>
where
    V: Vault,
    H: ApplicationAdmin + WebhookAdmin,
    L: AccessKeyAdmin,
    M: NamedValues,
    N: Notifier,
    C: Clock,
{
    /// Creates a key with the current one, and stores it as pending before anything else.
    pub(super) async fn create_key(
        &self,
        name: &str,
        version: &str,
        current: &Current,
    ) -> Result<StepOutcome, RotateError> {
        let current = &current.fields;
        let pair = pair(name, current)?;
        let rows = self.keys_of(name, &pair).await?;
        self.delete_orphans(name, &pair, &rows).await?;
        let left = self.delete_replaced(name, current, &pair, &rows).await?.1;
        let now = self.clock.now();
        self.record_creation(name, now.as_millis()).await?;
        let created = self.liongard.create(&pair, life(current)).await;
        let created = created.map_err(|error| cannot(name, error))?;
        let replaced = Replaced {
            id: pair.id.clone(),
            since: now,
        };
        let fields = successor(current, &created.pair, created.expires_at, left, replaced);
        match self.store(name, version, &fields).await {
            // Another call for the same version was faster, so our key is not needed.
            Err(RotateError::Vault(VaultError::VersionTaken { .. })) => {
                self.delete(name, &pair, &created.pair.id).await?;
                self.record_creation(name, 0).await?;
                Ok(StepOutcome::AlreadyPending)
            }
            stored => {
                let stored = stored?;
                self.record_creation(name, 0).await?;
                Ok(stored)
            }
        }
    }

    /// Verifies the pending key with a read.
    pub(super) async fn verify_key(
        &self,
        name: &str,
        pending: &SecretFields,
    ) -> Result<(), RotateError> {
        let pair = pair(name, pending)?;
        let verified = self.liongard.verify(&pair).await;
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

    /// Deletes replaced keys whose overlap is over, and sends a notice when the current one expires soon.
    pub(super) async fn delete_expired_keys(
        &self,
        name: &str,
        current: &SecretFields,
    ) -> Result<CleanupReport, RotateError> {
        let pair = pair(name, current)?;
        let rows = self.keys_of(name, &pair).await?;
        self.settle(name, &[NoticeKind::OldKeyInUse]).await;
        let (deleted, left) = self.delete_replaced(name, current, &pair, &rows).await?;
        let ends = rows
            .iter()
            .find(|row| row.id.eq_ignore_ascii_case(&pair.id))
            .and_then(|row| row.expires_at)
            .or_else(|| current.time(members::LIONGARD_KEY_EXPIRES));
        let expires_in_days = ends.map(|end| days_until(end, self.clock.now()));
        match expires_in_days.filter(|days| *days <= EXPIRES_SOON_DAYS) {
            Some(days) => self.notify(&expires_soon(name, days)).await,
            None => self.settle(name, &[NoticeKind::ExpiresSoon]).await,
        }
        Ok(CleanupReport {
            deleted,
            remaining: left.len(),
            expires_in_days,
        })
    }

    /// Deletes every replaced key, whether its overlap is over or something still uses it. Returns their number, and
    /// the ids of keys that no version of the secret holds.
    pub(super) async fn delete_replaced_now(
        &self,
        name: &str,
        current: &SecretFields,
    ) -> Result<(usize, Vec<String>), RotateError> {
        let pair = pair(name, current)?;
        let rows = self.keys_of(name, &pair).await?;
        let is = |row: &KeyInfo, id: &str| row.id.eq_ignore_ascii_case(id);
        let replaced: Vec<Replaced> = retiring(current)
            .into_iter()
            .filter(|replaced| !replaced.id.eq_ignore_ascii_case(&pair.id))
            .collect();
        let mut deleted = 0;
        for replaced in &replaced {
            if rows.iter().any(|row| is(row, &replaced.id)) {
                self.delete(name, &pair, &replaced.id).await?;
                deleted += 1;
            }
        }
        let is_known =
            |row: &KeyInfo| is(row, &pair.id) || replaced.iter().any(|it| is(row, &it.id));
        let unknown = rows.iter().filter(|row| !is_known(row));
        Ok((deleted, unknown.map(|row| row.id.clone()).collect()))
    }

    /// The keys of our user.
    async fn keys_of(&self, name: &str, pair: &KeyPair) -> Result<Vec<KeyInfo>, RotateError> {
        let rows = self.liongard.list(pair).await;
        rows.map_err(|error| cannot(name, error))
    }

    /// Deletes a key that an earlier attempt created and did not store.
    async fn delete_orphans(
        &self,
        name: &str,
        pair: &KeyPair,
        rows: &[KeyInfo],
    ) -> Result<(), RotateError> {
        let began = self.values.value(&key_creation(name)).await;
        let began = began.map_err(|error| RotateError::NamedValues(Box::new(error)))?;
        let Some(began) = began.filter(|at| *at > 0).map(Timestamp::from_millis) else {
            return Ok(());
        };
        let known = self.known_keys(name).await?;
        for row in rows {
            let is_from_then = row.created_at.is_some_and(|at| {
                at >= began.minus(CLOCK_SKEW_MAX)
                    && at <= began.plus(CREATION_DELAY_MAX).plus(CLOCK_SKEW_MAX)
            });
            let ours = known.contains(&row.id.to_ascii_lowercase());
            if is_from_then && !ours && row.last_used_at.is_none() && !row.only_installs {
                info!("deleting an access key that was created and not stored");
                self.delete(name, pair, &row.id).await?;
            }
        }
        Ok(())
    }

    /// The ids of the keys in all versions, in lower case.
    async fn known_keys(&self, name: &str) -> Result<BTreeSet<String>, RotateError> {
        let mut known = BTreeSet::new();
        for stage in Stage::ALL {
            let Some(found) = self.vault.read(name, stage).await? else {
                continue;
            };
            if let Ok(fields) = SecretFields::parse(&found.value) {
                let replaced = retiring(&fields).into_iter().map(|key| key.id);
                let own = fields.text(members::LIONGARD_KEY_ID).map(str::to_owned);
                known.extend(
                    own.into_iter()
                        .chain(replaced)
                        .map(|id| id.to_ascii_lowercase()),
                );
            }
        }
        Ok(known)
    }

    /// Deletes the replaced keys whose overlap is over; returns their number, and the remaining keys.
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
                || now.since(replaced.since) < current.overlap()
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

    /// Deletes a key. A key that does not exist counts as deleted.
    async fn delete(&self, name: &str, pair: &KeyPair, id: &str) -> Result<(), RotateError> {
        match self.liongard.delete(pair, id).await {
            Ok(()) => Ok(()),
            Err(error) if error.refusal == Some(Refusal::NotFound) => Ok(()),
            Err(error) => {
                warn!(
                    error_type = error.code.as_str(),
                    "an access key could not be deleted; the next cleanup tries again"
                );
                Err(cannot(name, error))
            }
        }
    }

    /// Records when the creation of a key began, or 0 once the key is stored.
    async fn record_creation(&self, name: &str, at_millis: i64) -> Result<(), RotateError> {
        let recorded = self.values.set_value(&key_creation(name), at_millis).await;
        recorded.map_err(|error| RotateError::NamedValues(Box::new(error)))
    }
}

/// A key that was replaced.
struct Replaced {
    id: String,
    /// When its successor was made.
    since: Timestamp,
}

/// The name of the value for a secret.
fn key_creation(name: &str) -> String {
    format!("{KEY_CREATION}{name}")
}

/// Both halves of a value's key.
fn pair(name: &str, fields: &SecretFields) -> Result<KeyPair, RotateError> {
    let secret: SecretString = required_secret(name, fields, members::LIONGARD_KEY_SECRET)?;
    Ok(KeyPair {
        id: required(name, fields, members::LIONGARD_KEY_ID)?.to_owned(),
        secret,
    })
}

/// How many days a new key is valid.
fn life(fields: &SecretFields) -> Option<u16> {
    match fields.text(members::LIONGARD_KEY_DAYS) {
        Some(word) if word.eq_ignore_ascii_case("unlimited") => None,
        _ => Some(
            fields
                .number(members::LIONGARD_KEY_DAYS)
                .and_then(|days| u16::try_from(days).ok())
                .unwrap_or(LIFE_DAYS_DEFAULT),
        ),
    }
}

/// The replaced keys in a value.
fn retiring(fields: &SecretFields) -> Vec<Replaced> {
    let rows = fields
        .json(members::LIONGARD_RETIRING_KEYS)
        .and_then(Value::as_array);
    let row = |row: &Value| {
        Some(Replaced {
            id: row.get("id")?.as_str()?.to_owned(),
            since: Timestamp::from_millis(row.get("since_ms")?.as_i64()?),
        })
    };
    rows.map(|rows| rows.iter().filter_map(row).collect())
        .unwrap_or_default()
}

/// The value after `current`: the new key, and the replaced keys that still work.
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
        .with(members::LIONGARD_KEY_ID, &key.id)
        .with_secret(members::LIONGARD_KEY_SECRET, &key.secret)
        .with_json(members::LIONGARD_RETIRING_KEYS, Value::Array(rows));
    match expires_at {
        Some(end) => fields.with_number(members::LIONGARD_KEY_EXPIRES, end.as_millis()),
        None => fields.without(members::LIONGARD_KEY_EXPIRES),
    }
}

/// An error of a call with the current key: a person must help where Liongard refuses the key.
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

/// A call to Liongard failed.
fn vendor(name: &str, source: PortError) -> RotateError {
    RotateError::Vendor {
        name: name.to_owned(),
        source: Box::new(source),
    }
}

/// The notice that the current key expires soon.
fn expires_soon(name: &str, days: i64) -> Notice {
    Notice {
        kind: NoticeKind::ExpiresSoon,
        secret: name.to_owned(),
        text: format!(
            "Liongard's access key in secret {name} expires in {}, and its rotation did not replace it. \
             Check the last rotation of this secret; rotate it now, or create a key in Liongard under your \
             profile → Account Settings → Access Tokens and store it as the pending value.",
            counted(days, "day")
        ),
    }
}

/// The notice that a replaced key is still in use.
fn still_used(name: &str, id: &str) -> Notice {
    Notice {
        kind: NoticeKind::OldKeyInUse,
        secret: name.to_owned(),
        text: format!(
            "Liongard's access key {id} was replaced in secret {name}, and something still uses \
             it. It is deleted once it has not been used for an hour. Find the process whose settings \
             contain this key."
        ),
    }
}
