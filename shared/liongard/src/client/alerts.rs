//! Alerts. Liongard's API has no call that changes one.

use halogard_domain::ids::AlertId;
use halogard_http::Transport;
use halogard_wire::{BodyError, BodyProblem};

use super::Client;
use super::request::LiongardRequest;
use crate::error::Error;
use crate::route;
use crate::wire::{self, TaskCount, TaskRow, Tasks};

impl<T: Transport> Client<T> {
    /// Every alert there is, open and closed: the endpoint knows no filter and no pages, and
    /// `fields[]` would hide the ticket's number. The answer may be tens of megabytes.
    ///
    /// Safe to repeat. A record that cannot be read is reported and loses no other.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer as a whole is no list.
    pub async fn tasks(&self) -> Result<Tasks, Error> {
        let call = LiongardRequest::to(route::TASKS);
        let body = self.fetch(&call).await?;
        wire::read_tasks(&body).map_err(|invalid| call.invalid_body(invalid))
    }

    /// One alert; none when Liongard does not know it, or does not show it. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer is another alert, or cannot be read.
    pub async fn task(&self, id: AlertId) -> Result<Option<TaskRow>, Error> {
        self.record(route::TASK, id).await
    }

    /// How many alerts there are. Cheap: proves address, key and role. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer is no number.
    pub async fn task_count(&self) -> Result<u64, Error> {
        let call = LiongardRequest::to(route::TASK_COUNT);
        let TaskCount(count) = self.read(&call).await?;
        count
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| call.invalid_body(BodyError::whole(BodyProblem::Unexpected)))
    }
}
