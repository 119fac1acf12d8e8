//! Identities. Every id has its own type, so that two numbers are never confused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest id. Both vendors number records with signed integers of at most 64 bits, and so do stores;
/// a larger number was written by someone else.
pub const STORABLE_MAX: u64 = i64::MAX.unsigned_abs();

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps the number the vendor uses.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number the vendor uses.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The id with this number, unless it is larger than any id can be: see [`STORABLE_MAX`].
            #[must_use]
            pub const fn storable(value: u64) -> Option<Self> {
                if value <= STORABLE_MAX {
                    Some(Self(value))
                } else {
                    None
                }
            }
        }

        impl From<u64> for $name {
            fn from(value: u64) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// An alert in Liongard (a "task" in its API).
    AlertId
);
id!(
    /// A customer, seen from Liongard.
    EnvironmentId
);
id!(
    /// One configured inspector with its schedule.
    LaunchpointId
);
id!(
    /// One run of a launchpoint.
    RunId
);
id!(
    /// A ticket in HaloPSA, never the id of a delivery.
    TicketId
);
id!(
    /// A note on a ticket (an "action" in HaloPSA). Unique within its ticket only.
    NoteId
);
id!(
    /// A customer, seen from HaloPSA.
    HaloClientId
);
id!(
    /// A site of a HaloPSA client.
    SiteId
);
id!(
    /// A ticket status in HaloPSA.
    StatusId
);
id!(
    /// The integer `priorityid` of a HaloPSA priority, never its GUID.
    PriorityId
);
id!(
    /// A ticket type in HaloPSA.
    TicketTypeId
);
id!(
    /// The kind of a ticket note in HaloPSA.
    OutcomeId
);
id!(
    /// A team in HaloPSA.
    TeamId
);
id!(
    /// A person working tickets (an "agent" in HaloPSA).
    TechnicianId
);
id!(
    /// A custom field of HaloPSA tickets.
    CustomFieldId
);
