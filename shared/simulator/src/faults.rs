//! What may go wrong between a caller and a simulated vendor, on demand or by chance.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// One way for a request to fail, or to look as if it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The effect happens, the answer is lost with the connection.
    LoseAnswer,
    /// The connection is gone before anything arrives; no effect, no count against a limit.
    RefuseConnection,
    /// 429 before any effect, with the header's text where one is given.
    Status429 {
        /// Text of `Retry-After`, sent as it stands.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 500 in the vendor's form, before any effect.
    Status500,
    /// 500 in the vendor's form although the effect happened.
    Status500AfterEffect,
    /// A gateway's 502 page, before any effect.
    Gateway502Html,
    /// A gateway's 504 page, before any effect.
    Gateway504Html,
    /// A gateway's 504 page although the effect happened.
    Gateway504AfterEffect,
    /// The effect happens, headers and half of the body arrive, then the connection is gone.
    HalfBody,
    /// The effect happens; a 2xx arrives whose JSON is of no known shape.
    OtherShape,
    /// The effect happens at once, the answer takes its time.
    SlowBy {
        /// Milliseconds to wait, by the runtime's timer rather than the simulated clock.
        milliseconds: u64,
    },
    /// The effect happens; the answer is a JSON string of this size.
    HugeBody {
        /// Bytes to send.
        bytes: usize,
    },
    /// 403 with an empty body, before any effect.
    Empty403,
    /// 401 before any effect; HaloPSA also forgets the token.
    ExpireToken,
}

/// A kind of fault and how often it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOdds {
    /// What happens.
    pub fault: Fault,
    /// From 0 (never) to 1 (always), per request.
    pub probability: f64,
    /// Only requests of this "METHOD /Route"; all when `None`.
    #[serde(default)]
    pub route: Option<String>,
}

/// The faults in store for one vendor. Cheap to clone; clones share the store.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Mutex<Store>>);

/// What is in store.
#[derive(Debug)]
struct Store {
    /// For the next requests of a route, in lower case.
    by_route: HashMap<String, VecDeque<Fault>>,
    /// For the request with an ordinal.
    by_ordinal: BTreeMap<u64, Fault>,
    /// For any request, by chance.
    by_chance: Vec<FaultOdds>,
    /// Requests seen.
    served: u64,
    /// Faults that struck.
    struck: u64,
    /// Chance.
    dice: Dice,
}

impl Faults {
    /// An empty store whose chances follow from `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Store {
            by_route: HashMap::new(),
            by_ordinal: BTreeMap::new(),
            by_chance: Vec::new(),
            served: 0,
            struck: 0,
            dice: Dice::seeded(seed),
        })))
    }

    /// Lets `fault` strike the next request of `route`, such as `POST /Tickets` or
    /// `GET /Tickets/{id}`. Several on one route strike one after the other.
    pub fn next(&self, route: &str, fault: Fault) {
        self.store()
            .by_route
            .entry(route.to_lowercase())
            .or_default()
            .push_back(fault);
    }

    /// Lets `fault` strike the request with this ordinal; the first request of all is number 1.
    pub fn at_request(&self, ordinal: u64, fault: Fault) {
        self.store().by_ordinal.insert(ordinal, fault);
    }

    /// Lets faults strike by chance, from now on, in place of any odds set before.
    pub fn by_chance(&self, odds: Vec<FaultOdds>) {
        self.store().by_chance = odds;
    }

    /// Takes every fault out of store, scripted or by chance.
    pub fn clear(&self) {
        let mut store = self.store();
        store.by_route.clear();
        store.by_ordinal.clear();
        store.by_chance.clear();
    }

    /// Requests seen so far; the next has this ordinal plus one.
    #[must_use]
    pub fn requests_seen(&self) -> u64 {
        self.store().served
    }

    /// Faults that struck so far.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.store().struck
    }

    /// Scripted faults still waiting for their request.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let store = self.store();
        store.by_ordinal.len() + store.by_route.values().map(VecDeque::len).sum::<usize>()
    }

    /// Counts a request and says what strikes it: ordinal before route before chance.
    pub(crate) fn strike(&self, route: &str) -> Option<Struck> {
        let mut store = self.store();
        store.served += 1;
        let ordinal = store.served;
        let key = route.to_lowercase();
        let scripted = store
            .by_ordinal
            .remove(&ordinal)
            .or_else(|| store.by_route.get_mut(&key).and_then(VecDeque::pop_front));
        let struck = match scripted {
            Some(fault) => Some(Struck {
                fault,
                scripted: true,
            }),
            None => store.chance(&key).map(|fault| Struck {
                fault,
                scripted: false,
            }),
        };
        store.struck += u64::from(struck.is_some());
        struck
    }

    /// Puts a scripted fault back that its request, refused for another reason, had no use for:
    /// it strikes the next request of the route.
    pub(crate) fn put_back(&self, route: &str, struck: Struck) {
        let mut store = self.store();
        store.struck = store.struck.saturating_sub(1);
        if struck.scripted {
            let queue = store.by_route.entry(route.to_lowercase()).or_default();
            queue.push_front(struck.fault);
        }
    }

    /// Locks the store; a panic elsewhere leaves it usable.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault that strikes, and where it came from.
#[derive(Debug)]
pub(crate) struct Struck {
    /// What happens.
    pub(crate) fault: Fault,
    /// Whether it was asked for, rather than thrown.
    scripted: bool,
}

impl Store {
    /// Throws for each of the odds on a route; the first that hits strikes.
    fn chance(&mut self, route: &str) -> Option<Fault> {
        let Self {
            by_chance, dice, ..
        } = self;
        let on_route = |odds: &&FaultOdds| {
            odds.route
                .as_ref()
                .is_none_or(|only| only.eq_ignore_ascii_case(route))
        };
        let mut on_route = by_chance.iter().filter(on_route);
        on_route
            .find(|odds| dice.happens(odds.probability))
            .map(|odds| odds.fault.clone())
    }
}
