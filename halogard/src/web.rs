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
use halogard_app::intake::{BODY_BYTES_MAX, Knock, Turned, take_in};
use halogard_app::keyring::{DoorMaker, Doors, Doubt, Gate, SecretReader};
use halogard_app::ports::{Clock, Lane, Notifications, PortError, WorkQueue};
use halogard_domain::Message;
use halogard_halopsa::webhook;
use tracing::{info, warn};

use crate::engine::Bell;
use crate::metrics::{CONTENT_TYPE, Measured, ProcessMetrics};

/// How much is read of a body that is too large. A sender that is cut off in the middle sees a
/// broken connection and not the answer, so up to here it may finish.
const READ_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// What the addresses need.
pub struct Front<S, C, R, M> {
    /// The queue, and the counts of notifications.
    pub store: S,
    /// The time.
    pub clock: C,
    /// Whom the addresses open for.
    pub gate: Gate<R, M, C>,
    /// Wakes the engine.
    pub bell: Bell,
    /// Metrics of the process.
    pub metrics: Arc<ProcessMetrics>,
}

/// The addresses of the process.
pub fn router<S, C, R, M>(front: Front<S, C, R, M>) -> Router
where
    S: WorkQueue + Notifications + 'static,
    C: Clock + 'static,
    R: SecretReader + 'static,
    M: DoorMaker + 'static,
{
    Router::new()
        .route("/webhooks/halopsa/{token}", post(halopsa::<S, C, R, M>))
        .route("/webhooks/liongard/{token}", post(liongard::<S, C, R, M>))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::<S, C, R, M>))
        .with_state(Arc::new(front))
}

/// A delivery of HaloPSA.
async fn halopsa<S, C, R, M>(
    State(front): State<Arc<Front<S, C, R, M>>>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
    M: DoorMaker,
{
    let body = match whole(body).await {
        Ok(body) => body,
        Err(turned) => return front.answer(Err(turned)),
    };
    let header = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect()
    };
    let knock = Knock {
        path_token: readable(&token),
        header: &header,
        body: &body,
    };
    let taken = front.take(&knock).await;
    if taken.is_ok() {
        front.bell.ring_for_work();
    }
    front.answer(taken)
}

/// Liongard's own webhook: wakes the poll and is otherwise not believed.
async fn liongard<S, C, R, M>(
    State(front): State<Arc<Front<S, C, R, M>>>,
    token: Result<Path<String>, PathRejection>,
    body: Body,
) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
    M: DoorMaker,
{
    if let Err(turned) = whole(body).await {
        return front.answer(Err(turned));
    }
    if let Err(turned) = front.check_address(readable(&token)).await {
        return front.answer(Err(turned));
    }
    let asked = front
        .store
        .send(Lane::Runs, &[Message::poll().into()])
        .await;
    front.bell.ring_for_work();
    front.answer(asked.map(|()| 1).map_err(Turned::NotQueued))
}

impl<S, C, R, M> Front<S, C, R, M>
where
    S: WorkQueue,
    C: Clock,
    R: SecretReader,
    M: DoorMaker,
{
    /// Takes a delivery in; one that does not fit is tried once more with a newer secret, where
    /// there may be one.
    async fn take(&self, knock: &Knock<'_>) -> Result<usize, Turned> {
        let doors = self.gate.doors().await.map_err(Turned::NotQueued)?;
        let taken = self.take_through(&doors, knock).await;
        if !matches!(taken, Err(Turned::NotAuthentic)) {
            return taken;
        }
        let doubt = if doors.know(knock.path_token) {
            Doubt::Credential
        } else {
            Doubt::Address
        };
        match self.gate.newer_than(&doors, doubt).await {
            Some(newer) => self.take_through(&newer, knock).await,
            None => taken,
        }
    }

    /// Takes a delivery in through `doors`.
    async fn take_through(&self, doors: &Doors, knock: &Knock<'_>) -> Result<usize, Turned> {
        let now = self.clock.now();
        take_in(&self.store, &doors.delivery, knock, |body| {
            webhook::read(body, now)
        })
        .await
    }

    /// Whether `token` is the end of our address, by a newer secret where there may be one.
    async fn check_address(&self, token: &str) -> Result<(), Turned> {
        let doors = self.gate.doors().await.map_err(Turned::NotQueued)?;
        if doors.know(token) {
            return Ok(());
        }
        let newer = self.gate.newer_than(&doors, Doubt::Address).await;
        if newer.is_some_and(|newer| newer.know(token)) {
            Ok(())
        } else {
            Err(Turned::NotAuthentic)
        }
    }
}

/// The last segment of the path; one that is no text is wrong as any other, and no token is empty.
fn readable(token: &Result<Path<String>, PathRejection>) -> &str {
    token.as_ref().map_or("", |Path(token)| token)
}

/// The whole body. One that breaks off proves nothing about who sent it.
async fn whole(body: Body) -> Result<Vec<u8>, Turned> {
    let mut body = pin!(body);
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Turned::NotAuthentic)?;
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
        return Err(Turned::TooLarge);
    }
    Ok(kept)
}

impl<S, C, R, M> Front<S, C, R, M> {
    /// The answer to a delivery. What is not authentic learns nothing about why.
    fn answer(&self, taken: Result<usize, Turned>) -> Response {
        let answer = webhook::answer(&taken);
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match &taken {
            Ok(messages) => info!(messages, outcome = "accepted", "took in a delivery"),
            Err(Turned::NotQueued(error)) => {
                warn!(
                    error_type = error.error_type,
                    reason = error.chain(),
                    "a delivery could not be queued"
                );
            }
            Err(turned) => warn!(reason = %turned, outcome = "refused", "turned a delivery away"),
        }
        self.metrics.delivery_answered(status.as_u16());
        let content_type = [(header::CONTENT_TYPE, answer.content_type())];
        (status, content_type, answer.body).into_response()
    }
}

/// Answers a scrape.
async fn metrics<S, C, R, M>(State(front): State<Arc<Front<S, C, R, M>>>) -> Response
where
    S: WorkQueue + Notifications,
    C: Clock,
    R: SecretReader,
    M: DoorMaker,
{
    match measure(&front.store, front.gate.refreshes()).await {
        Ok(measured) => match front.metrics.encode(&measured, front.clock.now()) {
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
