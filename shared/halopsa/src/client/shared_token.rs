//! One token for all clients with the same credential: stored sealed, refreshed by the client that holds
//! the refresh lease. Reasons: `docs/adr/0013-one-token-for-the-fleet.md`.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use halogard_app::ports::{
    Clock, LeaseOutcome, PortError, RequestBudget, Revision, SaveError, SealedToken,
};
use halogard_credentials::{REFUSED_PAUSE, SharedTokens};
use halogard_domain::Timestamp;
use halogard_http::Transport;
use http::HeaderValue;
use tracing::{debug, warn};

use super::sealing::{SharedRecord, TokenScope, TokenSealer};
use super::token::BearerToken;
use super::{Client, Credentials};
use crate::error::{Error, TokenFailure};

/// Duration of the refresh lease: a call to HaloPSA (30 s) and the store calls around it. If the lease
/// holder crashes, clients without a token wait at most this long.
const LEASE_DURATION: Duration = Duration::from_secs(45);

/// When to retry while another client requests the token: an answer takes half a second.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long no client requests a token after HaloPSA issued none: all clients together request as often as
/// one would. The lease is kept for so long, and whatever needs a token waits until then.
pub(super) const FAILURE_PAUSE: Duration = Duration::from_secs(15);

/// How long after a refused token was replaced its successor is not replaced: if HaloPSA refuses a
/// token that new, another one does not help.
const REPLACEMENT_PAUSE: Duration = Duration::from_secs(60);

/// How often a save is attempted when other clients save too.
const SAVE_ATTEMPTS_MAX: usize = 2;

/// The store of the shared token.
pub(super) struct SharedTokenCache {
    tokens: Arc<dyn SharedTokens>,
    /// Names this client among all.
    client: String,
    /// How often this client has requested the lease.
    lease_requests: AtomicU64,
}

/// Which token is wanted.
#[derive(Clone, Copy)]
pub(super) enum Need<'a> {
    /// A new one in any case: it proves the credential.
    New,
    /// One that is good, other than the one refused last.
    Valid {
        /// What was refused last.
        refused: Option<&'a HeaderValue>,
    },
    /// One that is good for longer than this one, which is still good.
    LongerLived(&'a BearerToken),
    /// Another than this one, which was refused.
    Replacement(&'a BearerToken),
}

/// What is shared under one name.
struct LoadedRecord {
    shared: Option<SharedRecord>,
    revision: Revision,
}

/// What to do about the stored token.
enum TokenDecision {
    /// This token is to be used.
    Use(BearerToken),
    /// The token was replaced a moment ago for the same reason; that is not done twice.
    KeepCurrent,
    /// The credential was refused a moment ago.
    WrongCredential,
    /// A token must be asked for.
    Request {
        /// Which write the new one replaces.
        revision: Revision,
        /// Whether what it replaces was refused.
        replaces_refused: bool,
    },
}

/// The record of one credential and purpose.
struct TokenRecord<'a> {
    cache: &'a SharedTokenCache,
    sealer: TokenSealer,
}

impl SharedTokenCache {
    /// A cache in `tokens`.
    pub(super) fn new(tokens: Arc<dyn SharedTokens>) -> Self {
        Self {
            tokens,
            client: format!("{:016x}", RandomState::new().hash_one(())),
            lease_requests: AtomicU64::new(0),
        }
    }

    /// A holder name for one lease: after a failure this client waits like the others.
    fn holder(&self) -> String {
        let request = self.lease_requests.fetch_add(1, Ordering::Relaxed);
        format!("{}-{request:x}", self.client)
    }
}

impl TokenRecord<'_> {
    async fn load(&self) -> Result<LoadedRecord, PortError> {
        let stored = self.cache.tokens.shared_token(self.sealer.name()).await?;
        let shared = stored.value.and_then(|token| {
            let shared = self.sealer.open(&token.sealed);
            if shared.is_none() {
                warn!("the shared token could not be opened and is ignored");
            }
            shared
        });
        Ok(LoadedRecord {
            shared,
            revision: stored.revision,
        })
    }

    async fn save(&self, shared: &SharedRecord, revision: Revision) -> Result<(), SaveError> {
        let Some(sealed) = self.sealer.seal(shared) else {
            debug!("the token could not be sealed and is not shared");
            return Ok(());
        };
        let until = match shared {
            SharedRecord::Token { token, .. } => token.use_until,
            SharedRecord::Refused { at } => at.plus(REFUSED_PAUSE),
        };
        let token = SealedToken { sealed, until };
        let name = self.sealer.name();
        let saved = self.cache.tokens.share_token(name, &token, revision).await;
        saved.map(|_revision| ())
    }

    /// The name of the refresh lease.
    fn lease_name(&self) -> String {
        format!("halopsa_token:{}", self.sealer.name())
    }

    /// Acquires the refresh lease, or extends it to `until`.
    async fn acquire_refresh_lease(
        &self,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        let lease = self.lease_name();
        self.cache
            .tokens
            .acquire_refresh_lease(&lease, holder, until)
            .await
    }

    /// Releases the refresh lease.
    async fn release_refresh_lease(&self, holder: &str) {
        if let Err(error) = self
            .cache
            .tokens
            .release_refresh_lease(&self.lease_name(), holder)
            .await
        {
            lease_left_to_expire(&error);
        }
    }
}

