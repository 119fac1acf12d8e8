//! One service and its one connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use halogard_app::ports::Clock;
use halogard_connection::{self as connection, Connection};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::access::Access;
use crate::endpoint::Endpoint;
use crate::error::{CallError, Lost};
use crate::sign::{Scope, authorization};
use crate::{answer, pause};

/// Attempts of one call, the first included. A lost connection or a moment's throttle is got over;
/// what lasts longer is the sender's to repeat.
const ATTEMPTS_MAX: u32 = 3;

/// Time a connection may take, TLS included. Within a region it takes a few milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time an answer may take. Both calls we make take milliseconds; the sender of a webhook waits
/// meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Largest answer read, in bytes: a secret has at most 64 KiB, a batch's answer a few kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Names the sender to AWS.
const USER_AGENT: &str = concat!("halogard/", env!("CARGO_PKG_VERSION"));

/// Which form of JSON a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `application/x-amz-json-1.0`, as SQS speaks it.
    Json10,
    /// `application/x-amz-json-1.1`, as Secrets Manager speaks it.
    Json11,
}

impl Protocol {
    /// The media type.
    const fn content_type(self) -> &'static str {
        match self {
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Json11 => "application/x-amz-json-1.1",
        }
    }
}

/// A service of AWS. Calls take turns: there is one connection.
pub struct Service<C> {
    access: Arc<Access>,
    name: &'static str,
    protocol: Protocol,
    endpoint: Endpoint,
    clock: C,
    connection: Mutex<Option<Connection>>,
}

impl<C: Clock> Service<C> {
    /// The service that its address and its signatures call `name`. Opens nothing yet.
    pub fn new(access: &Arc<Access>, name: &'static str, protocol: Protocol, clock: C) -> Self {
        Self {
            access: Arc::clone(access),
            name,
            protocol,
            endpoint: access.endpoint_of(name),
            clock,
            connection: Mutex::new(None),
        }
    }

    /// Calls `target` (`AmazonSQS.SendMessageBatch`) with the JSON in `body` and brings the body of
    /// the answer. Tries at most three times; so call only what may be repeated.
    ///
    /// # Errors
    ///
    /// [`CallError`] of the last attempt.
    pub async fn call(&self, target: &str, body: Vec<u8>) -> Result<Bytes, CallError> {
        let body = Bytes::from(body);
        let mut connection = self.connection.lock().await;
        let mut attempt = 0;
        loop {
            let (outcome, reused) = self.attempt(&mut connection, target, &body).await;
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempt += 1;
            if attempt >= ATTEMPTS_MAX || !error.may_pass() {
                return Err(error);
            }
            tracing::debug!(service = self.name, attempt, reason = %error, "a call is repeated");
            // A kept connection breaks because it was idle, not because AWS is in trouble.
            if !(reused
                && matches!(
                    &error,
                    CallError::NoAnswer {
                        lost: Lost::Broken,
                        ..
                    }
                ))
            {
                sleep(pause::before_next(attempt - 1)).await;
            }
        }
    }

    /// One attempt, and whether it went over a connection that had been used before.
    async fn attempt(
        &self,
        kept: &mut Option<Connection>,
        target: &str,
        body: &Bytes,
    ) -> (Result<Bytes, CallError>, bool) {
        // Taken out, so that one on which anything goes wrong, this call being dropped included, is
        // not used again.
        let mut usable = kept.take();
        if let Some(connection) = &mut usable
            && !connection.is_usable(CONNECT_TIMEOUT).await
        {
            usable = None;
        }
        let reused = usable.is_some();
        let service = self.name;
        let mut connection = match usable {
            Some(connection) => connection,
            None => match self.open().await {
                Ok(connection) => connection,
                Err(reason) => return (Err(CallError::NotSent { service, reason }), reused),
            },
        };
        let request = match self.request(target, body) {
            Ok(request) => request,
            Err(error) => return (Err(error), reused),
        };
        let sent = connection.send(request, ANSWER_TIMEOUT, ANSWER_BYTES_MAX);
        let lost = match sent.await {
            Ok(answer) => {
                *kept = Some(connection);
                return (self.read(&answer), reused);
            }
            Err(connection::Lost::TimedOut) => Lost::TimedOut,
            Err(connection::Lost::TooLarge) => Lost::TooLarge,
            Err(connection::Lost::Broken(_)) => Lost::Broken,
        };
        (Err(CallError::NoAnswer { service, lost }), reused)
    }

    /// A new connection.
    async fn open(&self) -> Result<Connection, String> {
        let server = &self.endpoint.server;
        let tls = server.tls.then(|| self.access.tls()).transpose()?;
        Connection::open(server, tls.as_ref(), CONNECT_TIMEOUT).await
    }

    /// The signed request.
    fn request(&self, target: &str, body: &Bytes) -> Result<Request<Bytes>, CallError> {
        let scope = Scope {
            service: self.name,
            region: &self.access.region,
            at: self.clock.now(),
        };
        let date = scope.date();
        let token = self.access.credentials.session_token.as_ref();
        // In order of their names, as they are signed.
        let mut headers = vec![
            ("content-type", self.protocol.content_type()),
            ("host", self.endpoint.authority.as_str()),
            ("x-amz-date", date.as_str()),
        ];
        if let Some(token) = token {
            headers.push(("x-amz-security-token", token.expose_secret()));
        }
        headers.push(("x-amz-target", target));
        let signature = authorization(&self.access.credentials, &scope, &headers, body);

        let mut request = Request::new(body.clone());
        *request.method_mut() = Method::POST;
        let unfit = |name: &str| CallError::NotSent {
            service: self.name,
            reason: format!("the value of {name} does not fit into a header"),
        };
        for (name, text) in headers {
            let mut value = HeaderValue::from_str(text).map_err(|_| unfit(name))?;
            value.set_sensitive(name == "x-amz-security-token");
            request.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit(name))?,
                value,
            );
        }
        let mut signature = HeaderValue::try_from(signature).map_err(|_| unfit("authorization"))?;
        signature.set_sensitive(true);
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, signature);
        request
            .headers_mut()
            .insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        Ok(request)
    }

    /// The body of `answer`, if it is a success.
    fn read(&self, answer: &Response<Bytes>) -> Result<Bytes, CallError> {
        if answer.status().is_success() {
            return Ok(answer.body().clone());
        }
        Err(answer::refusal(
            self.name,
            answer.status(),
            answer.headers(),
            answer.body(),
        ))
    }
}
