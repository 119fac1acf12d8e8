//! The stages of every request to a simulated vendor: count, fault, rate limit, service, fault again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::counters::{Traffic, TrafficStats};
use crate::faults::{Fault, Faults};
use crate::http_message::{SimRequest, SimResponse};
use crate::markers::{ConnectionLost, RequestNotReceived, ResponseTruncated};
use crate::rate_limit::{RateLimit, RefusedRequests, SlidingWindow};

/// A simulated vendor, as the pipeline calls it.
pub(crate) trait SimulatedVendor: Clone + Send + Sync + 'static {
    /// The vendor's pipeline.
    fn pipeline(&self) -> &RequestPipeline;
    /// The time.
    fn now(&self) -> i64;
    /// The "METHOD /Route" template of a request.
    fn route(&self, call: &SimRequest) -> String;
    /// The rate limit of a route; `None` when it has none.
    fn limit(&self, route: &str) -> Option<RateLimit>;
    /// A 429 in the vendor's form.
    fn throttled(&self, limit: &RateLimit) -> SimResponse;
    /// A 500 in the vendor's form.
    fn broken(&self) -> SimResponse;
    /// What is answered when the vendor's database ended the work.
    fn deadlocked(&self) -> SimResponse {
        self.broken()
    }
    /// A 401 in the vendor's form; revokes the session of `call`.
    fn end_session(&self, call: &SimRequest) -> SimResponse;
    /// Serves the request.
    fn serve(&self, call: SimRequest) -> impl Future<Output = SimResponse> + Send;
}

/// The faults, rate limiter and counters of one vendor. Cheap to clone; clones share state.
#[derive(Clone, Debug)]
pub(crate) struct RequestPipeline {
    /// The faults to inject.
    faults: Faults,
    /// The limiter and the counters.
    traffic_state: Arc<Mutex<TrafficState>>,
}

/// The counters, and the window of the rate limiter.
#[derive(Debug, Default)]
struct TrafficState {
    /// The counters.
    traffic: Traffic,
    /// The requests within the limiter's window.
    limited: SlidingWindow,
}

impl RequestPipeline {
    /// A pipeline without requests so far.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            faults: Faults::seeded(seed),
            traffic_state: Arc::default(),
        }
    }

    /// The faults to inject.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The counts so far.
    pub(crate) fn stats(&self) -> TrafficStats {
        self.traffic_state().traffic.stats()
    }

    /// Counts the request and checks the rate limit; an error holds the time until the next slot.
    fn check_limit(
        &self,
        route: &str,
        now: i64,
        limit: Option<&RateLimit>,
    ) -> Result<(), Duration> {
        let mut traffic_state = self.traffic_state();
        traffic_state.traffic.arrived(route, now);
        if let Some(limit) = limit {
            let within = traffic_state.limited.prune(now, limit.window);
            let full = within >= limit.requests_max;
            if !full || limit.refused == RefusedRequests::Counted {
                traffic_state.limited.add(now);
            }
            if full {
                traffic_state.traffic.rejected();
                return Err(traffic_state.limited.pause(now, limit));
            }
        }
        traffic_state.traffic.accepted(now);
        Ok(())
    }

    /// How many requests the window still takes.
    fn remaining(&self, now: i64, limit: &RateLimit) -> usize {
        let within = self.traffic_state().limited.prune(now, limit.window);
        limit.requests_max.saturating_sub(within)
    }

    /// Counts a 429 that a fault caused.
    fn rejected(&self) {
        self.traffic_state().traffic.rejected();
    }

    /// Locks the state; a panic elsewhere leaves it usable.
    fn traffic_state(&self) -> MutexGuard<'_, TrafficState> {
        self.traffic_state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a request through the pipeline. The answer is dated by the vendor's own clock.
pub(crate) async fn receive<V: SimulatedVendor>(vendor: V, request: Request) -> Response {
    let now = vendor.now();
    let mut response = answer(&vendor, request).await;
    if let Some(limit) = vendor.limit("").filter(|limit| limit.shows_remaining) {
        let remaining = vendor.pipeline().remaining(now, &limit);
        response
            .headers_mut()
            .insert("x-ratelimit-remaining", remaining.into());
    }
    if let Some(date) = http_date(now) {
        response.headers_mut().insert(http::header::DATE, date);
    }
    response
}

/// A time in milliseconds as HTTP writes it.
fn http_date(millis: i64) -> Option<http::HeaderValue> {
    let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
    let text = instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    text.parse().ok()
}

