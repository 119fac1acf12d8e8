//! Clients and sites: HaloPSA's words for customers and their places.

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use serde::Deserialize;

use super::{CustomFieldRow, Row, lenient};

/// A customer, from the list or by id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ClientRow {
    /// The customer.
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: HaloClientId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The group it belongs to, by name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub toplevel_name: Option<String>,
    /// Whether it is no longer served.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub inactive: Option<bool>,
    /// Its main site.
    #[serde(default, deserialize_with = "lenient::id")]
    pub main_site_id: Option<SiteId>,
    /// The environment that HaloPSA's own Liongard integration stored. In the detail; whether
    /// lists carry it is not documented.
    #[serde(default, deserialize_with = "lenient::id")]
    pub liongardid: Option<EnvironmentId>,
    /// Whether that integration synchronises the customer.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub sync_to_liongard: Option<bool>,
    /// Its custom fields.
    #[serde(default, deserialize_with = "lenient::list")]
    pub customfields: Vec<CustomFieldRow>,
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
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: SiteId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Its customer. Typed as a floating number in the vendor's description.
    #[serde(default, deserialize_with = "lenient::id")]
    pub client_id: Option<HaloClientId>,
    /// Whether it is no longer served.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub inactive: Option<bool>,
}

impl Row for SiteRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}
