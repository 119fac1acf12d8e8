//! Requests handed to a simulated vendor's router, with the losses the simulator asks for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use halogard_http::{BodyStream, Transport, TransportError};
use halogard_simulator::{ConnectionLost, RequestNotReceived, ResponseTruncated};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::clock::ScenarioClock;
use crate::crash_point::{Component, CrashPoints};
use crate::intervention::Interventions;

/// A request that was made, and how it was answered.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// Whom it went to.
    pub place: Component,
    /// When it left.
    pub at: Timestamp,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The body.
    pub body: Bytes,
    /// The status of the answer; `None` when none came.
    pub status: Option<u16>,
}

/// What both lines remember. Clones share.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Arc<Mutex<Requests>>);

#[derive(Debug, Default)]
struct Requests {
    calls: Vec<LoggedRequest>,
    bearers: BTreeSet<String>,
}

impl RequestLog {
    /// Every request so far, in order.
    #[must_use]
    pub fn all(&self) -> Vec<LoggedRequest> {
        self.kept().calls.clone()
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept().calls.len()
    }

    /// Requests to `place`, in order: number 1 is the first.
    #[must_use]
    pub fn to(&self, place: Component) -> Vec<LoggedRequest> {
        let kept = self.kept();
        let calls = kept.calls.iter().filter(|call| call.place == place);
        calls.cloned().collect()
    }

    /// Every token that was sent along.
    #[must_use]
    pub fn bearers(&self) -> BTreeSet<String> {
        self.kept().bearers.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rewrites the body of an answer, given path and query of the request; `None` leaves it.
type Rewrite = dyn Fn(&str, &[u8]) -> Option<Bytes> + Send;

/// Answers a vendor never gave, for what no simulator does. Clones share.
#[derive(Clone, Default)]
pub struct AnswerRewrite(Arc<Mutex<Option<Box<Rewrite>>>>);

impl AnswerRewrite {
    /// From now on bodies pass through `rewrite`.
    pub fn with(&self, rewrite: impl Fn(&str, &[u8]) -> Option<Bytes> + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(rewrite));
    }

    /// From now on bodies arrive as they were sent.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The body as it arrives.
    fn apply(&self, target: &str, body: Bytes) -> Bytes {
        let rewrite = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rewritten = rewrite.as_ref().and_then(|rewrite| rewrite(target, &body));
        rewritten.unwrap_or(body)
    }
}

/// The way to one simulated vendor.
#[derive(Clone)]
pub struct RouterTransport {
    pub(crate) place: Component,
    pub(crate) router: Router,
    pub(crate) time: ScenarioClock,
    pub(crate) crash_points: CrashPoints,
    pub(crate) calls: RequestLog,
    pub(crate) answer_rewrite: AnswerRewrite,
    pub(crate) interventions: Interventions,
    /// How long a request takes; half of it on the way there.
    pub(crate) latency: Duration,
}

impl RouterTransport {
    /// Carries the request there and the answer back.
    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let target = target_of(&request);
        self.time.advance(self.latency / 2);
        self.interventions.before(self.place);
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        self.interventions.after(self.place);
        let response = match answered {
            Ok(response) => response,
            Err(never) => match never {},
        };
        self.time.advance(self.latency / 2);
        let (parts, body) = response.into_parts();
        let reason = || "the connection was closed".to_owned();
        if parts.extensions.get::<RequestNotReceived>().is_some() {
            return Err(TransportError::NotSent { reason: reason() });
        }
        let cut = parts.extensions.get::<ResponseTruncated>().is_some();
        if cut || parts.extensions.get::<ConnectionLost>().is_some() {
            return Err(TransportError::NoAnswer { reason: reason() });
        }
        let body = body.collect().await.map_err(|_| TransportError::NoAnswer {
            reason: "the body broke off".to_owned(),
        })?;
        let body = self.answer_rewrite.apply(&target, body.to_bytes());
        Ok(Response::from_parts(parts, body))
    }

    /// Writes down that `request` leaves; returns its place in the list.
    fn note(&self, request: &Request<Bytes>) -> usize {
        let call = LoggedRequest {
            place: self.place,
            at: self.time.now(),
            method: request.method().clone(),
            target: target_of(request),
            body: request.body().clone(),
            status: None,
        };
        let bearer = request.headers().get(AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let mut kept = self.calls.kept();
        kept.bearers.extend(bearer.map(str::to_owned));
        kept.calls.push(call);
        kept.calls.len() - 1
    }
}

/// Path and query of a request.
fn target_of(request: &Request<Bytes>) -> String {
    let target = request.uri().path_and_query();
    target.map(ToString::to_string).unwrap_or_default()
}

impl Transport for RouterTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let number = self.note(&request);
        let answer = self
            .crash_points
            .guard(self.place, self.carry(request))
            .await;
        if let Ok(response) = &answer {
            let status = response.status().as_u16();
            if let Some(call) = self.calls.kept().calls.get_mut(number) {
                call.status = Some(status);
            }
        }
        answer
    }

    async fn stream(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<BodyStream>, TransportError> {
        Ok(self.send(request).await?.map(BodyStream::whole))
    }
}
