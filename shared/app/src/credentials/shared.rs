//! Where clients of one fleet find the token that one of them has got, and who gets the next.

use halogard_domain::Timestamp;

use super::BoxFuture;
use crate::ports::{
    LeaseOutcome, Leases, PortError, Revision, SaveError, SealedToken, Stored, Tokens,
};

/// The tokens of a fleet, and the turn to renew one. For clients that do not name their store.
pub trait SharedTokens: Send + Sync {
    /// See [`Tokens::load_token`].
    fn shared_token<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Stored<Option<SealedToken>>, PortError>>;

    /// See [`Tokens::save_token`].
    fn share_token<'a>(
        &'a self,
        name: &'a str,
        token: &'a SealedToken,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Revision, SaveError>>;

    /// See [`Leases::acquire_lease`].
    fn take_turn<'a>(
        &'a self,
        turn: &'a str,
        holder: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<LeaseOutcome, PortError>>;

    /// See [`Leases::release_lease`].
    fn end_turn<'a>(
        &'a self,
        turn: &'a str,
        holder: &'a str,
    ) -> BoxFuture<'a, Result<(), PortError>>;
}

impl<S: Tokens + Leases> SharedTokens for S {
    fn shared_token<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Stored<Option<SealedToken>>, PortError>> {
        Box::pin(self.load_token(name))
    }

    fn share_token<'a>(
        &'a self,
        name: &'a str,
        token: &'a SealedToken,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Revision, SaveError>> {
        Box::pin(self.save_token(name, token, revision))
    }

    fn take_turn<'a>(
        &'a self,
        turn: &'a str,
        holder: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<LeaseOutcome, PortError>> {
        Box::pin(self.acquire_lease(turn, holder, until))
    }

    fn end_turn<'a>(
        &'a self,
        turn: &'a str,
        holder: &'a str,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(self.release_lease(turn, holder))
    }
}
