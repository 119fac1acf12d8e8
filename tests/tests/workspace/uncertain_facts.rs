//! Whether each fact that no tenant has proved is a row of `docs/dialects.md`.

use std::fs;

use halogard_simulator::dialect::switches;

use crate::{root, sources};

/// A row of the tables "What is uncertain" of the two vendors' clients.
struct Uncertain {
    fact: String,
    /// Fields of the simulators' settings that carry its readings; none where it has no switch.
    fields: Vec<String>,
    tests: Vec<String>,
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    let parts = cell.split('`');
    parts.skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of one client.
fn uncertain(client: &str) -> Vec<Uncertain> {
    let readme = fs::read_to_string(root().join("shared").join(client).join("README.md")).unwrap();
    let (_, section) = readme.split_once("## What is uncertain").unwrap();
    let lines = section
        .lines()
        .skip_while(|line| !line.starts_with("| Fact |"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 5, "{row}");
        Uncertain {
            fact: cells[0].trim().to_owned(),
            fields: quoted(cells[3]),
            tests: quoted(cells[4]),
        }
    })
    .collect()
}

/// The text of the switches.
fn switch_sources() -> String {
    let files = sources(&root().join("shared/simulator/src/dialect"));
    let texts = files
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap());
    texts.collect()
}

#[test]
fn every_uncertain_fact_has_a_switch_or_a_row_of_those_without_one() {
    let switches = switch_sources();
    let page = fs::read_to_string(root().join("docs/dialects.md")).unwrap();
    let (_, without_switch) = page.split_once("## Facts without a switch").unwrap();
    let rows: Vec<Uncertain> = ["halopsa", "liongard"]
        .into_iter()
        .flat_map(uncertain)
        .collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    for Uncertain {
        fact,
        fields,
        tests,
    } in rows
    {
        for field in &fields {
            assert!(
                switches.contains(&format!("it.{field}")),
                "{fact}: no switch changes {field}"
            );
        }
        let names = tests
            .iter()
            .map(|test| test.rsplit("::").next().unwrap_or(test));
        let has_row = names
            .into_iter()
            .any(|name| without_switch.contains(&format!("`{name}`")));
        assert!(
            !fields.is_empty() || has_row,
            "put {fact:?} into \"Facts without a switch\" of docs/dialects.md"
        );
    }
}

#[test]
fn every_fact_that_a_probe_reads_has_a_switch_unless_sources_agree_on_it() {
    let halopsa = halogard_halopsa::uncertain_facts().map(|it| it.fact);
    let liongard = halogard_liongard::uncertain_facts().map(|it| it.fact);
    let switched: Vec<&str> = switches().iter().map(|switch| switch.fact).collect();
    let page = fs::read_to_string(root().join("docs/dialects.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for fact in halopsa.chain(liongard) {
        let is_undisputed = page.contains(&format!("{fact}, which every source agrees on"));
        assert!(
            switched.contains(&fact) || is_undisputed,
            "no switch changes {fact:?}"
        );
    }
}
