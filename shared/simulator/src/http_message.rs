//! One request as the simulated vendors read it, one answer as they give it.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

/// Largest request body read; more is refused, as a gateway would.
const REQUEST_BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct SimRequest {
    pub(crate) method: Method,
    /// The path as sent.
    pub(crate) path: String,
    /// The path's non-empty segments, decoded, as sent.
    pub(crate) segments: Vec<String>,
    /// Host and port the request was sent to, where the request says so.
    pub(crate) host: Option<String>,
    /// The query as sent.
    pub(crate) raw_query: Option<String>,
    /// The query, decoded, in order.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
}

impl SimRequest {
    /// Reads a request to its end; `None` when the body is too large or breaks off.
    pub(crate) async fn read(request: Request) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, REQUEST_BODY_MAX_BYTES)
            .collect()
            .await
            .ok()?
            .to_bytes();
        let host = parts
            .headers
            .get(http::header::HOST)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .or_else(|| parts.uri.authority().map(ToString::to_string));
        let path = parts.uri.path().to_owned();
        let segments = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| decoded(part, false));
        Some(Self {
            segments: segments.collect(),
            host,
            raw_query: parts.uri.query().map(str::to_owned),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            method: parts.method,
            path,
            headers: parts.headers,
            body,
        })
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Decoded pairs of a query string or a form.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name, true), decoded(value, true))
        });
        Self(pairs.collect())
    }

    /// The first value under `name`, in any case.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value under `name`, in any case.
    pub(crate) fn all<'query, 'name>(
        &'query self,
        name: &'name str,
    ) -> impl Iterator<Item = &'query str> + use<'query, 'name> {
        let named = move |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// A whole number; text that is not one counts as not given.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// A list of whole numbers, separated by commas.
    pub(crate) fn numbers(&self, name: &str) -> Option<Vec<i64>> {
        let text = self.text(name)?;
        Some(
            text.split(',')
                .filter_map(|part| part.trim().parse().ok())
                .collect(),
        )
    }

    /// Whether the value is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// Undoes percent encoding; in queries a plus sign is a blank.
fn decoded(text: &str, plus_is_blank: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%')
            .then(|| {
                after
                    .get(..2)
                    .and_then(|pair| std::str::from_utf8(pair).ok())
            })
            .flatten()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if first == b'+' && plus_is_blank {
                    b' '
                } else {
                    first
                });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer before any fault touches it.
#[derive(Clone, Debug)]
pub(crate) struct SimResponse {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// What the body is, `None` for an empty one.
    content_type: Option<&'static str>,
    /// Further headers.
    headers: Vec<(HeaderName, String)>,
}

impl SimResponse {
    /// A JSON body with 200.
    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// A JSON body.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let body = Bytes::from(body.to_string());
        Self {
            status,
            body,
            content_type: Some("application/json; charset=utf-8"),
            headers: vec![],
        }
    }

    /// No body at all.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: Bytes::new(),
            content_type: None,
            headers: vec![],
        }
    }

    /// Plain text.
    pub(crate) fn text(status: StatusCode, body: &str) -> Self {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Self {
            status,
            body,
            content_type: Some("text/plain; charset=utf-8"),
            headers: vec![],
        }
    }

    /// A gateway's page.
    pub(crate) fn gateway_page(status: StatusCode) -> Self {
        let title = format!(
            "{} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        );
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self {
            status,
            body: page.into(),
            content_type: Some("text/html"),
            headers: vec![],
        }
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer as the router gives it.
    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in self.headers {
            // A value a script made up may not be fit for a header; it is then left out.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_found_in_any_case() {
        let query = Query::parse("Search_Summary=%5BLG-991%5D+disk&count=5&x&bad=%zz");
        assert_eq!(query.text("search_summary"), Some("[LG-991] disk"));
        assert_eq!(query.number("COUNT"), Some(5));
        assert_eq!(query.text("x"), Some(""));
        assert_eq!(query.text("bad"), Some("%zz"));
    }
}
