//! An HTTP request as a function URL hands it over (payload format 2.0).
//!
//! Our own struct, because of the body: it stays as it came until the sender has shown the right
//! address, so that a stranger's request costs as little as possible.

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
    /// The path, percent-encoded as it was sent.
    #[serde(default)]
    raw_path: String,
    /// Headers in lower case; several of one name are joined by commas.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body as the event has it: JSON text, not yet unescaped. Absent when there is none.
    #[serde(default)]
    body: Option<Box<RawValue>>,
    /// Whether the body is base64, as everything is that is not plainly text.
    #[serde(default)]
    is_base64_encoded: bool,
    /// About the request.
    request_context: RequestContext,
}

/// About the request.
#[derive(Debug, Deserialize)]
struct RequestContext {
    /// Its HTTP part.
    http: Http,
}

/// The HTTP part of a request.
#[derive(Debug, Deserialize)]
struct Http {
    /// The method, in upper case.
    method: String,
}

impl Event {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// The path as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.raw_path
    }

    /// All values of the header `name`, in any case. Several of one name are one value here, joined
    /// by a comma: no signature, and no other credential we compare, is one of them then.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<Vec<u8>> {
        self.headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone().into_bytes())
            .collect()
    }

    /// The body's bytes as they were sent.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooLarge`], and [`Rejection::NotAuthentic`] for what is no body at all: it proves
    /// nothing about who sent it.
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

    /// Whether the body is small enough, looking at no more of it than must be.
    ///
    /// # Errors
    ///
    /// As [`Event::body`].
    pub fn check_size(&self) -> Result<(), Rejection> {
        let length = self.body.as_ref().map_or(0, |raw| raw.get().len());
        if length <= BODY_BYTES_MAX {
            // Escapes and base64 only ever make it longer.
            return Ok(());
        }
        self.body().map(drop)
    }
}
