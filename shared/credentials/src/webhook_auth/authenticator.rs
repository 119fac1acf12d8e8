//! Authenticates deliveries by the webhook's secret, and reads the secret again when it changed.

use std::mem::Discriminant;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::{Clock, ErrorCode, PortError, Stage};
use halogard_domain::{FailureClass, Timestamp};
use secrecy::SecretString;
use tracing::{info, warn};

use super::near_miss::NearMiss;
use super::reader::SecretReader;
use super::secret::{WebhookCredentials, WebhookSecretVersions};
use super::state::{AuthMismatch, AuthenticatorState, Loaded, within};
use super::verifier::{Verifiers, token_digest};
use super::{AuthError, HeadVerdict, PathVerified, Verified, WebhookRequest};
use crate::members;
use crate::secret::SecretFields;

/// After a failed read, the secret that is known stays in use for this long before the next attempt.
const RENEW_PAUSE: Duration = Duration::from_secs(10);

/// After a failed read with no secret known yet, the next attempt waits this long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How many bytes of deliveries that are not authentic are explained in a second: each body is hashed some ten
/// times for it. A larger body than this is explained too, and uses up the seconds that follow.
pub const EXPLAINED_BYTES_MAX: usize = 64 * 1024;

/// The longest pause after an explanation, of the largest body.
const EXPLAINED_PAUSE_MAX: Duration = Duration::from_secs(50);

/// Authenticates webhook deliveries: by the path token, then by a credential.
///
/// Reads the secret when it is first needed, uses it for a while, and renews it with one read at a
/// time. When a request does not match, it reads the secret again, as often as the reader's cost
/// allows, and decides by what it finds.
pub struct Authenticator<R, C> {
    reader: R,
    clock: C,
    ttl: Duration,
    /// Members that apply where the secret has none.
    defaults: SecretFields,
    /// Whether the path token alone may authenticate.
    allows_token_only: bool,
    state: Mutex<AuthenticatorState>,
    /// The kinds of near misses that were logged.
    explained: Mutex<Vec<Discriminant<NearMiss>>>,
    /// Held while the secret is read.
    reading: futures_util::lock::Mutex<()>,
}

/// Which versions are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum VersionScope {
    /// The versions in force; the pending one too while a rotation is under way.
    InForce,
    /// All versions: a delivery may have been signed with one that is not known yet.
    All,
}

impl<R: SecretReader, C: Clock> Authenticator<R, C> {
    /// An authenticator by the secret that `reader` reads, which is used for `ttl` before it is read
    /// again. Reads nothing yet. The path token alone does not authenticate unless the secret allows it.
    pub fn new(reader: R, clock: C, ttl: Duration) -> Self {
        Self {
            reader,
            clock,
            ttl,
            defaults: SecretFields::default(),
            allows_token_only: false,
            state: Mutex::default(),
            explained: Mutex::default(),
            reading: futures_util::lock::Mutex::new(()),
        }
    }

    /// The same, with `members` where the secret has none.
    #[must_use]
    pub fn with_defaults(mut self, members: SecretFields) -> Self {
        self.defaults = members;
        self
    }

    /// The same, for an address that only this machine can reach: the path token alone suffices where
    /// the secret has no credential.
    #[must_use]
    pub const fn allowing_token_only(mut self) -> Self {
        self.allows_token_only = true;
        self
    }

    /// Checks the path token, before the body is read or decoded.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotAuthentic`] when it is accepted by no version of the secret;
    /// [`AuthError::Unavailable`] when the secret was never read and cannot be read now.
    pub async fn verify_path(&self, token: &str) -> Result<PathVerified, AuthError> {
        let token = token_digest(token);
        let verifiers = self.verifiers().await.map_err(AuthError::Unavailable)?;
        if verifiers.accepts_path(&token) {
            return Ok(PathVerified { token, verifiers });
        }
        let newer = self.refresh(&verifiers, AuthMismatch::Path).await;
        let newer = newer.filter(|newer| newer.accepts_path(&token));
        let verifiers = newer.ok_or(AuthError::NotAuthentic)?;
        Ok(PathVerified { token, verifiers })
    }

    /// Says what the headers of a request, whose path token was accepted, prove before its body is read.
    pub async fn judge_head(
        &self,
        path: &PathVerified,
        header: &(dyn Fn(&str) -> Vec<Vec<u8>> + Sync),
    ) -> HeadVerdict {
        let verdict = path.verifiers.judge_head(header);
        if verdict != HeadVerdict::NotAuthentic {
            return verdict;
        }
        let newer = self
            .refresh(&path.verifiers, AuthMismatch::Credential)
            .await;
        match newer.filter(|newer| newer.accepts_path(&path.token)) {
            Some(newer) => newer.judge_head(header),
            None => verdict,
        }
    }

