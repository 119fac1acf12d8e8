//! The same scenario many times, each time with a different fault.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Failed cases that are reported in full.
const FAILURES_SHOWN_MAX: usize = 12;

/// Runs cases one after the other, each on a runtime of its own, and counts them.
#[derive(Debug)]
pub struct CaseMatrix {
    name: &'static str,
    ran: usize,
    failed: Vec<String>,
}

impl CaseMatrix {
    /// A grid that has run nothing yet.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            ran: 0,
            failed: Vec::new(),
        }
    }

    /// Runs one case to its end; one that panics is noted under `label`, and the others go on.
    pub fn case<T>(&mut self, label: &str, case: impl Future<Output = T>) -> Option<T> {
        self.ran += 1;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        match catch_unwind(AssertUnwindSafe(|| runtime.block_on(case))) {
            Ok(value) => Some(value),
            Err(panic) => {
                let said = panic_message(panic.as_ref());
                self.failed.push(format!("{label}: {said}"));
                None
            }
        }
    }

    /// Says how many cases ran.
    ///
    /// # Panics
    ///
    /// When a case failed; the message names each failed case and its error.
    #[expect(
        clippy::print_stdout,
        reason = "the number of cases belongs in the test's output"
    )]
    pub fn finish(self) {
        let Self { name, ran, failed } = self;
        println!("{name}: {ran} cases, {} failed", failed.len());
        let shown: Vec<String> = failed.iter().take(FAILURES_SHOWN_MAX).cloned().collect();
        assert!(
            failed.is_empty(),
            "{} of {ran} cases failed:\n{}",
            failed.len(),
            shown.join("\n")
        );
    }
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it gave no reason".to_owned())
}
