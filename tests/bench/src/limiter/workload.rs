//! A simulated workload and its outcome.

use std::time::Duration;

use halogard_domain::budget::{Limit, Pace};

use super::server::Model;
use super::sim::World;

/// How long the way to the server takes, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// For tables.
    pub name: &'static str,
    /// The median one-way delay in milliseconds; log-normal.
    median_ms: f64,
    /// One in this many messages takes up to two seconds longer.
    tail: Option<f64>,
}

impl Network {
    /// 50 ms there and back, half of the time.
    pub const SHORT: Self = Self {
        name: "50 ms",
        median_ms: 25.0,
        tail: None,
    };
    /// 0.3 s there and back, half of the time.
    pub const LONG: Self = Self {
        name: "0.3 s",
        median_ms: 150.0,
        tail: None,
    };
    /// In each direction one message in a hundred takes up to 2 s longer.
    pub const HEAVY: Self = Self {
        name: "2 s tail",
        median_ms: 82.0,
        tail: Some(0.01),
    };
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SHORT, Self::LONG, Self::HEAVY];

    /// A one-way delay, in milliseconds.
    pub fn one_way(&self, world: &World) -> i64 {
        let mut way = self.median_ms * (0.6 * world.normal()).exp();
        if let Some(share) = self.tail
            && world.chance() < share
        {
            way += 2000.0 * world.chance();
        }
        way.round() as i64
    }
}

/// The simulated workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub model: Model,
    pub instances: usize,
    pub network: Network,
    /// The limit of the server in a window.
    pub truth: u32,
    /// The limit that the limiter is configured with.
    pub limit: Limit,
    pub pace: Pace,
    /// The part of calls that kill their instance.
    pub deaths: f64,
    /// Requests a second of others on the account.
    pub others: f64,
    /// Bulk requests that wait; any number when `None`.
    pub backlog: Option<u64>,
    /// Urgent requests a second beside the backlog; the backlog is then asked for as bulk work.
    pub urgent: f64,
    /// Simulated time.
    pub span: Duration,
    /// Not counted at the beginning.
    pub skip: Duration,
    pub seed: u64,
}

impl Workload {
    /// Instances that always have something to send.
    pub fn saturated(
        model: Model,
        instances: usize,
        network: Network,
        span: Duration,
        seed: u64,
    ) -> Self {
        Self {
            model,
            instances,
            network,
            truth: Limit::DEFAULT.requests_max,
            limit: Limit::DEFAULT,
            pace: Pace::Even,
            deaths: 0.0,
            others: 0.0,
            backlog: None,
            urgent: 0.0,
            span,
            skip: Limit::DEFAULT.window,
            seed,
        }
    }
}

/// The outcome.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Accepted requests of the fleet, after the warm-up.
    pub accepted: u64,
    /// Requests of ours, all.
    pub sent: u64,
    /// Refused, all.
    pub refused: u64,
    /// When each refusal was, in milliseconds since the beginning; the first thousand.
    pub refused_at: Vec<i64>,
    /// Conditional writes, conflicts included.
    pub writes: u64,
    /// Of these lost.
    pub lost: u64,
    /// Reads.
    pub reads: u64,
    /// When the last request was answered, in milliseconds since the beginning.
    pub done_at: i64,
    /// Accepted in the third window.
    pub third_window: u64,
    /// From an urgent change to its sending, in milliseconds.
    pub urgent_waits: Vec<i64>,
    /// The longest time without a bulk request, in milliseconds.
    pub bulk_gap: i64,
    /// The largest ledger, as JSON.
    pub ledger_bytes: usize,
    /// Instances that died.
    pub died: u64,
    /// The share of the server's limit that was used, after the warm-up.
    pub used: f64,
}
