#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a library of tests: a failed expectation is how it speaks"
)]
#![expect(missing_docs, reason = "a case is named by the sentence it proves")]

pub mod alert_index;
pub mod budget;
mod fixture;
pub mod journal;
pub mod leases;
pub mod links;
pub mod links_with_journal;
pub mod notifications;
mod optimistic_concurrency;
pub mod queue;
mod queue_model;
pub mod records;
pub mod retention;
mod samples;
pub mod usual_records;
pub mod values;
pub mod vault;

pub use fixture::{
    BudgetFixture, ManualClock, QueueFixture, StoreFixture, TimeSource, VaultFixture, run,
};

/// Tries one adapter with the cases of the families named, one `#[test]` for each case.
///
/// ```text
/// halogard_conformance::suite!(OnDisk: links, values, queue);
/// ```
#[macro_export]
macro_rules! suite {
    ($fixture:ident: $($family:ident),+ $(,)?) => {
        $( $crate::$family!($fixture); )+
    };
}

/// One `#[test]` for each case of a family. Adapters use [`suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($fixture:ident, $family:ident: $($case:ident),+ $(,)?) => {
        mod $family {
            $(
                #[test]
                fn $case() {
                    $crate::run($crate::$family::$case::<super::$fixture>);
                }
            )+
        }
    };
}
