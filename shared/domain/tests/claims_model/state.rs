//! One state of the model: the link, the workers, and HaloPSA's requests, with all times relative to [`NOW`].
//!
//! States that differ only in what no one can tell apart are one state: the order of the workers, the numbers of
//! claims of which nothing is left, and how long a doubt has been over. So the model is finite, although time
//! and attempts are not.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::link::{CLAIM_TTL, Claim, IN_DOUBT_MAX, IN_DOUBT_SEARCHES, Link};

use crate::support::alert;

/// What the clock shows in every state: when it goes on, all that happened moves into the past instead.
pub const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

/// The name of every worker. A process that starts again may have the name it had.
pub const WORKER: &str = "worker";

#[derive(Clone, Debug, PartialEq, Hash)]
pub struct State {
    pub pair: Pair,
    pub workers: Vec<Worker>,
    pub requests: Vec<Request>,
}

impl State {
    /// The state before anything happened.
    pub fn start(workers: usize) -> Self {
        Self {
            pair: Pair {
                claim: Claim::Free,
                claim_count: 0,
                ticket: None,
            },
            workers: vec![Worker::Idle; workers],
            requests: Vec::new(),
        }
    }

    /// How many tickets exist.
    pub fn tickets(&self) -> usize {
        let requests = self.requests.iter();
        requests.filter(|request| request.has_ticket()).count()
    }

    /// The request under the claim with this number.
    pub fn request_mut(&mut self, number: u32) -> Option<&mut Request> {
        let mut requests = self.requests.iter_mut();
        requests.find(|request| request.number == number)
    }

    /// The clock goes on by `tick`. What can no longer be carried out never is, and what must be listed is.
    pub fn pass(&mut self, tick: Duration) {
        self.requests.retain(
            |request| !matches!(request.progress, Progress::Processing { until } if until <= NOW),
        );
        for time in self.times_mut() {
            *time = time.minus(tick);
        }
        for request in &mut self.requests {
            if matches!(request.progress, Progress::Opened { listed_by } if listed_by <= NOW) {
                request.progress = Progress::Listed;
            }
        }
    }

    /// The state that stands for all that cannot be told apart from this one.
    pub fn normal(mut self) -> Self {
        match &mut self.pair.claim {
            Claim::Free => {}
            Claim::Held { since, until, .. } => {
                *until = (*until).max(NOW.minus(IN_DOUBT_MAX));
                *since = until.minus(CLAIM_TTL);
            }
            Claim::InDoubt {
                since, searched_at, ..
            } => {
                (*since, *searched_at) = normal_doubt(*since, *searched_at);
            }
        }
        for worker in &mut self.workers {
            worker.make_normal();
        }
        self.renumber();
        self.workers.sort_unstable();
        self.requests.sort_unstable();
        self
    }

    /// Numbers the claims of which something is left from one on, in order.
    fn renumber(&mut self) {
        let mut used: Vec<u32> = self.numbers_mut().map(|number| *number).collect();
        used.sort_unstable();
        used.dedup();
        for number in self.numbers_mut() {
            let place = used.binary_search(number).unwrap_or_default();
            *number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        }
        self.pair.claim_count = u32::try_from(used.len()).unwrap_or(u32::MAX);
    }

    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        let held = match &mut self.pair.claim {
            Claim::Held { number, .. } => Some(number),
            Claim::Free | Claim::InDoubt { .. } => None,
        };
        let workers = self.workers.iter_mut().filter_map(Worker::number_mut);
        let requests = self.requests.iter_mut().map(|request| &mut request.number);
        held.into_iter()
            .chain(&mut self.pair.ticket)
            .chain(workers)
            .chain(requests)
    }

    fn times_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let [one, other] = match &mut self.pair.claim {
            Claim::Free => [None, None],
            Claim::Held { since, until, .. } => [Some(since), Some(until)],
            Claim::InDoubt {
                since, searched_at, ..
            } => [Some(since), searched_at.as_mut()],
        };
        let workers = self.workers.iter_mut().flat_map(Worker::times_mut);
        let requests = self
            .requests
            .iter_mut()
            .filter_map(|it| match &mut it.progress {
                Progress::Processing { until: time } | Progress::Opened { listed_by: time } => {
                    Some(time)
                }
                Progress::Listed => None,
            });
        one.into_iter().chain(other).chain(workers).chain(requests)
    }
}

