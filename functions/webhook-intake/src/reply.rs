//! An HTTP answer as a function URL takes it (payload format 2.0).

use std::collections::BTreeMap;

use halogard_halopsa::webhook::WebhookResponse;
use serde::Serialize;

/// The answer.
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
    /// The function answers.
    pub(crate) fn healthy() -> Self {
        Self::new(200, "content-type", "text/plain; charset=utf-8", "ok\n")
    }

    /// No address of ours.
    pub(crate) fn nowhere() -> Self {
        Self {
            status_code: 404,
            headers: BTreeMap::new(),
            body: "",
        }
    }

    /// Only `allowed` methods.
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
