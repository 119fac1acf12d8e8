//! `demo`, run as a newcomer runs it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use support::{Process, SOON, Signal, program, wait_until};

/// Every key of the summary that others rely on.
const KEYS: [&str; 11] = [
    "alerts",
    "tickets",
    "duplicates",
    "lost",
    "in_step",
    "out_of_step",
    "halo_requests",
    "halo_rejected_429",
    "halo_window_max",
    "liongard_requests",
    "elapsed_seconds",
];

/// Runs the demo and returns its last word, after what holds for every demo was checked.
#[track_caller]
fn summary(options: &[&str]) -> Value {
    let folder = TempDir::new().unwrap();
    let mut command = program(folder.path());
    command
        .args(["demo", "--alerts", "40", "--seed", "7", "--json"])
        .args(options)
        .env("TMPDIR", folder.path());
    let ended = Process::start(command).ended(Duration::from_secs(120));
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let last = ended.stdout.lines().last().unwrap();
    let summary: Value = serde_json::from_str(last).unwrap();
    for key in KEYS {
        assert!(summary[key].is_number(), "{key} is not a number in {last}");
    }
    for key in ["alert_to_ticket", "alert_close_to_ticket_close"] {
        let percentile = |rank| summary[format!("{key}_{rank}_seconds")].as_f64();
        assert!(percentile("p50") <= percentile("p95"), "{last}");
        assert_ne!(percentile("p50"), Some(0.0), "{last}");
    }
    assert!(ended.stderr.lines().count() < 250, "{ended:?}");
    for none in ["duplicates", "lost", "out_of_step"] {
        assert_eq!(summary[none], 0, "{last}");
    }
    assert_eq!(summary["alerts"], 40, "{last}");
    assert_eq!(summary["in_step"], 40, "{last}");
    assert!(!last.contains('\u{1b}'), "{last}");
    assert!(is_empty(&folder), "the demo left something behind");
    summary
}

/// Whether nothing is in `folder`.
fn is_empty(folder: &TempDir) -> bool {
    std::fs::read_dir(folder.path()).unwrap().next().is_none()
}

/// What holds when nothing fails.
#[track_caller]
fn went_smoothly(summary: &Value) {
    assert_eq!(summary["tickets"], summary["alerts"], "{summary}");
    assert_eq!(summary["halo_rejected_429"], 0, "{summary}");
    assert!(
        summary["halo_window_max"].as_u64().unwrap() <= 450,
        "{summary}"
    );
}

#[test]
fn both_sides_agree_at_the_end_of_a_demo() {
    let summary = summary(&[]);
    went_smoothly(&summary);
    assert!(
        summary["alert_to_ticket_p50_seconds"].is_number(),
        "{summary}"
    );
    assert_eq!(summary["opened_by_liongard"], 0, "{summary}");
}

#[test]
fn both_sides_agree_where_liongard_makes_the_tickets() {
    let summary = summary(&["--mode", "native"]);
    went_smoothly(&summary);
    // The simulator's own ticketing takes no time, and none of it is Halogard's.
    assert_eq!(
        summary["opened_by_liongard"], summary["alerts"],
        "{summary}"
    );
    assert!(
        summary["alert_to_ticket_p50_seconds"].is_null(),
        "{summary}"
    );
}

#[test]
fn both_sides_agree_although_everything_fails_now_and_then() {
    let summary = summary(&["--faults"]);
    assert!(
        summary["faults_injected"].as_u64().unwrap() > 0,
        "{summary}"
    );
}

#[test]
fn the_summary_for_people_is_one_screen_without_colours_off_a_terminal() {
    let folder = TempDir::new().unwrap();
    let mut command = program(folder.path());
    command.args(["demo", "--alerts", "3", "--speed", "600"]);
    let ended = Process::run(command);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(
        ended.stdout.starts_with("in sync: 3 alerts, 3 tickets"),
        "{ended:?}"
    );
    assert!(ended.stdout.lines().count() <= 24, "{ended:?}");
    for part in [
        "3 alerts, seed 1",
        "ticket 4001 opened by Halogard",
        "after the alert",
        "alerts come and go:",
        "in sync, checking that it lasts:",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    assert!(!ended.stdout.contains('\u{1b}'), "{ended:?}");
    assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
}

/// Stops a demo with `signal` once it has come as far as `until` sees.
#[track_caller]
fn stop(signal: Signal, until: impl Fn(&TempDir, &Process) -> bool) {
    let folder = TempDir::new().unwrap();
    let mut command = program(folder.path());
    command
        .args(["demo", "--alerts", "60", "--faults", "--json"])
        .env("TMPDIR", folder.path());
    let demo = Process::start(command);
    wait_until("the moment to stop", SOON, || {
        until(&folder, &demo).then_some(())
    });
    demo.signal(signal);
    let ended = demo.ended(Duration::from_secs(5));
    assert!(matches!(ended.status.code(), Some(1..)), "{ended:?}");
    assert!(ended.stderr.contains("stopped"), "{ended:?}");
    assert_eq!(ended.stdout, "", "a demo that was stopped has no summary");
    assert!(is_empty(&folder), "the demo's folder stayed behind");
}

#[test]
fn ctrl_c_ends_a_demo_within_seconds_and_its_folder_with_it() {
    stop(Signal::Interrupt, |_, demo| {
        demo.stderr().contains("crash:")
    });
}

#[test]
fn a_demo_can_be_stopped_from_the_moment_there_is_something_to_take_away() {
    stop(Signal::Terminate, |folder, _| !is_empty(folder));
}
