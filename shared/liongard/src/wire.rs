//! What Liongard sends and accepts, with Liongard's names.
//!
//! Rows are read leniently member by member (see [`halogard_wire::values`]) and strictly where a
//! value is needed: a row without its id is an error that names the place. Members we do not use
//! are ignored.

mod access_key;
mod envelope;
mod environment;
mod launchpoint;
mod list_reader;
mod lookup;
mod run;
mod task;
mod tasks;
mod timeline;

pub use access_key::{AccessKeyRow, KeyLifetime, NewAccessKey};
pub use environment::EnvironmentRow;
pub use launchpoint::LaunchpointRow;
pub use lookup::{EnvironmentRef, InspectorRef, LookupValue, RuleRef, Tier};
pub use run::{RunAnswer, RunRefusal};
pub use task::{LaunchpointRef, TaskRow, TimelineRef};
pub use tasks::Tasks;
pub use timeline::{RunOutcome, TimelineRow};

pub(crate) use access_key::AccessKeyWrite;
pub(crate) use envelope::unwrapped;
pub(crate) use list_reader::{Arrived, ListReader};
pub(crate) use run::{RunReply, RunWrite};

use halogard_wire::values;
use serde::Deserialize;

/// A whole number that is the entire answer, as a count.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct TaskCount(#[serde(deserialize_with = "values::integer")] pub(crate) Option<i64>);