impl LoadedRecord {
    /// What a client with this `need` does at `now`.
    fn decide(&self, need: Need<'_>, now: Timestamp) -> TokenDecision {
        let ask = |replaces_refused| TokenDecision::Request {
            revision: self.revision,
            replaces_refused,
        };
        let (token, replaced_at) = match (&self.shared, need) {
            (_, Need::New) | (None, _) => return ask(false),
            (Some(SharedRecord::Refused { at }), _) if within(*at, REFUSED_PAUSE, now) => {
                return TokenDecision::WrongCredential;
            }
            (Some(SharedRecord::Refused { .. }), _) => return ask(false),
            (Some(SharedRecord::Token { token, replaced_at }), _) => (token, *replaced_at),
        };
        let is_valid = now < token.use_until;
        match need {
            Need::Valid { refused } if refused == Some(&token.bearer) => ask(is_valid),
            Need::Replacement(refused) if refused.bearer == token.bearer => match replaced_at {
                Some(at) if within(at, REPLACEMENT_PAUSE, now) => TokenDecision::KeepCurrent,
                _ => ask(true),
            },
            Need::LongerLived(current) if current.bearer == token.bearer => ask(false),
            Need::LongerLived(_) if now >= token.refresh_from => ask(false),
            _ if is_valid => TokenDecision::Use(token.clone()),
            _ => ask(false),
        }
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// A token of `credentials` as requested: the shared one, or a new one, which is
    /// shared from then on. `None` when the current one remains in use.
    pub(super) async fn shared_token(
        &self,
        cache: &SharedTokenCache,
        credentials: &Credentials,
        need: Need<'_>,
    ) -> Result<Option<BearerToken>, Error> {
        let purpose = TokenScope {
            auth_url: &self.auth_url,
            tenant: self.tenant.as_deref(),
            scopes: &self.scopes,
        };
        let Some(sealer) = TokenSealer::derive(credentials, &purpose) else {
            return self.post_token(credentials).await.map(Some);
        };
        let record = TokenRecord { cache, sealer };
        if matches!(need, Need::New) {
            let token = self.post_token(credentials).await?;
            self.publish_verified(&record, &token).await;
            return Ok(Some(token));
        }
        match record.load().await {
            Ok(found) => match found.decide(need, self.clock.now()) {
                TokenDecision::Request { .. } => {
                    self.acquire_refresh_lease(&record, credentials, need).await
                }
                decision => without_request(decision),
            },
            Err(error) => self.token_without_store(credentials, need, &error).await,
        }
    }

    /// Requests a token under the lease, unless another client has just stored one.
    async fn acquire_refresh_lease(
        &self,
        record: &TokenRecord<'_>,
        credentials: &Credentials,
        need: Need<'_>,
    ) -> Result<Option<BearerToken>, Error> {
        let holder = record.cache.holder();
        let now = self.clock.now();
        match record
            .acquire_refresh_lease(&holder, now.plus(LEASE_DURATION))
            .await
        {
            Ok(LeaseOutcome::Acquired) => {}
            Ok(LeaseOutcome::HeldByOther { until }) => {
                // One that ends so soon was kept after a failure, or its request has taken long.
                let soon = now.plus(RETRY_DELAY);
                let is_kept = until <= now.plus(FAILURE_PAUSE);
                return Err(Error::TokenPending {
                    until: if is_kept { until.max(soon) } else { soon },
                });
            }
            Err(error) => return self.token_without_store(credentials, need, &error).await,
        }
        // The previous holder may have stored a token between the load and the lease.
        let outcome = match record.load().await {
            Ok(found) => match found.decide(need, self.clock.now()) {
                TokenDecision::Request {
                    revision,
                    replaces_refused,
                } => {
                    self.request_and_publish(record, credentials, need, revision, replaces_refused)
                        .await
                }
                decision => without_request(decision),
            },
            Err(error) => self.token_without_store(credentials, need, &error).await,
        };
        match &outcome {
            Err(error) if is_shared_failure(error) => {
                let until = self.clock.now().plus(FAILURE_PAUSE);
                if let Err(error) = record.acquire_refresh_lease(&holder, until).await {
                    lease_left_to_expire(&error);
                }
            }
            _ => record.release_refresh_lease(&holder).await,
        }
        outcome
    }

    /// Requests a token and stores the result.
    async fn request_and_publish(
        &self,
        record: &TokenRecord<'_>,
        credentials: &Credentials,
        need: Need<'_>,
        revision: Revision,
        replaces_refused: bool,
    ) -> Result<Option<BearerToken>, Error> {
        let asked = self.post_token(credentials).await;
        let now = self.clock.now();
        match asked {
            Ok(token) => {
                debug!(replaces_refused, "requested a shared token");
                let replaced_at = replaces_refused.then_some(now);
                let shared = self.publish(record, need, token, replaced_at, revision);
                Ok(Some(shared.await))
            }
            Err(error) => {
                if error.is_wrong_credential()
                    && let Err(unsaved) = record
                        .save(&SharedRecord::Refused { at: now }, revision)
                        .await
                {
                    log_not_shared(&unsaved);
                }
                Err(error)
            }
        }
    }

    /// Stores `token`. Returns another client's token if that was stored first.
    async fn publish(
        &self,
        record: &TokenRecord<'_>,
        need: Need<'_>,
        token: BearerToken,
        replaced_at: Option<Timestamp>,
        mut revision: Revision,
    ) -> BearerToken {
        let shared = SharedRecord::Token {
            token: token.clone(),
            replaced_at,
        };
        for _ in 0..SAVE_ATTEMPTS_MAX {
            match record.save(&shared, revision).await {
                Ok(()) => return token,
                Err(SaveError::Conflict) => {}
                Err(unsaved) => {
                    log_not_shared(&unsaved);
                    return token;
                }
            }
            match record.load().await {
                Ok(found) => match found.decide(need, self.clock.now()) {
                    TokenDecision::Use(theirs) => return theirs,
                    _ => revision = found.revision,
                },
                Err(error) => {
                    log_not_shared(&error.into());
                    return token;
                }
            }
        }
        token
    }

    /// Stores a token that was requested without the lease. A concurrent save by another client wins.
    async fn publish_verified(&self, record: &TokenRecord<'_>, token: &BearerToken) {
        let shared = SharedRecord::Token {
            token: token.clone(),
            replaced_at: None,
        };
        let saved = match record.load().await {
            Ok(found) => record.save(&shared, found.revision).await,
            Err(error) => Err(error.into()),
        };
        if let Err(unsaved) = saved {
            log_not_shared(&unsaved);
        }
    }

    /// The token when the store fails: a store failure must never prevent writing tickets.
    async fn token_without_store(
        &self,
        credentials: &Credentials,
        need: Need<'_>,
        error: &PortError,
    ) -> Result<Option<BearerToken>, Error> {
        warn!(
            error_type = error.code.as_str(),
            reason = error.chain(),
            "the store of the shared token failed; using a token of our own"
        );
        match need {
            Need::LongerLived(_) => Ok(None),
            _ => self.post_token(credentials).await.map(Some),
        }
    }
}

/// The result of a decision that requests no token.
fn without_request(decision: TokenDecision) -> Result<Option<BearerToken>, Error> {
    match decision {
        TokenDecision::Use(token) => Ok(Some(token)),
        TokenDecision::KeepCurrent | TokenDecision::Request { .. } => Ok(None),
        TokenDecision::WrongCredential => Err(Error::Token {
            kind: TokenFailure::InvalidClient,
            message: None,
        }),
    }
}

/// Whether HaloPSA issued no token for a reason other than the credential: another client would get the
/// same answer.
fn is_shared_failure(error: &Error) -> bool {
    match error {
        Error::Token { .. } => !error.is_wrong_credential(),
        Error::Status { .. }
        | Error::Redirected { .. }
        | Error::Transport { .. }
        | Error::Body { .. } => true,
        _ => false,
    }
}

/// Whether `at` is less than `pause` before `now`. A clock that was set back forgets.
pub(super) fn within(at: Timestamp, pause: Duration, now: Timestamp) -> bool {
    now >= at && now.since(at) < pause
}

/// Logs and ignores the failure to release the lease: it expires.
fn lease_left_to_expire(error: &PortError) {
    debug!(%error, "the refresh lease was left to expire");
}

/// Logs and ignores the failure to share a token: other clients request their own.
fn log_not_shared(error: &SaveError) {
    match error {
        SaveError::Conflict => debug!("another client stored a token at the same time"),
        SaveError::Store(error) => warn!(
            error_type = error.code.as_str(),
            reason = error.chain(),
            "a token could not be shared"
        ),
    }
}
