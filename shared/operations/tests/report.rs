//! Reports over a store.

mod support;

use std::time::Duration;

use halogard_app::ports::Links as _;
use halogard_domain::ids::AlertId;
use halogard_operations::report;

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

    let csv = report::csv(&all).unwrap();
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
