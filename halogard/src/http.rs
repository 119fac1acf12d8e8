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
use halogard_app::credentials::{
    AuthenticatorFactory, Authenticators, Mismatch, RotatingAuthenticator, SecretReader,
};
use halogard_app::intake::{BODY_BYTES_MAX, Rejection, WebhookRequest, accept_delivery};
use halogard_app::ports::{Clock, Lane, Notifications, PortError, WorkQueue};
use halogard_domain::Message;
use halogard_halopsa::webhook;
use tracing::{info, warn};

use crate::engine::WorkSignal;
use crate::metrics::{CONTENT_TYPE, Measured, ProcessMetrics};

/// How much is read of a body that is too large. A sender that is cut off in the middle sees a
/// broken connection and not the answer, so up to here it may finish.
const READ_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// What the addresses need.
pub struct HttpState<S, C, R, M> {
    /// The queue, and the counts of notifications.
    pub store: S,
    /// The time.
    pub clock: C,
    /// Whom the addresses open for.
    pub gate: RotatingAuthenticator<R, M, C>,
    /// Wakes the engine.
    pub work_signal: WorkSignal,
    /// Metrics of the process.
    pub metrics: Arc<ProcessMetrics>,
}

/// The addresses of the process.
pub fn router<S, C, R, M>(state: HttpState<S, C, R, M>) -> Router
where
    S: WorkQueue + Notifications + 'static,
    C: Clock + 'static,
    R: SecretReader + 'static,
    M: AuthenticatorFactory + 'static,
{
    Router::new()
        .route("/webhooks/halopsa/{token}", post(halopsa::<S, C, R, M>))
        .route("/webhooks/liongard/{token}", post(liongard::<S, C, R, M>))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::<S, C, R, M>))
        .with_state(Arc::new(state))
}

/// A delivery of HaloPSA.
async fn halopsa<S, C, R, M>(
    State(state): State<Arc<HttpState<S, C, R, M>>>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
    M: AuthenticatorFactory,
{
    let body = match whole(body).await {
        Ok(body) => body,
        Err(rejection) => return state.answer(Err(rejection)),
    };
    let header = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect()
    };
    let request = WebhookRequest {
        path_token: readable(&token),
        header: &header,
        body: &body,
    };
    let taken = state.take(&request).await;
    if taken.is_ok() {
        state.work_signal.notify();
    }
    state.answer(taken)
}

/// Liongard's own webhook: wakes the poll and is otherwise not believed.
async fn liongard<S, C, R, M>(
    State(state): State<Arc<HttpState<S, C, R, M>>>,
    token: Result<Path<String>, PathRejection>,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
    M: AuthenticatorFactory,
{
    if let Err(rejection) = whole(body).await {
        return state.answer(Err(rejection));
    }
    if let Err(rejection) = state.check_address(readable(&token)).await {
        return state.answer(Err(rejection));
    }
    let asked = state
        .store
        .send(Lane::Runs, &[Message::poll().into()])
        .await;
    state.work_signal.notify();
    state.answer(asked.map(|()| 1).map_err(Rejection::NotQueued))
}

impl<S, C, R, M> HttpState<S, C, R, M>
where
    S: WorkQueue,
    C: Clock,
    R: SecretReader,
    M: AuthenticatorFactory,
{
    /// Takes a delivery in; one that does not fit is tried once more with a newer secret, where
    /// there may be one.
    async fn take(&self, request: &WebhookRequest<'_>) -> Result<usize, Rejection> {
        let doors = self.gate.doors().await.map_err(Rejection::NotQueued)?;
        let taken = self.take_through(&doors, request).await;
        if !matches!(taken, Err(Rejection::NotAuthentic)) {
            return taken;
        }
        let doubt = if doors.matches_path(request.path_token) {
            Mismatch::Credential
        } else {
            Mismatch::Address
        };
        match self.gate.refreshed(&doors, doubt).await {
            Some(newer) => self.take_through(&newer, request).await,
            None => taken,
        }
    }

    /// Takes a delivery in through `doors`.
    async fn take_through(
        &self,
        doors: &Authenticators,
        request: &WebhookRequest<'_>,
    ) -> Result<usize, Rejection> {
        let now = self.clock.now();
        accept_delivery(&self.store, &doors.delivery, request, |body| {
            webhook::parse(body, now)
        })
        .await
    }

    /// Whether `token` is the end of our address, by a newer secret where there may be one.
    async fn check_address(&self, token: &str) -> Result<(), Rejection> {
        let doors = self.gate.doors().await.map_err(Rejection::NotQueued)?;
        if doors.matches_path(token) {
            return Ok(());
        }
        let newer = self.gate.refreshed(&doors, Mismatch::Address).await;
        if newer.is_some_and(|newer| newer.matches_path(token)) {
            Ok(())
        } else {
            Err(Rejection::NotAuthentic)
        }
    }
}

/// The last segment of the path; one that is no text is wrong as any other, and no token is empty.
fn readable(token: &Result<Path<String>, PathRejection>) -> &str {
    token.as_ref().map_or("", |Path(token)| token)
}

/// The whole body. One that breaks off proves nothing about who sent it.
async fn whole(body: Body) -> Result<Vec<u8>, Rejection> {
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
        if seen <= BODY_BYTES_MAX {
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

impl<S, C, R, M> HttpState<S, C, R, M> {
    /// The answer to a delivery. What is not authentic learns nothing about why.
    fn answer(&self, taken: Result<usize, Rejection>) -> Response {
        let answer = webhook::response_to(&taken);
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match &taken {
            Ok(messages) => info!(messages, outcome = "accepted", "took in a delivery"),
            Err(Rejection::NotQueued(error)) => {
                warn!(
                    error_type = error.error_type,
                    reason = error.chain(),
                    "a delivery could not be queued"
                );
            }
            Err(rejection) => {
                warn!(reason = %rejection, outcome = "refused", "turned a delivery away")
            }
        }
        self.metrics.delivery_answered(status.as_u16());
        let content_type = [(header::CONTENT_TYPE, answer.content_type())];
        (status, content_type, answer.body).into_response()
    }
}

/// Answers a scrape.
async fn metrics<S, C, R, M>(State(state): State<Arc<HttpState<S, C, R, M>>>) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
    M: AuthenticatorFactory,
{
    match measure(&state.store, state.gate.refreshes()).await {
        Ok(measured) => match state.metrics.encode(&measured, state.clock.now()) {
            Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
            Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Err(error) => {
            warn!(
                error_type = error.error_type,
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
