//! `connect`, against simulated vendors: every stage, what people paste, and what is stored.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{Bench, Ended, Process, program};

/// A folder with both vendors beside it and nothing else: no config file, no data folder, no settings.
struct Newcomer {
    bench: Bench,
}

impl Newcomer {
    fn new() -> Self {
        let bench = Bench::new();
        std::fs::remove_file(bench.path("halogard.toml")).unwrap();
        Self { bench }
    }

    fn of(&self, name: &str) -> String {
        self.bench.get(name).to_owned()
    }

    /// Runs a command without any setting in the environment, with `input` at its standard input.
    fn give(&self, arguments: &[String], input: &str) -> Ended {
        let file = self.bench.path("input");
        std::fs::write(&file, input).unwrap();
        let folder = file.parent().unwrap();
        let mut command = program(folder);
        command.args(arguments);
        command.stdin(Stdio::from(std::fs::File::open(&file).unwrap()));
        Process::run(command)
    }

    /// The options that connect.
    fn options(&self) -> Vec<String> {
        let mut options = vec!["connect".to_owned(), "--secrets-stdin".to_owned()];
        for (option, setting) in [
            ("--halopsa", "HALOPSA_RESOURCE_URL"),
            ("--tenant", "HALOPSA_TENANT"),
            ("--client-id", "HALOPSA_CLIENT_ID"),
            ("--liongard", "LIONGARD_URL"),
            ("--key-id", "LIONGARD_ACCESS_KEY_ID"),
        ] {
            options.extend([option.to_owned(), self.of(setting)]);
        }
        options
    }

    /// The same with another value of an option.
    fn options_with(&self, option: &str, value: &str) -> Vec<String> {
        let mut options = self.options();
        let place = options.iter().position(|it| it == option).unwrap();
        options[place + 1] = value.to_owned();
        options
    }

    /// Both secrets, a line for each.
    fn secrets(&self) -> String {
        format!(
            "{}\n{}\n",
            self.of("HALOPSA_CLIENT_SECRET"),
            self.of("LIONGARD_ACCESS_KEY_SECRET")
        )
    }
}

/// The stages of a vendor that failed, in an answer as JSON.
fn failed(answer: &Value, vendor: usize) -> Vec<String> {
    let stages = answer["vendors"][vendor]["stages"].as_array().unwrap();
    let failed = stages.iter().filter(|it| it["passed"] == false);
    failed
        .map(|it| format!("{}: {}", it["stage"].as_str().unwrap(), it["said"]))
        .collect()
}

#[test]
fn a_newcomer_connects_and_everything_is_stored() {
    let newcomer = Newcomer::new();
    let mut options = newcomer.options();
    options.extend([
        "--public-url".to_owned(),
        "https://halogard.example.com".to_owned(),
    ]);
    let ended = newcomer.give(&options, &newcomer.secrets());
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for word in [
        "HaloPSA at http://127.0.0.1",
        "Liongard at http://127.0.0.1",
        "credential  ok",
        "The mode that fits is \"managed\"",
        "both credentials",
        "API-only agent",
        "next: halogard map",
    ] {
        assert!(ended.stdout.contains(word), "no {word:?} in {ended:?}");
    }
    let said = format!("{ended:?}");
    for secret in ["HALOPSA_CLIENT_SECRET", "LIONGARD_ACCESS_KEY_SECRET"] {
        assert!(!said.contains(&newcomer.of(secret)), "{secret} is shown");
    }
    assert!(ended.stdout.contains("review the template"), "{ended:?}");
    let audit = newcomer.give(&["audit".to_owned(), "list".to_owned()], "");
    let said =
        "connected; stored both credentials in the vault of the data folder and a config file";
    assert!(
        audit
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains(said),
        "{audit:?}"
    );
    let config = std::fs::read_to_string(newcomer.bench.path("halogard.toml")).unwrap();
    assert!(config.contains("halogard_public_url = \"https://halogard.example.com\""));
    assert!(!config.contains("\n[[environments]]"), "{config}");

    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mapped = newcomer.give(&words("map --accept-above --write"), "");
    assert_eq!(mapped.status.code(), Some(0), "{mapped:?}");
    let config = std::fs::read_to_string(newcomer.bench.path("halogard.toml")).unwrap();
    let count = config.matches("\n[[environments]]").count();
    assert!(
        mapped
            .stdout
            .contains(&format!("added {count} environments to")),
        "{mapped:?}"
    );
    let doctor = newcomer.give(&words("doctor --json"), "");
    assert_eq!(doctor.status.code(), Some(0), "{doctor:?}");
    let preview = newcomer.give(&words("serve --dry-run --json"), "");
    assert_eq!(preview.status.code(), Some(0), "{preview:?}");
    let shown = newcomer.give(&words("webhook url"), "");
    assert!(
        shown
            .stdout
            .starts_with("https://halogard.example.com/webhooks/halopsa/"),
        "{shown:?}"
    );
    // Once more: nothing new.
    let again = newcomer.give(&options, &newcomer.secrets());
    assert_eq!(again.status.code(), Some(0), "{again:?}");
}

