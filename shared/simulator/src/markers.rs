//! Values on a response that say it does not reach the caller whole.
//!
//! A router cannot drop a connection. It answers with a mark in the response's extensions, and
//! whoever carries the answer obeys: [`serve`](crate::serve) on a socket, a harness in process.

/// The caller gets no answer: the connection is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLost;

/// Stands beside [`ConnectionLost`] when the request never arrived: nothing was done, nothing
/// was counted against a limit, and a harness may report that no connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestNotReceived;

/// The caller gets the headers and the first part of the body, then the connection is dropped.
///
/// The response carries the whole body; the carrier cuts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseTruncated {
    /// How much of the body still arrives.
    pub after_bytes: usize,
}
