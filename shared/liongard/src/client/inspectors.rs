//! Inspectors, launchpoints and their runs.

use std::cmp::Reverse;

use halogard_domain::ids::{LaunchpointId, RunId};
use halogard_http::Transport;
use halogard_wire::values::OneOrMany;

use super::Client;
use super::request::LiongardRequest;
use crate::error::Error;
use crate::route;
use crate::wire::{InspectorRow, LaunchpointRow, RunAnswer, RunReply, RunWrite, TimelineRow};

impl<T: Transport> Client<T> {
    /// Every kind of inspector. Safe to repeat.
    ///
    /// The vendor's description types the answer as one record and calls it a list; both are read.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a record cannot be read.
    pub async fn inspectors(&self) -> Result<Vec<InspectorRow>, Error> {
        let OneOrMany(rows) = self.read(&LiongardRequest::to(route::INSPECTORS)).await?;
        Ok(rows)
    }

    /// Every launchpoint, in one answer. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a record cannot be read.
    pub async fn launchpoints(&self) -> Result<Vec<LaunchpointRow>, Error> {
        self.read(&LiongardRequest::to(route::LAUNCHPOINTS)).await
    }

    /// One launchpoint; none when Liongard does not know it, or does not show it. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer is another launchpoint, or cannot be read.
    pub async fn launchpoint(&self, id: LaunchpointId) -> Result<Option<LaunchpointRow>, Error> {
        self.record(route::LAUNCHPOINT, id).await
    }

    /// Asks for a run of each of `launchpoints`; of none, nothing is sent. A success may be one in
    /// part: look at the answer's errors.
    ///
    /// Not safe to repeat: on `InDoubt` they may run. Which role may do this is not documented; a
    /// 403 says that the key's role is too low.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when Liongard accepted the request, and did not say what came of it.
    pub async fn run_launchpoints(
        &self,
        launchpoints: &[LaunchpointId],
    ) -> Result<RunAnswer, Error> {
        if launchpoints.is_empty() {
            return Ok(RunAnswer::default());
        }
        let call =
            LiongardRequest::to(route::RUN_LAUNCHPOINTS).posting(&RunWrite { launchpoints })?;
        let reply: RunReply = self.read(&call).await?;
        RunAnswer::try_from(reply).map_err(|invalid| call.invalid_body(invalid))
    }

    /// The runs of a launchpoint, newest first. Safe to repeat.
    ///
    /// Liongard is asked for these alone; whether it heeds that is not certain, so each row is
    /// looked at again, and one that does not name its launchpoint is left out.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a record cannot be read.
    pub async fn timeline(&self, launchpoint: LaunchpointId) -> Result<Vec<TimelineRow>, Error> {
        let call =
            LiongardRequest::to(route::TIMELINE).where_equal("Launchpoint/ID", launchpoint.get());
        let mut runs: Vec<TimelineRow> = self.read(&call).await?;
        runs.retain(|run| run.launchpoint_id() == Some(launchpoint));
        runs.sort_by_key(|run| Reverse(run.id));
        Ok(runs)
    }

    /// One run; none when Liongard does not know it, or does not show it. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer is another run, or cannot be read.
    pub async fn timeline_entry(&self, id: RunId) -> Result<Option<TimelineRow>, Error> {
        self.record(route::TIMELINE_ENTRY, id).await
    }
}
