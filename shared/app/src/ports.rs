//! The ports: what the use cases need from the outside, one role per trait.
//!
//! Every failure is a [`PortError`]: a class that says what may follow, and what a person must see. One
//! conformance suite runs against every adapter.

mod alerts;
mod budget;
mod catalog;
mod clock;
mod dialect;
mod error;
mod error_code;
mod inspectors;
mod journal;
mod leases;
mod links;
mod named_values;
mod notices;
mod pruning;
mod queue;
mod records;
mod service_desk;
mod tokens;
mod vault;
mod webhook_setup;

pub use alerts::{AlertList, AlertListing, AlertSource, EnvironmentInfo};
pub use budget::{BudgetError, Permit, PermitOutcome, RequestBudget};
pub use catalog::{
    ApplicationInfo, ClientInfo, FieldKind, MainSite, MandatoryField, Named, OwnAgent,
    PriorityInfo, ServiceDeskCatalog, SiteInfo, StatusInfo, TeamInfo, TeamMembership,
    TechnicianInfo, TenantSettings, TicketField, TicketTypeInfo, TypeRight, WebhookInfo,
};
pub use clock::Clock;
pub use dialect::DialectProbe;
pub use error::{PortError, Refusal, error_chain};
pub use error_code::ErrorCode;
pub use inspectors::{Inspectors, RunProgress};
pub use journal::{Journal, JournalEntry, NotificationCount, Notifications};
pub use leases::{LEASE_MAX, LeaseOutcome, Leases};
pub use links::{
    AlertIndex, LinkFilter, Links, QueuedState, Revision, SaveError, SinceQueued, Stored,
};
pub use named_values::{NamedValues, keys};
pub use notices::{Messenger, NoticeMessage, NoticeTickets};
pub use pruning::Pruning;
pub use queue::{
    DEFER_MAX, DeadLetter, Delivery, Lane, Outgoing, Unreadable, WorkQueue, WorkSink,
    deferred_until,
};
pub use records::{Records, Swap, record_in_force};
pub use service_desk::{
    Admission, Changes, KeyedPage, KeyedTicket, OpeningGuard, SearchWithin, ServiceDesk,
    TicketListing, TicketTexts,
};
pub use tokens::SealedToken;
pub use vault::{SecretInfo, SecretVersion, Stage, Vault, VaultError};
pub use webhook_setup::{
    DeliveryRecord, NewWebhook, OutgoingWebhook, WebhookAuthentication, WebhookEvent, WebhookSetup,
};

/// The methods of every port a reconciler calls. Rust finds a method of an associated type such as
/// `E::Store` only while its trait is in scope.
pub(crate) mod prelude {
    pub use super::{
        AlertIndex as _, AlertListing as _, AlertSource as _, Clock as _, DialectProbe as _,
        Inspectors as _, Journal as _, Leases as _, Links as _, NamedValues as _,
        Notifications as _, Pruning as _, Records as _, ServiceDesk as _, WorkQueue as _,
        WorkSink as _,
    };
}