#[test]
fn the_first_stage_that_fails_is_named_with_its_remedy_and_nothing_is_stored() {
    let newcomer = Newcomer::new();
    let (halopsa, liongard) = (
        newcomer.of("HALOPSA_RESOURCE_URL"),
        newcomer.of("LIONGARD_URL"),
    );
    let secrets = newcomer.secrets();
    let wrong = "wrong\n".to_owned() + secrets.lines().nth(1).unwrap() + "\n";
    let cases: Vec<(&str, Vec<String>, &str, usize, &str)> = vec![
        (
            "no address",
            newcomer.options_with("--halopsa", "ftp://a"),
            &secrets,
            0,
            "address",
        ),
        (
            "the other product's host",
            newcomer.options_with("--halopsa", "us1.app.liongard.com"),
            &secrets,
            0,
            "address: \"us1.app.liongard.com is an address of Liongard",
        ),
        (
            "a name that does not exist",
            newcomer.options_with("--liongard", "no-such-host.invalid"),
            &secrets,
            1,
            "name",
        ),
        (
            "a port without a listener",
            newcomer.options_with("--halopsa", "http://127.0.0.1:9"),
            &secrets,
            0,
            "tcp",
        ),
        (
            "no TLS",
            newcomer.options_with("--halopsa", &halopsa.replace("http://", "https://")),
            &secrets,
            0,
            "tls",
        ),
        (
            "a wrong secret",
            newcomer.options(),
            &wrong,
            0,
            "credential",
        ),
    ];
    for (what, mut options, input, vendor, expected) in cases {
        options.push("--json".to_owned());
        let ended = newcomer.give(&options, input);
        assert_eq!(ended.status.code(), Some(1), "{what}: {ended:?}");
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        let found = failed(&answer, vendor);
        assert_eq!(found.len(), 1, "{what}: {answer}");
        assert!(found[0].starts_with(expected), "{what}: {found:?}");
        let stages = answer["vendors"][vendor]["stages"].as_array().unwrap();
        let remedy = stages.last().unwrap()["remedy"].as_str().unwrap();
        assert!(!remedy.is_empty(), "{what}: {answer}");
    }
    let mut exchanged = newcomer.options_with("--halopsa", &liongard);
    let place = exchanged.iter().position(|it| it == "--liongard").unwrap();
    exchanged[place + 1].clone_from(&halopsa);
    exchanged.push("--json".to_owned());
    let ended = newcomer.give(&exchanged, &secrets);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("both addresses are swapped"),
        "{ended:?}"
    );
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    for (vendor, said) in [
        (0, "Liongard, not HaloPSA, answers at http://"),
        (1, "HaloPSA, not Liongard, answers at http://"),
    ] {
        let found = failed(&answer, vendor);
        assert_eq!(found.len(), 1, "{answer}");
        assert!(
            found[0].starts_with(&format!("vendor: \"{said}")),
            "{found:?}"
        );
        let stages = answer["vendors"][vendor]["stages"].as_array().unwrap();
        let of_vendor = stages.iter().filter(|it| it["stage"] == "vendor");
        assert_eq!(of_vendor.count(), 1, "{answer}");
    }
    assert!(!Path::new(&newcomer.bench.path("halogard.toml")).exists());
}

