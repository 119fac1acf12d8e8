//! The token that all instances share, and the lease to refresh it.

use halogard_domain::Timestamp;

use super::BoxFuture;
use halogard_app::ports::{
    LeaseOutcome, Leases, PortError, Revision, SaveError, SealedToken, Stored, Tokens,
};

/// Shared tokens and the lease to refresh one, for clients that do not name their store.
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
    fn acquire_refresh_lease<'a>(
        &'a self,
        lease: &'a str,
        holder: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<LeaseOutcome, PortError>>;

    /// See [`Leases::release_lease`].
    fn release_refresh_lease<'a>(
        &'a self,
        lease: &'a str,
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

    fn acquire_refresh_lease<'a>(
        &'a self,
        lease: &'a str,
        holder: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<LeaseOutcome, PortError>> {
        Box::pin(self.acquire_lease(lease, holder, until))
    }

    fn release_refresh_lease<'a>(
        &'a self,
        lease: &'a str,
        holder: &'a str,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(self.release_lease(lease, holder))
    }
}
