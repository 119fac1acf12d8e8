//! One token for everybody who uses the same credential: kept sealed in the store, renewed by
//! whoever has the turn. Why it is done so: `docs/adr/0013-one-token-for-the-fleet.md`.

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

/// How long one turn lasts at the most: a call to HaloPSA (30 s), and the store calls around it.
/// Whoever dies with the turn holds up those who have no token for as long as this.
const LEASE_DURATION: Duration = Duration::from_secs(45);

/// When to come back for a token that somebody else asks for: an answer takes half a second.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long nobody asks again after HaloPSA issued no token: a fleet that is down asks as often as
/// one process would.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// How soon after a token was replaced because it was refused the next one is not: whatever HaloPSA
/// has against a token that new, another one does not help.
const REPLACEMENT_PAUSE: Duration = Duration::from_secs(60);

/// How often a save is tried when somebody else saves as well.
const SAVE_ATTEMPTS_MAX: usize = 2;

/// Where the token of a fleet is.
pub(super) struct SharedTokenCache {
    tokens: Arc<dyn SharedTokens>,
    /// Names this client among all.
    client: String,
    /// Turns this client has asked for.
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

/// What a look at it came to.
enum Decision {
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
    /// The fleet that shares its token in `tokens`.
    pub(super) fn new(tokens: Arc<dyn SharedTokens>) -> Self {
        Self {
            tokens,
            client: format!("{:016x}", RandomState::new().hash_one(())),
            lease_requests: AtomicU64::new(0),
        }
    }

    /// A name for the holder of one turn: after a failure the same client has to wait like others.
    fn holder(&self) -> String {
        let turn = self.lease_requests.fetch_add(1, Ordering::Relaxed);
        format!("{}-{turn:x}", self.client)
    }
}

impl TokenRecord<'_> {
    async fn load(&self) -> Result<LoadedRecord, PortError> {
        let stored = self.cache.tokens.shared_token(self.sealer.name()).await?;
        let shared = stored.value.and_then(|token| {
            let shared = self.sealer.open(&token.sealed);
            if shared.is_none() {
                warn!(
                    outcome = "unsealed",
                    "the shared token cannot be opened; it counts as none"
                );
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
            debug!("the token cannot be sealed, so nobody else gets it");
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

    /// The right to ask for a token.
    fn lease_name(&self) -> String {
        format!("halopsa_token:{}", self.sealer.name())
    }

    /// Takes the turn, or makes it end at `until`.
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

    /// Lets the next one ask.
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
    /// What follows for whoever wants `want` at `now`.
    fn decide(&self, need: Need<'_>, now: Timestamp) -> Decision {
        let ask = |replaces_refused| Decision::Request {
            revision: self.revision,
            replaces_refused,
        };
        let (token, replaced_at) = match (&self.shared, need) {
            (_, Need::New) | (None, _) => return ask(false),
            (Some(SharedRecord::Refused { at }), _) if within(*at, REFUSED_PAUSE, now) => {
                return Decision::WrongCredential;
            }
            (Some(SharedRecord::Refused { .. }), _) => return ask(false),
            (Some(SharedRecord::Token { token, replaced_at }), _) => (token, *replaced_at),
        };
        let is_valid = now < token.use_until;
        match need {
            Need::Valid { refused } if refused == Some(&token.bearer) => ask(is_valid),
            Need::Replacement(refused) if refused.bearer == token.bearer => match replaced_at {
                Some(at) if within(at, REPLACEMENT_PAUSE, now) => Decision::KeepCurrent,
                _ => ask(true),
            },
            Need::LongerLived(current) if current.bearer == token.bearer => ask(false),
            Need::LongerLived(_) if now >= token.refresh_from => ask(false),
            _ if is_valid => Decision::Use(token.clone()),
            _ => ask(false),
        }
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// A token of `credentials` as it is wanted: the one that is shared, or a new one, which is
    /// shared from then on. `None` where nothing is to be done about the one at hand.
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
                Decision::Request { .. } => {
                    self.acquire_refresh_lease(&record, credentials, need).await
                }
                look => without_request(look),
            },
            Err(error) => self.token_without_store(credentials, need, &error).await,
        }
    }

    /// Asks for a token in turn, unless somebody has brought one meanwhile.
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
            Ok(LeaseOutcome::HeldByOther { .. }) => {
                let until = now.plus(RETRY_DELAY);
                return Err(Error::TokenPending { until });
            }
            Err(error) => return self.token_without_store(credentials, need, &error).await,
        }
        // The one before us may have ended between our look and our turn.
        let outcome = match record.load().await {
            Ok(found) => match found.decide(need, self.clock.now()) {
                Decision::Request {
                    revision,
                    replaces_refused,
                } => {
                    self.request_and_publish(record, credentials, need, revision, replaces_refused)
                        .await
                }
                look => without_request(look),
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

    /// Asks for a token and shares what came of it.
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
                debug!(replaces_refused, "a token was asked for, for everybody");
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

    /// Shares `token`. Brings the one of somebody else who was faster: two cost no more than one.
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
                    Decision::Use(theirs) => return theirs,
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

    /// Shares a token that was asked for without a turn. If somebody else saves now, theirs stays.
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

    /// What is done without the store: it must never be what keeps tickets from being written.
    async fn token_without_store(
        &self,
        credentials: &Credentials,
        need: Need<'_>,
        error: &PortError,
    ) -> Result<Option<BearerToken>, Error> {
        warn!(
            error_type = error.error_type,
            reason = error.chain(),
            "the store of the shared token does not answer; we go on with a token of our own"
        );
        match need {
            Need::LongerLived(_) => Ok(None),
            _ => self.post_token(credentials).await.map(Some),
        }
    }
}

/// The answer of a look after which nothing is asked for.
fn without_request(look: Decision) -> Result<Option<BearerToken>, Error> {
    match look {
        Decision::Use(token) => Ok(Some(token)),
        Decision::KeepCurrent | Decision::Request { .. } => Ok(None),
        Decision::WrongCredential => Err(Error::Token {
            kind: TokenFailure::InvalidClient,
            message: None,
        }),
    }
}

/// Whether HaloPSA was asked, and has issued no token for a reason that is not the credential's:
/// whoever asks next gets the same answer.
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

/// Drops the failure to give a turn back: it runs out by itself.
fn lease_left_to_expire(error: &PortError) {
    debug!(%error, "the turn to ask for a token was left to run out");
}

/// Drops the failure to share. What is lost: others ask for a token of their own.
fn log_not_shared(error: &SaveError) {
    match error {
        SaveError::Conflict => debug!("somebody else shared a token at the same time"),
        SaveError::Store(error) => warn!(
            error_type = error.error_type,
            reason = error.chain(),
            "a token could not be shared"
        ),
    }
}
