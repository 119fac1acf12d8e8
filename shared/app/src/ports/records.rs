//! Records with optimistic concurrency, of every type.

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use halogard_domain::{Record, Timestamp};
use tracing::warn;

use super::{PortError, Revision, SaveError, Stored};

/// How often [`Records::update_record`] begins before it gives up. Of two processes that save at once one
/// succeeds, so this many attempts fail only if as many others save the same record at the same time.
pub const UPDATE_ATTEMPTS_MAX: usize = 20;

/// Loads and saves records. One port for every type that implements [`Record`].
pub trait Records: Send + Sync {
    /// Whether all processes that use the store run on one machine: they then share its clock that no one
    /// sets.
    const ONE_MACHINE: bool = false;

    /// The record under `key`; the default, at revision 0, when none is stored.
    ///
    /// An expired record is the default at the revision of its last write. The store may delete it
    /// at any time, and its revision with it.
    fn load_record<T: Record>(
        &self,
        key: &T::Key,
    ) -> impl Future<Output = Result<Stored<T>, PortError>> + Send;

    /// Stores `record` if no other process has written it since `revision` was read (0: if there is none
    /// yet), or returns what is stored instead.
    fn swap_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> impl Future<Output = Result<Swap<T>, PortError>> + Send;

    /// Keys of the records that are [active](Record::is_active).
    fn active_records<T>(&self) -> impl Future<Output = Result<Vec<T::Key>, PortError>> + Send
    where
        T: Record<Key: FromStr + Sized>;

    /// [`swap_record`](Self::swap_record) for callers that read again after a conflict.
    fn save_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, SaveError>> + Send {
        async move {
            match self.swap_record(key, record, revision).await? {
                Swap::Stored(revision) => Ok(revision),
                Swap::Conflict(_) => Err(SaveError::Conflict),
            }
        }
    }

    /// Applies `change` to the record under `key`, saves it if that made a difference, and returns what
    /// `change` returned. Begins again where another process saved the record in between, so `change` must
    /// be repeatable.
    ///
    /// # Errors
    ///
    /// The store failed, or others saved the record in between `UPDATE_ATTEMPTS_MAX` times.
    fn update_record<T, A>(
        &self,
        key: &T::Key,
        change: impl FnMut(&mut T) -> A + Send,
    ) -> impl Future<Output = Result<A, SaveError>> + Send
    where
        T: Record + PartialEq,
        A: Send,
    {
        async move {
            let known = self.load_record::<T>(key).await?;
            let (_, answer) = self.update_known_record(key, known, change).await?;
            Ok(answer)
        }
    }

    /// [`update_record`](Self::update_record) for callers that have read the record: begins with `known`, and
    /// returns what is stored afterwards too. Where `change` makes no difference to `known`, the store is not
    /// asked.
    ///
    /// # Errors
    ///
    /// As of [`update_record`](Self::update_record).
    fn update_known_record<T, A>(
        &self,
        key: &T::Key,
        mut known: Stored<T>,
        mut change: impl FnMut(&mut T) -> A + Send,
    ) -> impl Future<Output = Result<(Stored<T>, A), SaveError>> + Send
    where
        T: Record + PartialEq,
        A: Send,
    {
        async move {
            for _ in 0..UPDATE_ATTEMPTS_MAX {
                let mut value = known.value.clone();
                let answer = change(&mut value);
                if value == known.value {
                    return Ok((known, answer));
                }
                match self.swap_record(key, &value, known.revision).await? {
                    Swap::Stored(revision) => return Ok((Stored { value, revision }, answer)),
                    Swap::Conflict(newer) => known = newer,
                }
            }
            Err(SaveError::Conflict)
        }
    }
}

/// The record that counts at `now` when a store has decoded what it holds: the default instead of one
/// that has expired, or that cannot be read and may be replaced.
///
/// # Errors
///
/// The record cannot be read and must not be replaced.
pub fn record_in_force<T: Record, E: fmt::Display>(
    decoded: Result<T, E>,
    now: Timestamp,
) -> Result<T, E> {
    let record = match decoded {
        Err(error) if T::REPLACE_UNREADABLE => {
            warn!(%error, "an unreadable record counts as absent and is replaced by the next save");
            return Ok(T::default());
        }
        decoded => decoded?,
    };
    let is_expired = record.expires_at().is_some_and(|end| end <= now);
    Ok(if is_expired { T::default() } else { record })
}

/// The result of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap<T> {
    /// The record is stored, at this revision.
    Stored(Revision),
    /// Another process wrote first; this is stored instead.
    Conflict(Stored<T>),
}
