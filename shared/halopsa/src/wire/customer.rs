//! Clients and sites: HaloPSA's words for customers and their places.

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use halogard_wire::values;
use serde::Deserialize;

use super::Row;

/// A customer, from the list or by id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ClientRow {
    /// The customer.
    #[serde(deserialize_with = "values::required_id")]
    pub id: HaloClientId,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// Whether it is no longer served.
    #[serde(default, deserialize_with = "values::flag")]
    pub inactive: Option<bool>,
    /// The environment in Liongard, where HaloPSA's own integration or a person entered it; 0 for none.
    #[serde(default, deserialize_with = "values::id")]
    pub liongardid: Option<EnvironmentId>,
    /// Its main site; 0 or less for none.
    #[serde(default, deserialize_with = "values::integer")]
    pub main_site_id: Option<i64>,
}

impl Row for ClientRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}

/// A site of a customer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SiteRow {
    /// The site.
    #[serde(deserialize_with = "values::required_id")]
    pub id: SiteId,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// Its customer. Typed as a floating number in the vendor's description.
    #[serde(default, deserialize_with = "values::id")]
    pub client_id: Option<HaloClientId>,
    /// Whether it is no longer served.
    #[serde(default, deserialize_with = "values::flag")]
    pub inactive: Option<bool>,
}

impl Row for SiteRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}
