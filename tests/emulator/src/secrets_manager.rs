//! A Secrets Manager that is as strict as the API reference.
//!
//! Emulators are lenient just where rotation needs them not to be. Each rule stands where it is kept,
//! with the operation of the *AWS Secrets Manager API Reference* whose page states it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use crate::faults::{Fault, Faults, operation, refusal};
use crate::server::{Server, lost_answer};

mod operations;
mod secret;

use operations::Refusal;
use secret::Secrets;

/// A strict Secrets Manager on loopback, with memory. It ends when this is dropped; clones of its
/// memory serve again under another address with [`StrictSecretsManager::again`].
#[derive(Debug)]
pub struct StrictSecretsManager {
    server: Server,
    state: ServerState,
}

/// What all requests share.
#[derive(Clone, Debug, Default)]
struct ServerState {
    secrets: Arc<Mutex<Secrets>>,
    faults: Faults,
}

impl StrictSecretsManager {
    /// Starts one without secrets.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start() -> io::Result<Self> {
        Self::serve(ServerState::default()).await
    }

    /// Starts one anew that holds what this one held.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn again(self) -> io::Result<Self> {
        Self::serve(self.state.clone()).await
    }

    async fn serve(state: ServerState) -> io::Result<Self> {
        let router = Router::new().fallback(answer).with_state(state.clone());
        Ok(Self {
            server: Server::start(router).await?,
            state,
        })
    }

    /// Where it listens, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// What is to go wrong, and which calls came.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }
}

impl ServerState {
    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request.
async fn answer(State(state): State<ServerState>, headers: HeaderMap, body: Bytes) -> Response {
    let operation = operation(&headers);
    let fault = state.faults.next(&operation);
    if let Some(Fault::Refuse { status, code }) = fault {
        return refusal(status, code, "refused on purpose");
    }
    let outcome = serde_json::from_slice::<Value>(&body)
        .map_err(|_| Refusal::new("SerializationException", "the body is not JSON"))
        .and_then(|input| operations::perform(&operation, &input, &mut state.secrets()));
    if fault == Some(Fault::LoseAnswer) {
        return lost_answer();
    }
    match outcome {
        Ok(output) => {
            let mut response = Response::new(Body::from(output.to_string()));
            let json = axum::http::HeaderValue::from_static("application/x-amz-json-1.1");
            response.headers_mut().insert("content-type", json);
            response
        }
        Err(why) => refusal(400, why.code, why.message),
    }
}
