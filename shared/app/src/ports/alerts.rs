//! Liongard's alerts and customers.

use std::future::Future;

use halogard_domain::Alert;
use halogard_domain::ids::{AlertId, EnvironmentId};

use super::PortError;

/// Where alerts come from. Read-only: no call changes an alert.
pub trait AlertSource: Send + Sync {
    /// Begins to list every alert there is, open and closed.
    fn list(&self) -> impl Future<Output = Result<impl AlertListing + Send, PortError>> + Send;

    /// One alert; `None` when the source does not know it, or no longer shows it.
    fn read(&self, id: AlertId) -> impl Future<Output = Result<Option<Alert>, PortError>> + Send;

    /// Every customer.
    fn environments(&self) -> impl Future<Output = Result<Vec<EnvironmentInfo>, PortError>> + Send;
}

/// A list of alerts of any length, as it arrives.
pub trait AlertListing {
    /// The next part of the list; `None` at its end.
    ///
    /// # Errors
    ///
    /// The list breaks off: what came before is not the whole.
    fn next(&mut self) -> impl Future<Output = Result<Option<AlertList>, PortError>> + Send;
}

/// Part of a list of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// The position of each record that could not be decoded, and why; without its content.
    pub unreadable: Vec<String>,
    /// What was odd in alerts that could be decoded all the same; without its content.
    pub odd: Vec<String>,
    /// Bytes of the answer that it was read from.
    pub bytes: u64,
}

/// A customer, seen from Liongard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// The customer.
    pub id: EnvironmentId,
    /// The customer's name.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
    /// What the customer pays for, in Liongard's word.
    pub tier: Option<String>,
}
