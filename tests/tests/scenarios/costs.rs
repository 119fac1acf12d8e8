//! What the life of an alert costs in requests to HaloPSA.

use std::time::Duration;

use halogard_app::SWEEP_INTERVAL;
use halogard_app::ports::Clock as _;

use halogard_domain::policy::Mode;
use halogard_simulator::Dialect;
use halogard_simulator::dialect::sets;
use halogard_simulator::liongard::AlertChange;
use halogard_tests::{CaseMatrix, Scenario, Setup};
use tracing::Level;

/// Requests to HaloPSA so far, but for the sweeps' lists and the tokens, which come by time and not
/// by alert.
fn spent(bundle: &Scenario) -> u64 {
    let routes = bundle.halo.stats().traffic.by_route;
    let by_time = ["GET /Tickets", "POST /auth/token"];
    routes
        .iter()
        .filter(|(route, _)| !by_time.contains(&route.as_str()))
        .map(|(_, requests)| requests)
        .sum()
}

/// The requests so far, by route.
fn table(bundle: &Scenario) -> String {
    let routes = bundle.halo.stats().traffic.by_route;
    let row = |(route, requests): (&String, &u64)| format!("{requests:>6}  {route}\n");
    routes.iter().map(row).collect()
}

/// What one alert costs in a dialect when it is raised, when it changes and when it is over: requests for it, and
/// those of sweeps and tokens meanwhile.
async fn cost_in(dialect: Dialect) -> [(u64, u64); 3] {
    let mut bundle = Scenario::start(Setup {
        sweep_interval: SWEEP_INTERVAL,
        level: Level::WARN,
        ..Setup::speaking(Mode::Managed, dialect)
    })
    .await;
    bundle.run_until_quiet().await;
    let so_far = |bundle: &Scenario| (spent(bundle), bundle.halo.stats().traffic.requests);
    let mut before = so_far(&bundle);
    let mut since = |bundle: &Scenario| {
        let now = so_far(bundle);
        let own = now.0 - before.0;
        let cost = (own, now.1 - before.1 - own);
        before = now;
        cost
    };
    // Longer than a ticket counts as untriaged.
    let meanwhile = Duration::from_secs(1200);
    let alert = bundle.raise(0, "Rule");
    bundle.run_for(meanwhile).await;
    let raised = since(&bundle);
    let news = AlertChange {
        description: Some("5 accounts now".to_owned()),
        ..AlertChange::default()
    };
    bundle.liongard.change(alert, news).unwrap();
    bundle.run_for(meanwhile).await;
    let changed = since(&bundle);
    let other = bundle.raise(1, "Rule");
    bundle.run_for(meanwhile).await;
    since(&bundle);
    bundle.liongard.close(other).unwrap();
    bundle.run_for(meanwhile).await;
    let over = since(&bundle);
    assert!(bundle.only_ticket(other).closed);
    [raised, changed, over]
}

#[test]
fn what_an_alert_costs_is_printed_for_every_set() {
    let mut matrix = CaseMatrix::new("requests of one alert, sets");
    println!("| Set | Raised | Its text changes | Over | Sweeps and tokens in the hour |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for set in sets() {
        let dialect: Dialect = set.name.parse().unwrap();
        let Some(cost) = matrix.case(set.name, cost_in(dialect)) else {
            continue;
        };
        let [raised, changed, over] = cost.map(|(own, _)| own);
        let by_time: u64 = cost.iter().map(|(_, by_time)| by_time).sum();
        println!(
            "| `{}` | {raised} | {changed} | {over} | {by_time} |",
            set.name
        );
        if set.name == "reference" {
            assert_eq!([raised, changed, over], [1, 1, 1]);
        }
    }
    matrix.finish();
}

#[tokio::test]
async fn an_alert_raised_and_closed_costs_two_requests() {
    for must_assign_to_close in [false, true] {
        // What an alert costs is a figure of the reference; other dialects print theirs.
        let mut setup = Setup::speaking(Mode::Managed, Dialect::reference());
        setup.halo.must_assign_to_close = must_assign_to_close;
        setup.sweep_interval = SWEEP_INTERVAL;
        let mut bundle = Scenario::start(setup).await;
        bundle.run_until_quiet().await;
        let idle = spent(&bundle);

        let alert = bundle.raise(0, "Rule");
        bundle.run_until_quiet().await;
        assert_eq!(spent(&bundle) - idle, 1, "raised\n{}", table(&bundle));

        bundle.run_for(Duration::from_secs(6 * 3600)).await;
        bundle.liongard.close(alert).unwrap();
        bundle.run_until_quiet().await;
        assert_eq!(spent(&bundle) - idle, 2, "closed\n{}", table(&bundle));
        assert!(bundle.only_ticket(alert).closed);
        bundle.conclude().await;
    }
}

#[tokio::test]
async fn an_idle_day_costs_little_and_no_more_where_liongard_is_polled_more_often() {
    for (poll_interval, sweep_interval) in [(60, SWEEP_INTERVAL), (10, Duration::from_secs(295))] {
        // What an alert costs is a figure of the reference; other dialects print theirs.
        let mut setup = Setup::speaking(Mode::Managed, Dialect::reference());
        setup.poll_interval = Duration::from_secs(poll_interval);
        setup.sweep_interval = sweep_interval;
        let mut bundle = Scenario::start(setup).await;
        bundle.run_until_quiet().await;
        let before = bundle.halo.stats().traffic.requests;
        bundle.run_for(Duration::from_secs(24 * 3600)).await;
        let spent = bundle.halo.stats().traffic.requests - before;
        println!(
            "an idle day, polled every {poll_interval} s: {spent} requests\n{}",
            table(&bundle)
        );
        assert!(spent <= 320, "{spent} requests");
        bundle.conclude().await;
    }
}

#[tokio::test]
async fn half_the_alerts_have_their_ticket_within_ten_seconds_with_the_defaults_of_one_machine() {
    let mut setup = Setup::speaking(Mode::Managed, Dialect::reference());
    setup.poll_interval = Duration::from_secs(10);
    setup.sweep_interval = Duration::from_secs(295);
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    let mut waits = Vec::new();
    for number in 0..60_u64 {
        let raised_at = bundle.time.now();
        let alert = bundle.raise(0, &format!("Rule {number}"));
        bundle
            .run_until("a ticket", Duration::from_secs(60), |bundle| {
                !bundle.tickets_of(alert).is_empty()
            })
            .await;
        waits.push(bundle.time.now().since(raised_at));
        // At every distance from the next poll.
        bundle
            .run_for(Duration::from_millis(60_000 + 170 * number))
            .await;
    }
    waits.sort();
    let (half, most) = (waits[30], waits[59]);
    println!("alert to ticket: p50 {half:?}, at most {most:?}");
    assert!(half <= Duration::from_secs(10), "p50 {half:?}");
    assert!(most <= Duration::from_secs(20), "at most {most:?}");
    bundle.conclude().await;
}
