//! The token that all instances share, and the lease to refresh it.

use halogard_domain::Timestamp;

use super::BoxFuture;
use halogard_app::ports::{
    LeaseOutcome, Leases, PortError, Records, Revision, SaveError, SealedToken, Stored,
};

/// Shared tokens and the lease to refresh one, for clients that do not name their store.
pub trait SharedTokens: Send + Sync {
    /// The token under `name`; none where there is none or it has expired. The revision is in
    /// either case.
    fn shared_token<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Stored<Option<SealedToken>>, PortError>>;

    /// See [`Records::save_record`].
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

impl<S: Records + Leases> SharedTokens for S {
    fn shared_token<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Stored<Option<SealedToken>>, PortError>> {
        Box::pin(async move {
            let stored: Stored<SealedToken> = self.load_record(name).await?;
            Ok(Stored {
                value: Some(stored.value).filter(|token| *token != SealedToken::default()),
                revision: stored.revision,
            })
        })
    }

    fn share_token<'a>(
        &'a self,
        name: &'a str,
        token: &'a SealedToken,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Revision, SaveError>> {
        Box::pin(self.save_record(name, token, revision))
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
