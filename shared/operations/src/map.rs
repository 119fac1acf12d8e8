//! `map`: which HaloPSA client is which Liongard environment.
//!
//! [`customer_map`] compares both lists with the config and says of every environment what it is: mapped,
//! ignored, inactive, suggested, tied, or without a match. [`accepted`] chooses among the suggestions. Nothing
//! here guesses: what has a rival closer than [`MARGIN`] is a tie, and a tie is never bound.

mod matching;
mod names;
mod sheet;
mod similarity;

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{
    AlertSource, ClientInfo, EnvironmentInfo, LinkFilter, PortError, ServiceDeskCatalog,
};
use halogard_config::{CustomerEntries, CustomerEntry};
use halogard_domain::Policy;
use halogard_domain::ids::{EnvironmentId, HaloClientId};
use halogard_domain::policy::{ParkReason, Pattern};
use serde::Serialize;

pub use sheet::{KnownRecords, SheetError, read_sheet, write_sheet};
pub use similarity::Proof;

use crate::scan::for_each_link;
use matching::{ClientCandidate, match_all};
use names::ComparableName;
use similarity::compare;

/// Suggestions are accepted from this score on when none is given: the same names but for case, punctuation and
/// one legal form, and long names with one letter wrong.
pub const ACCEPTED_BY_DEFAULT: f64 = 0.95;

/// How much better than every other a match must be, on both sides.
pub const MARGIN: f64 = 0.08;

/// What is less alike is not suggested.
const SUGGESTED_FROM: f64 = 0.70;

/// Which environments are listed.
#[derive(Clone, Debug, Default)]
pub struct MapSelection {
    /// Inactive environments and clients, too.
    pub with_inactive: bool,
    /// Those of a tier in Liongard; empty means all.
    pub tiers: BTreeSet<String>,
    /// Those whose name matches.
    pub name: Option<Pattern>,
}

/// Every environment and what it is to HaloPSA.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CustomerMap {
    /// The sums.
    pub sums: MapSums,
    /// The environments by name.
    pub environments: Vec<MapRow>,
    /// HaloPSA's clients, those that are not in use among them.
    #[serde(skip)]
    pub clients: BTreeSet<HaloClientId>,
}

impl CustomerMap {
    /// What a file of customers may name, under `policy`.
    #[must_use]
    pub fn known(&self, policy: &Policy) -> KnownRecords {
        KnownRecords {
            environments: self
                .environments
                .iter()
                .map(|row| row.environment)
                .collect(),
            clients: self.clients.clone(),
            templates: policy.templates.keys().cloned().collect(),
        }
    }
}

/// How many there are of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MapSums {
    /// Environments that Liongard shows.
    pub environments: usize,
    /// Clients that HaloPSA shows.
    pub clients: usize,
    /// Environments that are not in use.
    pub inactive: usize,
    /// Environments that the config ignores.
    pub ignored: usize,
    /// Environments that the selection leaves out.
    pub filtered: usize,
    /// Environments that the config maps.
    pub mapped: usize,
    /// Environments with a client that fits.
    pub suggested: usize,
    /// Environments with several clients that fit, or the client of which fits several.
    pub tied: usize,
    /// Environments that no client fits.
    pub unmatched: usize,
    /// Mapped environments that Liongard does not show.
    pub not_visible: usize,
    /// Clients that no environment is mapped to or suggested for.
    pub clients_left: usize,
}

/// An environment and what it is to HaloPSA.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MapRow {
    /// The environment.
    pub environment: EnvironmentId,
    /// Its name in Liongard.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub state: MatchState,
}

/// What an environment is to HaloPSA.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MatchState {
    /// The config maps it.
    Mapped {
        /// To this client.
        client: HaloClientId,
        /// The client's name; `None` if HaloPSA does not show it.
        client_name: Option<String>,
    },
    /// The config ignores it.
    Ignored,
    /// It is not in use.
    Inactive,
    /// The selection leaves it out.
    Filtered,
    /// One client fits, and no other environment fits it as well.
    Suggested {
        /// The client.
        client: ClientMatch,
    },
    /// A person must decide.
    Tied {
        /// The clients that fit.
        candidates: Vec<ClientMatch>,
        /// The environments that fit the best of them as well.
        rivals: Vec<RivalEnvironment>,
    },
    /// No client fits.
    Unmatched {
        /// The least unlike.
        nearest: Option<ClientMatch>,
    },
}

