//! Alerts. Liongard's API has no call that changes one.

use halogard_domain::ids::AlertId;
use halogard_http::{BodyStream, Transport};
use halogard_wire::{BodyError, BodyProblem};

use super::request::LiongardRequest;
use super::{Client, Reading};
use crate::error::Error;
use crate::route;
use crate::wire::{Arrived, ListReader, TaskCount, TaskRow, Tasks};

/// The list of all alerts, as it arrives.
pub struct TaskStream {
    call: LiongardRequest,
    body: BodyStream,
    /// Gone once the list was read to its end.
    reader: Option<ListReader<TaskRow>>,
    /// Bytes that arrived since they were last taken.
    bytes: u64,
}

impl TaskStream {
    /// How many bytes have arrived since this was last asked.
    pub fn take_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    /// The next alerts; `None` at the end of the list.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer as a whole is not a list, [`Error::Transport`] when it breaks off. What
    /// came before is part of a list that was not seen to its end.
    pub async fn next(&mut self) -> Result<Option<Tasks>, Error> {
        let mut arrived = Arrived::default();
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        while arrived.rows.is_empty() && arrived.unreadable.is_empty() {
            let piece = self.body.next_piece().await;
            let Some(piece) = piece.map_err(|source| self.call.unanswered(source))? else {
                let ended = self.reader.take().map_or(Ok(()), ListReader::finish);
                return ended
                    .map(|()| None)
                    .map_err(|invalid| self.call.invalid_body(invalid));
            };
            self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            reader
                .read(&piece, &mut arrived)
                .map_err(|invalid| self.call.invalid_body(invalid))?;
        }
        Ok(Some(arrived.into()))
    }
}

impl<T: Transport> Client<T> {
    /// Begins to list every alert there is, open and closed: the endpoint knows no filter and no pages, and
    /// `fields[]` would hide the ticket's number. The answer may be a hundred megabytes; it is read while it
    /// arrives.
    ///
    /// Safe to repeat. A record that cannot be read is reported and loses no other.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn tasks(&self) -> Result<TaskStream, Error> {
        let call = LiongardRequest::to(route::TASKS);
        let body = self.open(&call, Reading::Stream).await?;
        Ok(TaskStream {
            call,
            body,
            reader: Some(ListReader::default()),
            bytes: 0,
        })
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
    /// [`Error::Body`] when the answer is not a number.
    pub async fn task_count(&self) -> Result<u64, Error> {
        let call = LiongardRequest::to(route::TASK_COUNT);
        let TaskCount(count) = self.read(&call).await?;
        count
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| call.invalid_body(BodyError::whole(BodyProblem::Unexpected)))
    }
}
