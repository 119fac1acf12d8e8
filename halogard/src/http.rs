//! What the process answers on HTTP: webhooks, the wake-up, health and metrics.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use halogard_app::intake::{BODY_BYTES_MAX, Rejection, enqueue};
use halogard_app::ports::{Clock, Lane, Notifications, PortError, WorkQueue};
use halogard_credentials::webhook_auth::{
    Authenticator, PathVerified, SecretReader, WebhookRequest,
};
use halogard_domain::Message;
use halogard_halopsa::webhook;
use tracing::{info, warn};

use crate::engine::WorkSignal;
use crate::metrics::{CONTENT_TYPE, Measured, ProcessMetrics};

/// How much is read of a body that is too large. A sender that is cut off in the middle sees a
/// broken connection and not the answer, so up to here it may finish.
const READ_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

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
}

/// The addresses of the process.
pub fn router<S, C, R>(state: HttpState<S, C, R>) -> Router
where
    S: WorkQueue + Notifications + 'static,
    C: Clock + 'static,
    R: SecretReader + 'static,
{
    Router::new()
        .route("/webhooks/halopsa/{token}", post(halopsa::<S, C, R>))
        .route("/webhooks/liongard/{token}", post(liongard::<S, C, R>))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::<S, C, R>))
        .with_state(Arc::new(state))
}

/// A delivery of HaloPSA.
async fn halopsa<S, C, R>(
    State(state): State<Arc<HttpState<S, C, R>>>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
{
    let taken = state.accept(path_token(&token), &headers, body).await;
    if taken.is_ok() {
        state.work_signal.notify();
    }
    state.answer(taken)
}

/// Liongard's own webhook: starts a poll; its body is not believed.
async fn liongard<S, C, R>(
    State(state): State<Arc<HttpState<S, C, R>>>,
    token: Result<Path<String>, PathRejection>,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
{
    if let Err(rejection) = state.verify_path(path_token(&token), body).await {
        return state.answer(Err(rejection));
    }
    let asked = state
        .store
        .send(Lane::Runs, &[Message::poll().into()])
        .await;
    state.work_signal.notify();
    state.answer(asked.map(|()| 1).map_err(Rejection::NotQueued))
}

impl<S, C, R> HttpState<S, C, R>
where
    S: WorkQueue,
    C: Clock,
    R: SecretReader,
{
    /// Authenticates a delivery and queues its messages.
    async fn accept(
        &self,
        token: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<usize, Rejection> {
        let (path, body) = self.verify_path(token, body).await?;
        let header = |name: &str| {
            let values = headers.get_all(name).iter();
            values.map(|value| value.as_bytes().to_vec()).collect()
        };
        let request = WebhookRequest {
            header: &header,
            body: &body,
        };
        let verified = self.authenticator.verify(&path, &request).await?;
        let messages = webhook::parse(verified.body, self.clock.now())?;
        enqueue(&self.store, messages).await
    }

    /// Checks the path token, then reads the body. The body of a wrong path is read and dropped, so
    /// that the sender sees the answer.
    async fn verify_path(
        &self,
        token: &str,
        body: Body,
    ) -> Result<(PathVerified, Vec<u8>), Rejection> {
        let path = self.authenticator.verify_path(token).await;
        let limit = if path.is_ok() { BODY_BYTES_MAX } else { 0 };
        let body = read_body(body, limit).await?;
        Ok((path?, body))
    }
}

/// The last segment of the path. One that is not text is empty, and no token is empty.
fn path_token(token: &Result<Path<String>, PathRejection>) -> &str {
    token.as_ref().map_or("", |Path(token)| token)
}

/// The whole body, of which at most `kept_max` bytes are kept. A body that breaks off proves nothing
/// about its sender.
async fn read_body(body: Body, kept_max: usize) -> Result<Vec<u8>, Rejection> {
    let mut body = pin!(body);
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Rejection::NotAuthentic)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen > READ_BYTES_MAX {
            break;
        }
        if seen <= kept_max {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    if seen > BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    Ok(kept)
}

impl<S, C, R> HttpState<S, C, R> {
    /// The answer to a delivery. What is not authentic learns nothing about why.
    fn answer(&self, taken: Result<usize, Rejection>) -> Response {
        let answer = webhook::response_to(&taken);
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match &taken {
            Ok(messages) => info!(messages, outcome = "accepted", "accepted a delivery"),
            Err(Rejection::NotQueued(error)) => {
                warn!(
                    error_type = error.code.as_str(),
                    reason = error.chain(),
                    "a delivery could not be queued"
                );
            }
            Err(rejection) => {
                warn!(reason = %rejection, outcome = "refused", "rejected a delivery")
            }
        }
        self.metrics.delivery_answered(status.as_u16());
        let content_type = [(header::CONTENT_TYPE, answer.content_type())];
        (status, content_type, answer.body).into_response()
    }
}

/// Answers a scrape.
async fn metrics<S, C, R>(State(state): State<Arc<HttpState<S, C, R>>>) -> Response
where
    S: WorkQueue + Notifications,
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
async fn measure<S: WorkQueue + Notifications>(
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
    measured.notifications = store.counts().await?;
    Ok(measured)
}
