//! Tokens that several processes use, as nobody but their owner can read them.

use std::fmt;
use std::future::Future;

use halogard_domain::Timestamp;

use super::{PortError, Revision, SaveError, Stored};

/// Keeps one sealed token under each name, until its time is up.
///
/// The sealing is the business of whoever uses the token: a store never sees what it keeps.
pub trait Tokens: Send + Sync {
    /// The token of `name`; none where there never was one, and none from its end on. The revision
    /// stands in either case: it is that of the last save, and 0 where nothing is stored.
    fn load_token(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Stored<Option<SealedToken>>, PortError>> + Send;

    /// Stores the token in the place of the former one, if nobody else has since `revision` was
    /// read. One that ran out may be cleared away at any time, its revision with it.
    fn save_token(
        &self,
        name: &str,
        token: &SealedToken,
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, SaveError>> + Send;
}

/// A token that only its owner can open. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// What was sealed; opaque to the store.
    pub sealed: Vec<u8>,
    /// From here on it counts as none.
    pub until: Timestamp,
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedToken")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
