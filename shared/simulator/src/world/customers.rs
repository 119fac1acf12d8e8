//! Customers, as each vendor knows them, under invented names.

use super::{MSP_CLIENT, MSP_ENVIRONMENT};

/// First halves of customer names.
const PLACES: [&str; 20] = [
    "Alder Creek",
    "Brightwater",
    "Copperfield",
    "Dunmore",
    "Eastgate",
    "Fernhill",
    "Granite Bay",
    "Hollowbrook",
    "Ivory Coast Road",
    "Juniper",
    "Kestrel",
    "Larkspur",
    "Millrace",
    "Nettlewood",
    "Oakhaven",
    "Pinecrest",
    "Quarry Lane",
    "Redwing",
    "Stonebridge",
    "Thistledown",
];

/// Second halves of customer names.
const TRADES: [&str; 17] = [
    "Dental",
    "Logistics",
    "Legal",
    "Architects",
    "Foods",
    "Veterinary Clinic",
    "Accounting",
    "Engineering",
    "Credit Union",
    "Print Works",
    "Insurance",
    "Academy",
    "Plumbing",
    "Optics",
    "Realty",
    "Pharmacy",
    "Marine",
];

/// The name of the customer with this index; no two are alike.
pub(super) fn name(index: usize) -> String {
    let (place, round) = (index % PLACES.len(), index / PLACES.len());
    let trade = (round + place) % TRADES.len();
    match round / TRADES.len() {
        0 => format!("{} {}", PLACES[place], TRADES[trade]),
        group => format!("{} {} {}", PLACES[place], TRADES[trade], group + 1),
    }
}

/// An index as what is added to the first id.
pub(super) fn offset(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX / 1024)
}

/// A customer as Liongard knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentSpec {
    /// The environment's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its short name: the initials.
    pub short_name: String,
    /// Whether lists show it as visible.
    pub visible: bool,
    /// The environment it belongs under.
    pub parent: Option<i64>,
}

impl EnvironmentSpec {
    /// A visible environment of a customer.
    #[must_use]
    pub fn customer(id: i64, name: &str) -> Self {
        let initials = name
            .split_whitespace()
            .filter_map(|word| word.chars().next());
        Self {
            id,
            name: name.to_owned(),
            short_name: initials.collect(),
            visible: true,
            parent: None,
        }
    }

    /// The MSP's own environment.
    pub(super) fn own() -> Self {
        Self::customer(MSP_ENVIRONMENT, "Harbour Street IT")
    }
}

/// A customer as HaloPSA knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSpec {
    /// The client's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its only site.
    pub site_id: i64,
    /// Whether it is hidden from pick lists.
    pub inactive: bool,
    /// The Liongard id that HaloPSA's own integration may have stored.
    pub liongard_id: Option<i64>,
}

impl ClientSpec {
    /// An active client with one site.
    #[must_use]
    pub fn customer(id: i64, site_id: i64, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            site_id,
            inactive: false,
            liongard_id: None,
        }
    }

    /// The MSP's own client.
    pub(super) fn own() -> Self {
        Self::customer(MSP_CLIENT, 18, "Harbour Street IT")
    }
}
