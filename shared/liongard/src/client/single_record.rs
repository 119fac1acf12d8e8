//! Reading one record, which may come alone, as a list of one, or not at all.

use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, RunId};
use halogard_http::Transport;
use halogard_wire::body::{BodyError, BodyProblem};
use halogard_wire::values::OneOrMany;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::Client;
use super::request::LiongardRequest;
use crate::VendorMessage;
use crate::error::Error;
use crate::route::LiongardRoute;
use crate::wire::{EnvironmentRow, LaunchpointRow, TaskRow, TimelineRow};

/// A record that is known by a number.
pub(super) trait SingleRecord: DeserializeOwned {
    /// The type of the number.
    type Id: Copy + PartialEq + ToString;

    /// The number.
    fn id(&self) -> Self::Id;
}

/// A record with an id.
macro_rules! record {
    ($($row:ident: $id:ident),*) => {
        $(impl SingleRecord for $row {
            type Id = $id;

            fn id(&self) -> $id {
                self.id
            }
        })*
    };
}

record!(TaskRow: AlertId, EnvironmentRow: EnvironmentId, LaunchpointRow: LaunchpointId, TimelineRow: RunId);

impl<T: Transport> Client<T> {
    /// Single records were seen to be found without a slash at the end only: they are asked for so first.
    pub(crate) fn expect_plain_records(&self) {
        self.endings.expect_plain_records();
    }

    /// The record `id` of `route`; none when Liongard does not know it, or does not show it.
    ///
    /// Unknown is `[]` (seen for alerts), null, or 404. A 404 that is a page for people is a
    /// wrong address, and says nothing of the record.
    pub(super) async fn record<R: SingleRecord>(
        &self,
        route: LiongardRoute,
        id: R::Id,
    ) -> Result<Option<R>, Error> {
        let call = LiongardRequest::to(route).of(id.to_string());
        let records = match self.read::<OneOrMany<R>>(&call).await {
            Ok(OneOrMany(records)) => records,
            Err(error) if is_unknown(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_none = records.is_empty();
        let found = records.into_iter().find(|record| record.id() == id);
        if found.is_none() && !is_none {
            return Err(call.invalid_body(BodyError::whole(BodyProblem::OtherRecord)));
        }
        Ok(found)
    }
}

/// Whether `error` says that a record does not exist.
fn is_unknown(error: &Error) -> bool {
    let is_page = error.message().is_some_and(VendorMessage::is_page);
    error.status() == Some(StatusCode::NOT_FOUND) && !is_page
}
