//! An HTTP request in the form of a function URL (payload format 2.0).
//!
//! A struct of this crate instead of `lambda_http`, because of the body: it stays raw JSON until the token in the path is
//! verified, so that an unauthenticated request costs as little as possible.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_app::intake::{BODY_BYTES_MAX, Rejection};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The path as received, percent-encoded.
    #[serde(default)]
    raw_path: String,
    /// Headers in lower case; several of one name are joined by commas.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body as JSON text, not yet unescaped; `None` if the request has none.
    #[serde(default)]
    body: Option<Box<RawValue>>,
    /// Whether the body is base64: AWS encodes everything that is not a text type.
    #[serde(default)]
    is_base64_encoded: bool,
    /// The request's metadata.
    request_context: RequestContext,
}

/// The request's metadata.
#[derive(Debug, Deserialize)]
struct RequestContext {
    /// The HTTP part.
    http: HttpContext,
}

/// The HTTP part of the metadata.
#[derive(Debug, Deserialize)]
struct HttpContext {
    /// The method, in upper case.
    method: String,
}

impl Event {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// The path as received.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.raw_path
    }

    /// The values of the header `name`, in any case. AWS joins repeated headers with a comma; such a value matches no
    /// signature and no other credential.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<Vec<u8>> {
        self.headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone().into_bytes())
            .collect()
    }

    /// The names of the headers.
    #[must_use]
    pub fn header_names(&self) -> Vec<String> {
        self.headers.keys().cloned().collect()
    }

    /// The body as the sender sent it.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooLarge`], and [`Rejection::NotAuthentic`] if the body cannot be decoded, for then no
    /// signature can match it.
    pub fn body(&self) -> Result<Vec<u8>, Rejection> {
        let Some(raw) = &self.body else {
            return Ok(Vec::new());
        };
        let text: Option<String> =
            serde_json::from_str(raw.get()).map_err(|_| Rejection::NotAuthentic)?;
        let text = text.unwrap_or_default();
        let body = if self.is_base64_encoded {
            STANDARD.decode(text).map_err(|_| Rejection::NotAuthentic)?
        } else {
            text.into_bytes()
        };
        if body.len() > BODY_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        Ok(body)
    }

    /// Checks the size of the body, and decodes it only if the raw text is over the limit.
    ///
    /// # Errors
    ///
    /// As [`Event::body`].
    pub fn check_size(&self) -> Result<(), Rejection> {
        let length = self.body.as_ref().map_or(0, |raw| raw.get().len());
        if length <= BODY_BYTES_MAX {
            // Escapes and base64 only make it longer.
            return Ok(());
        }
        self.body().map(drop)
    }
}
