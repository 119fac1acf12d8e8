//! The template and the built functions, deployed on the emulator with policies enforced, between
//! both simulated vendors.
//!
//! Real processes, real time: a test polls what it waits for, up to a bound. Latency
//! is not measured here; the emulator takes a tenth of a second for each call of a function.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "the number of cases is part of the result"
)]

mod aws_cli;
mod binaries;
mod deployment;
mod end_to_end;
mod operator_commands;
mod permissions;
mod poison;
mod policies;
mod recursion;
mod rotation;
mod topic;
