//! Why a request has no answer.

use std::error::Error;
use std::io;

use crate::tls;

/// The HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be built")]
pub struct BuildError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// Why a request has no answer. Never holds a URL: it may carry a token.
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
    /// The answer is larger than the client accepts.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
}

/// The innermost cause of `error`, as a sentence. A failed TLS negotiation names what Halogard supports.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    loop {
        if let Some(refused) = tls_error(last).and_then(tls::negotiation_failure) {
            return refused;
        }
        match last.source() {
            Some(cause) => last = cause,
            None => return last.to_string(),
        }
    }
}

/// The TLS error that `error` is or, as an I/O error, wraps.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| {
        let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
        tls_error(wrapped)
    })
}
