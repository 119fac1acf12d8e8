//! An operator's commands on this machine's store, beside a running `serve` and without one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Bench, SOON, wait_until};

#[test]
fn status_answers_beside_serve_and_without_one() {
    let bench = Bench::new();
    let none = bench.operate("status");
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(
        none.stderr.contains("start `halogard serve` once"),
        "{none:?}"
    );
    assert_eq!(none.stdout, "");

    let serve = bench.serve();
    bench.sim.raise(8801, "Stale Accounts");
    wait_until("a pair in sync", SOON, || {
        (bench.ask("status")["pairs"]["in_sync"] == 1).then_some(())
    });
    serve.process.kill();
    let answer = bench.ask("status");
    assert_eq!(answer["format_version"], 1);
    assert_eq!(answer["pairs"]["in_sync"], 1, "{answer}");
}
