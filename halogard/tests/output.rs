//! Standard output that is closed, full, or no terminal.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Bench, Process, SOON, TOKEN, program, wait_until};

/// Runs `command` with a standard output that takes nothing. Returns its exit code and what it
/// printed on standard error.
#[track_caller]
fn with_full_stdout(mut command: Command) -> (Option<i32>, String) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn no_command_panics_when_standard_output_is_full() {
    let bench = Bench::new();
    drop(bench.serve());
    let commands: [&[&str]; 7] = [
        &["demo", "--alerts", "2", "--speed", "600"],
        &["demo", "--alerts", "2", "--speed", "600", "--json"],
        &["config", "schema"],
        &["config", "check"],
        &["config", "init", "another.toml"],
        &["serve", "--check"],
        &["webhook", "url"],
    ];
    for arguments in commands {
        let mut command = program(&bench.path(""));
        command.args(arguments).envs(&bench.settings);
        let (code, said) = with_full_stdout(command);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        let expected = "standard output cannot be written: No space left";
        assert_eq!(said.matches(expected).count(), 1, "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

/// A reader that has seen enough, as `head -1`, is no error.
#[test]
fn a_closed_pipe_ends_a_command_without_a_word() {
    let commands = [
        "demo --alerts 3 --speed 600",
        "config schema",
        "man",
        "completions bash",
    ];
    for arguments in commands {
        let folder = tempfile::TempDir::new().unwrap();
        let mut command = program(folder.path());
        command
            .args(arguments.split(' '))
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}: {said}");
        for word in ["error:", "roken pipe", "panicked"] {
            assert!(!said.contains(word), "{arguments}: {said}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn the_token_is_printed_by_webhook_url_and_not_by_a_serve_without_a_terminal() {
    let mut bench = Bench::new();
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    let before = bench.webhook_url();
    assert_eq!(before.status.code(), Some(1), "{before:?}");
    assert!(before.stderr.contains("no store at"), "{before:?}");
    assert!(!bench.path("data").exists(), "nothing was created");
    let serve = bench.serve();
    let (_, token) = serve.webhook_url.rsplit_once('/').unwrap();
    assert_eq!(token.len(), 64, "{token}");
    wait_until("the whole announcement", SOON, || {
        let stdout = serve.process.stdout();
        stdout.contains("`halogard webhook url`").then_some(())
    });
    assert!(!serve.process.stdout().contains(token));
    assert!(!serve.process.stderr().contains(token));
    let answer = bench.http.post(&serve.wake_up_url(), &[], "{}");
    assert_eq!(answer.status, 200);
    bench.set("HALOPSA_WEBHOOK_TOKEN", TOKEN);
    assert!(bench.webhook_url().stdout.trim().ends_with(TOKEN));
    let ended: support::Ended = serve.process.kill();
    assert!(!ended.stdout.contains(token));
    let beside_none = bench.webhook_url();
    assert_eq!(beside_none.status.code(), Some(0), "{beside_none:?}");
}

#[test]
fn a_serve_whose_standard_output_is_full_goes_on() {
    let bench = Bench::new();
    let mut command = program(&bench.path(""));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    command.arg("serve").envs(&bench.settings);
    command.stdout(full).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let alert = bench.sim.raise(8801, "Local Admin Added");
    wait_until("the alert's ticket", SOON, || {
        (bench.sim.tickets_of(alert).len() == 1).then_some(())
    });
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("standard output cannot be written"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn help_says_what_halogard_is() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = program(folder.path());
    command.arg("--help");
    let ended = Process::start(command).ended(Duration::from_secs(10));
    assert_eq!(ended.status.code(), Some(0));
    for part in ["Liongard", "HaloPSA", "ticket", "halogard demo"] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

/// Colours are for people: forced for a pipe they are there, and `NO_COLOR` wins over everything.
#[test]
fn no_color_keeps_every_escape_out() {
    let bench = Bench::new();
    let printed = |variables: &[(&str, &str)]| {
        let ended = bench.operate_with("config check", variables);
        format!("{}{}", ended.stdout, ended.stderr)
    };
    let escape = '\u{1b}';
    let forced = printed(&[("CLICOLOR_FORCE", "1")]);
    assert!(forced.contains(escape), "{forced:?}");
    let plain = printed(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    assert!(!plain.contains(escape), "{plain:?}");
    assert_eq!(plain, printed(&[]), "a pipe has no colours");
}

/// An answer is the same whether colours are forced or not.
#[test]
fn json_has_no_colours_even_where_they_are_forced() {
    let bench = Bench::new();
    drop(bench.serve());
    let ended = bench.operate_with("status --json", &[("CLICOLOR_FORCE", "1")]);
    assert!(!ended.stdout.contains('\u{1b}'), "{ended:?}");
}

/// Each of these succeeds, in this order; failures have a form of their own, which is tested where they occur.
#[test]
fn every_answer_in_json_is_one_object_with_the_version_of_its_form_and_no_member_error() {
    let bench = Bench::new();
    let serve = bench.serve();
    bench.register_webhook(&serve.webhook_url);
    std::fs::write(
        bench.path("samples.json"),
        r#"{"samples": [{"alert": {"environment": 8801}, "expect": {"client": 17}}]}"#,
    )
    .unwrap();
    for arguments in [
        "config init another.toml",
        "config check",
        "config plan",
        "config history",
        "config show",
        "config test samples.json",
        "status",
        "status waiting",
        "doctor",
        "map",
        "webhook url",
        "webhook status",
        "webhook log",
        "webhook test",
        "dlq list",
        "verify",
        "audit list",
        "report pairs",
        "report health",
        "report lag",
        "report incident --since 2h",
        "support-bundle support.zip",
        "pause --vendor liongard",
        "resume --vendor liongard",
        "backup copy.db --with-key",
        "export all.jsonl",
        "serve --check",
        "serve --dry-run",
    ] {
        let ended = bench.operate(&format!("{arguments} --json"));
        let answer: serde_json::Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{arguments}: {error}: {ended:?}"));
        assert_eq!(answer["format_version"], 1, "{arguments}: {answer}");
        assert!(answer.get("error").is_none(), "{arguments}: {answer}");
    }
    drop(serve);
    let restored = bench.ask("restore copy.db --replace --yes");
    assert!(restored["former"].is_string(), "{restored}");
}

#[test]
fn what_killed_commands_left_of_a_file_is_removed_when_it_is_begun_again() {
    let bench = Bench::new();
    drop(bench.serve());
    for (command, name) in [
        ("backup copy.db --with-key", "copy.db"),
        ("backup copy.db --with-key", "copy.db.key"),
        ("export all.jsonl", "all.jsonl"),
        ("support-bundle support.zip", "support.zip"),
    ] {
        let left = [
            format!("{name}.999999.part"),
            format!("{name}.999999-1.part"),
        ];
        let theirs = [
            format!("{name}.old.part"),
            format!("another-{name}.1-1.part"),
        ];
        for file in left.iter().chain(&theirs) {
            std::fs::write(bench.path(file), "half").unwrap();
        }
        // A draft that a living process holds.
        let held = bench.path(&format!("{name}.1-7.part"));
        let holder = std::fs::File::create(&held).unwrap();
        holder.try_lock().unwrap();
        for file in ["copy.db", "copy.db.key", "all.jsonl", "support.zip"] {
            std::fs::remove_file(bench.path(file)).unwrap_or_default();
        }
        let ended = bench.operate(command);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        for file in &left {
            assert!(!bench.path(file).exists(), "{command} left {file}");
        }
        for file in &theirs {
            assert!(bench.path(file).exists(), "{command} removed {file}");
        }
        assert!(
            held.exists(),
            "{command} removed the draft of another process"
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(bench.path(name)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_refused_with_what_to_do() {
    let bench = Bench::new();
    drop(bench.serve());
    let elsewhere = [("HALOGARD_DATA_DIR", "no-data")];
    for command in ["backup copy.db", "backup copy.db --with-key"] {
        let ended = bench.operate_with(command, &elsewhere);
        assert!(ended.stderr.contains("no store at"), "{ended:?}");
    }
    for command in ["backup", "export", "support-bundle", "config init"] {
        let ended = bench.operate(&format!("{command} no/such/file"));
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(
            ended.stderr.contains("there is no folder no/such"),
            "{ended:?}"
        );
        assert!(ended.stderr.contains("make the folder"), "{ended:?}");
        assert!(!ended.stderr.contains("HALOGARD_DATA_DIR"), "{ended:?}");
        std::fs::write(bench.path("there"), "mine").unwrap();
        let ended = bench.operate(&format!("{command} there"));
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.stderr.contains("already exists"), "{ended:?}");
        assert!(!ended.stderr.contains("entity"), "{ended:?}");
        assert_eq!(std::fs::read(bench.path("there")).unwrap(), b"mine");
    }
    let replaced = bench.operate("support-bundle there --replace");
    assert_eq!(replaced.status.code(), Some(0), "{replaced:?}");
    assert_ne!(std::fs::read(bench.path("there")).unwrap(), b"mine");
}

#[test]
fn a_time_that_cannot_be_used_is_named_with_the_reason() {
    let bench = Bench::new();
    drop(bench.serve());
    for (command, said) in [
        ("report incident --since 1h --until 2h", "exchange them"),
        ("audit list --since 1h --until 2h", "exchange them"),
        ("pause --until 9999-12-31 --yes", "further away"),
        ("pause --until 99999999d --yes", "further away"),
        ("snooze LG-1 --until 9999-12-31 --reason x", "further away"),
        ("snooze LG-1 --until tomorrow --reason x", "is not a time"),
    ] {
        let ended = bench.operate(command);
        assert_eq!(ended.status.code(), Some(1), "{command}: {ended:?}");
        assert!(ended.stderr.contains(said), "{command}: {ended:?}");
    }
}

#[test]
fn a_command_that_takes_one_subject_shows_one() {
    let bench = Bench::new();
    let help = bench.operate("explain --help").stdout;
    assert!(help.contains("<ALERT|TICKET>"), "{help}");
    assert!(!help.contains("<ALERT|TICKET>..."), "{help}");
    drop(bench.serve());
    for subject in ["ticket 1", "#1"] {
        let ended = bench.operate(&format!("explain {subject}"));
        let said = "ticket #1 belongs to no alert";
        assert!(ended.stdout.contains(said), "{subject}: {ended:?}");
    }
}
