//! What the use cases need from the world, one role per trait.
//!
//! Every failure is a [`PortError`]: one class that says what may follow, and what a person must
//! see. Adapters prove themselves against one conformance suite.

mod alerts;
mod budget;
mod clock;
mod desk;
mod error;
mod inspectors;
mod journal;
mod leases;
mod links;
mod queue;
mod storms;
mod sweeps;
mod tokens;
mod vault;

pub use alerts::{AlertList, AlertSource, EnvironmentInfo};
pub use budget::{BudgetError, LedgerStore, Permit, RequestBudget, Seen, Swap};
pub use clock::Clock;
pub use desk::{
    Changes, DeskCatalogue, MandatoryField, Named, SearchWithin, Sighting, TicketDesk,
    TicketTypeInfo,
};
pub use error::{PortError, Refusal};
pub use inspectors::{Inspectors, RunProgress, RunStates};
pub use journal::{Entry, Journal, Notifications};
pub use leases::{Leased, Leases};
pub use links::{AlertIndex, Indexed, LinkFilter, Links, Marks, Revision, SaveError, Stored};
pub use queue::{DeadLetter, Delivery, Lane, Outgoing, Unreadable, WorkQueue, WorkSink};
pub use storms::StormStates;
pub use sweeps::SweepStates;
pub use tokens::{SealedToken, Tokens};
pub use vault::{SecretInfo, SecretVersion, Stage, Vault, VaultError};
