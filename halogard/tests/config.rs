//! `config`, the help texts, and the output without a terminal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use support::{Bench, Config, Ended, Process, SOON, program};

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
        ended.stdout.starts_with("ok halogard.toml: 1 template, "),
        "{ended:?}"
    );
    // The operator's work is never written over.
    std::fs::write(&path, "mine").unwrap();
    let ended = run(folder.path(), &["config", "init"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("already exists"), "{ended:?}");
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
fn every_command_has_a_manual_page_and_every_shell_its_completions() {
    let folder = TempDir::new().unwrap();
    let written = run(folder.path(), &["man", "man"]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let help = run(folder.path(), &["--help"]);
    let (_, commands) = help.stdout.split_once("Commands:").unwrap();
    let (commands, _) = commands.split_once("Options:").unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let page = folder.path().join(format!("man/halogard-{name}.1"));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|_| panic!("no page of {name}"));
        assert!(text.contains(".SH DESCRIPTION"), "{name}: {text}");
    }
    let first = run(folder.path(), &["man"]);
    assert!(first.stdout.contains(".TH halogard 1"), "{first:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(folder.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{script:?}");
        for word in ["support-bundle", "stack", "webhook"] {
            assert!(script.stdout.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn an_unknown_command_exits_with_2() {
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
fn output_is_not_coloured_without_a_terminal_or_with_no_color() {
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

/// The exit code of a plan that would change something.
const HAS_CHANGES: Option<i32> = Some(2);

/// The digest that a plan of `file` prints.
fn planned(bench: &Bench, file: &str) -> String {
    let ended = bench.operate(&format!("config plan {file} --json"));
    assert_eq!(ended.status.code(), HAS_CHANGES, "{ended:?}");
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    plan["digest"].as_str().unwrap().to_owned()
}

/// How the versions of the history came into force.
fn origins(bench: &Bench) -> Vec<String> {
    let history = bench.ask("config history");
    let versions = history["versions"].as_array().unwrap().iter();
    versions
        .map(|it| it["origin"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_config_is_planned_applied_and_undone_on_one_machine() {
    let mut bench = Bench::new();
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "100000");
    let file = bench.path("halogard.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let digest = planned(&bench, "");
    let applied = bench.operate(&format!("config apply {digest}"));
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert!(
        applied.stdout.contains("applied as version 1"),
        "{applied:?}"
    );
    let again = bench.operate("config plan");
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(again.stdout.contains("nothing changes"), "{again:?}");

    let copy = bench.path("copy.toml");
    let changed = Config::of_customers(5).text();
    std::fs::write(&copy, &changed).unwrap();
    let digest = planned(&bench, "copy.toml");
    let shown = bench.operate("config plan copy.toml").stdout;
    assert!(
        shown.contains(&format!(
            "halogard config apply {digest} copy.toml makes this change"
        )),
        "{shown}"
    );
    std::fs::write(&copy, format!("{changed}# later\n")).unwrap();
    let stale = bench.operate(&format!("config apply {digest} copy.toml"));
    assert_eq!(stale.status.code(), Some(1), "{stale:?}");
    assert!(stale.stderr.contains("the file differs"), "{stale:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    std::fs::write(&copy, &changed).unwrap();
    let apply = format!("config apply {digest} copy.toml --reason merged");
    assert_eq!(bench.operate(&apply).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), changed);
    // As after a stop between the store and the file.
    std::fs::write(&file, &text).unwrap();
    let repeated = bench.operate(&apply);
    assert!(repeated.stdout.contains("in force already"), "{repeated:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), changed);

    for said in ["applied as version 3", "goes no further back"] {
        let undone = bench.operate("config undo --yes");
        assert_eq!(undone.status.code(), Some(0), "{undone:?}");
        assert!(
            [&undone.stdout, &undone.stderr]
                .iter()
                .any(|it| it.contains(said)),
            "{undone:?}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
    assert_eq!(
        origins(&bench),
        ["applied", "applied", "version 1 was restored"]
    );
    let shown = bench.operate("config show --version 2");
    assert_eq!(shown.stdout, changed);

    std::fs::write(&copy, text.replace("ticket_type = 5", "ticket_type = 999")).unwrap();
    let unfit = bench.operate("config plan copy.toml --json");
    assert_eq!(unfit.status.code(), Some(1), "{unfit:?}");
    let unfit: Value = serde_json::from_str(&unfit.stdout).unwrap();
    let digest = unfit["digest"].as_str().unwrap();
    let refused = bench.operate(&format!("config apply {digest} copy.toml"));
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("nothing was applied"),
        "{refused:?}"
    );
    assert_eq!(origins(&bench).len(), 3);
}

#[test]
fn an_apply_that_is_killed_at_any_moment_is_given_again_and_ends_in_the_same_state() {
    const KILLS: u32 = 6;
    let mut bench = Bench::new();
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "100000");
    let file = bench.path("halogard.toml");
    let digest = planned(&bench, "");
    let began = Instant::now();
    let applied = bench.operate(&format!("config apply {digest}"));
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    let took = began.elapsed();
    let mut before = std::fs::read_to_string(&file).unwrap();
    for round in 0..KILLS {
        let customers = 6 - i64::from(round % 2);
        let text = format!("{}# {round}\n", Config::of_customers(customers).text());
        std::fs::write(bench.path("next.toml"), &text).unwrap();
        let digest = planned(&bench, "next.toml");
        let apply = format!("config apply {digest} next.toml");
        let mut command = program(&bench.path(""));
        command.args(apply.split(' ')).envs(&bench.settings);
        let killed = Process::start(command);
        std::thread::sleep(took * (round + 1) / KILLS);
        killed.kill();
        let found = std::fs::read_to_string(&file).unwrap();
        assert!(found == before || found == text, "half a file: {found}");

        let again = bench.operate(&apply);
        assert_eq!(again.status.code(), Some(0), "round {round}: {again:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert_eq!(bench.operate("config show").stdout, text);
        let versions = u64::from(round) + 2;
        let history = bench.ask("config history");
        let listed = history["versions"].as_array().unwrap();
        assert_eq!(listed.last().unwrap()["number"], versions, "{history}");
        assert_eq!(listed.len() as u64, versions, "{history}");
        before = text;
    }
}

#[test]
fn an_edit_of_the_file_under_a_running_serve_is_a_version_like_any_other() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(5));
    let _serve = bench.serve();
    let until = |wanted: usize| {
        support::wait_until("a version of the config", SOON, || {
            let ended = bench.operate("config history --json");
            let history: Value = serde_json::from_str(&ended.stdout).ok()?;
            (history["versions"].as_array()?.len() == wanted).then_some(())
        });
    };
    until(1);
    bench.write_config(&Config::of_customers(6));
    until(2);
    let origins = origins(&bench);
    assert!(origins[0].contains("serve started"), "{origins:?}");
    assert!(origins[1].contains("edited"), "{origins:?}");
    let plan = bench.operate("config plan");
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
}

#[test]
fn sample_alerts_are_tried_against_the_file_without_a_vendor() {
    let folder = TempDir::new().unwrap();
    let config = Config::of_customers(1).text();
    std::fs::write(folder.path().join("halogard.toml"), config).unwrap();
    let samples = |client: u32| {
        let text = format!(
            r#"{{"samples": [{{"alert": {{"environment": 8801}}, "expect": {{"client": {client}}}}}]}}"#
        );
        std::fs::write(folder.path().join("samples.json"), text).unwrap();
        run(folder.path(), &["config", "test", "samples.json"])
    };
    let passed = samples(17);
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
    let failed = samples(18);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(
        failed.stdout.contains("client is 17, where 18 is expected"),
        "{failed:?}"
    );
}

#[test]
fn a_config_whose_checks_cannot_be_made_is_refused_by_their_names_until_the_operator_says_anyway() {
    let mut bench = Bench::new();
    bench.serve().process.kill();
    // As under a storm: the budget of the window is spent.
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "12");
    let text = Config::of_customers(5).text();
    std::fs::write(bench.path("copy.toml"), text).unwrap();
    let planned = bench.operate("config plan copy.toml");
    assert!(planned.stdout.contains("--anyway"), "{planned:?}");
    let plan = bench.ask("config plan copy.toml");
    assert_eq!(plan["problems"], 0, "{plan}");
    let unchecked = plan["unchecked"].as_array().unwrap();
    assert!(
        unchecked.contains(&"halopsa.ticket_type.usable".into()),
        "{plan}"
    );
    for finding in plan["findings"].as_array().unwrap() {
        if finding["level"] == "cannot_tell" {
            let (thing, fix) = (&finding["thing"], finding["fix"].as_str().unwrap());
            assert!(
                thing.as_str().unwrap().contains("request budget"),
                "{finding}"
            );
            assert!(!fix.contains("grant"), "{finding}");
        }
    }
    let digest = plan["digest"].as_str().unwrap();
    let before = origins(&bench);
    let apply = format!("config apply {digest} copy.toml");
    let refused = bench.ask(&apply);
    assert_eq!(refused["error"]["kind"], "unchecked", "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("halopsa.ticket_type.usable"), "{message}");
    assert_eq!(origins(&bench), before);

    let applied = bench.ask(&format!("{apply} --anyway"));
    let unchecked = applied["unchecked"].as_array().unwrap();
    assert!(
        unchecked.contains(&"halopsa.ticket_type.usable".into()),
        "{applied}"
    );
    let audit = bench.ask("audit list");
    let entries = audit["entries"].as_array().unwrap();
    let done = entries.last().unwrap()["done"].as_str().unwrap();
    assert!(
        done.contains("not checked: ") && done.contains("halopsa.ticket_type.usable"),
        "{audit}"
    );
    // So does the way back.
    let undone = bench.operate("config undo --yes");
    assert_eq!(undone.status.code(), Some(1), "{undone:?}");
    assert!(undone.stderr.contains("nothing was restored"), "{undone:?}");
    assert!(!undone.stderr.contains("config apply"), "{undone:?}");
}

#[test]
fn a_config_is_not_applied_while_a_vendor_cannot_be_reached() {
    // Nothing listens on the first port.
    const NOWHERE: &str = "http://127.0.0.1:1";
    for (setting, check) in [
        ("HALOPSA_RESOURCE_URL", "halopsa.credential"),
        ("LIONGARD_URL", "liongard.credential"),
    ] {
        let mut bench = Bench::new();
        bench.set(setting, NOWHERE);
        let plan = bench.ask("config plan");
        let found = plan["findings"].as_array().unwrap().iter();
        let ids: Vec<_> = found.map(|it| it["id"].as_str().unwrap()).collect();
        assert!(ids.contains(&check), "{setting}: {plan}");
        let digest = plan["digest"].as_str().unwrap();
        let refused = bench.operate(&format!("config apply {digest}"));
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("nothing was applied"),
            "{refused:?}"
        );
        assert!(bench.ask("config history")["versions"] == serde_json::json!([]));
    }
}

#[test]
fn a_running_serve_takes_up_what_was_applied_anyway_and_parks_what_its_problems_affect() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(5));
    let _serve = bench.serve();
    let alert = bench.sim.raise(8806, "Stale Accounts");
    let text = Config::of_customers(6).text();
    let bad = "[templates.bad]\nticket_type = 999\nstatus = { open = 1, closed = 9 }\n";
    let text = text.replace("[start]", &format!("{bad}[start]"));
    std::fs::write(bench.path("copy.toml"), text).unwrap();
    let plan = bench.ask("config plan copy.toml");
    assert_eq!(plan["problems"], 1, "{plan}");
    let digest = plan["digest"].as_str().unwrap();
    let applied = bench.operate(&format!("config apply {digest} copy.toml --anyway"));
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    support::wait_until("the ticket of the new customer", SOON, || {
        (bench.sim.tickets_of(alert).len() == 1).then_some(())
    });
}