/// A client that may be the customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClientMatch {
    /// The client.
    pub client: HaloClientId,
    /// Its name in HaloPSA.
    pub name: String,
    /// From 0 to 1.
    pub score: f64,
    /// Why.
    pub proof: Proof,
}

/// An environment that fits the same client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RivalEnvironment {
    /// The environment.
    pub environment: EnvironmentId,
    /// Its name, where Liongard shows it.
    pub name: Option<String>,
    /// Whether it has the client already.
    pub is_mapped: bool,
}

/// Reads both lists and compares them with `policy`.
///
/// # Errors
///
/// A list that cannot be read: half a list would suggest wrong clients.
pub async fn read_customer_map<D: ServiceDeskCatalog, L: AlertSource>(
    desk: &D,
    liongard: &L,
    policy: &Policy,
    selection: &MapSelection,
) -> Result<CustomerMap, PortError> {
    let environments = liongard.environments().await?;
    let clients = desk.clients().await?;
    Ok(customer_map(&environments, &clients, policy, selection))
}

/// Compares both lists with `policy`.
#[must_use]
pub fn customer_map(
    environments: &[EnvironmentInfo],
    clients: &[ClientInfo],
    policy: &Policy,
    selection: &MapSelection,
) -> CustomerMap {
    let mut mapped_to: BTreeMap<HaloClientId, Vec<EnvironmentId>> = BTreeMap::new();
    for mapping in policy.environments.values() {
        let of_client = mapped_to.entry(mapping.client).or_default();
        of_client.push(mapping.environment);
    }
    let candidates: Vec<ClientCandidate<'_>> = clients
        .iter()
        .filter(|client| client.active || selection.with_inactive)
        .map(|client| ClientCandidate {
            client,
            mapped_to: mapped_to.get(&client.id).cloned().unwrap_or_default(),
        })
        .collect();
    let settled = |info: &EnvironmentInfo| settled(info, clients, policy, selection);
    let open: Vec<&EnvironmentInfo> = environments
        .iter()
        .filter(|info| settled(info).is_none())
        .collect();
    let mut states: BTreeMap<EnvironmentId, MatchState> = open
        .iter()
        .map(|info| info.id)
        .zip(match_all(&open, &candidates))
        .collect();
    let mut rows: Vec<MapRow> = environments
        .iter()
        .filter_map(|info| {
            let state = settled(info).or_else(|| states.remove(&info.id))?;
            Some(MapRow {
                environment: info.id,
                name: info.name.clone(),
                state,
            })
        })
        .collect();
    rows.sort_by(|left, right| {
        let key = |row: &MapRow| (row.name.to_lowercase(), row.environment);
        key(left).cmp(&key(right))
    });
    let sums = sums(&rows, environments, clients, policy);
    CustomerMap {
        sums,
        environments: rows,
        clients: clients.iter().map(|client| client.id).collect(),
    }
}

/// The state of an environment that is not compared.
fn settled(
    info: &EnvironmentInfo,
    clients: &[ClientInfo],
    policy: &Policy,
    selection: &MapSelection,
) -> Option<MatchState> {
    if let Some(mapping) = policy.environments.get(&info.id) {
        let found = clients.iter().find(|known| known.id == mapping.client);
        return Some(MatchState::Mapped {
            client: mapping.client,
            client_name: found.map(|client| client.name.clone()),
        });
    }
    if policy.ignored_environments.contains(&info.id) {
        return Some(MatchState::Ignored);
    }
    if !info.active && !selection.with_inactive {
        return Some(MatchState::Inactive);
    }
    let in_tier = info
        .tier
        .as_ref()
        .is_some_and(|tier| selection.tiers.contains(&tier.to_lowercase()));
    let by_name = selection.name.as_ref();
    let is_named = by_name.is_none_or(|pattern| pattern.matches(&info.name));
    let is_selected = (selection.tiers.is_empty() || in_tier) && is_named;
    (!is_selected).then_some(MatchState::Filtered)
}

