//! Which client is which environment: mutual best matches with a margin; everything closer is a tie.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use halogard_app::ports::{ClientInfo, EnvironmentInfo};
use halogard_domain::ids::{EnvironmentId, HaloClientId};

use super::names::ComparableName;
use super::similarity::{CERTAIN, PAIRS_SHARED_MIN, Proof, compare};
use super::{ClientMatch, MARGIN, MatchState, RivalEnvironment, SUGGESTED_FROM};

/// Room for rounding in a comparison of scores.
const ROUNDING: f64 = 1e-9;

/// Names that agree at least this well confirm a stored id.
const CONFIRMING_NAME: f64 = 0.88;

/// A client with the environments it is mapped to already.
pub(super) struct ClientCandidate<'a> {
    pub(super) client: &'a ClientInfo,
    pub(super) mapped_to: Vec<EnvironmentId>,
}

/// An edge between an environment and a client.
#[derive(Clone, Copy)]
struct Edge {
    client: usize,
    /// What is shown.
    score: f64,
    /// What decides: a stored id that the name confirms is beyond every name.
    rank: f64,
    proof: Proof,
}

/// The state of each environment, in the order of `environments`.
pub(super) fn match_all(
    environments: &[&EnvironmentInfo],
    clients: &[ClientCandidate<'_>],
) -> Vec<MatchState> {
    let index = ClientIndex::of(clients);
    let edges: Vec<Vec<Edge>> = environments
        .iter()
        .map(|environment| index.edges_of(environment, clients))
        .collect();
    let mut of_client: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    for (environment, edges) in edges.iter().enumerate() {
        for edge in edges {
            of_client
                .entry(edge.client)
                .or_default()
                .push((environment, edge.rank));
        }
    }
    let decide =
        |(at, edges): (usize, &Vec<Edge>)| state_of(at, edges, environments, clients, &of_client);
    edges.iter().enumerate().map(decide).collect()
}

/// The state of one environment whose `edges` are sorted, best first.
fn state_of(
    at: usize,
    edges: &[Edge],
    environments: &[&EnvironmentInfo],
    clients: &[ClientCandidate<'_>],
    of_client: &BTreeMap<usize, Vec<(usize, f64)>>,
) -> MatchState {
    let Some(best) = edges.first().filter(|edge| edge.score >= SUGGESTED_FROM) else {
        let nearest = edges.first().map(|edge| shown(edge, clients));
        return MatchState::Unmatched { nearest };
    };
    let close = |rank: f64| rank > best.rank - MARGIN + ROUNDING;
    let candidates: Vec<ClientMatch> = edges
        .iter()
        .filter(|edge| close(edge.rank))
        .map(|edge| shown(edge, clients))
        .collect();
    let others = of_client.get(&best.client).into_iter().flatten();
    let rivals: Vec<&(usize, f64)> = others
        .filter(|(other, rank)| *other != at && close(*rank))
        .collect();
    let mapped = &clients[best.client].mapped_to;
    if candidates.len() == 1 && rivals.is_empty() && mapped.is_empty() {
        return MatchState::Suggested {
            client: shown(best, clients),
        };
    }
    let outdone = rivals
        .iter()
        .any(|(_, rank)| best.rank < rank - MARGIN + ROUNDING);
    if candidates.len() == 1 && mapped.is_empty() && outdone {
        // The client has a clearly better match.
        return MatchState::Unmatched {
            nearest: Some(shown(best, clients)),
        };
    }
    let name = |id: EnvironmentId| environments.iter().find(|known| known.id == id);
    let rivals = rivals.iter().map(|(other, _)| RivalEnvironment {
        environment: environments[*other].id,
        name: Some(environments[*other].name.clone()),
        is_mapped: false,
    });
    let mapped = mapped.iter().map(|id| RivalEnvironment {
        environment: *id,
        name: name(*id).map(|known| known.name.clone()),
        is_mapped: true,
    });
    MatchState::Tied {
        rivals: rivals.chain(mapped).collect(),
        candidates,
    }
}

/// An edge as an answer shows it.
fn shown(edge: &Edge, clients: &[ClientCandidate<'_>]) -> ClientMatch {
    let client = clients[edge.client].client;
    ClientMatch {
        client: client.id,
        name: client.name.clone(),
        score: (edge.score * 100.0).round() / 100.0,
        proof: edge.proof,
    }
}

/// Clients by what their names are made of, so that not every pair is compared.
struct ClientIndex {
    names: Vec<ComparableName>,
    by_core: HashMap<String, Vec<usize>>,
    by_pair: HashMap<(char, char), Vec<(usize, u32)>>,
    by_stored_id: BTreeMap<EnvironmentId, Vec<usize>>,
}

impl ClientIndex {
    fn of(clients: &[ClientCandidate<'_>]) -> Self {
        let mut index = Self {
            names: Vec::new(),
            by_core: HashMap::new(),
            by_pair: HashMap::new(),
            by_stored_id: BTreeMap::new(),
        };
        for (at, candidate) in clients.iter().enumerate() {
            let name = ComparableName::of(&candidate.client.name);
            index.by_core.entry(name.core.clone()).or_default().push(at);
            for (pair, count) in &name.in_latin().pairs {
                index.by_pair.entry(*pair).or_default().push((at, *count));
            }
            if let Some(stored) = candidate.client.stored_environment {
                index.by_stored_id.entry(stored).or_default().push(at);
            }
            index.names.push(name);
        }
        index
    }

    /// The clients that `environment` may be, best first.
    fn edges_of(
        &self,
        environment: &EnvironmentInfo,
        clients: &[ClientCandidate<'_>],
    ) -> Vec<Edge> {
        let name = ComparableName::of(&environment.name);
        let stored = self.by_stored_id.get(&environment.id);
        let mut compared: BTreeSet<usize> = self.near(&name);
        compared.extend(self.by_core.get(&name.core).into_iter().flatten());
        compared.extend(stored.into_iter().flatten());
        let mut edges: Vec<Edge> = compared
            .into_iter()
            .map(|client| {
                let (score, proof) = compare(&name, &self.names[client]);
                if stored.is_some_and(|stored| stored.contains(&client)) {
                    let confirmed = if score >= CONFIRMING_NAME {
                        MARGIN
                    } else {
                        0.0
                    };
                    return Edge {
                        client,
                        score: CERTAIN,
                        rank: CERTAIN + confirmed,
                        proof: Proof::StoredId,
                    };
                }
                Edge {
                    client,
                    score,
                    rank: score,
                    proof,
                }
            })
            .collect();
        let id = |edge: &Edge| -> HaloClientId { clients[edge.client].client.id };
        edges.sort_by(|left, right| {
            let by_rank = right.rank.total_cmp(&left.rank);
            by_rank.then_with(|| id(left).cmp(&id(right)))
        });
        edges
    }

    /// The clients whose names share enough pairs of letters with `name`, in Latin letters.
    fn near(&self, name: &ComparableName) -> BTreeSet<usize> {
        let own = name.in_latin();
        let mut shared: HashMap<usize, u32> = HashMap::new();
        for (pair, count) in &own.pairs {
            for (client, theirs) in self.by_pair.get(pair).into_iter().flatten() {
                *shared.entry(*client).or_default() += count.min(theirs);
            }
        }
        let enough = |(client, shared): &(usize, u32)| {
            let all = f64::from(own.pairs_count + self.names[*client].in_latin().pairs_count);
            2.0 * f64::from(*shared) >= PAIRS_SHARED_MIN * all
        };
        shared
            .into_iter()
            .filter(enough)
            .map(|(client, _)| client)
            .collect()
    }
}
