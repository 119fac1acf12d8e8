//! A way to a service on which things go wrong.

use std::io;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::faults::{Fault, Faults, operation, refusal};
use crate::server::{Server, lost_answer};

/// Stands between a client and a service that speaks JSON, and lets go wrong what is planned.
/// Everything else passes as it is.
#[derive(Debug)]
pub struct FaultProxy {
    server: Server,
    faults: Faults,
}

/// Where requests go, and how each is answered.
#[derive(Clone)]
struct Forwarder {
    /// Host and port.
    target: String,
    faults: Faults,
}

impl FaultProxy {
    /// A way to the service at `endpoint`, which is plain HTTP.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start(endpoint: &str) -> io::Result<Self> {
        let faults = Faults::default();
        let way = Forwarder {
            target: endpoint.trim_start_matches("http://").to_owned(),
            faults: faults.clone(),
        };
        let router = Router::new().fallback(pass).with_state(way);
        Ok(Self {
            server: Server::start(router).await?,
            faults,
        })
    }

    /// Where clients are to send their requests.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// What is to go wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// Passes one request on, or not.
async fn pass(State(way): State<Forwarder>, headers: HeaderMap, body: Bytes) -> Response {
    let fault = way.faults.next(&operation(&headers));
    let outcome = match fault {
        None | Some(Fault::Pass) => forward(&way.target, &headers, body).await,
        Some(Fault::Refuse { status, code }) => Ok(refusal(status, code, "refused on purpose")),
        Some(Fault::LoseAnswer) => forward(&way.target, &headers, body)
            .await
            .map(|_| lost_answer()),
        Some(Fault::FailEntries {
            count,
            code,
            sender_fault,
        }) => forward_rest(&way.target, &headers, &body, count, code, sender_fault).await,
    };
    outcome.unwrap_or_else(|error| refusal(502, "BadGateway", &error.to_string()))
}

/// Sends the request to `target` and reads the whole answer.
async fn forward(target: &str, headers: &HeaderMap, body: Bytes) -> io::Result<Response> {
    let stream = TcpStream::connect(target).await?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(io::Error::other)?;
    let carrying = tokio::spawn(connection);
    let mut request = Request::post("/")
        .body(Full::new(body))
        .map_err(io::Error::other)?;
    *request.headers_mut() = headers.clone();
    request.headers_mut().remove("content-length");
    let answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    carrying.abort();
    parts.headers.remove("transfer-encoding");
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Sends all but the first `count` entries of a batch, and reports those as failed.
async fn forward_rest(
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
    count: usize,
    code: &str,
    sender_fault: bool,
) -> io::Result<Response> {
    let mut request: Value = serde_json::from_slice(body)?;
    let mut failed = request["Entries"].as_array().cloned().unwrap_or_default();
    let rest = failed.split_off(count.min(failed.len()));
    let mut answer = json!({ "Successful": [] });
    if !rest.is_empty() {
        request["Entries"] = Value::Array(rest);
        let passed = forward(target, headers, Bytes::from(request.to_string())).await?;
        let body = passed
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?;
        answer = serde_json::from_slice(&body.to_bytes())?;
    }
    let failed = failed.into_iter().map(|entry| {
        json!({ "Id": entry["Id"], "Code": code, "Message": "on purpose", "SenderFault": sender_fault })
    });
    answer["Failed"] = failed.collect();
    let mut response = Response::new(Body::from(answer.to_string()));
    let json = axum::http::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert("content-type", json);
    Ok(response)
}
