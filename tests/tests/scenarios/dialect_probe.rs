//! The probe at connect names each reading of the vendors' APIs that it claims to see, and never a wrong one.

use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::DialectProbe as _;
use halogard_domain::dialect::{DialectReport, REFERENCE, Seen};
use halogard_domain::policy::Mode;
use halogard_simulator::Dialect;
use halogard_simulator::dialect::{sets, switches};
use halogard_simulator::halopsa::TicketSpec;
use halogard_tests::{CaseMatrix, Component, Scenario, Setup};
use tracing::Level;

use crate::DANA;

/// More tickets than a page holds.
const TICKETS: usize = 110;

/// A tenant with enough in it to show every fact that reads can show.
async fn tenant(dialect: Dialect) -> Scenario {
    let mut bundle = Scenario::start(Setup {
        level: Level::WARN,
        ..Setup::speaking(Mode::Managed, dialect)
    })
    .await;
    let client = bundle.setup.halo.world.clients.first().unwrap().id;
    let is_about_pages = dialect_is_about_pages(&bundle.setup.dialect);
    // At least one that stays open and is older than the closed one.
    for _ in 0..if is_about_pages { TICKETS } else { 1 } {
        let spec = TicketSpec {
            client_id: client,
            tickettype_id: 5,
            summary: "Printer does not print".to_owned(),
            details: String::new(),
        };
        bundle.halo.log_ticket(DANA, &spec).unwrap();
    }
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    for _ in 0..12 {
        bundle.halo.add_note(ticket, DANA, "Looked at it.").unwrap();
    }
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    let open = bundle.raise(1, "Local Admin Added");
    bundle.run_until_quiet().await;
    // Lists may lag, and the window of the limit is empty again.
    bundle.run_for(std::time::Duration::from_secs(600)).await;
    bundle.run_until_quiet().await;
    let open = bundle.only_ticket(open).id;
    bundle.halo.add_note(open, DANA, "Just now.").unwrap();
    bundle
}

/// Whether the tenant must have more tickets than a page holds.
fn dialect_is_about_pages(dialect: &Dialect) -> bool {
    dialect.switches().is_empty() || dialect.has("any-page-size")
}

/// What the probe says of a tenant that speaks `dialect`, and how many requests it took.
async fn probed(dialect: Dialect) -> (DialectReport, usize) {
    let bundle = tenant(dialect).await;
    let before = bundle.requests.to(Component::HaloPsa).len();
    let parts = &bundle.process().use_cases;
    let of_desk = parts.desk.probe().await;
    let mut facts = of_desk.facts;
    facts.extend(parts.liongard.probe().await.facts);
    let requests = bundle.requests.to(Component::HaloPsa).len() - before;
    let report = DialectReport {
        facts,
        teams: of_desk.teams,
        ..DialectReport::default()
    };
    (report, requests)
}

/// The names of the readings that the probe saw wrongly in `dialect`.
fn wrong(report: &DialectReport, dialect: &Dialect) -> Vec<String> {
    let facts = switches().into_iter().map(|switch| switch.fact);
    let wrong = facts.filter_map(|fact| {
        let in_force = dialect.switches().iter().find(|switch| switch.fact == fact);
        let expected = in_force.map_or(REFERENCE, |switch| switch.name);
        let seen = report.reading_of(fact)?;
        (seen != expected).then(|| format!("{fact}: seen as {seen}, and it is {expected}"))
    });
    wrong.collect()
}

