//! Every fault at every call, and the process stopped at every point: whatever happens, both sides
//! agree in the end, and nothing is done twice.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod commands;
mod crashes;
mod dialects;
mod script;
