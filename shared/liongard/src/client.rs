//! Liongard over HTTP: one method per endpoint used.
//!
//! Every request goes through one private function, `send`. Nothing is retried; a redirect within
//! the configured host is followed once, with the same method, body and headers.

mod alerts;
mod environments;
mod inspectors;
mod keys;
mod observing;
mod request;
mod settings;
mod single_record;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use halogard_credentials::{CredentialSource, StaticCredential, TRIES_MAX};
use halogard_domain::FailureClass;
use halogard_http::{BodyStream, Transport};
use halogard_wire::{body, replace_broken_characters, retry_after};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::{Method, Request, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use url::Url;

pub use alerts::TaskStream;
pub(crate) use observing::RawAnswer;
pub use settings::LiongardClientSettings;

use crate::AccessKey;
use crate::error::{Error, LiongardRequestError, RedirectRefusal};
use crate::origin;
use crate::route::{PathEnding, PathEndings};
use crate::vendor_message::{self, VendorMessage};
use crate::wire;
use request::LiongardRequest;

/// The header that carries the key. `Authorization` is refused.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-roar-api-key");

/// What both directions carry.
const JSON: &str = "application/json";

/// The longest body of a refusal that is read. A longer one says nothing.
const REFUSAL_BYTES_MAX: usize = 1024 * 1024;

/// How the body of an answer is read.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// When all of it is here.
    Whole,
    /// While it arrives.
    Stream,
}

/// A Liongard tenant, seen with one access key.
///
/// Each method spends one request, two when Liongard redirects it. Limits, source the vendor's
/// documentation: 2,000 requests in five minutes. Reads may be repeated; before a write is, look
/// at [`Error::class`].
pub struct Client<T> {
    transport: T,
    base: Url,
    keys: Arc<dyn CredentialSource<AccessKey>>,
    /// Which addresses end in a slash, as far as that was seen.
    endings: Arc<PathEndings>,
    /// Whether the timeline was found to hold the runs of other launchpoints than those asked for.
    timeline_is_unfiltered: Arc<AtomicBool>,
}

impl<T: Transport> Client<T> {
    /// A client that has asked for nothing yet.
    #[must_use]
    pub fn new(settings: LiongardClientSettings, transport: T) -> Self {
        let LiongardClientSettings { base, key } = settings;
        Self {
            transport,
            base,
            keys: Arc::new(StaticCredential::new(key)),
            endings: Arc::default(),
            timeline_is_unfiltered: Arc::default(),
        }
    }

    /// Takes the key from `source` from now on: where it rotates, it is not that of the settings
    /// permanently.
    #[must_use]
    pub fn with_source(mut self, source: Arc<dyn CredentialSource<AccessKey>>) -> Self {
        self.keys = source;
        self
    }

    /// A client of the same tenant with another key: to prove a new one before the old one goes.
    #[must_use]
    pub fn with_key(&self, key: AccessKey) -> Self
    where
        T: Clone,
    {
        Self {
            transport: self.transport.clone(),
            base: self.base.clone(),
            keys: Arc::new(StaticCredential::new(key)),
            endings: Arc::clone(&self.endings),
            timeline_is_unfiltered: Arc::clone(&self.timeline_is_unfiltered),
        }
    }

    /// Where the tenant is; for links.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a call and reads the whole body of a success as a `V`.
    async fn read<V: DeserializeOwned>(&self, call: &LiongardRequest) -> Result<V, Error> {
        let bytes = self.fetch(call).await?;
        let content = wire::unwrapped(&bytes).map_err(|invalid| call.invalid_body(invalid))?;
        body::read(&content).map_err(|invalid| call.invalid_body(invalid))
    }

    /// Sends a call and brings the body of a success, broken characters replaced.
    async fn fetch(&self, call: &LiongardRequest) -> Result<Bytes, Error> {
        let body = self.fetch_as_sent(call).await?;
        Ok(replace_broken_characters(&body).map_or(body, Bytes::from))
    }

    /// Sends a call and brings the body of a success.
    async fn fetch_as_sent(&self, call: &LiongardRequest) -> Result<Bytes, Error> {
        let body = self.open(call, Reading::Whole).await?;
        let body = body.collect(usize::MAX).await;
        body.map_err(|source| call.unanswered(source))
    }

    /// Sends a call and brings the body of a success, read so. A key that is refused is changed for the
    /// other version there may be, while it rotates: it was refused before the call was processed, so
    /// even a write may be sent again.
    async fn open(&self, call: &LiongardRequest, reading: Reading) -> Result<BodyStream, Error> {
        let mut held = self.keys.current().await?;
        let mut tries = 1;
        loop {
            let refused = match self.open_with(call, reading, &held.key).await {
                Err(error @ Error::Unauthorised { .. }) if tries < TRIES_MAX => error,
                other => return other,
            };
            match self.keys.refused(&held.version).await {
                Some(other) => held = other,
                None => return Err(refused),
            }
            tries += 1;
        }
    }

