//! What the process answers on HTTP: webhooks, the wake-up, health and metrics.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use halogard_app::intake::{BODY_BYTES_MAX, Door, Knock, Turned, take_in};
use halogard_app::ports::{Clock, Lane, Notifications, PortError, WorkQueue};
use halogard_halopsa::webhook;
use tracing::{info, warn};

use crate::engine::Bell;
use crate::tally::{Gauges, Tally, prometheus};

/// Dead letters counted for the metrics; more than that is "at least".
const DEAD_LETTERS_COUNTED: usize = 1000;

/// What the addresses need.
pub struct Front<S, C> {
    /// The queue, and the counts of notifications.
    pub store: S,
    /// The time.
    pub clock: C,
    /// Whom HaloPSA's address opens for.
    pub door: Door,
    /// Whom the wake-up opens for: the path alone.
    pub wake_up: Door,
    /// Wakes the engine.
    pub bell: Bell,
    /// What happened so far.
    pub tally: Arc<Tally>,
}

/// The addresses of the process.
pub fn router<S, C>(front: Front<S, C>) -> Router
where
    S: WorkQueue + Notifications + 'static,
    C: Clock + 'static,
{
    Router::new()
        .route("/webhooks/halopsa/{token}", post(halopsa::<S, C>))
        .route("/webhooks/liongard/{token}", post(liongard::<S, C>))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::<S, C>))
        // One byte more than is taken in, so that the use case sees what is too long.
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX + 1))
        .with_state(Arc::new(front))
}

/// A delivery of HaloPSA.
async fn halopsa<S: WorkQueue + Notifications, C: Clock>(
    State(front): State<Arc<Front<S, C>>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        return front.answer(Err(Turned::TooLarge));
    };
    let header = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect()
    };
    let knock = Knock {
        path_token: &token,
        header: &header,
        body: &body,
    };
    let now = front.clock.now();
    let taken = take_in(&front.store, &front.door, &knock, |body| {
        webhook::read(body, now)
    })
    .await;
    if taken.is_ok() {
        front.bell.ring_for_work();
    }
    front.answer(taken)
}

/// Liongard's own webhook: wakes the poll and is otherwise not believed.
async fn liongard<S: WorkQueue + Notifications, C: Clock>(
    State(front): State<Arc<Front<S, C>>>,
    Path(token): Path<String>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    if body.is_err() {
        return front.answer(Err(Turned::TooLarge));
    }
    let knock = Knock {
        path_token: &token,
        header: &|_| Vec::new(),
        body: &[],
    };
    if !front.wake_up.opens_for(&knock) {
        return front.answer(Err(Turned::NotAuthentic));
    }
    front.bell.ring_for_poll();
    front.answer(Ok(0))
}

impl<S, C> Front<S, C> {
    /// The answer to a delivery. What is not authentic learns nothing about why.
    fn answer(&self, taken: Result<usize, Turned>) -> Response {
        let (status, text) = match &taken {
            Ok(_) => (StatusCode::OK, "{\"status\":\"accepted\"}"),
            Err(Turned::NotAuthentic) => (StatusCode::UNAUTHORIZED, "{\"error\":\"unauthorized\"}"),
            Err(Turned::NotJson) => (
                StatusCode::BAD_REQUEST,
                "{\"error\":\"the body is not JSON\"}",
            ),
            Err(Turned::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "{\"error\":\"the body is too large\"}",
            ),
            Err(Turned::NotQueued(_)) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "{\"error\":\"try again later\"}",
            ),
        };
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
        self.tally.delivered(status.as_u16());
        (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
    }
}

/// Counts, as Prometheus reads them.
async fn metrics<S: WorkQueue + Notifications, C: Clock>(
    State(front): State<Arc<Front<S, C>>>,
) -> Response {
    match gauges(&front.store).await {
        Ok(gauges) => prometheus(&front.tally.counts(), &gauges, front.clock.now()).into_response(),
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

/// What is measured at the moment of asking.
async fn gauges<S: WorkQueue + Notifications>(store: &S) -> Result<Gauges, PortError> {
    let mut gauges = Gauges::default();
    for lane in Lane::ALL {
        gauges.depth.push((lane.name(), store.depth(lane).await?));
    }
    gauges.dead_letters = store.dead_letters(DEAD_LETTERS_COUNTED).await?.len();
    gauges.notifications = store.counts().await?;
    Ok(gauges)
}
