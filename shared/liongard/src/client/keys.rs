//! Access keys, for their rotation: a key can make its successor, and needs no password for it.

use halogard_http::Transport;
use halogard_wire::body::{self, BodyError, BodyProblem};
use halogard_wire::values::OneOrMany;

use super::Client;
use super::request::LiongardRequest;
use crate::error::{Error, LiongardRequestError};
use crate::route;
use crate::wire::{AccessKeyRow, AccessKeyWrite, KeyLifetime, NewAccessKey};

impl<T: Transport> Client<T> {
    /// The access keys of the user that ours belongs to, without their secrets. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a record cannot be read.
    pub async fn access_keys(&self) -> Result<Vec<AccessKeyRow>, Error> {
        let OneOrMany(rows) = self.read(&LiongardRequest::to(route::ACCESS_KEYS)).await?;
        Ok(rows)
    }

    /// Makes a key with the rights of ours. Its secret is shown this once.
    ///
    /// Not safe to repeat: on `InDoubt` a key may exist whose secret is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when a key was made, and could not be read.
    pub async fn create_access_key(&self, life: KeyLifetime) -> Result<NewAccessKey, Error> {
        let write = AccessKeyWrite {
            is_agent_install_key: false,
            days_until_expiration: life,
        };
        let call = LiongardRequest::to(route::CREATE_ACCESS_KEY).posting(&write)?;
        let OneOrMany(keys) = self.read(&call).await?;
        keys.into_iter()
            .next()
            .ok_or_else(|| call.invalid_body(BodyError::whole(BodyProblem::Missing)))
    }

    /// Deletes a key. Safe to repeat: the second time it may be unknown (404).
    ///
    /// # Errors
    ///
    /// [`LiongardRequestError::NotAnAccessKeyId`] when `id` could name another place than a key.
    pub async fn delete_access_key(&self, id: &str) -> Result<(), Error> {
        let call = LiongardRequest::to(route::DELETE_ACCESS_KEY).of(id);
        let is_plain = id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if id.is_empty() || !is_plain {
            return Err(call.not_sendable(LiongardRequestError::NotAnAccessKeyId));
        }
        let answer = self.fetch(&call).await?;
        match body::reject_html(&answer) {
            // What a success looks like is not documented: a number, or nothing.
            Ok(()) => Ok(()),
            Err(invalid) if invalid.problem == BodyProblem::Empty => Ok(()),
            Err(invalid) => Err(call.invalid_body(invalid)),
        }
    }
}
