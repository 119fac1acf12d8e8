//! What is to go wrong next, by operation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

/// One thing that goes wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: a place in the plan for a call that goes well.
    Pass,
    /// The service does nothing and answers with this status and code.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The service's code.
        code: &'static str,
    },
    /// The service does what it is asked, and its answer gets lost.
    LoseAnswer,
    /// Of a batch, the first entries, this many, are not done and are reported with this code.
    FailEntries {
        /// How many.
        count: usize,
        /// The code of each.
        code: &'static str,
        /// Whether they themselves are to blame.
        sender_fault: bool,
    },
}

/// Faults to come and calls that came. Clones are one plan.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    to_come: BTreeMap<String, VecDeque<Fault>>,
    calls: BTreeMap<String, usize>,
}

impl Faults {
    /// The next call of `operation` that nothing is planned for goes wrong like this.
    pub fn plan(&self, operation: &str, fault: Fault) {
        let mut plan = self.lock();
        plan.to_come
            .entry(operation.to_owned())
            .or_default()
            .push_back(fault);
    }

    /// Calls of `operation` so far, those that went wrong included.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        self.lock().calls.get(operation).copied().unwrap_or(0)
    }

    /// Faults that have not happened yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.lock().to_come.values().map(VecDeque::len).sum()
    }

    /// Counts a call of `operation`; what is to go wrong with it.
    pub(crate) fn next(&self, operation: &str) -> Option<Fault> {
        let mut plan = self.lock();
        *plan.calls.entry(operation.to_owned()).or_default() += 1;
        plan.to_come.get_mut(operation)?.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The operation a request asks for, `SendMessage` of `AmazonSQS.SendMessage`.
pub(crate) fn operation(headers: &HeaderMap) -> String {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    let name = target.and_then(|target| target.rsplit('.').next());
    name.unwrap_or_default().to_owned()
}

/// An error as services that speak JSON word it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Response {
    let body = json!({ "__type": code, "message": message, "Message": message });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() =
        axum::http::StatusCode::from_u16(status).unwrap_or(axum::http::StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        axum::http::HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    response
}