/// Whether reads can show `fact`.
fn is_read(fact: &str) -> bool {
    let halopsa = halogard_halopsa::uncertain_facts().map(|known| (known.fact, known.is_read));
    let liongard = halogard_liongard::uncertain_facts().map(|known| (known.fact, known.is_read));
    let mut all = halopsa.chain(liongard);
    all.any(|(name, is_read)| name == fact && is_read)
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the table")]
async fn every_fact_that_reads_can_show_is_seen_on_a_tenant_of_the_reference() {
    let (report, requests) = Box::pin(probed(Dialect::reference())).await;
    for known in &report.facts {
        match &known.seen {
            Seen::As { reading, meaning } => println!("{} | {reading}: {meaning}", known.fact),
            Seen::CannotTell { why } => println!("{} | not seen: {why}", known.fact),
        }
    }
    println!("{requests} requests to HaloPSA");
    assert!(
        requests <= 30,
        "{requests} requests are more than a short list"
    );
    let seen = |fact: &str| report.reading_of(fact).is_some();
    let facts: Vec<_> = report.facts.iter().map(|known| &known.fact).collect();
    let unseen: Vec<_> = facts
        .into_iter()
        .filter(|fact| is_read(fact) && !seen(fact))
        .collect();
    assert!(unseen.is_empty(), "not seen: {unseen:#?}");
    assert_eq!(wrong(&report, &Dialect::reference()), Vec::<String>::new());
}

#[test]
fn every_uncertain_fact_has_its_place_in_the_report() {
    let halopsa = halogard_halopsa::uncertain_facts().map(|known| known.fact);
    let known: Vec<&str> = halopsa
        .chain(halogard_liongard::uncertain_facts().map(|known| known.fact))
        .collect();
    for switch in switches() {
        let places = known.iter().filter(|fact| **fact == switch.fact).count();
        assert_eq!(places, 1, "{}", switch.fact);
    }
}

/// Probes a tenant of each of these dialects.
#[allow(clippy::print_stdout, reason = "the table")]
fn probe_under(what: &'static str, names: impl Iterator<Item = &'static str>) {
    let mut matrix = CaseMatrix::new(what);
    for name in names {
        let case = async {
            let dialect: Dialect = name.parse().unwrap();
            let (report, _) = Box::pin(probed(dialect.clone())).await;
            assert_eq!(wrong(&report, &dialect), Vec::<String>::new());
            let read = dialect.switches().iter().filter(|it| is_read(it.fact));
            let read: Vec<_> = read.collect();
            let named = read.iter().filter(|it| report.has(it.name)).count();
            if let [switch] = dialect.switches()
                && is_read(switch.fact)
            {
                assert_eq!(named, 1, "{} is not seen", switch.fact);
            }
            (named, read.len(), dialect.switches().len())
        };
        if let Some((named, read, all)) = matrix.case(name, case) {
            println!("{name}: {named} of {read} readings that reads can show, of {all} in all");
        }
    }
    matrix.finish();
}

/// Every `of`-th switch, from `part` on: the parts run at the same time.
fn part_of_switches(part: usize, of: usize) -> impl Iterator<Item = &'static str> {
    let all = switches().into_iter().enumerate();
    all.filter(move |(place, _)| place % of == part)
        .map(|(_, switch)| switch.name)
}

#[test]
fn each_set_is_seen_for_what_it_is() {
    probe_under("probe, sets", sets().iter().map(|set| set.name));
}

#[test]
fn each_first_switch_is_seen_for_what_it_is() {
    probe_under("probe, switches, first half", part_of_switches(0, 2));
}

#[test]
fn each_second_switch_is_seen_for_what_it_is() {
    probe_under("probe, switches, second half", part_of_switches(1, 2));
}

#[tokio::test]
async fn what_was_seen_is_remembered_until_the_build_changes() {
    let bundle = Box::pin(tenant(Dialect::reference())).await;
    let requests = || bundle.requests.to(Component::HaloPsa).len();
    let look = async || {
        let before = requests();
        let parts = &bundle.process().use_cases;
        let store = &bundle.process().store;
        let now = halogard_app::ports::Clock::now(&bundle.time);
        let report = dialect(
            &parts.desk,
            &parts.liongard,
            store,
            ProbeWhen::Outdated,
            now,
        );
        (report.await.unwrap(), requests() - before)
    };
    let (first, cost) = look().await;
    assert_eq!(first.build.as_deref(), Some("2.236.133"));
    assert!(cost > 10, "{cost} requests");
    let (second, cost) = look().await;
    assert_eq!((second, cost), (first, 1));
    let change = |it: &mut halogard_simulator::SimHaloSettings| it.build = Some("2.250.32");
    bundle.halo.change_settings(change);
    let (third, cost) = look().await;
    assert_eq!(third.build.as_deref(), Some("2.250.32"));
    assert!(cost > 10, "{cost} requests");
}
