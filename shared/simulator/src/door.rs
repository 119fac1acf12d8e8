//! What every request to a simulated vendor passes: count, fault, limit, service, fault again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::counters::{Traffic, TrafficStats};
use crate::exchange::{Answer, Call};
use crate::faults::{Fault, Faults};
use crate::markers::{AnswerCut, ConnectionLost, NeverArrived};
use crate::rate_limit::{RateLimit, RefusedRequests, RollingLog};

/// A simulated vendor, as the door sees it.
pub(crate) trait Vendor: Clone + Send + Sync + 'static {
    /// The vendor's door.
    fn door(&self) -> &Door;
    /// The time.
    fn now(&self) -> i64;
    /// The "METHOD /Route" template of a request.
    fn route(&self, call: &Call) -> String;
    /// The limit in force for a route; `None` where it does not apply.
    fn limit(&self, route: &str) -> Option<RateLimit>;
    /// 429 in the vendor's words.
    fn throttled(&self, limit: &RateLimit) -> Answer;
    /// 500 in the vendor's form.
    fn broken(&self) -> Answer;
    /// 401 in the vendor's form; forgets the session behind `call`.
    fn end_session(&self, call: &Call) -> Answer;
    /// Does what the request asks.
    fn serve(&self, call: Call) -> impl Future<Output = Answer> + Send;
}

/// Faults, limit and counts of one vendor. Cheap to clone; clones share.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// What may go wrong.
    faults: Faults,
    /// Who came through.
    passed: Arc<Mutex<Passed>>,
}

/// Who came through, and what the limiter remembers of it.
#[derive(Debug, Default)]
struct Passed {
    /// The counts.
    traffic: Traffic,
    /// What fills the limiter's window.
    limited: RollingLog,
}

impl Door {
    /// A door nobody has come through.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            faults: Faults::seeded(seed),
            passed: Arc::default(),
        }
    }

    /// The faults in store.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The counts so far.
    pub(crate) fn stats(&self) -> TrafficStats {
        self.passed().traffic.stats()
    }

    /// Counts the arrival and asks the limiter; a refusal names the pause.
    fn admit(&self, route: &str, now: i64, limit: Option<&RateLimit>) -> Result<(), Duration> {
        let mut passed = self.passed();
        passed.traffic.arrived(route, now);
        if let Some(limit) = limit {
            let within = passed.limited.settle(now, limit.window);
            let full = within >= limit.requests_max;
            if !full || limit.refused == RefusedRequests::Count {
                passed.limited.add(now);
            }
            if full {
                passed.traffic.rejected();
                return Err(passed.limited.pause(now, limit));
            }
        }
        passed.traffic.accepted(now);
        Ok(())
    }

    /// Counts a 429 that a fault gave.
    fn rejected(&self) {
        self.passed().traffic.rejected();
    }

    /// Locks the counts; a panic elsewhere leaves them usable.
    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a request through the door and its answer back out.
pub(crate) async fn receive<V: Vendor>(vendor: V, request: Request) -> Response {
    let Some(call) = Call::read(request).await else {
        return Answer::empty(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    };
    let door = vendor.door();
    let route = vendor.route(&call);
    let struck = door.faults.strike(&route);
    if struck
        .as_ref()
        .is_some_and(|struck| struck.fault == Fault::RefuseConnection)
    {
        return lost(true);
    }
    let limit = vendor.limit(&route);
    if let (Err(pause), Some(limit)) = (door.admit(&route, vendor.now(), limit.as_ref()), &limit) {
        if let Some(struck) = struck {
            door.faults.put_back(&route, struck);
        }
        let answer = vendor.throttled(limit);
        return with_pause(answer, limit.header_for(pause)).into_response();
    }
    let fault = struck.map(|struck| struck.fault);
    if let Some(answer) = fault
        .as_ref()
        .and_then(|fault| instead(&vendor, fault, &call, &route))
    {
        return answer.into_response();
    }
    let answer = vendor.serve(call).await;
    match fault {
        Some(fault) => afterwards(&vendor, fault, answer).await,
        None => answer.into_response(),
    }
}

/// The answer of a fault that strikes before any effect.
fn instead<V: Vendor>(vendor: &V, fault: &Fault, call: &Call, route: &str) -> Option<Answer> {
    Some(match fault {
        Fault::Status429 { retry_after } => {
            vendor.door().rejected();
            let limit = vendor.limit(route).unwrap_or(RateLimit {
                requests_max: 450,
                window: Duration::from_secs(300),
                refused: RefusedRequests::AreFree,
                retry_after: crate::rate_limit::RetryAfter::Absent,
            });
            with_pause(vendor.throttled(&limit), retry_after.clone())
        }
        Fault::Status500 => vendor.broken(),
        Fault::Gateway502Html => Answer::gateway_page(StatusCode::BAD_GATEWAY),
        Fault::Gateway504Html => Answer::gateway_page(StatusCode::GATEWAY_TIMEOUT),
        Fault::Empty403 => Answer::empty(StatusCode::FORBIDDEN),
        Fault::ExpireToken => vendor.end_session(call),
        Fault::RefuseConnection
        | Fault::LoseAnswer
        | Fault::Status500AfterEffect
        | Fault::Gateway504AfterEffect
        | Fault::HalfBody
        | Fault::OtherShape
        | Fault::SlowBy { .. }
        | Fault::HugeBody { .. } => return None,
    })
}

/// What a fault that strikes after the effect makes of the answer.
async fn afterwards<V: Vendor>(vendor: &V, fault: Fault, answer: Answer) -> Response {
    match fault {
        Fault::LoseAnswer => lost(false),
        Fault::Status500AfterEffect => vendor.broken().into_response(),
        Fault::Gateway504AfterEffect => {
            Answer::gateway_page(StatusCode::GATEWAY_TIMEOUT).into_response()
        }
        Fault::HalfBody => {
            let after_bytes = answer.body.len() / 2;
            let mut response = answer.into_response();
            response.extensions_mut().insert(AnswerCut { after_bytes });
            response
        }
        Fault::OtherShape if answer.status.is_success() => {
            let odd = json!({ "result": { "state": "accepted" }, "items": 7 });
            Answer::json(answer.status, &odd).into_response()
        }
        Fault::SlowBy { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            answer.into_response()
        }
        Fault::HugeBody { bytes } if answer.status.is_success() => {
            let filling = Value::String("x".repeat(bytes.saturating_sub(2)));
            Answer::json(answer.status, &filling).into_response()
        }
        _ => answer.into_response(),
    }
}

/// A refusal with the pause it names.
fn with_pause(answer: Answer, retry_after: Option<String>) -> Answer {
    match retry_after {
        Some(text) => answer.with_header(http::header::RETRY_AFTER, text),
        None => answer,
    }
}

/// A response nobody gets.
fn lost(never_arrived: bool) -> Response {
    let mut response = Answer::empty(StatusCode::BAD_GATEWAY).into_response();
    response.extensions_mut().insert(ConnectionLost);
    if never_arrived {
        response.extensions_mut().insert(NeverArrived);
    }
    response
}
