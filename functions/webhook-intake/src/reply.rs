//! An HTTP response in the form of a function URL (payload format 2.0).

use std::collections::BTreeMap;

use halogard_halopsa::webhook::WebhookResponse;
use serde::Serialize;

/// The response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The status.
    pub status_code: u16,
    /// Headers.
    pub headers: BTreeMap<&'static str, &'static str>,
    /// The body.
    pub body: &'static str,
}

impl Reply {
    /// 200 for the health check.
    pub(crate) fn healthy() -> Self {
        Self::new(200, "content-type", "text/plain; charset=utf-8", "ok\n")
    }

    /// 404 for a path that does not exist.
    pub(crate) fn nowhere() -> Self {
        Self {
            status_code: 404,
            headers: BTreeMap::new(),
            body: "",
        }
    }

    /// 405 for a method that is not among `allowed`.
    pub(crate) fn wrong_method(allowed: &'static str) -> Self {
        Self::new(405, "allow", allowed, "")
    }

    fn new(status_code: u16, name: &'static str, value: &'static str, body: &'static str) -> Self {
        Self {
            status_code,
            headers: BTreeMap::from([(name, value)]),
            body,
        }
    }
}

impl From<WebhookResponse> for Reply {
    fn from(answer: WebhookResponse) -> Self {
        Self::new(
            answer.status,
            "content-type",
            answer.content_type(),
            answer.body,
        )
    }
}
