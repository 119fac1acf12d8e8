//! Callers that talk to a router in process.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use halogard_simulator::{HaloPsa, Liongard, ManualClock, SimHaloSettings, SimLiongardSettings};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A Monday morning in January 2026, with a fraction of a second.
pub const MORNING: i64 = 1_767_600_041_043;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub extensions: http::Extensions,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request.
pub async fn send(router: &Router, request: Request<Body>) -> Reply {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        extensions: parts.extensions,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// A HaloPSA tenant and a signed-in caller.
pub struct HaloHarness {
    pub halo: HaloPsa,
    pub clock: ManualClock,
    pub token: String,
}

/// The scopes the sample application has.
pub const SCOPES: &str = "read:tickets edit:tickets read:customers admin";

impl HaloHarness {
    /// A tenant with these settings.
    pub async fn with(change: impl FnOnce(&mut SimHaloSettings)) -> Self {
        let clock = ManualClock::at_millis(MORNING);
        let mut settings = SimHaloSettings::default();
        change(&mut settings);
        let halo = HaloPsa::new(settings, Arc::new(clock.clone()), 7);
        let mut tenant = Self {
            halo,
            clock,
            token: String::new(),
        };
        tenant.sign_in().await;
        tenant
    }

    /// A tenant with stock settings.
    pub async fn stock() -> Self {
        Self::with(|_| {}).await
    }

    /// Gets a fresh token.
    pub async fn sign_in(&mut self) {
        let answer = self
            .request_token("first-secret-of-the-sample", SCOPES)
            .await;
        if answer.status == 200 {
            answer.json()["access_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut self.token);
        }
    }

    /// Asks for a token.
    pub async fn request_token(&self, secret: &str, scope: &str) -> Reply {
        let form = format!(
            "grant_type=client_credentials&client_id=8d3f6a52-halogard-sync&client_secret={secret}&scope={}",
            scope.replace(' ', "+").replace(':', "%3A")
        );
        let request = Request::post("/auth/token?tenant=harbourstreet")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form));
        send(&self.halo.router(), request.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        send(&self.halo.router(), request.unwrap()).await
    }

    /// Creates a ticket and returns its id.
    pub async fn create(&self, summary: &str) -> i64 {
        let answer = self.post("/Tickets", &json!([new_ticket(summary)])).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_i64().unwrap()
    }
}

/// A ticket for the first customer.
pub fn new_ticket(summary: &str) -> Value {
    json!({ "tickettype_id": 5, "client_id": 17, "summary": summary, "priority_id": 2 })
}

/// A Liongard instance and the key of a caller.
pub struct LiongardHarness {
    pub liongard: Liongard,
    pub clock: ManualClock,
    pub key: String,
}

/// The header's value for a pair.
pub fn key_header(id: &str, secret: &str) -> String {
    STANDARD.encode(format!("{id}:{secret}"))
}

impl LiongardHarness {
    /// An instance with these settings.
    pub fn with(change: impl FnOnce(&mut SimLiongardSettings)) -> Self {
        Self::by(ManualClock::at_millis(MORNING), change)
    }

    /// An instance that goes by this clock.
    pub fn by(clock: ManualClock, change: impl FnOnce(&mut SimLiongardSettings)) -> Self {
        let mut settings = SimLiongardSettings::default();
        change(&mut settings);
        let liongard = Liongard::new(settings, Arc::new(clock.clone()), 7);
        let key = key_header(
            "0a1b2c3d4e5f60718293",
            "sample-secret-of-the-first-liongard-key",
        );
        Self {
            liongard,
            clock,
            key,
        }
    }

    /// An instance with stock settings.
    pub fn stock() -> Self {
        Self::with(|_| {})
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("host", "127.0.0.1:9000")
            .header("x-roar-api-key", &self.key)
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        send(&self.liongard.router(), request.unwrap()).await
    }
}
