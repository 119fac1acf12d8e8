//! The same promises under every reading of the vendors' APIs.
//!
//! One scenario runs under every set and every single switch. The scenarios of this program run under whole
//! sets: the program starts itself again with the dialect in a variable. By default that is a part of them under
//! two sets; `HALOGARD_DIALECT_RUNS=all` runs all of them under all sets.

use std::time::Duration;

use halogard_domain::policy::Mode;
use halogard_simulator::Dialect;
use halogard_simulator::dialect::{Change, sets, switches};
use halogard_tests::dialect_in_force::dialect_in_force;
use halogard_tests::dialect_runs::{DialectRuns, RUNS_VARIABLE};
use halogard_tests::{CaseMatrix, Component, Scenario, Setup};
use tracing::Level;

use crate::{DANA, RUBEN, news};

/// An alert is raised, changed, closed, raised again and closed from the other side, and a second one is
/// left to a person. Returns the requests to HaloPSA.
async fn smoke(mode: Mode, dialect: Dialect) -> usize {
    let mut bundle = Scenario::start(Setup {
        level: Level::INFO,
        quiet_within: Duration::from_secs(12 * 3600),
        ..Setup::speaking(mode, dialect)
    })
    .await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed, "opened");
    if mode == Mode::Managed {
        let changed = news("5 accounts now", "Low");
        bundle.liongard.change(alert, changed).unwrap();
        bundle.run_until_quiet().await;
        // A write may have been accepted and not have landed; it is made again, but not at once.
        if bundle.halo.ticket(ticket).unwrap().priority_id != 4 {
            bundle.run_for(Duration::from_secs(3600)).await;
            bundle.run_until_quiet().await;
        }
        assert_eq!(
            bundle.halo.ticket(ticket).unwrap().priority_id,
            4,
            "changed"
        );
    }
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    assert!(
        bundle.halo.ticket(ticket).unwrap().closed,
        "closed with its alert"
    );
    bundle.liongard.reopen(alert).unwrap();
    bundle.run_until_quiet().await;
    assert_eq!(
        bundle.only_ticket(alert).id,
        ticket,
        "opened again, the same one"
    );
    assert!(!bundle.halo.ticket(ticket).unwrap().closed, "opened again");
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    assert!(bundle.alert(alert).closed, "closed with its ticket");
    let left = bundle.raise(1, "Local Admin Added");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(left).id;
    bundle
        .halo
        .add_note(ticket, RUBEN, "Looking into it.")
        .unwrap();
    bundle.run_until_quiet().await;
    bundle.liongard.close(left).unwrap();
    bundle.conclude().await;
    if mode == Mode::Managed {
        assert!(
            !bundle.halo.ticket(ticket).unwrap().closed,
            "left to a person"
        );
    }
    bundle.requests.to(Component::HaloPsa).len()
}

/// Runs the smoke scenario under each of these dialects, or only under those that the variable names.
#[expect(clippy::print_stdout, reason = "the figures of the run")]
fn smoke_under(what: &'static str, names: impl Iterator<Item = &'static str>) {
    let chosen = std::env::var_os(RUNS_VARIABLE).filter(|value| value != "all");
    let chosen = chosen.map(|value| value.to_string_lossy().into_owned());
    let is_chosen = |name: &&str| {
        let mut chosen = chosen.iter().flat_map(|value| value.split(','));
        chosen.clone().next().is_none() || chosen.any(|it| it == *name)
    };
    let mut matrix = CaseMatrix::new(what);
    for name in names.filter(is_chosen) {
        let dialect: Dialect = name.parse().unwrap();
        let requests = matrix.case(name, smoke(Mode::Managed, dialect));
        if let Some(requests) = requests {
            println!("{name}: {requests} requests to HaloPSA");
        }
    }
    matrix.finish();
}

/// The switches of one vendor whose place among them is even, or odd: two tests run at the same time.
fn half(of: fn(&Change) -> bool, parity: usize) -> impl Iterator<Item = &'static str> {
    let own = switches().into_iter().filter(move |it| of(&it.change));
    own.enumerate()
        .filter(move |(place, _)| place % 2 == parity)
        .map(|(_, switch)| switch.name)
}

#[tokio::test]
async fn an_alert_lives_its_whole_life_in_the_dialect_of_this_run() {
    let dialect = dialect_in_force();
    Box::pin(smoke(Mode::Managed, dialect)).await;
}

#[test]
fn an_alert_lives_its_whole_life_under_every_set() {
    smoke_under("smoke scenario, sets", sets().iter().map(|set| set.name));
}

#[test]
fn an_alert_lives_its_whole_life_under_every_first_switch_of_halopsa() {
    let names = half(|change| matches!(change, Change::Halo(_)), 0);
    smoke_under("smoke scenario, switches of HaloPSA, first half", names);
}

#[test]
fn an_alert_lives_its_whole_life_under_every_second_switch_of_halopsa() {
    let names = half(|change| matches!(change, Change::Halo(_)), 1);
    smoke_under("smoke scenario, switches of HaloPSA, second half", names);
}

#[test]
fn an_alert_lives_its_whole_life_under_every_switch_of_liongard() {
    let liongard = |change: &Change| matches!(change, Change::Liongard(_));
    let names = half(liongard, 0).chain(half(liongard, 1));
    smoke_under("smoke scenario, switches of Liongard", names);
}

#[test]
fn the_scenarios_hold_under_whole_sets() {
    let runs = DialectRuns {
        what: "scenarios",
        itself: "dialects::",
        short_sets: &["strict", "worst"],
        short_tests: &["opening::", "closing::", "reopening::", "parking::"],
        short_stride: 1,
    };
    runs.hold();
}
