//! Runs of launchpoints, which Liongard's API calls timeline entries.

use halogard_domain::Timestamp;
use halogard_domain::ids::{LaunchpointId, RunId};
use halogard_wire::values::{flag, integer, required_id, text, timestamp};
use serde::Deserialize;

use super::lookup::EnvironmentRef;
use super::task::LaunchpointRef;
use crate::VendorMessage;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TimelineRow {
    /// Its number; a later run has a higher one.
    #[serde(rename = "ID", deserialize_with = "required_id")]
    pub id: RunId,
    /// What was run.
    #[serde(rename = "Launchpoint", default)]
    pub launchpoint: Option<LaunchpointRef>,
    /// The customer.
    #[serde(rename = "Environment", default)]
    pub environment: Option<EnvironmentRef>,
    /// Its status, in Liongard's words. Only `Completed` is certain to exist.
    #[serde(rename = "Status", default, deserialize_with = "text")]
    pub status: Option<String>,
    /// Whether it was requested; false for scheduled runs.
    #[serde(rename = "AdHoc", default, deserialize_with = "flag")]
    pub ad_hoc: Option<bool>,
    /// 0 for success.
    #[serde(rename = "ExitCode", default, deserialize_with = "integer")]
    pub exit_code: Option<i64>,
    /// The inspector's last message. Not for logs: see [`TimelineRow::outcome`].
    #[serde(rename = "ExitMessage", default, deserialize_with = "text")]
    pub exit_message: Option<String>,
    /// When it was scheduled.
    #[serde(rename = "ScheduledAt", default, deserialize_with = "timestamp")]
    pub scheduled_at: Option<Timestamp>,
    /// When its processing began.
    #[serde(rename = "ProcessingAt", default, deserialize_with = "timestamp")]
    pub processing_at: Option<Timestamp>,
    /// When it began to inspect.
    #[serde(rename = "RunningAt", default, deserialize_with = "timestamp")]
    pub running_at: Option<Timestamp>,
    /// When it ended.
    #[serde(rename = "FinishedAt", default, deserialize_with = "timestamp")]
    pub finished_at: Option<Timestamp>,
    /// When it was recorded.
    #[serde(rename = "CreatedOn", default, deserialize_with = "timestamp")]
    pub created_on: Option<Timestamp>,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// It has not ended.
    Underway,
    /// It succeeded.
    Succeeded,
    /// It ended without success.
    Failed {
        /// The exit code, if there is one.
        exit_code: Option<i64>,
        /// What it said, redacted.
        message: Option<VendorMessage>,
    },
}

impl TimelineRow {
    /// What was run.
    #[must_use]
    pub fn launchpoint_id(&self) -> Option<LaunchpointId> {
        self.launchpoint.as_ref()?.id
    }

    /// The state of the run.
    ///
    /// It has ended when `FinishedAt` is set, or when `Status` says `Completed`: that word alone
    /// suffices, because the spelling of the others is not known. All of those mean "in progress" until
    /// `FinishedAt` is set. An ended run succeeded with `ExitCode` 0; without any code it did unless
    /// `Status` speaks of a failure.
    #[must_use]
    pub fn outcome(&self) -> RunOutcome {
        let status = self.status.as_deref().map(str::trim);
        let is_completed = status.is_some_and(|word| word.eq_ignore_ascii_case("completed"));
        if self.finished_at.is_none() && !is_completed {
            return RunOutcome::Underway;
        }
        match self.exit_code {
            Some(0) => RunOutcome::Succeeded,
            None if !status.is_some_and(speaks_of_failure) => RunOutcome::Succeeded,
            exit_code => RunOutcome::Failed {
                exit_code,
                message: self
                    .exit_message
                    .as_deref()
                    .and_then(|text| VendorMessage::of_text(text, &[])),
            },
        }
    }
}

/// Whether the word of an ended run says that it failed.
fn speaks_of_failure(word: &str) -> bool {
    let word = word.to_lowercase();
    [
        "fail", "error", "timeout", "timed", "cancel", "abort", "expire",
    ]
    .iter()
    .any(|part| word.contains(part))
}
