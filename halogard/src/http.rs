//! What the process answers on HTTP: webhooks, the wake-up and health on the public address, metrics and
//! readiness on one of their own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use halogard_app::intake::{DeliveryOutcome, Rejection, enqueue};
use halogard_app::ports::{
    Clock, ErrorCode, Lane, Notifications, Outgoing, PortError, Records, WorkQueue,
};
use halogard_credentials::webhook_auth::{
    Authenticator, EXPLAINED_BYTES_MAX, HeadVerdict, PathVerified, SecretReader, WebhookRequest,
};
use halogard_domain::record::Singleton;
use halogard_domain::verification::{DifferenceKind, Verification};
use halogard_domain::{FailureClass, Message};
use halogard_halopsa::webhook::{self, FirstBodies};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::body::{self, ReceivedBody};
use crate::body_memory::BodyMemory;
use crate::connections::RequestConnection;
use crate::engine::WorkSignal;
use crate::health::Health;
use crate::metrics::{CONTENT_TYPE, Measured, ProcessMetrics};
use crate::refusals::{RefusalKind, RefusalLog, SenderAddress};

/// How long a delivery waits for the store, which another program may hold. Its sender repeats what is
/// answered 503, and gives up itself after some ten seconds.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// What the addresses need.
pub struct HttpState<S, C, R> {
    /// The queue, and the counts of notifications.
    pub store: S,
    /// The time.
    pub clock: C,
    /// Authenticates deliveries.
    pub authenticator: Authenticator<R, C>,
    /// Wakes the engine.
    pub work_signal: WorkSignal,
    /// Metrics of the process.
    pub metrics: Arc<ProcessMetrics>,
    /// Whether the process does its work.
    pub health: Arc<Health>,
    /// The memory for bodies.
    pub bodies: BodyMemory,
    /// Which kinds of events have come.
    pub first_bodies: FirstBodies,
    /// Writes about deliveries that are refused.
    pub refusals: RefusalLog,
}

/// What anyone may request: webhooks, the wake-up and health.
pub fn public_router<S, C, R>(state: &Arc<HttpState<S, C, R>>) -> Router
where
    S: WorkQueue + Notifications + Records + 'static,
    C: Clock + 'static,
    R: SecretReader + 'static,
{
    Router::new()
        .route("/webhooks/halopsa/{token}", deliveries(halopsa::<S, C, R>))
        .route("/webhooks/halopsa/{token}/", deliveries(halopsa::<S, C, R>))
        .route(
            "/webhooks/liongard/{token}",
            deliveries(liongard::<S, C, R>),
        )
        .route(
            "/webhooks/liongard/{token}/",
            deliveries(liongard::<S, C, R>),
        )
        .route("/healthz", get(healthz::<S, C, R>))
        .with_state(Arc::clone(state))
}

/// The methods of a delivery. HaloPSA's form offers all three.
fn deliveries<H, P, S>(handler: H) -> MethodRouter<S>
where
    H: Handler<P, S>,
    P: 'static,
    S: Clone + Send + Sync + 'static,
{
    post(handler.clone()).put(handler.clone()).patch(handler)
}

/// What concerns the operator only: metrics and readiness.
pub fn private_router<S, C, R>(state: &Arc<HttpState<S, C, R>>) -> Router
where
    S: WorkQueue + Notifications + Records + 'static,
    C: Clock + 'static,
    R: SecretReader + 'static,
{
    Router::new()
        .route("/metrics", get(metrics::<S, C, R>))
        .route("/readyz", get(readyz::<S, C, R>))
        .with_state(Arc::clone(state))
}

/// Says whether the process does its work, without asking the store or a vendor.
async fn healthz<S, C, R>(State(state): State<Arc<HttpState<S, C, R>>>) -> Response {
    let problems = state.health.problems();
    if problems.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems).into_response()
}

/// Says whether the loops run, do their work and have a store.
async fn readyz<S, C, R>(State(state): State<Arc<HttpState<S, C, R>>>) -> Response
where
    S: WorkQueue,
{
    let mut problems = state.health.problems();
    if !state.health.is_started() && problems.is_empty() {
        problems.push_str("starting\n");
    }
    if within_store_wait(state.store.depth(Lane::Urgent))
        .await
        .is_err()
    {
        problems.push_str("store: no answer\n");
    }
    if problems.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems).into_response()
}