    /// Sends a call with `key` and brings the body of a success. An address that is not found with a slash at its
    /// end is asked for once without, or the other way round, unless it was found before; the form that is found is used from
    /// then on.
    async fn open_with(
        &self,
        call: &LiongardRequest,
        reading: Reading,
        key: &AccessKey,
    ) -> Result<BodyStream, Error> {
        let known = self.endings.of(call.route);
        let ending = known.unwrap_or_else(|| self.endings.first_guess(call.route));
        let answer = self.answer_to(call, reading, key, ending).await?;
        if known.is_none() && call.route.method() == Method::GET {
            if answer.status().is_success() {
                self.endings.learn(call.route, ending);
            } else if answer.status() == StatusCode::NOT_FOUND {
                match Box::pin(self.in_form(call, reading, key, ending.other())).await {
                    Ok(body) => return Ok(body),
                    Err(error) if leaves_open(&error) => return Err(error),
                    Err(_) => {}
                }
            }
        }
        body_of_success(call, answer, key).await
    }

    /// The body of a success of a call whose address ends as `ending`, the other form of which is not found. The
    /// address is used so from then on.
    async fn in_form(
        &self,
        call: &LiongardRequest,
        reading: Reading,
        key: &AccessKey,
        ending: PathEnding,
    ) -> Result<BodyStream, Error> {
        let answer = self.answer_to(call, reading, key, ending).await?;
        let body = body_of_success(call, answer, key).await?;
        self.endings.learn(call.route, ending);
        tracing::info!(
            route = call.route.template,
            has_slash = ending == PathEnding::Slash,
            "Liongard finds this address only in one form, with a slash at its end or without; it is used so from \
             now on"
        );
        Ok(body)
    }

    /// Sends a call with `key`, follows one redirect, and brings the answer.
    async fn answer_to(
        &self,
        call: &LiongardRequest,
        reading: Reading,
        key: &AccessKey,
        ending: PathEnding,
    ) -> Result<Response<BodyStream>, Error> {
        let asked = call.url(&self.base, ending);
        let answer = self.send(call, reading, &asked, key).await?;
        if !origin::is_redirect(answer.status()) {
            return Ok(answer);
        }
        let hop = origin::hop(&self.base, &asked, answer.headers());
        let target = match hop.target {
            Ok(target) => target,
            Err(why) => return Err(redirected(call, hop.to_host, why)),
        };
        let answer = self.send(call, reading, &target, key).await?;
        if origin::is_redirect(answer.status()) {
            let to_host = origin::hop(&self.base, &target, answer.headers()).to_host;
            return Err(redirected(call, to_host, RedirectRefusal::SecondHop));
        }
        Ok(answer)
    }

    /// The only way out. The key goes along, so `url` must be one of those that may see it.
    async fn send(
        &self,
        call: &LiongardRequest,
        reading: Reading,
        url: &Url,
        key: &AccessKey,
    ) -> Result<Response<BodyStream>, Error> {
        if !origin::is_encrypted_or_loopback(url) {
            return Err(call.not_sendable(LiongardRequestError::NotEncrypted));
        }
        let request = request(call, url, key).map_err(|source| call.not_sendable(source))?;
        let outcome = match reading {
            Reading::Whole => {
                let answer = self.transport.send(request).await;
                answer.map(|answer| answer.map(BodyStream::whole))
            }
            Reading::Stream => self.transport.stream(request).await,
        };
        tracing::debug!(
            operation = %format_args!("{} {}", call.route.method(), call.route.template),
            status = outcome.as_ref().map_or(0, |answer| answer.status().as_u16()),
            "Liongard request"
        );
        outcome.map_err(|source| call.unanswered(source))
    }
}

/// Whether `error`, the answer to an address in its other form, leaves open what is there: nothing refused it for
/// good, or only the key was.
fn leaves_open(error: &Error) -> bool {
    match error {
        Error::Status { .. } => error.class() != FailureClass::Permanent,
        Error::Redirected { .. } => false,
        _ => true,
    }
}

/// The request of `call` to `url`, with the key.
fn request(
    call: &LiongardRequest,
    url: &Url,
    key: &AccessKey,
) -> Result<Request<Bytes>, LiongardRequestError> {
    let mut request = Request::builder()
        .method(call.route.method())
        .uri(url.as_str())
        .header(KEY_HEADER, key.header()?)
        .header(ACCEPT, JSON);
    if call.body.is_some() {
        request = request.header(CONTENT_TYPE, JSON);
    }
    Ok(request.body(call.body.clone().unwrap_or_default())?)
}

/// The body of a success, or what the answer is instead.
async fn body_of_success(
    call: &LiongardRequest,
    answer: Response<BodyStream>,
    key: &AccessKey,
) -> Result<BodyStream, Error> {
    let status = answer.status();
    let (parts, body) = answer.into_parts();
    if status.is_success() {
        return Ok(body);
    }
    let message = body.collect(REFUSAL_BYTES_MAX).await.ok();
    let message = message.and_then(|body| message_without_secrets(&body, key));
    let (method, route) = (call.route.method(), call.route.template);
    if status == StatusCode::UNAUTHORIZED {
        return Err(Error::Unauthorised {
            method,
            route,
            message,
        });
    }
    let retry_after = retry_after(&parts.headers, None);
    Err(Error::Status {
        method,
        route,
        status,
        message,
        retry_after,
    })
}

/// What a refusal says, without our key.
fn message_without_secrets(body: &[u8], key: &AccessKey) -> Option<VendorMessage> {
    let encoded = key.encoded();
    vendor_message::read(body, &[&encoded, key.secret.expose_secret(), &key.id])
}

/// The error that `call` was sent elsewhere, and did not go.
fn redirected(call: &LiongardRequest, to_host: Option<String>, why: RedirectRefusal) -> Error {
    Error::Redirected {
        method: call.route.method(),
        route: call.route.template,
        to_host,
        why,
    }
}
