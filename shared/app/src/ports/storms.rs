//! The durable memory of storms.

use std::future::Future;

use halogard_domain::storm::{StormKey, Storms};

use super::{PortError, Revision, SaveError, Stored};

/// Remembers which alerts share a ticket.
pub trait StormStates: Send + Sync {
    /// The storms of `key`; none, at revision 0, where there never was one.
    fn load_storms(
        &self,
        key: StormKey,
    ) -> impl Future<Output = Result<Stored<Storms>, PortError>> + Send;

    /// Stores them, if nobody else has since `revision` was read.
    fn save_storms(
        &self,
        key: StormKey,
        storms: &Storms,
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, SaveError>> + Send;
}
