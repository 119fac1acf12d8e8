//! Why there is no answer.

use std::error::Error;

/// Why there is no answer. Never holds a URL: it may carry a token.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent: the host was not found, refused, or failed the TLS handshake.
    #[error("no connection to the server: {reason}")]
    NotSent {
        /// The innermost cause, without addresses.
        reason: String,
    },
    /// The request may have arrived; no whole answer came back.
    #[error("no whole answer from the server: {reason}")]
    NoAnswer {
        /// The innermost cause, without addresses.
        reason: String,
    },
    /// The answer is larger than we are willing to hold.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
}

/// The last cause of the chain that begins with `error`.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
