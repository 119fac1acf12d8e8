//! The durable memory of sweeps.

use std::future::Future;

use halogard_domain::sweep_cursor::SweepCursor;

use super::{PortError, Revision, SaveError, Stored};

/// Remembers how far sweeps of the desk's tickets have come.
pub trait SweepStates: Send + Sync {
    /// How far they have come; not begun, at revision 0, where there never was one.
    fn load_swept(&self) -> impl Future<Output = Result<Stored<SweepCursor>, PortError>> + Send;

    /// Stores that, if nobody else has since `revision` was read.
    fn save_swept(
        &self,
        swept: &SweepCursor,
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, SaveError>> + Send;
}
