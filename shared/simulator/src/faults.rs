//! Faults between a caller and a simulated vendor, on demand or at random.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::rng::SeededRng;

/// One way for a request to fail, or to look as if it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The effect happens, the answer is lost with the connection.
    DropResponse,
    /// The connection is gone before anything arrives; no effect, no count against a limit.
    RefuseConnection,
    /// 429 before any effect, with the header's text where one is given.
    Status429 {
        /// Text of `Retry-After`, sent unchanged.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 500 in the vendor's form, before any effect.
    Status500,
    /// 500 in the vendor's form although the effect happened.
    Status500AfterEffect,
    /// 400 although nothing was wrong with the request: the database chose it as the victim of a deadlock, before
    /// any effect. Liongard's 500.
    Deadlock,
    /// The same although the effect happened: it was committed before the deadlock.
    DeadlockAfterEffect,
    /// A gateway's 404 page, before any effect.
    Gateway404Html,
    /// A gateway's 502 page, before any effect.
    Gateway502Html,
    /// A gateway's 504 page, before any effect.
    Gateway504Html,
    /// A gateway's 504 page although the effect happened.
    Gateway504AfterEffect,
    /// The effect happens, headers and half of the body arrive, then the connection is gone.
    TruncatedBody,
    /// The effect happens; a 2xx arrives whose JSON is of no known shape.
    UnexpectedJson,
    /// The effect happens at once, the answer takes its time.
    Delay {
        /// Milliseconds to wait, by the runtime's timer rather than the simulated clock.
        milliseconds: u64,
    },
    /// The effect happens; the answer is a JSON string of this size.
    LargeBody {
        /// Bytes to send.
        bytes: usize,
    },
    /// 403 with an empty body, before any effect.
    Empty403,
    /// 401 before any effect; HaloPSA also forgets the token.
    ExpireToken,
}

impl Fault {
    /// The kind, in snake case.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DropResponse => "drop_response",
            Self::RefuseConnection => "refuse_connection",
            Self::Status429 { .. } => "status_429",
            Self::Status500 => "status_500",
            Self::Status500AfterEffect => "status_500_after_effect",
            Self::Deadlock => "deadlock",
            Self::DeadlockAfterEffect => "deadlock_after_effect",
            Self::Gateway404Html => "gateway_404_html",
            Self::Gateway502Html => "gateway_502_html",
            Self::Gateway504Html => "gateway_504_html",
            Self::Gateway504AfterEffect => "gateway_504_after_effect",
            Self::TruncatedBody => "truncated_body",
            Self::UnexpectedJson => "unexpected_json",
            Self::Delay { .. } => "delay",
            Self::LargeBody { .. } => "large_body",
            Self::Empty403 => "empty_403",
            Self::ExpireToken => "expire_token",
        }
    }
}

/// A fault and its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRate {
    /// What happens.
    pub fault: Fault,
    /// From 0 (never) to 1 (always), per request.
    pub probability: f64,
    /// Only requests of this "METHOD /Route"; all when `None`.
    #[serde(default)]
    pub route: Option<String>,
}

/// The scheduled faults of one vendor. Cheap to clone; clones share the schedule.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Mutex<FaultSchedule>>);

/// The scheduled faults.
#[derive(Debug)]
struct FaultSchedule {
    /// For the next requests of a route, in lower case.
    by_route: HashMap<String, VecDeque<Fault>>,
    /// For the request with an ordinal.
    by_ordinal: BTreeMap<u64, Fault>,
    /// For any request, at random.
    random: Vec<FaultRate>,
    /// Requests seen.
    served: u64,
    /// Faults injected, by kind.
    injected: BTreeMap<&'static str, u64>,
    /// The random number generator.
    rng: SeededRng,
}

