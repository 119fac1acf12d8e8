//! Requests for runs, and Liongard's answers.

use halogard_domain::ids::LaunchpointId;
use halogard_wire::values::{id, required_id, text};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// The answer as sent: any JSON. What is asked for was asked for, whatever the answer says.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct RunReply(Value);

impl RunReply {
    /// The readable entries of the member `name`: a list, or one entry.
    fn entries<T: DeserializeOwned>(&self, name: &str) -> Vec<T> {
        let member = self.0.get(name).unwrap_or(&Value::Null);
        let entries = match member {
            Value::Array(entries) => entries.as_slice(),
            one => std::slice::from_ref(one),
        };
        let entries = entries.iter();
        entries
            .filter_map(|entry| T::deserialize(entry).ok())
            .collect()
    }
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

impl From<RunReply> for RunAnswer {
    fn from(reply: RunReply) -> Self {
        let started = reply.entries::<StartedLaunchpoint>("results");
        let refused = reply.entries::<RefusedLaunchpoint>("errors");
        Self {
            started: started.into_iter().map(|started| started.id).collect(),
            errors: refused.into_iter().map(RunRefusal::from).collect(),
        }
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
