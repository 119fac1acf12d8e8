//! What happened since the start, counted, for `/metrics` and the demo.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use halogard_app::ports::Lane;
use halogard_domain::Timestamp;

/// Counts of one process.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// The counts themselves.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// What came of messages, by lane and word: a look may have done several things.
    pub worked: BTreeMap<(&'static str, &'static str), u64>,
    /// Deliveries at the door, by answer.
    pub deliveries: BTreeMap<u16, u64>,
    /// Polls and sweeps, by kind and whether they succeeded.
    pub rounds: BTreeMap<(&'static str, bool), u64>,
    /// When each kind of round last succeeded.
    pub last_success: BTreeMap<&'static str, Timestamp>,
}

impl Tally {
    /// A message was worked off, and this came of it.
    pub fn worked(&self, lane: Lane, words: impl Iterator<Item = &'static str>) {
        let mut counts = self.lock();
        for word in words {
            *counts.worked.entry((lane.name(), word)).or_default() += 1;
        }
    }

    /// A delivery was answered.
    pub fn delivered(&self, status: u16) {
        *self.lock().deliveries.entry(status).or_default() += 1;
    }

    /// A poll or sweep ended.
    pub fn round(&self, kind: &'static str, succeeded: bool, now: Timestamp) {
        let mut counts = self.lock();
        *counts.rounds.entry((kind, succeeded)).or_default() += 1;
        if succeeded {
            counts.last_success.insert(kind, now);
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// Locks the counts; a panic elsewhere leaves them usable.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is measured at the moment of asking.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Waiting messages, by lane.
    pub depth: Vec<(&'static str, u64)>,
    /// Dead letters, at most as many as were listed.
    pub dead_letters: usize,
    /// Webhooks kept, by kind.
    pub notifications: Vec<(String, u64)>,
    /// How often a delivery that did not fit has had the webhook's secret read again.
    pub secret_refreshes: u64,
}

/// The text Prometheus reads.
pub fn prometheus(counts: &Counts, gauges: &Gauges, now: Timestamp) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, rows: Vec<(String, u64)>| {
        // Writing to a String cannot fail.
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").unwrap_or_default();
        for (labels, value) in rows {
            writeln!(text, "{name}{labels} {value}").unwrap_or_default();
        }
    };
    let worked = counts.worked.iter().map(|((lane, outcome), count)| {
        (format!("{{lane=\"{lane}\",outcome=\"{outcome}\"}}"), *count)
    });
    family(
        "halogard_messages_total",
        "counter",
        "What came of messages; each counts under everything that was done for it.",
        worked.collect(),
    );
    let deliveries = counts.deliveries.iter();
    let deliveries = deliveries.map(|(status, count)| (format!("{{status=\"{status}\"}}"), *count));
    family(
        "halogard_deliveries_total",
        "counter",
        "Webhook deliveries answered.",
        deliveries.collect(),
    );
    let rounds = counts.rounds.iter().map(|((kind, succeeded), count)| {
        (
            format!("{{kind=\"{kind}\",succeeded=\"{succeeded}\"}}"),
            *count,
        )
    });
    family(
        "halogard_rounds_total",
        "counter",
        "Polls and sweeps.",
        rounds.collect(),
    );
    let lag = counts.last_success.iter();
    let lag = lag.map(|(kind, at)| (format!("{{kind=\"{kind}\"}}"), now.since(*at).as_secs()));
    family(
        "halogard_round_lag_seconds",
        "gauge",
        "Time since the last success.",
        lag.collect(),
    );
    let depth = gauges
        .depth
        .iter()
        .map(|(lane, depth)| (format!("{{lane=\"{lane}\"}}"), *depth));
    family(
        "halogard_queue_depth",
        "gauge",
        "Messages waiting.",
        depth.collect(),
    );
    let dead = u64::try_from(gauges.dead_letters).unwrap_or(u64::MAX);
    family(
        "halogard_dead_letters",
        "gauge",
        "Messages nobody could work off.",
        vec![(String::new(), dead)],
    );
    // Kinds are words of ours, never the sender's text.
    let kinds = gauges.notifications.iter();
    let kinds = kinds.map(|(kind, count)| (format!("{{kind=\"{kind}\"}}"), *count));
    family(
        "halogard_notifications_total",
        "counter",
        "Webhooks worked off.",
        kinds.collect(),
    );
    family(
        "halogard_webhook_secret_refreshes_total",
        "counter",
        "Readings of the webhook's secret because of a delivery that did not fit.",
        vec![(String::new(), gauges.secret_refreshes)],
    );
    text
}