    /// Checks the credential of a request whose path token was accepted.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotAuthentic`] when no version of the secret accepts it.
    pub async fn verify<'a>(
        &self,
        path: &PathVerified,
        request: &WebhookRequest<'a>,
    ) -> Result<Verified<'a>, AuthError> {
        let verified = Verified { body: request.body };
        if path.verifiers.accepts(request) {
            return Ok(verified);
        }
        let newer = self
            .refresh(&path.verifiers, AuthMismatch::Credential)
            .await;
        // A newer secret may have another path token too.
        let accepts =
            |newer: &Arc<Verifiers>| newer.accepts_path(&path.token) && newer.accepts(request);
        let known = newer.as_ref().unwrap_or(&path.verifiers);
        if newer.as_ref().is_some_and(accepts) {
            return Ok(verified);
        }
        self.explain(known, request);
        Err(AuthError::NotAuthentic)
    }

    /// Logs, once for each reason, what is nearly right about a delivery that is not authentic. Its address was
    /// right, so HaloPSA sent it, or who knows the address.
    fn explain(&self, verifiers: &Verifiers, request: &WebhookRequest<'_>) {
        if !self.may_explain(request.body.len()) {
            return;
        }
        let reason = verifiers.near_miss(request);
        let mut explained = self
            .explained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kind = std::mem::discriminant(&reason);
        if !explained.contains(&kind) {
            explained.push(kind);
            warn!(
                %reason,
                "a delivery with the right address is not authentic"
            );
        }
    }

    /// Whether another body, of so many bytes, is explained at this moment. Counts it if so.
    fn may_explain(&self, bytes: usize) -> bool {
        let now = self.clock.now();
        let mut state = self.state_mut();
        let behind = state.explained_until.believed_at(now).since(now);
        if behind >= Duration::from_secs(1) {
            return false;
        }
        let millis = bytes * 1000 / EXPLAINED_BYTES_MAX;
        let cost = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        state.explained_until = now.plus(behind + cost.min(EXPLAINED_PAUSE_MAX));
        true
    }

    /// How often rejected requests have caused a read, so far.
    pub fn refreshes(&self) -> u64 {
        self.state_mut().refreshes
    }

    /// The verifiers at this moment. Those that are stale stay in use while they are renewed, and
    /// when that fails; but the previous version ceases to count when its overlap ends.
    async fn verifiers(&self) -> Result<Arc<Verifiers>, PortError> {
        let now = self.clock.now();
        let state = self.state();
        if let Some(loaded) = state.loaded {
            let verifiers = self.in_force(&loaded, now);
            let fresh = within(Some(loaded.read_at), self.ttl, now);
            if fresh || within(state.tried_at, RENEW_PAUSE, now) {
                return Ok(verifiers);
            }
            // Another request is reading: what it finds comes soon enough.
            let Some(_reading) = self.reading.try_lock() else {
                return Ok(verifiers);
            };
            return Ok(self.renew(VersionScope::InForce).await.unwrap_or(verifiers));
        }
        let _reading = self.reading.lock().await;
        let state = self.state();
        match state.loaded {
            Some(loaded) => Ok(Arc::clone(&loaded.verifiers)),
            None if within(state.tried_at, FIRST_PAUSE, self.clock.now()) => Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::SecretUnavailable,
            )
            .with_message("a read failed less than a second ago")),
            None => self.load(VersionScope::InForce).await,
        }
    }

    /// Verifiers newer than `rejecting`: the secret may have changed since. `None` when it cannot have
    /// changed, when it was read for this reason a moment ago, or when the read fails.
    async fn refresh(
        &self,
        rejecting: &Arc<Verifiers>,
        mismatch: AuthMismatch,
    ) -> Option<Arc<Verifiers>> {
        let _reading = self.reading.lock().await;
        let now = self.clock.now();
        let state = self.state();
        let loaded = state.loaded.as_ref()?;
        if !Arc::ptr_eq(&loaded.verifiers, rejecting) {
            return Some(Arc::clone(&loaded.verifiers));
        }
        let allowed = match self.reader.versions().await {
            Some(info) => {
                let changed = loaded.info.as_ref() != Some(&info);
                changed && !within(state.failed_at, RENEW_PAUSE, now)
            }
            None => state.allows(mismatch, now),
        };
        if !allowed {
            return None;
        }
        self.state_mut().count_refresh(mismatch, now);
        let renewed = self.renew(VersionScope::All).await;
        if renewed.is_some() {
            info!("read the webhook secret again because a delivery did not match it");
        }
        renewed
    }

    /// The verifiers at `now`: without the previous version once its overlap is over.
    fn in_force(&self, loaded: &Loaded, now: Timestamp) -> Arc<Verifiers> {
        if loaded.verifiers.valid_until.is_none_or(|end| now < end) {
            return Arc::clone(&loaded.verifiers);
        }
        let verifiers = Arc::new(Verifiers::new(&loaded.versions.accepted_at(now)));
        let mut state = self.state_mut();
        if let Some(latest) = &state.loaded
            && Arc::ptr_eq(&latest.verifiers, &loaded.verifiers)
        {
            state.loaded = Some(Arc::new(Loaded {
                verifiers: Arc::clone(&verifiers),
                versions: Arc::clone(&loaded.versions),
                info: loaded.info.clone(),
                read_at: loaded.read_at,
            }));
        }
        verifiers
    }

    /// Reads the secret again; `None`, and a warning, when that fails.
    async fn renew(&self, scope: VersionScope) -> Option<Arc<Verifiers>> {
        match self.load(scope).await {
            Ok(verifiers) => Some(verifiers),
            Err(error) => {
                self.state_mut().failed_at = Some(self.clock.now());
                warn!(
                    error_type = error.code.as_str(),
                    reason = error.chain(),
                    "the webhook secret could not be renewed; the old one stays in use"
                );
                None
            }
        }
    }

    /// Reads the versions and stores what they accept. The caller has locked `reading`.
    async fn load(&self, scope: VersionScope) -> Result<Arc<Verifiers>, PortError> {
        let now = self.clock.now();
        let all = {
            let mut state = self.state_mut();
            state.tried_at = Some(now);
            state.rotates || scope == VersionScope::All
        };
        // Before the values: a change in between is then seen at the next mismatch.
        let info = self.reader.versions().await;
        let all = all || info.is_some();
        let current = self.reader.read(Stage::Current).await?.ok_or_else(|| {
            PortError::new(FailureClass::Permanent, ErrorCode::SecretMissing)
                .with_message("the webhook secret has no current version; store one")
        })?;
        let previous = self.reader.read(Stage::Previous).await?;
        let pending = if all {
            self.reader.read(Stage::Pending).await?
        } else {
            None
        };
        let rotates = pending.is_some();
        let versions = WebhookSecretVersions {
            current: self.current(&current)?,
            pending: self.other(Stage::Pending, pending.as_ref()),
            previous: self.other(Stage::Previous, previous.as_ref()),
        };
        let verifiers = Arc::new(Verifiers::new(&versions.accepted_at(now)));
        let mut state = self.state_mut();
        state.rotates = rotates;
        state.loaded = Some(Arc::new(Loaded {
            verifiers: Arc::clone(&verifiers),
            versions: Arc::new(versions),
            info,
            read_at: now,
        }));
        Ok(verifiers)
    }

    /// The current version, which must be usable.
    fn current(&self, value: &SecretString) -> Result<WebhookCredentials, PortError> {
        let unusable = || PortError::new(FailureClass::Permanent, ErrorCode::SecretUnusable);
        let fields = SecretFields::parse(value).map_err(|error| unusable().with_source(error))?;
        let secret = WebhookCredentials::from_members(&fields.or(&self.defaults))
            .map_err(|error| unusable().with_source(error))?;
        for warning in &secret.warnings {
            warn!(
                member = warning.member,
                reason = warning.what,
                "a member of the webhook secret was corrected"
            );
        }
        if secret.tokens.is_empty() {
            let token = members::WEBHOOK_TOKEN;
            return Err(unusable().with_message(format!(
                "the webhook secret has no {token}; add the unguessable end of the webhook's address"
            )));
        }
        if secret.credentials.is_empty() && !self.allows_token_only && !secret.token_only_allowed {
            return Err(unusable().with_message(TOKEN_ONLY_REFUSED));
        }
        Ok(secret)
    }

    /// Another version. One that cannot be used is logged and left out.
    fn other(&self, stage: Stage, value: Option<&SecretString>) -> Option<WebhookCredentials> {
        let fields = match SecretFields::parse(value?) {
            Ok(fields) => fields.or(&self.defaults),
            Err(error) => {
                warn!(?stage, %error, "a version of the webhook secret was left out");
                return None;
            }
        };
        WebhookCredentials::from_members(&fields)
            .inspect_err(|error| {
                warn!(?stage, %error, "a version of the webhook secret was left out");
            })
            .ok()
    }

    fn state(&self) -> AuthenticatorState {
        self.state_mut().clone()
    }

    fn state_mut(&self) -> MutexGuard<'_, AuthenticatorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to do when the path token alone would authenticate on a public address.
pub const TOKEN_ONLY_REFUSED: &str = "the webhook has a path token and no credential, and its address is public; add \
     halopsa_webhook_username and halopsa_webhook_password (Basic), or set halopsa_webhook_allow_token_only to true";

impl<R, C> std::fmt::Debug for Authenticator<R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
