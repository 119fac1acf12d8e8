//! The token: asked for once, kept until shortly before it runs out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use halogard_app::keyring::{CredentialSource, TRIES_MAX};
use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::Timestamp;
use halogard_transport::Transport;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::form_urlencoded;

use super::{Client, Credentials, decode};
use crate::error::{BodyProblem, Error, TokenFailure};
use crate::route;
use crate::said::Said;

/// How long before its end a token is renewed, so that none runs out under way.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// How long a token lives where the answer does not say. Source: every answer seen.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

/// Who we are, and the token that says so. Behind one lock, which is held while a token is asked
/// for: others wait for that one rather than ask for their own.
pub(super) struct Login {
    /// Says who we are.
    source: Arc<dyn CredentialSource<Credentials>>,
    /// What was issued last, until it was refused or replaced.
    token: Option<Token>,
}

impl Login {
    /// Credentials that have brought no token yet.
    pub(super) fn new(source: Arc<dyn CredentialSource<Credentials>>) -> Self {
        Self {
            source,
            token: None,
        }
    }
}

/// A token.
#[derive(Clone)]
pub(super) struct Token {
    /// The value of the `Authorization` header, marked sensitive.
    pub(super) bearer: HeaderValue,
    /// From here on it is not used any more.
    renew_at: Timestamp,
}

/// The one member we need, and the one that helps. Others come and go by version.
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

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// The token in use, or a new one when it is about to run out.
    pub(super) async fn token(&self) -> Result<Token, Error> {
        let mut login = self.login.lock().await;
        if let Some(token) = login
            .token
            .as_ref()
            .filter(|token| self.clock.now() < token.renew_at)
        {
            return Ok(token.clone());
        }
        self.renew(&mut login).await
    }

    /// A token other than `refused`: the one somebody else has got meanwhile, or a new one.
    pub(super) async fn token_after(&self, refused: &Token) -> Result<Token, Error> {
        let mut login = self.login.lock().await;
        if let Some(token) = login
            .token
            .as_ref()
            .filter(|token| token.bearer != refused.bearer)
        {
            return Ok(token.clone());
        }
        self.renew(&mut login).await
    }

    /// A new token, whatever there is.
    pub(super) async fn renewed_token(&self) -> Result<Token, Error> {
        let mut login = self.login.lock().await;
        self.renew(&mut login).await
    }

    /// A new token, under the lock; the old one is dropped even if there is none. Credentials that
    /// are refused are changed for the other version there may be, while they rotate.
    async fn renew(&self, login: &mut Login) -> Result<Token, Error> {
        login.token = None;
        let mut held = login.source.current().await?;
        let mut tries = 1;
        loop {
            self.remember_application(&held.key);
            let refused = match self.post_token(&held.key).await {
                Ok(token) => {
                    login.token = Some(token.clone());
                    return Ok(token);
                }
                Err(error) => error,
            };
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

    /// `POST {auth}/token`. May be repeated; spends one request.
    async fn post_token(&self, credentials: &Credentials) -> Result<Token, Error> {
        let asked_at = self.clock.now();
        let request = self.token_request(credentials)?;
        let response = self.send(&route::TOKEN, request).await?;
        if let Some(refusal) = refusal(&response, credentials) {
            return Err(refusal);
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
        Ok(Token {
            bearer,
            renew_at: asked_at.plus(usable_for(answer.expires_in.as_ref())),
        })
    }

    /// The form, with the secret in it.
    fn token_request(&self, credentials: &Credentials) -> Result<http::Request<Bytes>, Error> {
        let mut url = self.auth_url.clone();
        url.set_path(&format!(
            "{}/token",
            self.auth_url.path().trim_end_matches('/')
        ));
        if let Some(tenant) = &self.tenant {
            url.query_pairs_mut().append_pair("tenant", tenant);
        }
        let form = form_urlencoded::Serializer::new(String::new())
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

/// How long after it was asked for a token is used: until a minute before its end, or for half of
/// a life too short for that, lest every call ask for its own.
fn usable_for(expires_in: Option<&serde_json::Value>) -> Duration {
    let life = expires_in
        .and_then(|life| life.as_f64().or_else(|| life.as_str()?.trim().parse().ok()))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|life| !life.is_zero())
        .unwrap_or(DEFAULT_LIFE);
    life.saturating_sub(RENEW_BEFORE).max(life / 2)
}

/// The refusal in an answer to a token request, if it is one. Whether a wrong secret gets 400 or
/// 401 was never captured, so the code decides; an address that is no token server has none.
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
        said: Said::read_hiding(response.body(), &secrets),
    })
}
