//! Every case that is written is run.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

/// The families and their sources.
const FAMILIES: [(&str, &str); 11] = [
    ("alert_index", include_str!("../src/alert_index.rs")),
    ("budget", include_str!("../src/budget.rs")),
    ("journal", include_str!("../src/journal.rs")),
    ("leases", include_str!("../src/leases.rs")),
    ("links", include_str!("../src/links.rs")),
    ("values", include_str!("../src/values.rs")),
    ("notifications", include_str!("../src/notifications.rs")),
    ("queue", include_str!("../src/queue.rs")),
    ("records", include_str!("../src/records.rs")),
    ("retention", include_str!("../src/retention.rs")),
    ("vault", include_str!("../src/vault.rs")),
];

/// Cases that live in a file of their own.
const ELSEWHERE: &str = include_str!("../src/queue_model.rs");

/// Names of the public functions in `source`.
fn written(source: &str) -> BTreeSet<&str> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn "))
        .filter_map(|line| line.split_once('<'))
        .map(|(name, _)| name)
        .collect()
}

/// Names listed in the macro of the family in `source`.
fn listed<'a>(family: &str, source: &'a str) -> BTreeSet<&'a str> {
    let head = format!("$fixture, {family}:");
    let (_, list) = source
        .split_once(&head)
        .expect("the macro names its family");
    let (list, _) = list.split_once('}').expect("the list ends");
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_case_that_is_written_is_listed_and_the_other_way_round() {
    let mut count = 0;
    for (family, source) in FAMILIES {
        let mut cases = written(source);
        if family == "queue" {
            cases.extend(written(ELSEWHERE));
        }
        assert_eq!(listed(family, source), cases, "{family}");
        println!("{family}: {} cases", cases.len());
        count += cases.len();
    }
    println!("{count} cases");
}