fn sums(
    rows: &[MapRow],
    environments: &[EnvironmentInfo],
    clients: &[ClientInfo],
    policy: &Policy,
) -> MapSums {
    let mut sums = MapSums {
        environments: environments.len(),
        clients: clients.len(),
        ..MapSums::default()
    };
    let mut taken: BTreeSet<HaloClientId> = BTreeSet::new();
    for row in rows {
        let count = match &row.state {
            MatchState::Mapped { .. } => &mut sums.mapped,
            MatchState::Ignored => &mut sums.ignored,
            MatchState::Inactive => &mut sums.inactive,
            MatchState::Filtered => &mut sums.filtered,
            MatchState::Suggested { client } => {
                taken.insert(client.client);
                &mut sums.suggested
            }
            MatchState::Tied { .. } => &mut sums.tied,
            MatchState::Unmatched { .. } => &mut sums.unmatched,
        };
        *count += 1;
    }
    let shown: BTreeSet<EnvironmentId> = environments.iter().map(|info| info.id).collect();
    let mapped = policy.environments.values();
    taken.extend(mapped.clone().map(|mapping| mapping.client));
    sums.not_visible = mapped
        .filter(|mapping| !shown.contains(&mapping.environment))
        .count();
    sums.clients_left = clients
        .iter()
        .filter(|client| client.active && !taken.contains(&client.id))
        .count();
    sums
}

/// How alike two names of customers are, from 0 to 1.
#[must_use]
pub fn name_likeness(left: &str, right: &str) -> f64 {
    let (left, right) = (ComparableName::of(left), ComparableName::of(right));
    compare(&left, &right).0
}

/// What new entries of the config have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryDefaults {
    /// The template when no rule matches.
    pub template: Option<String>,
    /// Their groups.
    pub groups: BTreeSet<String>,
}

/// The suggestions with at least this score, as entries of the config. Ties, and names that are alike in Latin
/// letters only, are never among them.
#[must_use]
pub fn accepted(map: &CustomerMap, score: f64, defaults: &EntryDefaults) -> CustomerEntries {
    let entries = map.environments.iter().filter_map(|row| match &row.state {
        MatchState::Suggested { client } if client.score >= score && client.proof.may_bind() => {
            Some(entry(row, client, defaults))
        }
        _ => None,
    });
    CustomerEntries {
        mapped: entries.collect(),
        ignored: Vec::new(),
    }
}

/// The entry that maps the environment of `row` to `client`.
#[must_use]
pub fn entry(row: &MapRow, client: &ClientMatch, defaults: &EntryDefaults) -> CustomerEntry {
    CustomerEntry {
        environment: row.environment,
        client: client.client,
        names: Some((row.name.clone(), client.name.clone())),
        site: None,
        template: defaults.template.clone(),
        groups: defaults.groups.clone(),
        is_shared: false,
        tickets_for: None,
    }
}

/// How many alerts wait for the mapping of their environment, by environment.
///
/// # Errors
///
/// The store cannot be read.
pub async fn waiting_alerts(
    store: &impl Store,
) -> Result<BTreeMap<EnvironmentId, usize>, PortError> {
    let mut waiting = BTreeMap::new();
    for_each_link(store, LinkFilter::Parked, |link| {
        let alert = link.observed_alert.as_ref();
        let alert =
            alert.filter(|alert| link.parked == Some(ParkReason::Unmapped) && !alert.is_closed());
        if let Some(alert) = alert {
            *waiting.entry(alert.environment).or_default() += 1;
        }
    })
    .await?;
    Ok(waiting)
}

/// How many alerts get tickets at once when `entries` are added, if none of these says which of them do. Above
/// [`UNDECIDED_MAX`](halogard_domain::start::UNDECIDED_MAX) the operator must choose.
#[must_use]
pub fn undecided_alerts(
    entries: &CustomerEntries,
    waiting: &BTreeMap<EnvironmentId, usize>,
) -> usize {
    let open = entries.mapped.iter().filter(|it| it.tickets_for.is_none());
    open.filter_map(|it| waiting.get(&it.environment)).sum()
}
