//! Secrets rotate, and nothing fails meanwhile: every step in every state, in every order, stopped
//! at every call; the old credential refused at once; a person at the keyboard.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod credential_cache;
mod halopsa;
mod liongard;
mod manual;
mod rotation_function;
mod steps;
mod webhook;