impl Faults {
    /// An empty schedule; random faults follow from `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(FaultSchedule {
            by_route: HashMap::new(),
            by_ordinal: BTreeMap::new(),
            random: Vec::new(),
            served: 0,
            injected: BTreeMap::new(),
            rng: SeededRng::seeded(seed),
        })))
    }

    /// Injects `fault` into the next request of `route`, such as `POST /Tickets` or
    /// `GET /Tickets/{id}`. Several on one route are injected one after the other.
    pub fn next(&self, route: &str, fault: Fault) {
        self.schedule()
            .by_route
            .entry(route.to_lowercase())
            .or_default()
            .push_back(fault);
    }

    /// Injects `fault` into the request with this ordinal; the first request is number 1.
    pub fn at_request(&self, ordinal: u64, fault: Fault) {
        self.schedule().by_ordinal.insert(ordinal, fault);
    }

    /// Injects faults at random from now on; replaces the rates set before.
    pub fn set_random(&self, odds: Vec<FaultRate>) {
        self.schedule().random = odds;
    }

    /// Removes every fault, scripted and random.
    pub fn clear(&self) {
        let mut schedule = self.schedule();
        schedule.by_route.clear();
        schedule.by_ordinal.clear();
        schedule.random.clear();
    }

    /// Requests seen so far; the next has this ordinal plus one.
    #[must_use]
    pub fn requests_seen(&self) -> u64 {
        self.schedule().served
    }

    /// Faults injected so far.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.schedule().injected.values().sum()
    }

    /// The same by [kind](Fault::kind).
    #[must_use]
    pub fn injected_by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.schedule().injected.clone()
    }

    /// Scripted faults that are still pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        let schedule = self.schedule();
        schedule.by_ordinal.len() + schedule.by_route.values().map(VecDeque::len).sum::<usize>()
    }

    /// Counts a request and returns its fault: by ordinal, else by route, else at random.
    pub(crate) fn next_for(&self, route: &str) -> Option<InjectedFault> {
        let mut schedule = self.schedule();
        schedule.served += 1;
        let ordinal = schedule.served;
        let key = route.to_lowercase();
        let scripted = schedule.by_ordinal.remove(&ordinal).or_else(|| {
            schedule
                .by_route
                .get_mut(&key)
                .and_then(VecDeque::pop_front)
        });
        let struck = match scripted {
            Some(fault) => Some(InjectedFault {
                fault,
                scripted: true,
            }),
            None => schedule.random_fault(&key).map(|fault| InjectedFault {
                fault,
                scripted: false,
            }),
        };
        if let Some(struck) = &struck {
            *schedule.injected.entry(struck.fault.kind()).or_default() += 1;
        }
        struck
    }

    /// Reschedules a scripted fault whose request was refused for another reason: it is injected into
    /// the next request of the route.
    pub(crate) fn reschedule(&self, route: &str, struck: InjectedFault) {
        let mut schedule = self.schedule();
        if let Some(count) = schedule.injected.get_mut(struck.fault.kind()) {
            *count = count.saturating_sub(1);
        }
        if struck.scripted {
            let queue = schedule.by_route.entry(route.to_lowercase()).or_default();
            queue.push_front(struck.fault);
        }
    }

    /// Locks the schedule; a panic elsewhere leaves it usable.
    fn schedule(&self) -> MutexGuard<'_, FaultSchedule> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault to inject and where it came from.
#[derive(Debug)]
pub(crate) struct InjectedFault {
    /// What happens.
    pub(crate) fault: Fault,
    /// Whether it was scripted rather than random.
    scripted: bool,
}

impl FaultSchedule {
    /// Draws for each rate of a route; the first hit wins.
    fn random_fault(&mut self, route: &str) -> Option<Fault> {
        let Self { random, rng, .. } = self;
        let on_route = |odds: &&FaultRate| {
            odds.route
                .as_ref()
                .is_none_or(|only| only.eq_ignore_ascii_case(route))
        };
        let mut on_route = random.iter().filter(on_route);
        on_route
            .find(|odds| rng.chance(odds.probability))
            .map(|odds| odds.fault.clone())
    }
}
