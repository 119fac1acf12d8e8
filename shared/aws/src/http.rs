//! Sends the SDK's requests with the HTTP client that the vendors' requests use too.
//!
//! The SDK's own client would bring a second copy of everything: HTTP/2, which none of the services called here
//! speaks, another connection pool, and a reader of the system's root certificates.

use aws_smithy_runtime_api::client::http::{
    HttpClient as SdkHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use halogard_http::{HttpClient, Transport as _, TransportError};

/// The client, as the SDK wants it. How long a call may take is said by the client's settings and
/// by the SDK's around it.
#[derive(Clone, Debug)]
pub(crate) struct Http(pub(crate) HttpClient);

/// Why a request of the SDK was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the request's body is a stream, which none of our calls needs")]
struct Streamed;

impl SdkHttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { send(&client, request).await })
    }
}

/// Sends one request.
async fn send(client: &HttpClient, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let user = |error| ConnectorError::user(error);
    let request = request
        .try_into_http1x()
        .map_err(|error| user(error.into()))?;
    let (head, body) = request.into_parts();
    let body = body.bytes().ok_or_else(|| user(Streamed.into()))?;
    let body = Bytes::copy_from_slice(body);
    let answer = client
        .send(http::Request::from_parts(head, body))
        .await
        .map_err(failed)?;
    HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| {
        // A response that cannot be buffered counts as none; the caller may retry.
        ConnectorError::io(error.into())
    })
}

/// A failure as the SDK sorts them: whatever the network did may be tried again.
fn failed(error: TransportError) -> ConnectorError {
    match error {
        TransportError::TooLarge { .. } => ConnectorError::other(error.into(), None),
        TransportError::NotSent { .. } | TransportError::NoAnswer { .. } => {
            ConnectorError::io(error.into())
        }
    }
}
