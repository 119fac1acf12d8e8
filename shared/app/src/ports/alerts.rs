//! Liongard's alerts and customers.

use std::future::Future;

use halogard_domain::Alert;
use halogard_domain::ids::{AlertId, EnvironmentId};

use super::PortError;

/// Where alerts come from. Read-only: no call changes an alert.
pub trait AlertSource: Send + Sync {
    /// Every alert there is, open and closed.
    fn list(&self) -> impl Future<Output = Result<AlertList, PortError>> + Send;

    /// One alert; `None` when the source does not know it, or no longer shows it.
    fn read(&self, id: AlertId) -> impl Future<Output = Result<Option<Alert>, PortError>> + Send;

    /// Every customer.
    fn environments(&self) -> impl Future<Output = Result<Vec<EnvironmentInfo>, PortError>> + Send;
}

/// All alerts that could be decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// The position of each record that could not be decoded, and why; without its content.
    pub unreadable: Vec<String>,
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
}
