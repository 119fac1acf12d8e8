//! The same scripts while the vendors' APIs are read otherwise.

use halogard_tests::dialect_runs::DialectRuns;

#[test]
fn the_scripts_hold_under_whole_sets() {
    let runs = DialectRuns {
        what: "scripts with faults and crashes",
        itself: "dialects::",
        short_sets: &["observed-a", "worst"],
        short_tests: &["prompt_webhooks"],
        short_stride: 97,
    };
    runs.hold();
}
