//! Environments: the customers, seen from Liongard.

use halogard_domain::Timestamp;
use halogard_domain::ids::EnvironmentId;
use halogard_wire::values::{flag, integer, named, required_id, text, timestamp};
use serde::Deserialize;

use super::lookup::Tier;

/// The `Status` of an environment in use.
const ACTIVE: i64 = 1;

/// One environment, of either version of the API. Its parent is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EnvironmentRow {
    /// Its number.
    #[serde(rename = "ID", deserialize_with = "required_id")]
    pub id: EnvironmentId,
    /// Its name.
    #[serde(rename = "Name", default, deserialize_with = "text")]
    pub name: Option<String>,
    /// A short name.
    #[serde(rename = "ShortName", default, deserialize_with = "text")]
    pub short_name: Option<String>,
    /// 1 is in use.
    #[serde(rename = "Status", default, deserialize_with = "integer")]
    pub status: Option<i64>,
    /// Whether it is shown.
    #[serde(rename = "Visible", default, deserialize_with = "flag")]
    pub visible: Option<bool>,
    /// Whether it only groups the systems of customers: it is not to be mapped.
    #[serde(rename = "IsCustomerView", default, deserialize_with = "flag")]
    pub is_customer_view: Option<bool>,
    /// What the customer pays for.
    #[serde(rename = "Tier", default, deserialize_with = "named")]
    pub tier: Option<Tier>,
    /// When it was made.
    #[serde(rename = "CreatedOn", default, deserialize_with = "timestamp")]
    pub created_on: Option<Timestamp>,
    /// When it was last changed; none until the first change.
    #[serde(rename = "UpdatedOn", default, deserialize_with = "timestamp")]
    pub updated_on: Option<Timestamp>,
}

impl EnvironmentRow {
    /// Whether it is in use and shown, and no mere view of others; a missing member counts as yes.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.is_none_or(|status| status == ACTIVE)
            && self.visible != Some(false)
            && self.is_customer_view != Some(true)
    }
}
