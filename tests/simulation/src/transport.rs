//! The way to one simulated vendor: a request goes to its router, and on the way there and back other
//! tasks go on, people act, answers are lost and processes stop.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use halogard_http::{BodyStream, Transport, TransportError};
use halogard_simulator::{ConnectionLost, RequestNotReceived, ResponseTruncated};
use halogard_tests::{Component, CrashTiming};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use rand::RngExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::people;
use crate::sim::{Sim, Site};

/// After this time a client gives a request up.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest a slow request takes each way.
const SLOW: Duration = Duration::from_secs(12);

/// The way to one simulated vendor.
#[derive(Clone)]
pub struct SimTransport {
    pub(crate) site: Site,
    pub(crate) place: Component,
    pub(crate) router: Router,
    /// How long a request usually takes.
    pub(crate) latency: Duration,
}

/// How one request is answered.
struct Course {
    there: Duration,
    back: Duration,
    lost_before: bool,
    lost_after: bool,
    has_odd_row: bool,
    intervenes: bool,
}

impl SimTransport {
    /// Draws how a request ends.
    fn draw_course(&self, is_write: bool) -> Course {
        let mut core = self.site.sim.core();
        let rates = core.rates;
        let usual = self.latency / 2;
        let (there, back) = (core.below(usual * 2), core.below(usual * 2));
        let slow = core.chance(rates.slow);
        let timed_out = core.chance(rates.timed_out);
        let before = core.rng.random_bool(0.3);
        let slowness = core.below(SLOW);
        let mut happens = |what, it: bool| {
            if it {
                core.coverage.reached(what);
            }
            it
        };
        let slow = happens("request: slow", slow);
        let lost_before = happens("request: timed out before its effect", timed_out && before);
        let lost_after = happens("request: timed out after its effect", timed_out && !before);
        let has_odd_row = !is_write && core.chance(rates.odd_row);
        let is_halo = self.place == Component::HaloPsa;
        let intervenes = is_halo && is_write && core.oracle.intervenes && core.chance(0.02);
        Course {
            there: if slow { there + slowness } else { there },
            back: if slow { back + slowness } else { back },
            lost_before,
            lost_after,
            has_odd_row,
            intervenes,
        }
    }

    /// Carries the request there and the answer back.
    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let Site { sim, name, .. } = &self.site;
        let method = request.method().clone();
        let target = request.uri().path_and_query().map(ToString::to_string);
        let target = target.unwrap_or_default();
        let is_write = method == Method::POST && !target.contains("/auth/");
        let course = self.draw_course(is_write);
        let _in_flight = CreateInFlight::of(sim, &target, request.body());
        sim.scheduler.pause(course.there).await;
        if course.lost_before {
            sim.scheduler.pause(TIMEOUT).await;
            return Err(no_answer("no answer in time"));
        }
        let writes = (is_write && self.place == Component::HaloPsa).then(|| request.body().clone());
        if course.intervenes {
            people::intervene(sim, writes.as_ref());
        }
        let before = writes.map(|body| sim.core().oracle.before_write(&sim.halo, &target, &body));
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        let response = match answered {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let now = sim.scheduler.now();
        {
            let mut core = sim.core();
            if let Some(before) = before {
                let crate::sim::Core {
                    oracle, coverage, ..
                } = &mut *core;
                oracle.after_write(&sim.halo, before, now, coverage);
            }
            core.oracle.find_new_tickets(&sim.halo, now);
            let status = response.status().as_u16();
            core.note(now, name, method.as_str(), &format!("{target} {status}"));
        }
        let taken = if course.lost_after {
            TIMEOUT
        } else {
            course.back
        };
        sim.scheduler.pause(taken).await;
        let (parts, body) = response.into_parts();
        if parts.extensions.get::<RequestNotReceived>().is_some() {
            return Err(TransportError::NotSent {
                reason: "the connection was refused".to_owned(),
            });
        }
        let cut = parts.extensions.get::<ResponseTruncated>().is_some();
        if course.lost_after || cut || parts.extensions.get::<ConnectionLost>().is_some() {
            return Err(no_answer("the connection was closed"));
        }
        let body = body.collect().await;
        let body = body
            .map_err(|_| no_answer("the body broke off"))?
            .to_bytes();
        let body = if course.has_odd_row {
            self.with_odd_row(body)
        } else {
            body
        };
        Ok(Response::from_parts(parts, body))
    }

    /// The list with an odd member in one of its rows; any other body as it is.
    fn with_odd_row(&self, body: Bytes) -> Bytes {
        let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
            return body;
        };
        let rows = match &mut json {
            Value::Object(object) => object
                .iter_mut()
                .find(|(name, _)| name.eq_ignore_ascii_case("tickets"))
                .map(|(_, rows)| rows),
            _ => None,
        };
        let Some(Value::Array(rows)) = rows else {
            return body;
        };
        if rows.is_empty() {
            return body;
        }
        let mut core = self.site.sim.core();
        let index = core.rng.random_range(0..rows.len());
        let odd = [
            ("last_update", Value::from("n/a")),
            ("last_update", Value::from("2099-01-01T00:00:00")),
            ("client_id", Value::from("abc")),
            ("summary", serde_json::json!({ "a": 1 })),
            ("status_id", Value::Null),
            ("agent_id", serde_json::json!([1])),
        ];
        let (member, value) = odd[core.rng.random_range(0..odd.len())].clone();
        if let Some(Value::Object(row)) = rows.get_mut(index) {
            row.insert(member.to_owned(), value);
            core.coverage.reached("list: odd row");
        }
        serde_json::to_vec(&json).map_or(body, Bytes::from)
    }
}

/// A request that opens tickets, from its sending to its answer.
struct CreateInFlight(Option<Sim>);

impl CreateInFlight {
    /// The request with `body` to `target`, if it opens tickets.
    fn of(sim: &Sim, target: &str, body: &Bytes) -> Self {
        if !target.to_lowercase().contains("/tickets") || body.is_empty() {
            return Self(None);
        }
        let items = serde_json::from_slice::<Value>(body).ok();
        let opens = |item: &Value| item.get("id").is_none();
        let opens = match items {
            Some(Value::Array(items)) => items.iter().any(opens),
            _ => false,
        };
        if opens {
            sim.core().oracle.create_begins(sim.scheduler.now());
        }
        Self(opens.then(|| sim.clone()))
    }
}

impl Drop for CreateInFlight {
    fn drop(&mut self) {
        if let Some(sim) = &self.0 {
            sim.core().oracle.create_ends();
        }
    }
}

/// The request was sent, and no answer came.
fn no_answer(reason: &str) -> TransportError {
    TransportError::NoAnswer {
        reason: reason.to_owned(),
    }
}

impl Transport for SimTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.site.visit(self.place, CrashTiming::Before).await;
        let answer = self.carry(request).await;
        self.site.visit(self.place, CrashTiming::After).await;
        answer
    }

    async fn stream(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<BodyStream>, TransportError> {
        Ok(self.send(request).await?.map(BodyStream::whole))
    }
}
