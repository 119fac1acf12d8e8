//! What HaloPSA sends and takes, name for name.
//!
//! Rows are read leniently member by member (see [`halogard_wire::values`]) and strictly where a
//! value is needed: a row without its id is an error that names the place. Members we do not use
//! are ignored; HaloPSA sends hundreds, and they change by version. What we send carries only the
//! members that are set.

mod action;
mod agent;
mod customer;
#[cfg(feature = "client")]
mod list;
mod setup;
mod ticket;
mod ticket_row;
mod ticket_type;
mod webhook;

pub use action::{ActionOutcome, ActionRow, ActionWrite};
pub use agent::{AgentRow, DepartmentRow, TeamMembershipRow, TypeRightRow, UNASSIGNED_AGENT};
pub use customer::{ClientRow, SiteRow};
pub use setup::{
    ApplicationRow, ApplicationScopeRow, AuthInfo, CategoryRow, Control, InstanceInfo, OutcomeRow,
    PriorityRow, StatusRow, TeamRow,
};
pub use ticket::{CustomFieldWrite, TicketWrite};
pub use ticket_row::TicketRow;
pub use ticket_type::{FieldInfo, FieldOption, FieldRow, TicketTypeRow};
pub use webhook::{NotificationRow, NotificationWrite, WebhookDetail, WebhookEventRow, WebhookRow};

#[cfg(feature = "client")]
pub(crate) use list::{ListSeed, OneOrManySeed, Rows};

/// A row of a list, known by a number.
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "only the client reads lists")
)]
pub(crate) trait Row {
    /// The number by which a repeated row is recognised.
    fn key(&self) -> u64;
}
