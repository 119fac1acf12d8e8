//! The token: requested once, used until shortly before it expires.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use halogard_app::ports::{Clock, PortError, RequestBudget};
use halogard_credentials::{BoxFuture, CredentialSource, TRIES_MAX};
use halogard_domain::Timestamp;
use halogard_http::Transport;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use tracing::warn;
use url::form_urlencoded;

use super::shared_token::{FAILURE_PAUSE, Need, RETRY_DELAY, within};
use super::{Client, Credentials, decode};
use crate::error::{BodyProblem, Error, TokenFailure};
use crate::route;
use crate::vendor_message::VendorMessage;

/// How long before its end a token is renewed, so that none runs out under way.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(60);

/// How long a token lives where the answer does not say. Source: every answer seen.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// How long before it would be renewed anyway a shared token is renewed, as a part of its life: three
/// minutes of an hour. The first client to notice refreshes it; the others use the current one.
const EARLY_REFRESH_DIVISOR: u32 = 20;

/// How often a client checks for the result of an early refresh: while its token is valid, it can
/// wait.
const EARLY_REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// Who we are, and how a token is got. Behind one lock, which is held while a token is asked for:
/// others wait for that one rather than ask for their own.
pub(super) struct LoginState {
    /// Says who we are.
    source: Arc<dyn CredentialSource<Credentials>>,
    /// The token that was refused last.
    refused: Option<HeaderValue>,
    /// Until when another client requests the token, or no client does.
    pending_until: Option<Timestamp>,
    /// When it was last tried to renew a token early.
    early_refresh_at: Option<Timestamp>,
}

impl LoginState {
    /// Credentials that have brought no token yet.
    pub(super) fn new(source: Arc<dyn CredentialSource<Credentials>>) -> Self {
        Self {
            source,
            refused: None,
            pending_until: None,
            early_refresh_at: None,
        }
    }
}

/// A token.
#[derive(Clone)]
pub(super) struct BearerToken {
    /// The value of the `Authorization` header, marked sensitive.
    pub(super) bearer: HeaderValue,
    /// From here on it is renewed early, where it is shared.
    pub(super) refresh_from: Timestamp,
    /// From here on it is not used any more.
    pub(super) use_until: Timestamp,
}

/// The member that we need, and one that helps. Other members differ by version.
#[derive(Deserialize)]
struct TokenAnswer {
    /// Opaque to us.
    access_token: String,
    /// In seconds, as a number or as text; anything else says nothing, and costs no token.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

/// A refusal, as OAuth has it.
#[derive(Deserialize)]
struct TokenRefusal {
    /// The code, as `invalid_client`.
    error: String,
}

/// Where a token request names the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TenantPlace {
    /// In the address, as most clients do.
    Address,
    /// In the form.
    Form,
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// The token in use, or a new one when it is about to run out.
    pub(super) async fn token(&self) -> Result<BearerToken, Error> {
        if let Some(token) = self.valid_token() {
            return Ok(if self.is_refresh_due(&token) {
                self.refreshed_early(token).await
            } else {
                token
            });
        }
        let mut login = self.login.lock().await;
        if let Some(token) = self.valid_token() {
            return Ok(token);
        }
        let refused = login.refused.clone();
        let need = Need::Valid {
            refused: refused.as_ref(),
        };
        let found = self.obtain(&mut login, need).await?;
        // One is always found or asked for, unless there is one to be left as it is.
        found.ok_or_else(|| Error::TokenPending {
            until: self.clock.now().plus(RETRY_DELAY),
        })
    }

    /// A token other than `refused`: one that another client has stored, or a new one. `None`
    /// where a refused one was replaced so lately that another does not help.
    pub(super) async fn token_after(
        &self,
        refused: &BearerToken,
    ) -> Result<Option<BearerToken>, Error> {
        let mut login = self.login.lock().await;
        if let Some(token) = self
            .valid_token()
            .filter(|token| token.bearer != refused.bearer)
        {
            return Ok(Some(token));
        }
        let found = self.obtain(&mut login, Need::Replacement(refused)).await;
        if !matches!(found, Ok(None)) {
            login.refused = Some(refused.bearer.clone());
        }
        if found.is_err() {
            self.set_current(None);
        }
        found
    }

    /// Asks for a new token, whatever there is.
    pub(super) async fn request_new_token(&self) -> Result<(), Error> {
        let mut login = self.login.lock().await;
        self.set_current(None);
        self.obtain(&mut login, Need::New).await.map(|_token| ())
    }