/// A doubt is over for good after [`IN_DOUBT_MAX`], and of the last search counts which of the planned ones it was.
fn normal_doubt(
    since: Timestamp,
    searched_at: Option<Timestamp>,
) -> (Timestamp, Option<Timestamp>) {
    let searched = searched_at.and_then(|searched_at| {
        let planned = IN_DOUBT_SEARCHES.into_iter().rev();
        planned
            .into_iter()
            .find(|delay| since.plus(*delay) <= searched_at)
    });
    let since = since.max(NOW.minus(IN_DOUBT_MAX));
    (since, searched.map(|delay| since.plus(delay)))
}

/// The members of the link that the protocol changes. The ticket is named by the number of its claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub claim: Claim,
    pub claim_count: u32,
    pub ticket: Option<u32>,
}

impl Pair {
    pub fn link(&self) -> Link {
        let mut link = Link::new(alert().id);
        link.observe_alert(alert());
        link.claim = self.claim.clone();
        link.claim_count = self.claim_count;
        link.ticket = self.ticket.map(|number| TicketId::new(number.into()));
        link
    }

    /// Changes the link with a function of production.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut Link) -> R) -> R {
        let mut link = self.link();
        let result = change(&mut link);
        *self = Self {
            claim: link.claim,
            claim_count: link.claim_count,
            ticket: link
                .ticket
                .map(|id| u32::try_from(id.get()).unwrap_or(u32::MAX)),
        };
        result
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.claim_count, self.ticket).hash(state);
        match &self.claim {
            Claim::Free => (0, None, None),
            Claim::Held {
                number,
                since,
                until,
                ..
            } => (*number, Some(*since), Some(*until)),
            Claim::InDoubt {
                since, searched_at, ..
            } => (u32::MAX, Some(*since), *searched_at),
        }
        .hash(state);
    }
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    Idle,
    /// Its plan is to open the ticket.
    WillOpen,
    /// It has acquired the claim with this number, and knows until when.
    Claimed {
        number: u32,
        until: Timestamp,
    },
    /// It has sent the request, which ends by then.
    Sent {
        number: u32,
        ends_by: Timestamp,
    },
    /// The request has ended. The link does not say so yet.
    Ended {
        number: u32,
        end: End,
    },
    /// It has found a ticket that lists show.
    Found {
        number: u32,
    },
    /// Its search, begun at `searched_at`, did not find the ticket of an attempt that was last under way at `since`.
    FoundNone {
        since: Timestamp,
        searched_at: Timestamp,
    },
}

/// How a request ended for its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    Opened,
    NotOpened,
    Lost { at: Timestamp },
}

impl Worker {
    /// Another worker has saved the link: what this one decided by it, it can no longer save.
    pub fn outdate(&mut self) {
        if matches!(self, Self::WillOpen | Self::FoundNone { .. }) {
            *self = Self::Idle;
        }
    }

    fn make_normal(&mut self) {
        let oldest = NOW.minus(IN_DOUBT_MAX);
        match self {
            // Nothing is sent under it any more, however long ago it expired.
            Self::Claimed { until, .. } => *until = (*until).max(NOW),
            Self::Ended {
                end: End::Lost { at },
                ..
            } => *at = (*at).max(oldest),
            Self::FoundNone { since, searched_at } => {
                let (normal, searched) = normal_doubt(*since, Some(*searched_at));
                (*since, *searched_at) = (normal, searched.unwrap_or(normal));
            }
            Self::Idle
            | Self::WillOpen
            | Self::Sent { .. }
            | Self::Ended { .. }
            | Self::Found { .. } => {}
        }
    }

    const fn number_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::Claimed { number, .. }
            | Self::Sent { number, .. }
            | Self::Ended { number, .. }
            | Self::Found { number } => Some(number),
            Self::Idle | Self::WillOpen | Self::FoundNone { .. } => None,
        }
    }

    fn times_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let [one, other] = match self {
            Self::Claimed { until: time, .. }
            | Self::Sent { ends_by: time, .. }
            | Self::Ended {
                end: End::Lost { at: time },
                ..
            } => [Some(time), None],
            Self::FoundNone { since, searched_at } => [Some(since), Some(searched_at)],
            Self::Idle | Self::WillOpen | Self::Ended { .. } | Self::Found { .. } => [None, None],
        };
        one.into_iter().chain(other)
    }
}

/// A request as HaloPSA has it. One that is never carried out is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The number of the claim under which it was sent.
    pub number: u32,
    pub progress: Progress,
}

impl Request {
    pub const fn has_ticket(&self) -> bool {
        matches!(self.progress, Progress::Opened { .. } | Progress::Listed)
    }
}

/// What HaloPSA has done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// It may be carried out until then.
    Processing { until: Timestamp },
    /// Its ticket exists. Lists show it from then on at the latest.
    Opened { listed_by: Timestamp },
    /// Lists show its ticket.
    Listed,
}
