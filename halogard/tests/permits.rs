//! The permits of the request budget that commands lease: what they did not use is free again when they have ended,
//! however they end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Bench, Process, SOON, Signal, program, wait_until};

/// Permits in use, as `status` shows them.
fn in_use(bench: &Bench) -> u64 {
    bench.ask("status")["budget"]["used"].as_u64().unwrap()
}

#[test]
fn a_command_gives_back_the_permits_that_it_did_not_use() {
    let bench = Bench::new();
    bench.serve().process.kill();
    bench.sim.raise(8801, "Stale Accounts");
    // What was leased by the `serve` that was killed frees itself later.
    let left_by_serve = in_use(&bench).saturating_sub(bench.sim.halo_requests());
    for command in [
        "doctor",
        "map",
        "config plan",
        "verify",
        "verify --duplicates",
        "serve --check",
        "serve --dry-run",
        // These fail.
        "config apply 0000000000000000",
        "link LG-7501 #1",
    ] {
        let ended = bench.operate(command);
        let spare = in_use(&bench).saturating_sub(bench.sim.halo_requests() + left_by_serve);
        assert_eq!(spare, 0, "{command} keeps permits: {ended:?}");
    }
}

#[test]
fn a_command_that_is_interrupted_gives_its_permits_back_and_leaves_no_draft() {
    for (signal, code) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
        let bench = Bench::new();
        bench.serve().process.kill();
        let left_by_serve = in_use(&bench).saturating_sub(bench.sim.halo_requests());
        // The command waits for an answer that does not come.
        bench.sim.post(
            "faults",
            &serde_json::json!({
                "vendor": "halopsa",
                "next": [{ "route": "GET /Tickets", "fault": { "kind": "delay", "milliseconds": 60_000 } }],
            }),
        );
        let before = bench.sim.halo_requests();
        let mut command = program(&bench.path(""));
        command.args(["verify"]).envs(&bench.settings);
        let running = Process::start(command);
        wait_until("a request of the command", SOON, || {
            (bench.sim.halo_requests() > before).then_some(())
        });
        running.signal(signal);
        let ended = running.ended(SOON);
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        // One request was under way.
        let spare = in_use(&bench).saturating_sub(bench.sim.halo_requests() + left_by_serve);
        assert!(spare <= 1, "{spare} permits are kept");
    }
}
