//! Inspectors, launchpoints and their runs.

use std::cmp::Reverse;
use std::sync::atomic::Ordering;

use halogard_domain::ids::LaunchpointId;
use halogard_http::Transport;
use halogard_wire::BodyError;

use super::request::LiongardRequest;
use super::{Client, Reading};
use crate::error::Error;
use crate::route;
use crate::wire::{
    Arrived, LaunchpointRow, ListReader, RunAnswer, RunReply, RunWrite, TimelineRow,
};

/// More rows of other launchpoints than these in a timeline mean that Liongard does not filter it.
const OTHER_RUNS_MAX: usize = 200;

impl<T: Transport> Client<T> {
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
    /// part: check the answer's errors.
    ///
    /// Not safe to repeat: on `InDoubt` they may run. Which role may do this is not documented; a
    /// 403 says that the key's role is too low.
    ///
    /// An answer that names neither those that started nor those that did not counts as asked for: the runs
    /// themselves show the result.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer is not JSON.
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
        Ok(RunAnswer::from(reply))
    }

    /// Liongard's timeline was seen to hold the runs of every launchpoint: it is not asked for.
    pub(crate) fn expect_unfiltered_timeline(&self) {
        self.timeline_is_unfiltered.store(true, Ordering::Relaxed);
    }

    /// The runs of a launchpoint, newest first; `None` where Liongard lists those of every launchpoint
    /// instead: there may be a million, which are not read. Safe to repeat.
    ///
    /// Liongard is asked for these alone; whether it applies the filter is not certain, so each row is checked
    /// again, and one that does not name its launchpoint is left out. A list with too many of those is given
    /// up, and not asked for again.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a record cannot be read.
    pub async fn timeline(
        &self,
        launchpoint: LaunchpointId,
    ) -> Result<Option<Vec<TimelineRow>>, Error> {
        if self.timeline_is_unfiltered.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let call =
            LiongardRequest::to(route::TIMELINE).where_equal("Launchpoint/ID", launchpoint.get());
        let mut body = self.open(&call, Reading::Stream).await?;
        let mut reader = ListReader::<TimelineRow>::default();
        let (mut runs, mut others) = (Vec::new(), 0);
        loop {
            let mut arrived = Arrived::default();
            let piece = body.next_piece().await;
            let Some(piece) = piece.map_err(|source| call.unanswered(source))? else {
                break;
            };
            reader
                .read(&piece, &mut arrived)
                .map_err(|invalid| call.invalid_body(invalid))?;
            if let Some(odd) = arrived.unreadable.first() {
                let place = format!("[{}].{}", odd.index, odd.path.trim_start_matches('.'));
                return Err(call.invalid_body(BodyError::at(place, odd.problem)));
            }
            for run in arrived.rows {
                if run.launchpoint_id() == Some(launchpoint) {
                    runs.push(run);
                } else {
                    others += 1;
                }
            }
            if others > OTHER_RUNS_MAX {
                if !self.timeline_is_unfiltered.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "Liongard's timeline holds the runs of other launchpoints than the one asked for; \
                         runs are followed by the counters of their launchpoints"
                    );
                }
                return Ok(None);
            }
        }
        reader
            .finish()
            .map_err(|invalid| call.invalid_body(invalid))?;
        runs.sort_by_key(|run| Reverse(run.id));
        Ok(Some(runs))
    }
}
