//! Values on a response that say it does not reach the caller whole.
//!
//! A router cannot close a connection. It sets a marker, and the transport applies it:
//! [`serve`](crate::serve) on a socket, a test harness in process.

/// The caller gets no answer: the connection is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLost;

/// Set beside [`ConnectionLost`] when the request was never received: it had no effect and counts
/// against no limit. A harness may report that no connection was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestNotReceived;

/// The caller gets the headers and the first part of the body, then the connection is dropped.
///
/// The response holds the whole body; the transport truncates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseTruncated {
    /// How much of the body still arrives.
    pub after_bytes: usize,
}
