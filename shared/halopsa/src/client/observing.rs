//! Reads that show HaloPSA's own form of an answer, for the probe of its dialect.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::Timestamp;
use halogard_http::Transport;
use http::StatusCode;
use serde_json::Value;

use super::Client;
use super::request::{HaloRequest, iso};
use crate::route::HaloRoute;

/// What one read was answered with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum JsonAnswer {
    /// A success, as it was sent.
    Json(Value),
    /// Another status.
    Refused(StatusCode),
    /// It was not asked for, or no answer came.
    #[default]
    None,
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// Reads at `route`, with `id` in its place, asking for `query`; never fails. Spends one request.
    pub(crate) async fn observe(
        &self,
        route: HaloRoute,
        id: Option<u64>,
        query: &[(&'static str, String)],
    ) -> JsonAnswer {
        let mut call = HaloRequest::to(route);
        if let Some(id) = id {
            call = call.of(id);
        }
        for (name, value) in query {
            call = call.with(name, value);
        }
        match self.fetch(&call).await {
            Ok(body) => serde_json::from_slice(&body).map_or(JsonAnswer::None, JsonAnswer::Json),
            Err(error) => error.status().map_or(JsonAnswer::None, JsonAnswer::Refused),
        }
    }

    /// `moment` as queries name it.
    pub(crate) fn time_text(&self, moment: Timestamp) -> String {
        iso(moment)
    }

    /// The scopes that are asked for.
    pub(crate) fn scopes(&self) -> &str {
        &self.scopes
    }
}
