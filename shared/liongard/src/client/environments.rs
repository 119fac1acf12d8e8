//! Environments, in both versions of the API.

use halogard_domain::ids::EnvironmentId;
use halogard_http::Transport;

use super::Client;
use super::request::LiongardRequest;
use crate::error::Error;
use crate::route;
use crate::wire::{self, EnvelopeBody, EnvironmentRow, V2Page};

/// Rows asked for per page. The largest allowed is not known for this endpoint; sources differ
/// between 200 and 2,000.
const PAGE_ROWS: u32 = 100;

/// What the rows would be called in `Data`, should they stand next to their `Pagination`, as those
/// of other endpoints do.
const ROWS_MEMBER: &str = "Environments";

impl<T: Transport> Client<T> {
    /// Every environment, in one answer. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a record cannot be read: a list that lacks one would look like a
    /// customer that left.
    pub async fn environments(&self) -> Result<Vec<EnvironmentRow>, Error> {
        self.read(&LiongardRequest::to(route::ENVIRONMENTS)).await
    }

    /// One environment; none when Liongard does not know it, or does not show it. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the answer is another environment, or cannot be read.
    pub async fn environment(&self, id: EnvironmentId) -> Result<Option<EnvironmentRow>, Error> {
        self.record(route::ENVIRONMENT, id).await
    }

    /// One page of the environments by version 2, from 1, at most 100 rows. Safe to repeat.
    ///
    /// The order of rows is Liongard's: how to ask for another is not documented, so rows may
    /// move between pages.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the envelope says so; [`Error::Body`] when it is none.
    pub async fn environments_v2(&self, page: u32) -> Result<V2Page<EnvironmentRow>, Error> {
        let call = LiongardRequest::to(route::ENVIRONMENTS_V2)
            .with("page", page)
            .with("pageSize", PAGE_ROWS);
        let body = self.fetch(&call).await?;
        match wire::parse_envelope(&body, ROWS_MEMBER)
            .map_err(|invalid| call.invalid_body(invalid))?
        {
            EnvelopeBody::Page(page) => Ok(page),
            EnvelopeBody::Refused => Err(Error::Refused {
                method: call.route.method(),
                route: call.route.template,
                message: self.message(&body).await,
            }),
        }
    }
}
