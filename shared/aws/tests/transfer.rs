//! An installation moves from one machine to AWS and back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "../../operations/tests/support/mod.rs"]
mod one_machine;

use std::collections::BTreeMap;
use std::io::Cursor;

use halogard_app::ports::{Lane, NamedValues as _, WorkQueue as _};
use halogard_aws::{QueueUrls, Store, StoreNames};
use halogard_conformance::ManualClock;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_operations::transfer::{export, import};
use halogard_operations::verify::{Symbol, verify};

use one_machine::vendors::{ListedAlerts, Tickets};
use one_machine::{NOW, empty_store, filled_store, moved_lines};
use support::{DynamoDbFixture, TABLE, access};

async fn exported(store: &impl halogard_app::Store) -> String {
    let mut file = Vec::new();
    export(store, &mut file, NOW).await.unwrap();
    String::from_utf8(file).unwrap()
}

/// A table and three queues of an account of their own.
async fn stack() -> Store<ManualClock> {
    let fixture = DynamoDbFixture::new().await;
    let config = access(&fixture.account, &fixture.endpoint).sdk_config();
    let sqs = aws_sdk_sqs::Client::new(&config);
    let mut queues = BTreeMap::new();
    for lane in Lane::ALL {
        let made = sqs.create_queue().queue_name(lane.name()).send().await;
        let urls = QueueUrls {
            work: made.unwrap().queue_url.unwrap(),
            dead_letters: None,
        };
        queues.insert(lane, urls);
    }
    let names = StoreNames {
        table: TABLE.to_owned(),
        queues,
    };
    Store::new(&config, names, ManualClock::default())
}

/// What both vendors hold, as the links of `store` last saw it.
async fn vendors_of(store: &impl halogard_app::Store) -> (ListedAlerts, Tickets) {
    let all = (1..=40).map(AlertId::new).collect();
    let links = store.load_many(&all).await.unwrap();
    let alerts = links.iter().filter_map(|it| it.observed_alert.clone());
    let tickets = links.iter().filter_map(|it| it.observed_ticket.clone());
    (ListedAlerts(alerts.collect()), Tickets::of(tickets))
}

/// How many differences without a known cause `store` has from both `vendors`, and what each record is.
async fn compared(
    store: &impl halogard_app::Store,
    vendors: &(ListedAlerts, Tickets),
) -> (usize, Vec<(Option<AlertId>, Option<TicketId>, Symbol)>) {
    let (source, desk) = vendors;
    let answer = verify(store, source, desk, NOW, true).await.unwrap();
    let records = answer.records.iter();
    let records = records.map(|it| (it.alert, it.ticket, it.symbol));
    (answer.differences, records.collect())
}

#[tokio::test]
async fn an_installation_moves_from_one_machine_to_aws_and_back_and_nothing_is_missing() {
    let (machine, _one) = filled_store().await;
    let first = exported(&machine).await;
    let vendors = vendors_of(&machine).await;
    let verified = compared(&machine, &vendors).await;
    let same = verified.1.iter().filter(|it| it.2 == Symbol::Same);
    assert_eq!((verified.0, same.count()), (0, 30), "{verified:?}");

    let stack = stack().await;
    let cut = first.lines().take(30).map(|line| format!("{line}\n"));
    let part = cut.collect::<String>();
    import(&stack, Cursor::new(&part), NOW)
        .await
        .expect_err("it was cut");
    // What an import that was killed has left is completed by the same import.
    let part = part + "{\"port\":\"end\",\"lines\":30}\n";
    import(&stack, Cursor::new(&part), NOW).await.unwrap();
    let time = NOW.as_millis();
    stack.set_value("import_under_way", time).await.unwrap();
    import(&stack, Cursor::new(&first), NOW).await.unwrap();
    let on_aws = exported(&stack).await;
    assert_eq!(moved_lines(&on_aws), moved_lines(&first));
    assert!(stack.depth(Lane::Bulk).await.unwrap() > 0);
    assert_eq!(compared(&stack, &vendors).await, verified);

    let (again, _other) = empty_store();
    import(&again, Cursor::new(&on_aws), NOW).await.unwrap();
    assert_eq!(moved_lines(&exported(&again).await), moved_lines(&first));
    assert_eq!(compared(&again, &vendors).await, verified);
}
