//! Says when this machine's clock goes wrong while the process runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use halogard_domain::vendor::Vendor;
use tracing::{info, warn};

use crate::metrics::ProcessMetrics;

/// A clock that differs by less is right enough: a `Date` has whole seconds, and answers take time.
const CLOCK_TOLERANCE_SECONDS: u64 = 60;

/// Time between two comparisons.
const COMPARE_INTERVAL: Duration = Duration::from_secs(60);

/// A clock that stays wrong is reported again after this many comparisons.
const SAY_AGAIN_AFTER: u32 = 60;

/// Compares this machine's clock with those of the vendors, by their newest answers.
#[derive(Default)]
pub struct ClockWatch {
    /// Vendors with whose clock it disagreed when they were last compared.
    disagrees_with: BTreeSet<Vendor>,
    /// Comparisons since what disagrees was last said.
    comparisons: u32,
}

/// What a comparison showed that was not reported before.
#[derive(Debug, PartialEq, Eq)]
enum ClockNews {
    /// The clock is wrong: the sentence for the operator.
    Wrong(String),
    /// It agrees again with that of this vendor.
    RightAgain(Vendor),
}

impl ClockWatch {
    /// Compares again and again, and never ends.
    pub async fn watch(mut self, metrics: Arc<ProcessMetrics>) {
        // What the start has seen, it has said.
        self.compare(&current(&metrics));
        loop {
            tokio::time::sleep(COMPARE_INTERVAL).await;
            for news in self.compare(&current(&metrics)) {
                match news {
                    ClockNews::Wrong(said) => warn!("{said}"),
                    ClockNews::RightAgain(vendor) => info!(
                        vendor = vendor.as_str(),
                        "this machine's clock agrees with that of a vendor again"
                    ),
                }
            }
        }
    }

    /// What is new in `clocks`: how many seconds each vendor's is ahead.
    fn compare(&mut self, clocks: &[(Vendor, i64)]) -> Vec<ClockNews> {
        self.comparisons += 1;
        if self.comparisons > SAY_AGAIN_AFTER {
            self.comparisons = 0;
            self.disagrees_with.clear();
        }
        let mut news = Vec::new();
        for (vendor, ahead) in clocks {
            match wrong_clock(*vendor, *ahead) {
                Some(said) if self.disagrees_with.insert(*vendor) => {
                    news.push(ClockNews::Wrong(said));
                }
                None if self.disagrees_with.remove(vendor) => {
                    news.push(ClockNews::RightAgain(*vendor));
                }
                _ => {}
            }
        }
        news
    }
}

/// How many seconds each vendor's clock is ahead, by its newest answer.
fn current(metrics: &ProcessMetrics) -> Vec<(Vendor, i64)> {
    let clocks = metrics.clocks_ahead();
    clocks
        .iter()
        .map(|(vendor, ahead)| (*vendor, *ahead))
        .collect()
}

/// What to say of this machine's clock when that of `vendor` is this many seconds ahead; nothing if they
/// agree.
pub fn wrong_clock(vendor: Vendor, ahead_seconds: i64) -> Option<String> {
    let (seconds, vendor) = (ahead_seconds.unsigned_abs(), vendor.as_str());
    let side = if ahead_seconds > 0 {
        "behind"
    } else {
        "ahead of"
    };
    (seconds > CLOCK_TOLERANCE_SECONDS).then(|| {
        format!(
            "this machine's clock is {seconds} s {side} that of {vendor}; set it, for example by turning \
             time synchronisation on (timedatectl set-ntp true)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_a_minute_off_is_reported_with_its_direction() {
        for right in [0, 60, -60] {
            assert_eq!(wrong_clock(Vendor::HaloPsa, right), None);
        }
        let said = |ahead| wrong_clock(Vendor::HaloPsa, ahead).unwrap();
        assert!(said(61).contains("is 61 s behind that of halopsa"));
        assert!(said(-3600).contains("is 3600 s ahead of that of halopsa"));
    }

    #[test]
    fn a_clock_that_goes_wrong_while_the_process_runs_is_said_once_an_hour() {
        let mut watch = ClockWatch::default();
        let mut compare = |ahead| watch.compare(&[(Vendor::HaloPsa, ahead)]);
        assert_eq!(compare(3), []);
        assert!(
            matches!(compare(301).as_slice(), [ClockNews::Wrong(_)]),
            "it stepped"
        );
        assert_eq!(compare(302), [], "said");
        assert_eq!(compare(0), [ClockNews::RightAgain(Vendor::HaloPsa)]);
        assert_eq!(compare(0), []);
        let lines: usize = (0..600).map(|_| compare(-90).len()).sum();
        assert!((10..=11).contains(&lines), "{lines} lines in ten hours");
    }
}
