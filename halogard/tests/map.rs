//! `map`: customers of the simulated vendors, found by name and written into the config file.

mod support;

use std::io::Write as _;

use support::{Bench, Config};

#[test]
fn every_customer_is_mapped_in_three_commands_before_the_first_serve() {
    let bench = Bench::new();
    let config = Config::of_customers(1);
    bench.write_config(&config);
    let map = bench.ask("map");
    assert_eq!(map["sums"]["mapped"], 1, "{map}");
    assert_eq!(
        map["sums"]["suggested"], 6,
        "the provider itself, too: {map}"
    );

    let ended = bench.operate("map --accept-above --write --name *e*");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let ended = bench.operate("map --csv left.csv");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let ended = bench.operate("map --from left.csv --write");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");

    let map = bench.ask("map");
    assert_eq!(map["sums"]["mapped"], 7, "{map}");
    let file = std::fs::read_to_string(bench.path("halogard.toml")).unwrap();
    assert!(file.starts_with(&config.text()), "the rest is kept: {file}");
    let checked = bench.operate("config check");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(!checked.stderr.contains("they all wait"), "{checked:?}");
}

#[test]
fn nothing_is_written_unless_said_and_no_question_is_asked_without_a_terminal() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let before = std::fs::read_to_string(bench.path("halogard.toml")).unwrap();
    let ended = bench.operate("map --accept-above");
    assert!(ended.stdout.contains("[[environments]]"), "{ended:?}");
    let complete = Config::of_customers(7);
    for config in [&complete, &Config::of_customers(1)] {
        bench.write_config(config);
        let unknown = bench.operate("map --accept-above --write --template nosuch");
        assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
        assert!(
            unknown.stderr.contains("\"nosuch\"") && unknown.stderr.contains("default"),
            "{unknown:?}"
        );
    }
    let ended = bench.operate("map --interactive");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("needs a terminal"), "{ended:?}");
    let mut sheet = std::fs::File::create(bench.path("twice.csv")).unwrap();
    sheet.write_all(b"environment,client\n8802,17\n").unwrap();
    let ended = bench.operate("map --from twice.csv --write");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("write yes under `shared`"),
        "{ended:?}"
    );
    let after = std::fs::read_to_string(bench.path("halogard.toml")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn an_alert_is_routed_by_its_id_and_from_a_file_before_the_first_serve() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("alert.json"),
        r#"{"environment": 8801, "rule": "Stale", "priority": "High"}"#,
    )
    .unwrap();
    let answer = bench.ask("route --alert alert.json");
    assert_eq!(answer["ticket"]["client"], 17, "{answer}");
    assert_eq!(answer["ticket"]["priority"], 2, "{answer}");
    let alert = bench.sim.raise(8802, "Stale Accounts");
    let by_key = bench.ask(&format!("route --alert LG-{alert}"));
    let answer = bench.ask(&format!("route --alert {alert}"));
    assert_eq!(by_key, answer);
    assert_eq!(answer["ticket"]["client"], 18, "{answer}");
    assert_eq!(
        answer["rules_without_rule"][0], "Stale Accounts",
        "{answer}"
    );
    let ended = bench.operate("route --alert nothing.json");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
}