/// The answer to a request, whatever became of it.
async fn answer<V: SimulatedVendor>(vendor: &V, request: Request) -> Response {
    let Some(call) = SimRequest::read(request).await else {
        return SimResponse::empty(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    };
    let pipeline = vendor.pipeline();
    let route = vendor.route(&call);
    let struck = pipeline.faults.next_for(&route);
    if struck
        .as_ref()
        .is_some_and(|struck| struck.fault == Fault::RefuseConnection)
    {
        return lost(true);
    }
    let limit = vendor.limit(&route);
    if let (Err(pause), Some(limit)) = (
        pipeline.check_limit(&route, vendor.now(), limit.as_ref()),
        &limit,
    ) {
        if let Some(struck) = struck {
            pipeline.faults.reschedule(&route, struck);
        }
        let answer = vendor.throttled(limit);
        return with_pause(answer, limit.header_for(pause)).into_response();
    }
    let fault = struck.map(|struck| struck.fault);
    if let Some(answer) = fault
        .as_ref()
        .and_then(|fault| before_effect(vendor, fault, &call, &route))
    {
        return answer.into_response();
    }
    let answer = vendor.serve(call).await;
    match fault {
        Some(fault) => after_effect(vendor, fault, answer).await,
        None => answer.into_response(),
    }
}

/// The answer of a fault that replaces the service.
fn before_effect<V: SimulatedVendor>(
    vendor: &V,
    fault: &Fault,
    call: &SimRequest,
    route: &str,
) -> Option<SimResponse> {
    Some(match fault {
        Fault::Status429 { retry_after } => {
            vendor.pipeline().rejected();
            let limit = vendor.limit(route).unwrap_or(RateLimit {
                requests_max: 450,
                window: Duration::from_secs(300),
                refused: RefusedRequests::NotCounted,
                retry_after: crate::rate_limit::RetryAfter::Absent,
                shows_remaining: false,
            });
            with_pause(vendor.throttled(&limit), retry_after.clone())
        }
        Fault::Status500 => vendor.broken(),
        Fault::Deadlock => vendor.deadlocked(),
        Fault::Gateway404Html => SimResponse::gateway_page(StatusCode::NOT_FOUND),
        Fault::Gateway502Html => SimResponse::gateway_page(StatusCode::BAD_GATEWAY),
        Fault::Gateway504Html => SimResponse::gateway_page(StatusCode::GATEWAY_TIMEOUT),
        Fault::Empty403 => SimResponse::empty(StatusCode::FORBIDDEN),
        Fault::ExpireToken => vendor.end_session(call),
        Fault::RefuseConnection
        | Fault::DropResponse
        | Fault::Status500AfterEffect
        | Fault::DeadlockAfterEffect
        | Fault::Gateway504AfterEffect
        | Fault::TruncatedBody
        | Fault::UnexpectedJson
        | Fault::Delay { .. }
        | Fault::LargeBody { .. } => return None,
    })
}

/// Applies a fault that follows the service to its answer.
async fn after_effect<V: SimulatedVendor>(
    vendor: &V,
    fault: Fault,
    answer: SimResponse,
) -> Response {
    match fault {
        Fault::DropResponse => lost(false),
        Fault::Status500AfterEffect => vendor.broken().into_response(),
        Fault::DeadlockAfterEffect => vendor.deadlocked().into_response(),
        Fault::Gateway504AfterEffect => {
            SimResponse::gateway_page(StatusCode::GATEWAY_TIMEOUT).into_response()
        }
        Fault::TruncatedBody => {
            let after_bytes = answer.body.len() / 2;
            let mut response = answer.into_response();
            response
                .extensions_mut()
                .insert(ResponseTruncated { after_bytes });
            response
        }
        Fault::UnexpectedJson if answer.status.is_success() => {
            let odd = json!({ "result": { "state": "accepted" }, "items": 7 });
            SimResponse::json(answer.status, &odd).into_response()
        }
        Fault::Delay { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            answer.into_response()
        }
        Fault::LargeBody { bytes } if answer.status.is_success() => {
            let filling = Value::String("x".repeat(bytes.saturating_sub(2)));
            SimResponse::json(answer.status, &filling).into_response()
        }
        _ => answer.into_response(),
    }
}

/// Adds `Retry-After` to a refusal.
fn with_pause(answer: SimResponse, retry_after: Option<String>) -> SimResponse {
    match retry_after {
        Some(text) => answer.with_header(http::header::RETRY_AFTER, text),
        None => answer,
    }
}

/// The marker for a response that is not delivered.
fn lost(never_arrived: bool) -> Response {
    let mut response = SimResponse::empty(StatusCode::BAD_GATEWAY).into_response();
    response.extensions_mut().insert(ConnectionLost);
    if never_arrived {
        response.extensions_mut().insert(RequestNotReceived);
    }
    response
}