/// The result of a call to the store; an error if it takes too long. A call that is given up does nothing.
async fn within_store_wait<T>(
    call: impl Future<Output = Result<T, PortError>>,
) -> Result<T, PortError> {
    let result = timeout(STORE_WAIT, call).await;
    result.unwrap_or_else(|_| Err(store_held()))
}

/// The error of a call that was given up.
fn store_held() -> PortError {
    PortError::new(FailureClass::Transient, ErrorCode::StoreFailed).with_source(StoreHeld)
}

/// The store did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("another program holds the database file")]
struct StoreHeld;

/// A delivery of HaloPSA.
async fn halopsa<S, C, R>(
    State(state): State<Arc<HttpState<S, C, R>>>,
    token: Result<Path<String>, PathRejection>,
    sender: Option<Extension<SenderAddress>>,
    connection: Option<Extension<RequestConnection>>,
    headers: HeaderMap,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications + Records,
    C: Clock,
    R: SecretReader,
{
    let connection = connection.map(|Extension(connection)| connection);
    let taken = state
        .accept(path_token(&token), connection, &headers, body)
        .await;
    if taken.is_ok() {
        state.work_signal.notify();
    }
    state.answer(taken, sender)
}

/// Liongard's own webhook: starts a poll; its body is not believed, and not read.
async fn liongard<S, C, R>(
    State(state): State<Arc<HttpState<S, C, R>>>,
    token: Result<Path<String>, PathRejection>,
    sender: Option<Extension<SenderAddress>>,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications + Records,
    C: Clock,
    R: SecretReader,
{
    let path = state.authenticator.verify_path(path_token(&token)).await;
    body::discard(body);
    if let Err(rejection) = path {
        return state.answer(Err(rejection.into()), sender);
    }
    let poll = [Outgoing::from(Message::poll())];
    let asked = within_store_wait(state.store.send(Lane::Runs, &poll)).await;
    state.work_signal.notify();
    state.answer(asked.map(|()| 1).map_err(Rejection::NotQueued), sender)
}

impl<S, C, R> HttpState<S, C, R>
where
    S: WorkQueue,
    C: Clock,
    R: SecretReader,
{
    /// Authenticates a delivery and queues its messages. Nothing is read of a body whose path token is
    /// wrong. Until the delivery is authentic, its connection may have to make room for another one.
    async fn accept(
        &self,
        token: &str,
        connection: Option<RequestConnection>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<usize, Rejection> {
        let path: PathVerified = match self.authenticator.verify_path(token).await {
            Ok(path) => path,
            Err(rejection) => {
                body::discard(body);
                return Err(rejection.into());
            }
        };
        let header = |name: &str| {
            let values = headers.get_all(name).iter();
            values.map(|value| value.as_bytes().to_vec()).collect()
        };
        let verdict = self.authenticator.judge_head(&path, &header).await;
        let body = self.read_body(verdict, headers, body).await?;
        let request = WebhookRequest {
            header: &header,
            header_names: &|| {
                headers
                    .keys()
                    .map(|name| name.as_str().to_owned())
                    .collect()
            },
            body: &body.bytes,
        };
        let verified = self.authenticator.verify(&path, &request).await?;
        let _busy = connection.as_ref().map(|it| it.keep());
        let mut messages = webhook::parse(verified.body, self.clock.now())?;
        if let Some(first) = self.first_bodies.take(verified.body, &messages) {
            info!(
                kind = first.kind,
                members = first.members,
                "the first webhook of its kind; these are its members, without their values"
            );
            messages.push(first.into_message());
        }
        let queued = timeout(STORE_WAIT, enqueue(&self.store, messages)).await;
        queued.unwrap_or_else(|_| Err(Rejection::NotQueued(store_held())))
    }
}

/// The last segment of the path. One that is not text is empty, and no token is empty.
fn path_token(token: &Result<Path<String>, PathRejection>) -> &str {
    token.as_ref().map_or("", |Path(token)| token)
}

impl<S, C, R> HttpState<S, C, R> {
    /// Reads the body of a delivery whose headers led to `verdict`. One that cannot be authentic is read only
    /// if it is small, to say what is wrong with its credential.
    async fn read_body(
        &self,
        verdict: HeadVerdict,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<ReceivedBody, Rejection> {
        let is_small = body::announced(headers).is_some_and(|bytes| bytes <= EXPLAINED_BYTES_MAX);
        if verdict == HeadVerdict::NotAuthentic && !is_small {
            body::discard(body);
            return Ok(ReceivedBody::default());
        }
        let is_authentic = verdict == HeadVerdict::Authentic;
        body::receive(&self.bodies, headers, body, is_authentic).await
    }

    /// The answer to a delivery. What is not authentic learns nothing about why.
    fn answer(
        &self,
        taken: Result<usize, Rejection>,
        sender: Option<Extension<SenderAddress>>,
    ) -> Response {
        let answer = webhook::response_to(&taken);
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let outcome = DeliveryOutcome::of(&taken).as_str();
        match &taken {
            Ok(messages) => info!(messages, outcome, "accepted a delivery"),
            Err(rejection) => {
                let sender = sender.map(|Extension(sender)| sender);
                let write = || write_rejection(rejection, outcome);
                self.refusals.count(kind_of(rejection), sender, write);
            }
        }
        self.metrics.delivery_answered(status.as_u16());
        let content_type = [(header::CONTENT_TYPE, answer.content_type())];
        let mut response = (status, content_type, answer.body).into_response();
        if status.is_client_error() {
            // What follows on this connection may be the rest of a body that was not read.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }
}

/// Writes the line of a delivery that was refused.
fn write_rejection(rejection: &Rejection, outcome: &'static str) {
    match rejection {
        Rejection::NotQueued(error) => warn!(
            error_type = error.code.as_str(),
            reason = error.chain(),
            outcome,
            "a delivery could not be queued"
        ),
        rejection => warn!(reason = %rejection, outcome, "rejected a delivery"),
    }
}

/// Under what a refused delivery is counted.
const fn kind_of(rejection: &Rejection) -> RefusalKind {
    match rejection {
        Rejection::NotAuthentic => RefusalKind::NotAuthentic,
        Rejection::TooLarge => RefusalKind::TooLarge,
        Rejection::NotJson => RefusalKind::NotJson,
        Rejection::TooSlow => RefusalKind::TooSlow,
        Rejection::NoMemory => RefusalKind::NoMemory,
        Rejection::NotQueued(_) => RefusalKind::NotQueued,
    }
}

/// Answers a scrape.
async fn metrics<S, C, R>(State(state): State<Arc<HttpState<S, C, R>>>) -> Response
where
    S: WorkQueue + Notifications + Records,
    C: Clock,
    R: SecretReader,
{
    match measure(&state.store, state.authenticator.refreshes()).await {
        Ok(measured) => match state.metrics.encode(&measured, state.clock.now()) {
            Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
            Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Err(error) => {
            warn!(
                error_type = error.code.as_str(),
                reason = error.chain(),
                "metrics could not be read"
            );
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Reads from the store what is not counted in this process. Counts only, never messages.
async fn measure<S: WorkQueue + Notifications + Records>(
    store: &S,
    secret_refreshes: u64,
) -> Result<Measured, PortError> {
    let mut measured = Measured {
        secret_refreshes,
        ..Measured::default()
    };
    for lane in Lane::ALL {
        measured.depth.push((lane.name(), store.depth(lane).await?));
    }
    measured.dead_letters = store.dead_letter_count().await?;
    let verification = store.load_record::<Verification>(&Singleton).await?.value;
    if let Some(last) = verification.last {
        let count = |kind: DifferenceKind| last.tally.differences.get(&kind).copied();
        let kinds = DifferenceKind::ALL.into_iter();
        measured.differences = kinds
            .map(|kind| (kind.as_str(), count(kind).unwrap_or(0)))
            .collect();
    }
    let recorded = store.counts().await?.into_iter();
    measured.notifications = recorded.map(|it| (it.kind, it.count)).collect();
    Ok(measured)
}
