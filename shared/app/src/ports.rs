//! What the use cases need from the world, one role per trait.
//!
//! Every failure is a [`PortError`]: one class that says what may follow, and what a person must
//! see. Adapters prove themselves against one conformance suite.

mod alerts;
mod budget;
mod clock;
mod error;
mod inspectors;
mod journal;
mod leases;
mod links;
mod queue;
mod service_desk;
mod storms;
mod sweeps;
mod tokens;
mod vault;

pub use alerts::{AlertList, AlertSource, EnvironmentInfo};
pub use budget::{BudgetError, LedgerStore, Permit, PermitOutcome, RequestBudget, Swap};
pub use clock::Clock;
pub use error::{PortError, Refusal};
pub use inspectors::{Inspectors, RunProgress, RunStates};
pub use journal::{Journal, JournalEntry, Notifications};
pub use leases::{LeaseOutcome, Leases};
pub use links::{AlertIndex, LinkFilter, Links, QueuedState, Revision, SaveError, Stored, Values};
pub use queue::{DeadLetter, Delivery, Lane, Outgoing, Unreadable, WorkQueue, WorkSink};
pub use service_desk::{
    Changes, MandatoryField, Named, SearchWithin, ServiceDesk, ServiceDeskCatalog, TicketListing,
    TicketTypeInfo,
};
pub use storms::StormStates;
pub use sweeps::SweepStates;
pub use tokens::{SealedToken, Tokens};
pub use vault::{SecretInfo, SecretVersion, Stage, Vault, VaultError};
