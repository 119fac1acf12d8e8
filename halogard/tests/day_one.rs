//! Day one through the program: what `serve --dry-run` shows, what `serve` holds back, and what `map` asks.

mod support;

use support::{Bench, Config, SOON, wait_until};

/// More alerts than get tickets without a word of the operator.
const MANY: usize = 26;

/// Raises this many alerts at an environment.
fn raise(bench: &Bench, environment: i64) -> Vec<i64> {
    let raise = |number| bench.sim.raise(environment, &format!("Rule {number}"));
    (0..MANY).map(raise).collect()
}

/// How many of `alerts` have a ticket.
fn with_ticket(bench: &Bench, alerts: &[i64]) -> usize {
    let alerts = alerts.iter();
    alerts
        .filter(|alert| !bench.sim.tickets_of(**alert).is_empty())
        .count()
}

/// How many pairs wait for `cause`.
fn waiting(bench: &Bench, cause: &str) -> u64 {
    let status = bench.ask("status");
    let waiting = status["waiting"].as_array().into_iter().flatten();
    let counts = waiting.filter(|it| it["cause"] == cause);
    counts.filter_map(|it| it["count"].as_u64()).sum()
}

#[test]
fn many_open_alerts_are_shown_held_back_and_opened_once_that_is_chosen() {
    let bench = Bench::new();
    let undecided = Config::of_customers(6).text();
    let undecided = undecided.replace("[start]\ntickets_for = \"all\"\n", "");
    std::fs::write(bench.path("halogard.toml"), &undecided).unwrap();
    let alerts = raise(&bench, 8801);
    let seen = bench.ask("serve --dry-run");
    assert_eq!(seen["undecided"], MANY, "{seen}");
    assert_eq!(seen["must_choose"], true, "{seen}");
    assert_eq!(seen["customers"][0]["environment"], 8801, "{seen}");

    let serve = bench.serve();
    wait_until("the alerts to wait for the choice", SOON, || {
        (waiting(&bench, "start_undecided") == MANY as u64).then_some(())
    });
    let new = bench.sim.raise(8802, "raised after the start");
    wait_until("the ticket of a new alert", SOON, || {
        (with_ticket(&bench, &[new]) == 1).then_some(())
    });
    assert_eq!(with_ticket(&bench, &alerts), 0);
    assert!(serve.process.stderr().contains("start_undecided"));

    bench.write_config(&Config::of_customers(6));
    wait_until("all tickets", SOON, || {
        (with_ticket(&bench, &alerts) == MANY).then_some(())
    });
}

#[test]
fn map_asks_which_of_many_waiting_alerts_get_tickets() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let alerts = raise(&bench, 8803);
    let _serve = bench.serve();
    wait_until("the alerts to wait for a mapping", SOON, || {
        (waiting(&bench, "unmapped") == MANY as u64).then_some(())
    });
    let map = "map --accept-above --write --template default";
    let refused = bench.operate(map);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--tickets-for all"), "{refused:?}");
    let mistyped = bench.operate(&format!("{map} --tickets-for everything"));
    assert_eq!(mistyped.status.code(), Some(1), "{mistyped:?}");
    let mapped = bench.operate(&format!("{map} --tickets-for all"));
    assert_eq!(mapped.status.code(), Some(0), "{mapped:?}");
    wait_until("all tickets", SOON, || {
        (with_ticket(&bench, &alerts) == MANY).then_some(())
    });
}