    /// The current token, if it is still valid.
    fn valid_token(&self) -> Option<BearerToken> {
        let current = self.current.read();
        let current = current.unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        current.clone().filter(|token| now < token.use_until)
    }

    /// Uses `token` from now on.
    pub(super) fn set_current(&self, token: Option<BearerToken>) {
        let current = self.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Whether a valid token is due for an early refresh. Only a shared token is: otherwise no other
    /// client waits for the new one.
    fn is_refresh_due(&self, token: &BearerToken) -> bool {
        self.token_cache.is_some() && self.clock.now() >= token.refresh_from
    }

    /// A token that lives longer than `token`, if this client gets the refresh lease or another client
    /// has stored one; otherwise, and on failure, `token` itself.
    async fn refreshed_early(&self, token: BearerToken) -> BearerToken {
        let Ok(mut login) = self.login.try_lock() else {
            return token;
        };
        let now = self.clock.now();
        if login
            .early_refresh_at
            .is_some_and(|at| within(at, EARLY_REFRESH_PAUSE, now))
        {
            return token;
        }
        login.early_refresh_at = Some(now);
        match self.obtain(&mut login, Need::LongerLived(&token)).await {
            Ok(later) => later.unwrap_or(token),
            Err(Error::TokenPending { .. }) => token,
            Err(error) => {
                let error = PortError::from(error);
                warn!(
                    error_type = error.code.as_str(),
                    reason = error.chain(),
                    "the early refresh of the token failed; using the current one"
                );
                token
            }
        }
    }

    /// A token as it is wanted, which is used from now on. Under the lock. Credentials that are
    /// refused are changed for the other version there may be, while they rotate.
    ///
    /// Needed once an hour, and kilobytes of state: in a box, not in every call.
    fn obtain<'a>(
        &'a self,
        login: &'a mut LoginState,
        need: Need<'a>,
    ) -> BoxFuture<'a, Result<Option<BearerToken>, Error>> {
        Box::pin(self.obtain_unboxed(login, need))
    }

    /// See [`obtain`](Self::obtain).
    async fn obtain_unboxed(
        &self,
        login: &mut LoginState,
        need: Need<'_>,
    ) -> Result<Option<BearerToken>, Error> {
        let presses = matches!(need, Need::Valid { .. } | Need::Replacement(_));
        let now = self.clock.now();
        // Under a clock that was set back it would last for longer than anything does.
        let believed = |until: &Timestamp| *until > now && until.since(now) <= FAILURE_PAUSE;
        let pending_until = login.pending_until.filter(|_| presses);
        if let Some(until) = pending_until.filter(believed) {
            return Err(Error::TokenPending { until });
        }
        let mut held = login.source.current().await?;
        let mut tries = 1;
        loop {
            self.remember_application(&held.key);
            let refused = match self.token_for(&held.key, need).await {
                Ok(found) => {
                    if let Some(token) = &found {
                        self.set_current(Some(token.clone()));
                    }
                    return Ok(found);
                }
                Err(error) => error,
            };
            if let Error::TokenPending { until } = refused {
                login.pending_until = Some(until);
            }
            if !refused.is_wrong_credential() || tries == TRIES_MAX {
                return Err(refused);
            }
            match login.source.refused(&held.version).await {
                Some(other) => held = other,
                None => return Err(refused),
            }
            tries += 1;
        }
    }

    /// A token of `credentials`: the shared one, or a new one when nothing is shared.
    async fn token_for(
        &self,
        credentials: &Credentials,
        need: Need<'_>,
    ) -> Result<Option<BearerToken>, Error> {
        match &self.token_cache {
            Some(cache) => self.shared_token(cache, credentials, need).await,
            None => self.post_token(credentials).await.map(Some),
        }
    }

    /// `POST {auth}/token`. May be repeated; spends one request.
    pub(super) async fn post_token(&self, credentials: &Credentials) -> Result<BearerToken, Error> {
        let asked_at = self.clock.now();
        let place = if self.tenant_in_form.load(Ordering::Relaxed) {
            TenantPlace::Form
        } else {
            TenantPlace::Address
        };
        let request = self.token_request(credentials, place)?;
        let mut response = self.send(&route::TOKEN, request, None).await?;
        if let Some(refused) = refusal(&response, credentials) {
            if !(refused.is_about_tenant()
                && place == TenantPlace::Address
                && self.tenant.is_some())
            {
                return Err(refused);
            }
            // Some tenants look for it in the form.
            let request = self.token_request(credentials, TenantPlace::Form)?;
            response = self.send(&route::TOKEN, request, None).await?;
            if refusal(&response, credentials).is_some() {
                return Err(refused);
            }
            if response.status().is_success() {
                self.tenant_in_form.store(true, Ordering::Relaxed);
            }
        }
        let body = self.body_of_success(&route::TOKEN, response)?;
        let answer = decode(
            &route::TOKEN,
            std::marker::PhantomData::<TokenAnswer>,
            &body,
        )?;
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", answer.access_token)).map_err(|_| {
                Error::Body {
                    method: route::TOKEN.method,
                    route: route::TOKEN.template,
                    path: "access_token".into(),
                    problem: BodyProblem::Unexpected,
                }
            })?;
        bearer.set_sensitive(true);
        let lifetime = lifetime(answer.expires_in.as_ref());
        let use_until = asked_at.plus(usable_for(lifetime));
        Ok(BearerToken {
            bearer,
            refresh_from: use_until.minus(lifetime / EARLY_REFRESH_DIVISOR),
            use_until,
        })
    }

    /// The form, with the secret in it.
    fn token_request(
        &self,
        credentials: &Credentials,
        tenant: TenantPlace,
    ) -> Result<http::Request<Bytes>, Error> {
        let mut url = self.auth_url.clone();
        url.set_path(&format!(
            "{}/token",
            self.auth_url.path().trim_end_matches('/')
        ));
        let mut form = form_urlencoded::Serializer::new(String::new());
        match (&self.tenant, tenant) {
            (Some(name), TenantPlace::Address) => {
                url.query_pairs_mut().append_pair("tenant", name);
            }
            (Some(name), TenantPlace::Form) => {
                form.append_pair("tenant", name);
            }
            (None, _) => {}
        }
        let form = form
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &credentials.client_id)
            .append_pair("client_secret", credentials.client_secret.expose_secret())
            .append_pair("scope", &self.scopes)
            .finish();
        http::Request::post(url.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into())
            .map_err(|source| Error::Request {
                method: route::TOKEN.method,
                route: route::TOKEN.template,
                source: source.into(),
            })
    }
}

