//! The simulated Liongard.

mod access_keys;
mod alert;
mod alert_actions;
mod conditions;
mod environments;
mod inventory;
mod launchpoints;
mod lookups;
mod native_tickets;
mod routes;
mod runs;
mod settings;
mod state;
mod timeline;
mod views;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::clock::SimClock;
use crate::faults::Faults;
use crate::halopsa::HaloPsa;
use crate::http_message::{SimRequest, SimResponse};
use crate::pipeline::{self, RequestPipeline, SimulatedVendor};
use crate::rate_limit::RateLimit;

pub use access_keys::{AccessKeySpec, Role};
pub use alert_actions::{AlertChange, AlertSpec};
pub use runs::RunResult;
pub use settings::{
    ExternalIds, NativeTicketing, RedirectLocation, Redirects, ReservedWords, RunAnswer, RunTimes,
    SimLiongardSettings,
};
pub use views::{AlertView, LiongardStats, RunView};

use state::LiongardState;

/// The simulated Liongard: one instance with memory. Cheap to clone; clones share the instance.
#[derive(Clone)]
pub struct Liongard {
    /// The instance's memory.
    state: Arc<Mutex<LiongardState>>,
    /// What every request passes.
    pipeline: RequestPipeline,
    clock: Arc<dyn SimClock>,
}

impl std::fmt::Debug for Liongard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Liongard").finish_non_exhaustive()
    }
}

impl Liongard {
    /// A fresh instance without an alert. Everything left to chance follows from `seed`.
    #[must_use]
    pub fn new(settings: SimLiongardSettings, clock: Arc<dyn SimClock>, seed: u64) -> Self {
        let now = clock.now_millis();
        Self {
            state: Arc::new(Mutex::new(LiongardState::new(settings, seed, now))),
            pipeline: RequestPipeline::seeded(seed ^ 0x110a),
            clock,
        }
    }

    /// Connects the HaloPSA inspector, and native ticketing if enabled, to `halo`.
    pub fn connect(&self, halo: HaloPsa) {
        self.state().halo = Some(halo);
    }

    /// Everything the instance serves: `/api/v1` and `/api/v2`.
    pub fn router(&self) -> Router {
        async fn receive(State(liongard): State<Liongard>, request: Request) -> Response {
            pipeline::receive(liongard, request).await
        }
        Router::new().fallback(receive).with_state(self.clone())
    }

    /// The faults in store for this instance's callers.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.pipeline.faults()
    }

    /// Changes settings while the instance runs.
    pub fn change_settings(&self, change: impl FnOnce(&mut SimLiongardSettings)) {
        change(&mut self.state().settings);
    }

    /// Locks the instance; a panic elsewhere leaves it usable.
    fn state(&self) -> MutexGuard<'_, LiongardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the instance with every run finished whose time has come.
    fn current_state(&self) -> MutexGuard<'_, LiongardState> {
        let now = self.clock.now_millis();
        let mut state = self.state();
        state.advance_to(now);
        state
    }
}

impl SimulatedVendor for Liongard {
    fn pipeline(&self) -> &RequestPipeline {
        &self.pipeline
    }

    fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    fn route(&self, call: &SimRequest) -> String {
        routes::template(call)
    }

    fn limit(&self, _route: &str) -> Option<RateLimit> {
        Some(self.state().settings.rate_limit.clone())
    }

    fn throttled(&self, limit: &RateLimit) -> SimResponse {
        let text = format!(
            "Too many requests: {} requests per {} seconds are allowed",
            limit.requests_max,
            limit.window.as_secs()
        );
        SimResponse::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "error": text }))
    }

    fn broken(&self) -> SimResponse {
        SimResponse::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "message": "Internal server error" }),
        )
    }

    fn end_session(&self, _call: &SimRequest) -> SimResponse {
        access_keys::invalid_session()
    }

    async fn serve(&self, call: SimRequest) -> SimResponse {
        let now = self.clock.now_millis();
        self.current_state().answer(&call, now)
    }
}
