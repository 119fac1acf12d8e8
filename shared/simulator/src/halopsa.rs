//! The simulated HaloPSA.

mod actions;
mod auth;
mod client_api;
mod delivery;
mod events;
mod like;
mod outbox;
mod reference_data;
mod refusal;
mod routes;
mod settings;
mod state;
mod technician;
mod ticket;
mod ticket_draft;
mod ticket_fields;
mod ticket_list;
mod ticket_rows;
mod ticket_writes;
mod untriaged;
mod views;
mod webhook_api;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use crate::clock::SimClock;
use crate::faults::Faults;
use crate::http_message::{SimRequest, SimResponse};
use crate::pipeline::{self, RequestPipeline, SimulatedVendor};
use crate::rate_limit::RateLimit;

pub use delivery::deliver_webhooks;
pub use outbox::{DeliveryRecord, DeliveryResult, OutgoingDelivery};
pub use settings::{
    ApiApplication, ApplicationNames, ArrayFailure, AssignmentRule, DateSearchSpelling,
    DeletedLists, DeliveryBehaviour, EventNames, IncludeClosed, Misconfigurations, SignatureForm,
    SimHaloSettings, SingleAnswer, TeamReference, TitleRule, TitleSearch, UnaskedOrder,
    UntriagedWrites, WebhookForms,
};
pub(crate) use technician::IntegrationTicket;
pub use technician::{TicketEdit, TicketSpec};
pub use views::{ActionView, HaloStats, TicketView};
pub use webhooks::{Batching, PayloadSize, WebhookAuth, WebhookSpec, event_numbers};

use state::HaloState;

/// The simulated HaloPSA: one tenant with memory. Cheap to clone; clones share the tenant.
#[derive(Clone)]
pub struct HaloPsa {
    /// The tenant's memory.
    state: Arc<Mutex<HaloState>>,
    /// What every request passes.
    pipeline: RequestPipeline,
    clock: Arc<dyn SimClock>,
}

impl std::fmt::Debug for HaloPsa {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HaloPsa").finish_non_exhaustive()
    }
}

impl HaloPsa {
    /// A fresh tenant. Everything left to chance follows from `seed`.
    #[must_use]
    pub fn new(settings: SimHaloSettings, clock: Arc<dyn SimClock>, seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(HaloState::new(settings, seed))),
            pipeline: RequestPipeline::seeded(seed ^ 0x4a10),
            clock,
        }
    }

    /// Everything the tenant serves: `/auth` and `/api`, in any letter case.
    pub fn router(&self) -> Router {
        async fn receive(State(halo): State<HaloPsa>, request: Request) -> Response {
            pipeline::receive(halo, request).await
        }
        Router::new().fallback(receive).with_state(self.clone())
    }

    /// The faults in store for this tenant's callers.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.pipeline.faults()
    }

    /// Changes settings while the tenant runs.
    pub fn change_settings(&self, change: impl FnOnce(&mut SimHaloSettings)) {
        change(&mut self.state().settings);
    }

    /// Locks the tenant, with every late write done whose time has come; a panic elsewhere leaves it usable.
    fn state(&self) -> MutexGuard<'_, HaloState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.land_late_writes(self.clock.now_millis());
        state
    }
}

impl SimulatedVendor for HaloPsa {
    fn pipeline(&self) -> &RequestPipeline {
        &self.pipeline
    }

    fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    fn route(&self, call: &SimRequest) -> String {
        routes::template(call)
    }

    fn limit(&self, route: &str) -> Option<RateLimit> {
        let state = self.state();
        let applies = state.settings.limit_covers_sign_in || !routes::is_sign_in(route);
        applies.then(|| state.settings.rate_limit.clone())
    }

    fn throttled(&self, limit: &RateLimit) -> SimResponse {
        refusal::throttled(limit)
    }

    fn broken(&self) -> SimResponse {
        refusal::exception(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Execution Timeout Expired. The timeout period elapsed prior to completion.",
        )
    }

    fn deadlocked(&self) -> SimResponse {
        refusal::exception(
            StatusCode::BAD_REQUEST,
            "Transaction (Process ID 71) was deadlocked on lock resources with another process and has been \
             chosen as the deadlock victim. Rerun the transaction.",
        )
    }

    fn end_session(&self, call: &SimRequest) -> SimResponse {
        self.state().forget_token(call);
        refusal::unauthorised()
    }

    async fn serve(&self, call: SimRequest) -> SimResponse {
        routes::serve(self, &call).await
    }
}
