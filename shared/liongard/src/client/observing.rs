//! Reads that show Liongard's own form of an answer, for the probe of its dialect.

use halogard_http::Transport;
use http::header::LOCATION;
use serde_json::Value;

use super::request::LiongardRequest;
use super::{Client, Reading};
use crate::origin;
use crate::route::{LiongardRoute, PathEnding};

/// The most of an answer that is read, in bytes: a list of everything may be a hundred megabytes.
const LOOKED_AT_BYTES_MAX: usize = 64 * 1024;

/// What one read was answered with. A redirect is an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    /// Where a redirect leads, as it says so.
    pub(crate) location: Option<String>,
    /// The beginning of the body.
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    /// Whether it leads elsewhere.
    pub(crate) const fn is_redirect(&self) -> bool {
        self.status >= 300 && self.status < 400
    }

    /// Whether it is a success.
    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The first character of the body that is not white space.
    pub(crate) fn first_sign(&self) -> Option<u8> {
        self.body.trim_ascii_start().first().copied()
    }

    /// The body, if all of it was read.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl<T: Transport> Client<T> {
    /// Reads at `route`, with `part` in its place and its address ending so; `None` where no answer came.
    pub(crate) async fn observe(
        &self,
        route: LiongardRoute,
        part: Option<u64>,
        ending: PathEnding,
    ) -> Option<RawAnswer> {
        let mut call = LiongardRequest::to(route);
        if let Some(part) = part {
            call = call.of(part);
        }
        self.observe_call(&call, ending).await
    }

    /// Reads the timeline of `launchpoint` alone, as far as Liongard applies the filter.
    pub(crate) async fn observe_timeline(&self, launchpoint: u64) -> Option<RawAnswer> {
        let route = crate::route::TIMELINE;
        let call = LiongardRequest::to(route).where_equal("Launchpoint/ID", launchpoint);
        self.observe_call(&call, PathEnding::Slash).await
    }

    async fn observe_call(&self, call: &LiongardRequest, ending: PathEnding) -> Option<RawAnswer> {
        let held = self.keys.current().await.ok()?;
        let url = call.url(&self.base, ending);
        let answer = self
            .send(call, Reading::Stream, &url, &held.key)
            .await
            .ok()?;
        let (parts, mut stream) = answer.into_parts();
        let is_redirect = origin::is_redirect(parts.status);
        let location = parts.headers.get(LOCATION).filter(|_| is_redirect);
        let location = location.and_then(|value| value.to_str().ok());
        let mut body = Vec::new();
        while body.len() < LOOKED_AT_BYTES_MAX {
            match stream.next_piece().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break,
                Err(_) => return None,
            }
        }
        Some(RawAnswer {
            status: parts.status.as_u16(),
            location: location.map(str::to_owned),
            body,
        })
    }
}
