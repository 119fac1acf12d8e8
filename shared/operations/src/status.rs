//! `status`: whether both sides are in sync, and what waits for a person.

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::{Policy, Timestamp};
use serde::Serialize;

use crate::policy::policy_in_force;
use crate::scan::for_each_link;

/// The answer of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusAnswer {
    /// When it was asked.
    pub at: Timestamp,
    /// The version of the program that was asked.
    pub version: String,
    /// Whether a person is needed.
    pub verdict: Verdict,
    /// The pairs.
    pub pairs: PairCounts,
}

/// Whether a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All is well, or mends itself.
    Ok,
    /// Something needs a person.
    NeedsPerson,
    /// The store does not say, because no worker has used it lately.
    CannotTell,
}

/// How many pairs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PairCounts {
    /// All of them.
    pub total: usize,
    /// Both sides agree.
    pub in_sync: usize,
    /// Work is under way.
    pub in_progress: usize,
}

/// Answers `status` at `now`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn status(store: &impl Store, now: Timestamp) -> Result<StatusAnswer, PortError> {
    let policy = policy_in_force(store).await?;
    let mut pairs = PairCounts::default();
    let known = policy.unwrap_or_else(|| Policy::empty(halogard_domain::policy::Mode::Managed));
    for_each_link(store, LinkFilter::All, |link| {
        pairs.total += 1;
        match pair_status(&link, &known, now) {
            PairStatus::InSync => pairs.in_sync += 1,
            PairStatus::InProgress => pairs.in_progress += 1,
            _ => {}
        }
    })
    .await?;
    Ok(StatusAnswer {
        at: now,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        verdict: Verdict::Ok,
        pairs,
    })
}
