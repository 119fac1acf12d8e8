//! `config`, the help texts, and the output without a terminal.

mod support;

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use support::{Bench, Config, Ended, Process, program};

/// Runs the program in `folder` with `arguments`.
#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = program(folder);
    command.args(arguments);
    Process::run(command)
}

#[test]
fn a_new_config_file_is_written_once_and_checks_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("halogard.toml");
    let ended = run(folder.path(), &["config", "init"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains("mode = \"managed\""), "{written}");
    let ended = run(folder.path(), &["config", "check"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(
        ended.stdout.starts_with("ok halogard.toml: 1 templates"),
        "{ended:?}"
    );
    // The operator's work is never written over.
    std::fs::write(&path, "mine").unwrap();
    let ended = run(folder.path(), &["config", "init"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("is there already"), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_new_config_file_may_have_another_name_and_mode() {
    let folder = TempDir::new().unwrap();
    let ended = run(
        folder.path(),
        &["config", "init", "other.toml", "--mode", "native"],
    );
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("config check other.toml"),
        "{ended:?}"
    );
    let ended = run(folder.path(), &["config", "check", "other.toml"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let mut by_setting = program(folder.path());
    by_setting
        .args(["config", "check"])
        .env("HALOGARD_CONFIG", "other.toml");
    let ended = Process::run(by_setting);
    assert!(ended.stdout.contains("other.toml"), "{ended:?}");
    let ended = run(folder.path(), &["config", "init", "no/such/folder.toml"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot be written"), "{ended:?}");
}

#[test]
fn the_shortest_file_works_as_it_stands() {
    let folder = TempDir::new().unwrap();
    let text = r#"mode = "managed"                       # or "native"

[templates.default]
ticket_type = 5                        # HaloPSA ticket type id
team = "Service Desk"                  # HaloPSA team, by name
status = { open = 1, closed = 9 }      # HaloPSA status ids
priority = { critical = 1, high = 2, medium = 3, low = 4, default = 4 }   # Liongard word -> priorityid

[[environments]]
environment = 8801                     # Liongard environment id
client = 17                            # HaloPSA client id
site = 21                              # optional
template = "default"
"#;
    std::fs::write(folder.path().join("halogard.toml"), text).unwrap();
    let ended = run(folder.path(), &["config", "check"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let bench = Bench::new();
    std::fs::write(bench.path("halogard.toml"), text).unwrap();
    assert_eq!(bench.check().status.code(), Some(0));
}

#[test]
fn a_mistake_is_shown_with_its_place_and_a_mark_below_it() {
    let folder = TempDir::new().unwrap();
    let text = Config::of_customers(1).with("team =", "teem =").text();
    std::fs::write(folder.path().join("mine.toml"), text).unwrap();
    let ended = run(folder.path(), &["config", "check", "mine.toml"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [said, line, mark] = lines.as_slice() else {
        panic!("{ended:?}");
    };
    assert!(said.starts_with("error: mine.toml:4:1: "), "{said}");
    assert!(said.contains("`teem`") && said.contains("`team`"), "{said}");
    assert!(line.contains("4 | teem = \"Service Desk\""), "{line}");
    assert!(mark.trim_end().ends_with("| ^^^^"), "{mark}");
}

#[test]
fn every_mistake_is_shown_at_once() {
    let folder = TempDir::new().unwrap();
    let config = Config::of_customers(1).with("team =", "teem =");
    let text = config.with("client = 17", "client = \"x\"").text();
    std::fs::write(folder.path().join("halogard.toml"), text).unwrap();
    let ended = run(folder.path(), &["config", "check"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(
        ended.stderr.matches("halogard.toml:").count(),
        2,
        "{ended:?}"
    );
}

#[test]
fn a_file_that_is_missing_or_not_text_is_reported() {
    let folder = TempDir::new().unwrap();
    let ended = run(folder.path(), &["config", "check"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("halogard.toml"), "{ended:?}");
    assert!(ended.stderr.contains("config init"), "{ended:?}");
    std::fs::write(folder.path().join("halogard.toml"), b"\xff\xfe\x00").unwrap();
    let ended = run(folder.path(), &["config", "check"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("halogard.toml"), "{ended:?}");
    let ended = run(folder.path(), &["config", "check", "."]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
}

#[test]
fn the_schema_is_json_and_the_one_that_is_published() {
    let folder = TempDir::new().unwrap();
    let ended = run(folder.path(), &["config", "schema"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(printed["properties"]["environments"].is_object());
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/halogard.schema.json");
    let published = std::fs::read_to_string(published).unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(printed, published);
}

#[test]
fn the_help_of_every_command_says_what_it_offers() {
    let folder = TempDir::new().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (
            &[],
            &["demo", "serve", "simulate", "config", "--log", "--log-json"],
        ),
        (
            &["demo"],
            &[
                "--alerts", "--seed", "--mode", "--faults", "--json", "--keep", "--speed",
            ],
        ),
        (&["serve"], &["--config", "--check", "HALOGARD_CONFIG"]),
        (
            &["simulate"],
            &[
                "--halopsa",
                "--liongard",
                "--admin",
                "--customers",
                "--window-requests-max",
                "--dialect",
            ],
        ),
        (&["config"], &["init", "check", "schema"]),
        (&["config", "init"], &["--mode", "managed", "native"]),
        (&["config", "check"], &["HALOGARD_CONFIG"]),
        (&["config", "schema"], &[]),
    ];
    for (command, promised) in cases {
        let arguments = [*command, &["--help"]].concat();
        let ended = run(folder.path(), &arguments);
        assert_eq!(ended.status.code(), Some(0), "{command:?}: {ended:?}");
        assert_eq!(ended.stderr, "", "{command:?}");
        for word in *promised {
            assert!(
                ended.stdout.contains(word),
                "{command:?} lacks {word}: {}",
                ended.stdout
            );
        }
        assert!(!ended.stdout.contains('\u{1b}'), "{command:?}: {ended:?}");
    }
    let version = run(folder.path(), &["--version"]);
    assert_eq!(version.status.code(), Some(0), "{version:?}");
    assert_eq!(
        version.stdout.trim(),
        concat!("halogard ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_command_nobody_knows_ends_with_2() {
    let folder = TempDir::new().unwrap();
    let cases: &[&[&str]] = &[
        &[],
        &["dmeo"],
        &["config"],
        &["config", "chekc"],
        &["demo", "--alerts", "0"],
        &["demo", "--alerts", "many"],
        &["demo", "--mode", "other"],
        &["serve", "--nonsense"],
        &["simulate", "--halopsa", "nowhere"],
        &["simulate", "--dialect", "worst,lkie-search"],
    ];
    for arguments in cases {
        let ended = run(folder.path(), arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(!ended.stderr.contains('\u{1b}'), "{arguments:?}: {ended:?}");
    }
    let ended = run(folder.path(), &["demo", "--dialect", "lkie-search"]);
    assert!(ended.stderr.contains("near it: like-search"), "{ended:?}");
    let ended = run(
        folder.path(),
        &["config", "schema", "--log", "halogard=loud"],
    );
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("log filter"), "{ended:?}");
}

#[test]
fn nothing_is_coloured_where_nobody_watches_or_no_color_asks_for_none() {
    let bench = Bench::new();
    for (name, value) in [("TERM", "xterm-256color"), ("NO_COLOR", "1")] {
        let mut command = program(&bench.path(""));
        command
            .args(["serve", "--check"])
            .envs(&bench.settings)
            .env(name, value);
        let ended = Process::run(command);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(!ended.stdout.contains('\u{1b}'), "{name}: {ended:?}");
        assert!(!ended.stderr.contains('\u{1b}'), "{name}: {ended:?}");
    }
}
