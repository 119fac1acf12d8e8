//! Requests for runs, and Liongard's answers.

use halogard_domain::ids::LaunchpointId;
use halogard_wire::body::{BodyError, BodyProblem};
use halogard_wire::values::{OneOrMany, id, required_id, text};
use serde::{Deserialize, Serialize};

use crate::VendorMessage;

/// The body of a request for runs.
#[derive(Debug, Serialize)]
pub(crate) struct RunWrite<'a> {
    /// What to run. The capital P is the vendor's.
    #[serde(rename = "LaunchPoints")]
    pub(crate) launchpoints: &'a [LaunchpointId],
}

/// What happened to each launchpoint that was requested. A successful answer may contain refusals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunAnswer {
    /// Those that Liongard started.
    pub started: Vec<LaunchpointId>,
    /// Those that it refused.
    pub errors: Vec<RunRefusal>,
}

/// A launchpoint that was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRefusal {
    /// Which one; `None` when Liongard did not say.
    pub launchpoint: Option<LaunchpointId>,
    /// Why, in Liongard's words, redacted.
    pub message: Option<VendorMessage>,
}

impl RunAnswer {
    /// Whether Liongard says that it started `launchpoint`. A launchpoint that is neither started nor
    /// refused was ignored.
    #[must_use]
    pub fn has_started(&self, launchpoint: LaunchpointId) -> bool {
        self.started.contains(&launchpoint)
    }

    /// Why `launchpoint` was not started: the refusal that names it, or else, if it was not
    /// started, one that names none.
    #[must_use]
    pub fn refusal_of(&self, launchpoint: LaunchpointId) -> Option<&RunRefusal> {
        let of = |whose| {
            self.errors
                .iter()
                .find(|refusal| refusal.launchpoint == whose)
        };
        let nameless = || (!self.has_started(launchpoint)).then(|| of(None)).flatten();
        of(Some(launchpoint)).or_else(nameless)
    }
}

/// The answer as sent. The lower-case names beside the upper-case ones are the vendor's.
#[derive(Debug, Deserialize)]
pub(crate) struct RunReply {
    results: Option<OneOrMany<StartedLaunchpoint>>,
    errors: Option<OneOrMany<RefusedLaunchpoint>>,
}

/// One entry of `results`.
#[derive(Debug, Deserialize)]
struct StartedLaunchpoint {
    #[serde(rename = "ID", deserialize_with = "required_id")]
    id: LaunchpointId,
}

/// One entry of `errors`.
#[derive(Debug, Deserialize)]
struct RefusedLaunchpoint {
    #[serde(rename = "ID", default, deserialize_with = "id")]
    id: Option<LaunchpointId>,
    #[serde(rename = "Message", default, deserialize_with = "text")]
    message: Option<String>,
}

impl TryFrom<RunReply> for RunAnswer {
    type Error = BodyError;

    /// An answer without either list is not an answer of this endpoint.
    fn try_from(reply: RunReply) -> Result<Self, BodyError> {
        if reply.results.is_none() && reply.errors.is_none() {
            return Err(BodyError::at("results", BodyProblem::Missing));
        }
        let results = reply.results.map(|many| many.0).unwrap_or_default();
        let errors = reply.errors.map(|many| many.0).unwrap_or_default();
        Ok(Self {
            started: results.into_iter().map(|started| started.id).collect(),
            errors: errors.into_iter().map(RunRefusal::from).collect(),
        })
    }
}

impl From<RefusedLaunchpoint> for RunRefusal {
    fn from(refused: RefusedLaunchpoint) -> Self {
        Self {
            launchpoint: refused.id,
            message: refused
                .message
                .as_deref()
                .and_then(|text| VendorMessage::of_text(text, &[])),
        }
    }
}
