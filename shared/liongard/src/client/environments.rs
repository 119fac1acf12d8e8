//! Environments.

use halogard_http::Transport;

use super::Client;
use super::request::LiongardRequest;
use crate::error::Error;
use crate::route;
use crate::wire::EnvironmentRow;

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
}
