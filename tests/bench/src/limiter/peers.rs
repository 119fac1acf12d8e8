//! Other limiters on the same servers and networks: sixteen to twenty workers of one process that want
//! to send as much as they can.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, FakeRelativeClock};
use governor::{Quota, RateLimiter};

use super::server::{Model, Server};
use super::sim::{BEGIN, Event, World};
use super::workload::Network;

/// Workers of the process.
const WORKERS: usize = 20;

/// Another project's limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The crate `governor`: 450 in five minutes, as its documentation suggests.
    GovernorNaive,
    /// The crate `governor` with a quota that can never exceed 450: one a second, bursts of 150.
    GovernorSafe,
    /// The rule of the common PowerShell module for HaloPSA: no limit; after a refusal 5 s, doubling to
    /// 60 s, ten tries.
    BackOff,
    /// The standard retry rule of AWS's SDKs: no limit; three tries, pauses up to 1 s doubling, paid
    /// for from a bucket of 500 at five each.
    SdkRetry,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::GovernorNaive,
        Self::GovernorSafe,
        Self::BackOff,
        Self::SdkRetry,
    ];

    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GovernorNaive => "`governor`, 450 per 5 min",
            Self::GovernorSafe => "`governor`, burst 150 at 1/s",
            Self::BackOff => "PowerShell module's back-off",
            Self::SdkRetry => "AWS SDK standard retry",
        }
    }
}

/// The outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerOutcome {
    /// Accepted requests after the first window.
    pub accepted: u64,
    /// Refused requests.
    pub refused: u64,
    /// Requests given up on.
    pub given_up: u64,
    /// When the last request of a backlog was answered, in milliseconds.
    pub done_at: i64,
}

/// One worker and its current request.
#[derive(Clone, Copy, Default)]
struct Worker {
    tries: u32,
    accepted: bool,
    tokens: u32,
}

/// Lets a peer work for `span`, or a backlog off.
pub fn run(
    peer: Peer,
    model: Model,
    network: Network,
    span: Duration,
    backlog: Option<u64>,
    seed: u64,
) -> PeerOutcome {
    let world = World::new(seed);
    let phase = (world.chance() * 300_000.0) as i64;
    let mut server = Server::new(model, 450, 300_000, phase);
    let clock = FakeRelativeClock::default();
    let quota = match peer {
        Peer::GovernorSafe => {
            Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::MIN.saturating_add(149))
        }
        _ => Quota::with_period(Duration::from_micros(666_667))
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::MIN.saturating_add(449)),
    };
    let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
    let limited = matches!(peer, Peer::GovernorNaive | Peer::GovernorSafe);
    let mut workers = [Worker {
        tokens: 500,
        ..Worker::default()
    }; WORKERS];
    let mut outcome = PeerOutcome::default();
    let mut left = backlog.unwrap_or(u64::MAX);
    let mut open = left;
    let mut passed = 0;
    for number in 0..WORKERS {
        world.at(BEGIN, Event::Wake(number));
    }
    while let Some(event) = world.next(BEGIN + span.as_millis() as i64) {
        let now = world.now();
        match event {
            Event::Wake(number) => {
                let worker = &mut workers[number];
                if worker.tries == 0 && left == 0 {
                    continue;
                }
                if limited {
                    let since = (now - BEGIN).unsigned_abs();
                    clock.advance(Duration::from_millis(since - passed));
                    passed = since;
                    if let Err(not_until) = limiter.check() {
                        let pause = not_until.wait_time_from(clock.now()).as_millis() as i64;
                        world.at(now + pause + 1, Event::Wake(number));
                        continue;
                    }
                }
                left -= u64::from(worker.tries == 0);
                worker.tries += 1;
                let there = network.one_way(&world);
                world.at(now + there, Event::Arrive(number));
                world.at(now + there + network.one_way(&world), Event::Seen(number));
            }
            Event::Arrive(number) => {
                let accepted = server.accept(now);
                workers[number].accepted = accepted;
                outcome.refused += u64::from(!accepted);
                outcome.accepted += u64::from(accepted && now - BEGIN >= 300_000);
            }
            Event::Seen(number) => {
                let pause = after(peer, &mut workers[number], &world, &mut outcome);
                open -= u64::from(workers[number].tries == 0);
                outcome.done_at = now - BEGIN;
                if open == 0 {
                    break;
                }
                world.at(now + pause, Event::Wake(number));
            }
            Event::Die(_) | Event::Other | Event::Urgent => {}
        }
    }
    outcome
}

/// How long a worker pauses after a response before it sends the same request again, or the next.
fn after(peer: Peer, worker: &mut Worker, world: &World, outcome: &mut PeerOutcome) -> i64 {
    if worker.accepted {
        worker.tokens = (worker.tokens + 1).min(500);
        worker.tries = 0;
        return 0;
    }
    let (tries_max, pause) = match peer {
        // Neither defines what to do then; a polite client retries after a second.
        Peer::GovernorNaive | Peer::GovernorSafe => (u32::MAX, 1_000),
        Peer::BackOff => (10, (5_000 << (worker.tries - 1).min(4)).min(60_000)),
        Peer::SdkRetry => {
            let most = (1_000 << (worker.tries - 1).min(5)).min(20_000);
            (3, (world.chance() * f64::from(most)) as i64)
        }
    };
    let paid = peer != Peer::SdkRetry || worker.tokens >= 5;
    if worker.tries >= tries_max || !paid {
        outcome.given_up += 1;
        worker.tries = 0;
        return 0;
    }
    if peer == Peer::SdkRetry {
        worker.tokens -= 5;
    }
    pause
}
