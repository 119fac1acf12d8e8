//! The tests of a program again, under whole dialects: the program starts itself with the dialect in a variable.

use std::collections::BTreeMap;
use std::process::Command;

use halogard_simulator::dialect::sets;

use crate::dialect_in_force::{DIALECT_VARIABLE, STRIDE_VARIABLE};

/// `all` runs everything under every set.
pub const RUNS_VARIABLE: &str = "HALOGARD_DIALECT_RUNS";

/// The tests of one program that run under dialects.
#[derive(Clone, Copy, Debug)]
pub struct DialectRuns<'a> {
    /// What runs, for the output.
    pub what: &'a str,
    /// The tests that start such runs themselves.
    pub itself: &'a str,
    /// The sets of the short run, which CI makes.
    pub short_sets: &'a [&'a str],
    /// The tests of the short run; all when empty.
    pub short_tests: &'a [&'a str],
    /// The short run makes one of this many cases of a matrix.
    pub short_stride: usize,
}

/// What a test prints that keeps the reference's reading of a fact, before the fact.
pub(crate) const KEPT: &str = "kept at the reference: ";

/// The result of the tests under one set.
struct SuiteRun {
    passed: usize,
    failed: Vec<String>,
    /// Cases of matrices, by what each says of itself.
    cases: usize,
    /// Facts that tests kept at the reference, each because it is what they are about, and how often.
    kept: BTreeMap<String, usize>,
    output: String,
}

/// Whether everything is to run under every set.
#[must_use]
pub fn runs_all() -> bool {
    std::env::var_os(RUNS_VARIABLE).is_some_and(|value| value == "all")
}

impl DialectRuns<'_> {
    /// Runs them, and prints how many ran.
    ///
    /// # Panics
    ///
    /// When one fails; the message names each.
    #[expect(clippy::print_stdout, reason = "the figures of the run")]
    pub fn hold(&self) {
        let names: Vec<&str> = if runs_all() {
            sets().iter().map(|set| set.name).collect()
        } else {
            self.short_sets.to_vec()
        };
        let (mut failures, mut count, mut cases) = (Vec::new(), 0, 0);
        for name in names {
            let run = self.under(name);
            let (passed, failed) = (run.passed, run.failed.len());
            count += passed + failed;
            cases += run.cases;
            println!(
                "{name}: {} of {passed} passed, {failed} failed, {} cases",
                self.what, run.cases
            );
            for (fact, times) in &run.kept {
                println!("{name}: {KEPT}{fact}, {times} times");
            }
            failures.extend(run.failed.iter().map(|failed| format!("{name}: {failed}")));
            if failed > 0 {
                println!("{}", run.output);
            }
        }
        println!("{}: {count} runs, {cases} cases under dialects", self.what);
        assert!(count > 0);
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    /// Runs them under one dialect.
    fn under(&self, dialect: &str) -> SuiteRun {
        let own = std::env::current_exe().expect("the program knows its own file");
        let mut command = Command::new(own);
        if !runs_all() {
            command.args(self.short_tests);
            command.env(STRIDE_VARIABLE, self.short_stride.to_string());
        }
        let ended = command
            .args(["--skip", self.itself, "--show-output"])
            .env(DIALECT_VARIABLE, dialect)
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("the program starts itself");
        let output = String::from_utf8_lossy(&ended.stdout).into_owned();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        let results = || output.lines().filter_map(|line| line.strip_prefix("test "));
        let passed = results().filter(|line| line.ends_with("... ok")).count();
        let failed = results().filter_map(|line| line.strip_suffix(" ... FAILED"));
        let failed: Vec<String> = failed.map(str::to_owned).collect();
        assert_eq!(
            ended.status.success(),
            failed.is_empty(),
            "{output}\n{said}"
        );
        let count = |line: &str| {
            let (_, rest) = line.rsplit_once(": ")?;
            rest.split_once(" cases, ")?.0.parse::<usize>().ok()
        };
        let cases = output.lines().filter_map(count).sum();
        let mut kept = BTreeMap::new();
        for fact in output.lines().filter_map(|line| line.strip_prefix(KEPT)) {
            *kept.entry(fact.to_owned()).or_default() += 1;
        }
        SuiteRun {
            passed,
            failed,
            cases,
            kept,
            output: format!("{output}\n{said}"),
        }
    }
}
