//! One request, before it has an address.

use bytes::Bytes;
use halogard_http::TransportError;
use halogard_wire::BodyError;
use serde::Serialize;
use url::Url;

use crate::error::{Error, LiongardRequestError};
use crate::route::{LiongardRoute, PathEnding};

/// One request to an endpoint.
#[derive(Debug)]
pub(super) struct LiongardRequest {
    /// The endpoint.
    pub(super) route: LiongardRoute,
    /// What replaces `{…}` in its path.
    part: Option<String>,
    /// The query, unescaped.
    query: Vec<(&'static str, String)>,
    /// The body, if it has one.
    pub(super) body: Option<Bytes>,
}

impl LiongardRequest {
    /// A request to `route` that asks for nothing in particular.
    pub(super) fn to(route: LiongardRoute) -> Self {
        Self {
            route,
            part: None,
            query: Vec::new(),
            body: None,
        }
    }

    /// Fills in the `{…}` of the route.
    pub(super) fn of(mut self, part: impl ToString) -> Self {
        self.part = Some(part.to_string());
        self
    }

    /// Adds a query parameter.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Adds a condition that the member at `path` equals `value`.
    ///
    /// Liongard may ignore it: check each row again.
    pub(super) fn where_equal(self, path: &'static str, value: u64) -> Self {
        let condition = serde_json::json!({ "path": path, "op": "=", "value": value });
        self.with("conditions[]", condition)
    }

    /// Sets the body.
    pub(super) fn posting<V: Serialize>(mut self, body: &V) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|source| self.not_sendable(source))?;
        self.body = Some(body.into());
        Ok(self)
    }

    /// The address below the origin of `base`.
    pub(super) fn url(&self, base: &Url, ending: PathEnding) -> Url {
        let mut url = base.clone();
        url.set_path(&self.route.path(self.part.as_deref(), ending));
        url.set_query(None);
        url.set_fragment(None);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// The error that nothing was sent because of `source`.
    pub(super) fn not_sendable(&self, source: impl Into<LiongardRequestError>) -> Error {
        Error::Request {
            method: self.route.method(),
            route: self.route.template,
            source: source.into(),
        }
    }

    /// The error that no whole answer came.
    pub(super) fn unanswered(&self, source: TransportError) -> Error {
        Error::Transport {
            method: self.route.method(),
            route: self.route.template,
            source,
        }
    }

    /// The error that the answer is a success, and not what was promised.
    pub(super) fn invalid_body(&self, invalid: BodyError) -> Error {
        Error::Body {
            method: self.route.method(),
            route: self.route.template,
            path: invalid.path,
            problem: invalid.problem,
        }
    }
}
