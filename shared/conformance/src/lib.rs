#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a library of tests: a failed expectation is how it speaks"
)]
#![expect(missing_docs, reason = "a case is named by the sentence it proves")]

pub mod alert_index;
mod bench;
pub mod budget;
mod fixtures;
pub mod journal;
pub mod leases;
pub mod links;
pub mod marks;
pub mod notifications;
pub mod queue;
mod queue_model;
mod revised;
pub mod runs;
pub mod storms;
pub mod sweeps;
pub mod tokens;
pub mod told;
pub mod vault;

pub use bench::{Bench, BudgetBench, MovableClock, QueueBench, Time, VaultBench, run};

/// Tries one adapter with the cases of the families named, one `#[test]` for each case.
///
/// ```text
/// halogard_conformance::suite!(OnDisk: links, marks, queue);
/// ```
#[macro_export]
macro_rules! suite {
    ($bench:ident: $($family:ident),+ $(,)?) => {
        $( $crate::$family!($bench); )+
    };
}

/// One `#[test]` for each case of a family. Adapters use [`suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($bench:ident, $family:ident: $($case:ident),+ $(,)?) => {
        mod $family {
            $(
                #[test]
                fn $case() {
                    $crate::run($crate::$family::$case::<super::$bench>);
                }
            )+
        }
    };
}