#[test]
fn a_remedy_names_the_port_that_was_asked_and_what_its_answer_shows() {
    let newcomer = Newcomer::new();
    let plain = newcomer.of("HALOPSA_RESOURCE_URL");
    let rest = plain.rsplit(':').next().unwrap();
    let port = rest.split('/').next().unwrap();
    let encrypted = plain.replace("http://", "https://");
    for (address, words) in [
        (
            "http://127.0.0.1:9",
            ["nothing listens", "port 9 of 127.0.0.1"],
        ),
        (encrypted.as_str(), ["does not speak TLS", port]),
    ] {
        let mut options = newcomer.options_with("--halopsa", address);
        options.push("--json".to_owned());
        let ended = newcomer.give(&options, &newcomer.secrets());
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        let stages = answer["vendors"][0]["stages"].as_array().unwrap();
        let remedy = stages.last().unwrap()["remedy"].as_str().unwrap();
        for word in words {
            assert!(remedy.contains(word), "no {word:?} in {remedy}");
        }
        assert!(!remedy.contains("443"), "{remedy}");
    }
}

#[test]
fn the_lines_of_standard_input_are_named_where_one_is_missing_or_both_are_refused() {
    let newcomer = Newcomer::new();
    let ended = newcomer.give(&newcomer.options(), "one\n");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    for word in ["no Access Key Secret", "--secrets-stdin", "the second"] {
        assert!(ended.stderr.contains(word), "no {word:?} in {ended:?}");
    }
    let ended = newcomer.give(&newcomer.options(), "wrong\nwrong\n");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let named = "the first line of standard input is HaloPSA's";
    assert_eq!(ended.stdout.matches(named).count(), 2, "{ended:?}");
}

#[test]
fn id_and_secret_in_each_others_place_are_recognised() {
    let newcomer = Newcomer::new();
    let options = newcomer.options_with("--client-id", &newcomer.of("HALOPSA_CLIENT_SECRET"));
    let input = format!(
        "{}\n{}\n",
        newcomer.of("HALOPSA_CLIENT_ID"),
        newcomer.of("LIONGARD_ACCESS_KEY_SECRET")
    );
    let ended = newcomer.give(&options, &input);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("are swapped"), "{ended:?}");
    assert!(!ended.stdout.contains(&newcomer.of("HALOPSA_CLIENT_SECRET")));
}

#[test]
fn without_a_terminal_connect_names_missing_values_with_their_options() {
    let newcomer = Newcomer::new();
    let ended = newcomer.give(&["connect".to_owned()], "");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = "HaloPSA's address is missing; give it with --halopsa, as acme.halopsa.com";
    assert!(ended.stderr.contains(said), "{ended:?}");
}

#[test]
fn a_spent_request_budget_is_the_reason_and_no_setting_is_blamed() {
    let newcomer = Newcomer::new();
    let options = newcomer.options();
    assert_eq!(
        newcomer.give(&options, &newcomer.secrets()).status.code(),
        Some(0)
    );
    let mut again = options;
    again.extend(["--test-only".to_owned(), "--json".to_owned()]);
    std::fs::write(newcomer.bench.path("input"), newcomer.secrets()).unwrap();
    let mut command = program(&newcomer.bench.path(""));
    command.args(&again).env("HALOPSA_WINDOW_REQUESTS_MAX", "1");
    command.stdin(Stdio::from(
        std::fs::File::open(newcomer.bench.path("input")).unwrap(),
    ));
    let ended = Process::run(command);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    let found = failed(&answer, 0);
    assert!(found[0].contains("request budget"), "{answer}");
    let stages = answer["vendors"][0]["stages"].as_array().unwrap();
    let remedy = stages.last().unwrap()["remedy"].as_str().unwrap();
    assert!(remedy.contains("run the command again"), "{remedy}");
}
