//! The same stories while the vendors' APIs are read otherwise.

use halogard_tests::dialect_runs::DialectRuns;

#[test]
fn the_stories_hold_under_whole_sets() {
    let runs = DialectRuns {
        what: "random stories",
        itself: "dialects::",
        short_sets: &["strict", "observed-a"],
        short_tests: &["both_sides_agree"],
        short_stride: 30,
    };
    runs.hold();
}
