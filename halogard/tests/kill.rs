//! `serve` is killed again and again at random moments, while both vendors keep working.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use support::{Bench, wait_until};

/// How often it is killed.
const KILLS: usize = 50;

/// Seed of every random choice.
const SEED: u64 = 20_260_502;

/// How long a life lasts, in milliseconds from its start.
const LIFE_MS: std::ops::Range<u64> = 50..600;

/// After the last kill, the time both sides have to agree: a process that died with a claim may have sent its
/// request, which is known five minutes later when no list can lag any more; then two inspector runs of half a
/// minute.
const PATIENCE: Duration = Duration::from_secs(420);

/// What happens at both vendors meanwhile.
struct World<'a> {
    bench: &'a Bench,
    rng: StdRng,
    alerts: Vec<i64>,
}

/// The state of all pairs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    tickets: usize,
    doubled: Vec<i64>,
    lost: Vec<i64>,
    out_of_step: Vec<i64>,
}

impl World<'_> {
    /// One random event at one of the vendors.
    fn random_event(&mut self) {
        let sim = &self.bench.sim;
        let some_alert = self.alerts.choose(&mut self.rng).copied();
        let ticket = some_alert.and_then(|alert| {
            let tickets = sim.tickets_of(alert);
            Some((alert, tickets.first()?["id"].as_i64()?))
        });
        match (self.rng.random_range(0..10), some_alert, ticket) {
            (0..2, Some(alert), _) => {
                let words = ["Critical", "High", "Medium", "Low"];
                let word = words.choose(&mut self.rng).unwrap();
                let change = json!({ "priority": word });
                sim.post(&format!("alerts/{alert}/update"), &change);
            }
            (2..4, Some(alert), _) => sim.alert(alert, "close"),
            (4, Some(alert), _) => sim.alert(alert, "reopen"),
            (5..7, _, Some((alert, ticket))) => {
                sim.alert(alert, "clear-condition");
                sim.ticket(ticket, "close");
            }
            _ => {
                let customer = 8801 + self.rng.random_range(0..6);
                self.alerts.push(sim.raise(customer, "Stale Accounts"));
            }
        }
    }

    /// The state of every pair, by what the vendors hold.
    fn verdict(&self) -> Verdict {
        let alerts = self.bench.sim.look("alerts");
        let mut verdict = Verdict::default();
        for alert in alerts.as_array().unwrap() {
            let id = alert["id"].as_i64().unwrap();
            let tickets = self.bench.sim.tickets_of(id);
            verdict.tickets += tickets.len();
            match tickets.as_slice() {
                // Closed before it was polled: it needs no ticket.
                [] if alert["closed"] == true => {}
                [] => verdict.lost.push(id),
                [ticket] if agree(alert, ticket) => {}
                [_] => verdict.out_of_step.push(id),
                _ => verdict.doubled.push(id),
            }
        }
        verdict
    }
}

/// Whether both sides of a pair agree, or differ as the policy says.
fn agree(alert: &Value, ticket: &Value) -> bool {
    let actions = ticket["actions"].as_array().unwrap();
    let touched = actions.iter().any(|action| action["application"] == "");
    match (alert["closed"] == true, ticket["closed"] == true) {
        (true, true) | (false, false) => true,
        // The ticket of a technician who has worked on it is left to them.
        (true, false) => touched,
        // Liongard still finds what the technician thinks is fixed.
        (false, true) => touched && alert["condition_cleared"] == false,
    }
}

#[test]
fn fifty_kills_at_any_moment_double_nothing_and_lose_nothing() {
    let mut bench = Bench::with(&["--seed", "7"]);
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "100000");
    // The first process chooses a free port; HaloPSA's webhook is sent there from then on.
    let serve = bench.serve();
    bench.register_webhook(&serve.webhook_url);
    let listen = serve.base_url.strip_prefix("http://").unwrap().to_owned();
    bench.set("HALOGARD_LISTEN", &listen);
    serve.process.kill();
    let mut world = World {
        bench: &bench,
        rng: StdRng::seed_from_u64(SEED),
        alerts: Vec::new(),
    };
    let requests_before = bench.sim.halo_requests();
    let mut reached_work = 0;
    for _ in 0..KILLS {
        let mut life = bench.start(&[]);
        let mut left_ms = world.rng.random_range(LIFE_MS);
        while left_ms > 0 {
            let pause_ms = left_ms.min(world.rng.random_range(10..120));
            std::thread::sleep(Duration::from_millis(pause_ms));
            left_ms -= pause_ms;
            world.random_event();
        }
        assert!(!life.has_ended(), "it ended by itself: {}", life.stderr());
        let ended = life.kill();
        reached_work += usize::from(ended.stdout.contains("listening"));
    }
    assert!(
        reached_work > KILLS / 2,
        "only {reached_work} lives got to work (seed {SEED})"
    );
    let requests = bench.sim.halo_requests() - requests_before;
    let last = bench.serve();
    let agreement = || {
        wait_until(
            &format!("both sides to agree (seed {SEED})"),
            PATIENCE,
            || {
                let verdict = world.verdict();
                assert!(verdict.doubled.is_empty(), "{verdict:?} (seed {SEED})");
                let good = verdict.lost.is_empty() && verdict.out_of_step.is_empty();
                good.then_some(verdict)
            },
        )
    };
    agreement();
    // Nothing that a dead process left in the queue changes that later on.
    wait_until("all work to be done", PATIENCE, || {
        let depth = |lane| {
            let line = format!("halogard_queue_depth{{lane=\"{lane}\"}}");
            last.metric(&bench.http, &line)
        };
        (depth("urgent") + depth("bulk") == 0).then_some(())
    });
    let verdict = agreement();
    assert_eq!(last.metric(&bench.http, "halogard_dead_letters"), 0);
    println!(
        "{KILLS} kills, {} alerts, {} tickets",
        world.alerts.len(),
        verdict.tickets
    );
    println!("{reached_work} lives got to work; {requests} HaloPSA requests in all of them");
}
