//! How the simulated instance behaves where reports differ or tests want another world.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::halopsa::SingleAnswer;
use crate::rate_limit::{RateLimit, RefusedRequests, RetryAfter};
use crate::world::World;

use super::access_keys::AccessKeySpec;
use super::runs::RunResult;

/// Which requests are sent on to their slashed form first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// None.
    Off,
    /// Collection roots without a trailing slash, whatever the method.
    CollectionRoots,
    /// Every GET without a trailing slash, as the vendor's documentation has it.
    EveryGet,
}

/// How a redirect names its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectLocation {
    /// Scheme, host and path: plain HTTP for loopback hosts, HTTPS for others.
    Absolute,
    /// The path alone.
    Relative,
}

/// How long the steps of a run take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunTimes {
    /// From the request to processing.
    pub scheduled: Duration,
    /// From processing to running.
    pub processing: Duration,
    /// From running to the end.
    pub running: Duration,
}

/// The machine's words (`Reserved`) beside the names of statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservedWords {
    /// The beginning of the name: `closed` for "Closed - Complete".
    AsNames,
    /// Words of their own: `done` for "Closed - Complete".
    Unrelated,
}

/// What `ExternalID` of an alert holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalIds {
    /// The number of its HaloPSA ticket, or nothing.
    Tickets,
    /// A number from elsewhere, which may be that of another customer's ticket.
    Unrelated,
}

/// What is answered to a request for runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAnswer {
    /// Which runs were started, and which were not.
    Lists,
    /// An empty object.
    Empty,
}

/// Liongard's own ticketing: it creates a ticket for each alert and stores its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NativeTicketing {
    /// Type of the tickets it creates.
    pub tickettype_id: i64,
    /// The agent its application works as.
    pub agent_id: i64,
    /// Whether closing and reopening an alert leaves its ticket unchanged.
    pub drifts: bool,
}

impl Default for NativeTicketing {
    /// Tickets of type "Alert" that follow their alerts.
    fn default() -> Self {
        Self {
            tickettype_id: 5,
            agent_id: 4,
            drifts: false,
        }
    }
}

/// Every switch of the simulated instance.
#[derive(Clone, Debug, PartialEq)]
pub struct SimLiongardSettings {
    /// What exists from the start; read once.
    pub world: World,
    /// Keys in force from the start; read once.
    pub access_keys: Vec<AccessKeySpec>,
    /// Requests taken per window.
    pub rate_limit: RateLimit,
    /// Which requests are redirected.
    pub redirects: Redirects,
    /// How redirects name their target.
    pub redirect_location: RedirectLocation,
    /// How one record comes back.
    pub single_answer: SingleAnswer,
    /// The same for single routes, such as `GET /environments/{id}`, in place of the above.
    pub single_answer_of: BTreeMap<String, SingleAnswer>,
    /// How long runs take.
    pub run_times: RunTimes,
    /// Whether a launchpoint that is running refuses to be started again, and with which words.
    pub busy_message: Option<&'static str>,
    /// How runs end by default.
    pub run_result: RunResult,
    /// The member that holds the list of alerts; `None` where the list is bare.
    pub tasks_envelope: Option<&'static str>,
    /// Whether the list holds closed alerts too; otherwise only their ids find them.
    pub lists_closed_alerts: bool,
    /// Whether a single record can be read at an address that ends in a slash.
    pub records_take_slash: bool,
    /// Whether an alert that does not exist is an empty list; otherwise it is 404.
    pub missing_alert_is_empty: bool,
    /// The machine's words for statuses.
    pub reserved_words: ReservedWords,
    /// What `ExternalID` holds.
    pub external_ids: ExternalIds,
    /// Whether `conditions[]` filters the timeline.
    pub timeline_filters: bool,
    /// Runs of inspectors outside this world that the timeline holds too.
    pub foreign_runs: u32,
    /// What is answered to a request for runs.
    pub run_answer: RunAnswer,
    /// Whether a run that has ended has an `ExitCode`; without one, its status is "Finished" or "Failed".
    pub runs_have_exit_code: bool,
    /// Liongard's own ticketing, if it is on.
    pub native_ticketing: Option<NativeTicketing>,
}

impl Default for SimLiongardSettings {
    /// The documented limit of 2,000 requests in five minutes; runs of thirty seconds.
    fn default() -> Self {
        Self {
            world: World::default(),
            access_keys: vec![AccessKeySpec::sample()],
            rate_limit: RateLimit {
                requests_max: 2_000,
                window: Duration::from_secs(300),
                refused: RefusedRequests::NotCounted,
                retry_after: RetryAfter::FractionalSeconds,
                shows_remaining: false,
            },
            redirects: Redirects::CollectionRoots,
            redirect_location: RedirectLocation::Absolute,
            single_answer: SingleAnswer::ArrayOfOne,
            single_answer_of: BTreeMap::new(),
            run_times: RunTimes {
                scheduled: Duration::from_secs(2),
                processing: Duration::from_secs(3),
                running: Duration::from_secs(25),
            },
            busy_message: None,
            run_result: RunResult::Completes,
            tasks_envelope: None,
            lists_closed_alerts: true,
            records_take_slash: true,
            missing_alert_is_empty: true,
            reserved_words: ReservedWords::AsNames,
            external_ids: ExternalIds::Tickets,
            timeline_filters: true,
            foreign_runs: 0,
            run_answer: RunAnswer::Lists,
            runs_have_exit_code: true,
            native_ticketing: None,
        }
    }
}
