//! Liongard's inspectors: starting a run and following it.

use std::future::Future;

use halogard_domain::ids::LaunchpointId;
use halogard_domain::runs::RunMark;

use super::PortError;

/// Starts inspectors and reports the progress of their runs.
pub trait Inspectors: Send + Sync {
    /// The launchpoints of Liongard's HaloPSA inspector that are enabled. One is expected; none or
    /// several is a finding.
    fn halo_launchpoints(
        &self,
    ) -> impl Future<Output = Result<Vec<LaunchpointId>, PortError>> + Send;

    /// The newest run of a launchpoint; `None` when it never ran.
    fn newest_run(
        &self,
        launchpoint: LaunchpointId,
    ) -> impl Future<Output = Result<Option<RunMark>, PortError>> + Send;

    /// Starts a launchpoint.
    ///
    /// Not safe to repeat blindly: on `InDoubt` it may run.
    fn run(&self, launchpoint: LaunchpointId)
    -> impl Future<Output = Result<(), PortError>> + Send;

    /// How the first asked-for run of `launchpoint` newer than `after` does. Safe to repeat.
    fn progress(
        &self,
        launchpoint: LaunchpointId,
        after: Option<RunMark>,
    ) -> impl Future<Output = Result<RunProgress, PortError>> + Send;
}

/// How a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunProgress {
    /// No newer run is listed yet.
    NotListed,
    /// It has not ended.
    InProgress,
    /// Liongard counts it as asked for, and does not show how it does.
    Counted,
    /// It did its work.
    Succeeded,
    /// It ended without having done its work; what it said.
    Failed(String),
}
