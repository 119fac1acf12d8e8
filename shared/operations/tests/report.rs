//! Reports over a store.

mod support;

use std::time::Duration;

use halogard_app::ports::Links as _;
use halogard_domain::budget::Limit;
use halogard_domain::ids::{AlertId, EnvironmentId};
use halogard_domain::time::SteadyTime;
use halogard_operations::report;
use halogard_operations::status::{StatusQuestion, status};

use support::{NOW, filled_store};

#[tokio::test]
async fn every_pair_is_a_row_and_no_cell_is_a_formula() {
    let (store, _folder) = filled_store().await;
    let stored = store.load(AlertId::new(7)).await.unwrap().unwrap();
    let mut link = stored.value;
    if let Some(alert) = &mut link.observed_alert {
        alert.name = "=HYPERLINK(\"http://x\")".to_owned();
    }
    store.save(&link, &[], stored.revision).await.unwrap();

    let all = report::pairs(&store, None, NOW).await.unwrap();
    assert_eq!(all.pairs.len(), 40);
    let states: Vec<&str> = [0, 20, 30]
        .map(|at: usize| all.pairs[at].state.as_str())
        .into();
    assert_eq!(states, ["in_sync", "in_sync", "parked:unmapped"]);
    assert_eq!(all.pairs[30].waits_for.as_deref(), Some("unmapped"));
    for customer in ["contoso", " 8801 "] {
        let chosen = report::pairs(&store, Some(customer), NOW).await.unwrap();
        assert_eq!(chosen.pairs.len(), 40, "{customer}");
    }
    let none = report::pairs(&store, Some("Fabrikam"), NOW).await.unwrap();
    assert_eq!(none.pairs, []);

    let csv = all.csv().unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 41);
    assert!(
        lines[0].starts_with("alert,environment,customer,name,"),
        "{}",
        lines[0]
    );
    assert!(csv.contains("'=HYPERLINK"), "{csv}");
}

#[tokio::test]
async fn an_incident_counts_what_was_raised_and_done_in_its_time() {
    let (store, _folder) = filled_store().await;
    let ago = |seconds| NOW.minus(Duration::from_secs(seconds));
    let during = report::incident(&store, ago(8000), ago(3000), NOW)
        .await
        .unwrap();
    assert_eq!((during.raised, during.with_ticket), (40, 30));
    assert_eq!(during.events["opened"], 40);
    assert_eq!(during.alerts.len(), 40);
    let after = report::incident(&store, ago(3000), NOW, NOW).await.unwrap();
    assert_eq!((after.raised, after.events.len()), (0, 0));
}

#[tokio::test]
async fn lags_are_listed_change_by_change_and_summed_up_like_those_of_the_status() {
    let (store, _folder) = filled_store().await;
    let week = NOW.minus(Duration::from_secs(7 * 86_400));
    let report = report::lag(&store, week, NOW).await.unwrap();
    let status = status(&store, question()).await.unwrap();
    assert_eq!(report.ways, status.lags);
    let listed: usize = report.ways.iter().map(|way| way.samples).sum();
    assert_eq!(report.changes.len(), listed);
    assert!(
        report
            .changes
            .is_sorted_by(|one, next| one.seconds >= next.seconds)
    );
    let csv = report.csv().unwrap();
    assert_eq!(csv.lines().count(), listed + 1);
    assert!(csv.starts_with("way,customer,alert,ticket,made_at,reached_at,seconds\n"));
    let none = report::lag(&store, NOW, NOW).await.unwrap();
    assert_eq!((none.changes.len(), none.ways.len()), (0, 0));
}

#[tokio::test]
async fn the_health_of_a_time_says_what_happened_and_who_is_not_mapped() {
    let (store, _folder) = filled_store().await;
    let stored = store.load(AlertId::new(7)).await.unwrap().unwrap();
    let mut link = stored.value;
    if let Some(alert) = &mut link.observed_alert {
        alert.environment = EnvironmentId::new(9901);
        alert.environment_name = "Fabrikam".to_owned();
    }
    store.save(&link, &[], stored.revision).await.unwrap();
    let day = NOW.minus(Duration::from_secs(86_400));
    let report = report::health(&store, day, NOW, question()).await.unwrap();
    assert_eq!(report.events.raised, 40);
    let customers = &report.customers;
    assert_eq!(
        (customers.seen, customers.mapped, customers.configured),
        (2, 1, 1)
    );
    assert_eq!(report.customers.unmapped, ["Fabrikam"]);
    assert_eq!(report.waiting[0].count, 10);
    assert!(!report.problems.is_empty());
    let csv = report.csv().unwrap();
    for line in [
        "alerts_raised,40",
        "customers_unmapped,1",
        "waiting_unmapped,10",
        "dead_letters,0",
    ] {
        assert!(csv.lines().any(|it| it == line), "{line}: {csv}");
    }
    let later = report::health(&store, NOW, NOW, question()).await.unwrap();
    assert_eq!((later.events.raised, later.events.opened), (0, 0));
}

/// A status of this moment.
fn question() -> StatusQuestion {
    StatusQuestion {
        now: NOW,
        steady: SteadyTime { source: 0, at: NOW },
        limit: Limit::DEFAULT,
        serve_runs: None,
    }
}