/// How long a token lives, as far as its answer says.
fn lifetime(expires_in: Option<&serde_json::Value>) -> Duration {
    expires_in
        .and_then(|lifetime| {
            lifetime
                .as_f64()
                .or_else(|| lifetime.as_str()?.trim().parse().ok())
        })
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|lifetime| !lifetime.is_zero())
        .unwrap_or(DEFAULT_LIFETIME)
}

/// How long after it was asked for a token is used: until a minute before its end, or for half of
/// a life too short for that, lest every call ask for its own.
fn usable_for(lifetime: Duration) -> Duration {
    lifetime
        .saturating_sub(REFRESH_BEFORE_EXPIRY)
        .max(lifetime / 2)
}

/// The refusal in an answer to a token request, if it is one. Whether a wrong secret gets 400 or
/// 401 was never captured, so the code decides; an address that is not a token server has none.
fn refusal(response: &Response<Bytes>, credentials: &Credentials) -> Option<Error> {
    let status = response.status();
    let is_refusal = status.is_client_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && status != StatusCode::REQUEST_TIMEOUT;
    if !is_refusal {
        return None;
    }
    let code = serde_json::from_slice(response.body()).map(|refusal: TokenRefusal| refusal.error);
    let kind = match code.as_deref() {
        Ok("invalid_scope") => TokenFailure::InvalidScope,
        Ok("invalid_client") => TokenFailure::InvalidClient,
        Ok("unauthorized_client" | "unsupported_grant_type") => TokenFailure::WrongGrant,
        Ok(_) => TokenFailure::Other,
        Err(_) if status == StatusCode::BAD_REQUEST || status == StatusCode::UNAUTHORIZED => {
            TokenFailure::Other
        }
        Err(_) => return None,
    };
    let secrets = [
        credentials.client_secret.expose_secret(),
        credentials.client_id.as_str(),
    ];
    Some(Error::Token {
        kind,
        message: VendorMessage::read_hiding(response.body(), &secrets),
    })
}
