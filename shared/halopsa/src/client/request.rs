//! One request, before it has an address.

use bytes::Bytes;
use halogard_domain::Timestamp;
use halogard_http::LongWrite;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Serialize;
use url::Url;

use crate::error::{Error, HaloRequestError};
use crate::route::HaloRoute;

/// One request to an endpoint. No `Debug`: the body may hold the key of a webhook.
pub(super) struct HaloRequest {
    /// The endpoint.
    pub(super) route: HaloRoute,
    /// What replaces `{id}`.
    id: Option<String>,
    /// What is asked for, in the order added; encoded when sent.
    query: Vec<(&'static str, String)>,
    /// The JSON to post.
    body: Option<Bytes>,
    /// When it must have been sent, if ever.
    pub(super) send_before: Option<Timestamp>,
    /// Whether HaloPSA may take a minute for it.
    is_long: bool,
}

impl HaloRequest {
    /// A request to `route` that asks for nothing in particular.
    pub(super) fn to(route: HaloRoute) -> Self {
        Self {
            route,
            id: None,
            query: Vec::new(),
            body: None,
            send_before: None,
            is_long: false,
        }
    }

    /// Waits for the answer as long as HaloPSA's gateway does: a write that is given up earlier is in doubt.
    pub(super) fn writing_records(mut self) -> Self {
        self.is_long = true;
        self
    }

    /// Does not send it at `send_before` or later.
    pub(super) fn sent_before(mut self, send_before: Timestamp) -> Self {
        self.send_before = Some(send_before);
        self
    }

    /// Fills in the `{id}` of the route.
    pub(super) fn of(mut self, id: impl ToString) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// Adds a query parameter.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Adds a query parameter, if there is a value.
    pub(super) fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a query parameter that is `true`, if `is_set`.
    pub(super) fn with_flag(self, name: &'static str, is_set: bool) -> Self {
        if is_set { self.with(name, true) } else { self }
    }

    /// Adds a query parameter of several values, if there are any.
    pub(super) fn with_list<V: ToString>(self, name: &'static str, values: &[V]) -> Self {
        if values.is_empty() {
            return self;
        }
        let values: Vec<String> = values.iter().map(V::to_string).collect();
        self.with(name, values.join(","))
    }

    /// Sets the body: an array, which every POST to HaloPSA takes, for one item too.
    pub(super) fn posting<V: Serialize>(mut self, items: &[V]) -> Result<Self, Error> {
        let body = serde_json::to_vec(items).map_err(|source| self.not_sendable(source.into()))?;
        self.body = Some(body.into());
        Ok(self)
    }

    /// The request, below `resource_url`.
    pub(super) fn to_request(&self, resource_url: &Url) -> Result<http::Request<Bytes>, Error> {
        let mut url = resource_url.clone();
        let path = format!(
            "{}{}",
            url.path().trim_end_matches('/'),
            self.route.filled(self.id.as_deref())
        );
        url.set_path(&path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = http::Request::builder()
            .method(self.route.method.clone())
            .uri(url.as_str())
            .header(ACCEPT, "application/json");
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
        }
        if self.is_long {
            request = request.extension(LongWrite);
        }
        request
            .body(self.body.clone().unwrap_or_default())
            .map_err(|source| self.not_sendable(source.into()))
    }

    /// Why this call cannot be sent.
    fn not_sendable(&self, source: HaloRequestError) -> Error {
        Error::Request {
            method: self.route.method.clone(),
            route: self.route.template,
            source,
        }
    }
}

/// `moment` as HaloPSA reads it: ISO 8601, UTC, milliseconds, `Z`.
///
/// A moment outside the calendar (beyond the year 9999) becomes 1970: "since ever" is a filter
/// that loses nothing.
pub(super) fn iso(moment: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(moment.as_millis())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{instant:.3}")
}
