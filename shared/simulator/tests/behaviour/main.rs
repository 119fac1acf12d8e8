//! How the simulated vendors behave, seen through their routers.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test it helps"
)]

mod admin;
mod admin_document;
mod caller;
mod halopsa_faults;
mod halopsa_lists;
mod halopsa_sign_in;
mod halopsa_tickets;
mod halopsa_webhooks;
mod liongard_access;
mod liongard_alerts;
mod liongard_runs;
mod sockets;
