//! Whether the template deploys what the code needs, and nothing beside it.
//!
//! The template is expanded by the transform that AWS runs itself, and every rule checks the
//! result. A rule that cannot fail proves nothing, so each is also shown the template with something
//! broken, and must find it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "the number of cases is part of the result"
)]

mod alarms;
mod cost;
mod dashboard;
mod deployment;
mod expanded;
mod functions;
mod lint;
mod parameters;
mod queues;
mod roles;
mod rule;
mod runbook;
mod sources;
mod stores;
mod variables;
