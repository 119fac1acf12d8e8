//! Bodies of answers, as they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::TransportError;
use crate::client::classify;
use crate::decoding::BodyDecoder;

/// The body of an answer, piece by piece.
pub struct BodyStream(Source);

/// Where the pieces come from.
enum Source {
    /// It is here already.
    Memory(VecDeque<Bytes>),
    /// The network.
    Network {
        answer: Box<reqwest::Response>,
        decoder: Option<BodyDecoder>,
        idle_timeout: Duration,
    },
}

impl BodyStream {
    /// A body that is here already.
    #[must_use]
    pub fn whole(body: Bytes) -> Self {
        Self::in_pieces([body])
    }

    /// A body that is here already, in these pieces.
    #[must_use]
    pub fn in_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self(Source::Memory(pieces.into_iter().collect()))
    }

    /// The body of `answer`; each piece arrives within `idle_timeout`.
    pub(crate) fn of(answer: reqwest::Response, idle_timeout: Duration) -> Self {
        let decoder = Some(BodyDecoder::of(answer.headers()));
        Self(Source::Network {
            answer: Box::new(answer),
            decoder,
            idle_timeout,
        })
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`TransportError::NoAnswer`] when the body breaks off, or nothing arrives for too long.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, TransportError> {
        let (answer, decoder, idle_timeout) = match &mut self.0 {
            Source::Memory(pieces) => return Ok(pieces.pop_front()),
            Source::Network {
                answer,
                decoder,
                idle_timeout,
            } => (answer, decoder, *idle_timeout),
        };
        let Some(decoding) = decoder else {
            return Ok(None);
        };
        let Ok(piece) = tokio::time::timeout(idle_timeout, answer.chunk()).await else {
            return Err(no_answer("timed out"));
        };
        match piece.map_err(|error| classify(&error))? {
            Some(piece) => match decoding.decode(&piece) {
                Ok(decoded) => Ok(Some(decoded.map_or(piece, Bytes::from))),
                Err(_) => Err(no_answer("the compressed body is broken")),
            },
            None => match decoder.take().map(BodyDecoder::finish) {
                None => Ok(None),
                Some(Ok(rest)) => Ok(Some(rest.into()).filter(|rest: &Bytes| !rest.is_empty())),
                Some(Err(_)) => Err(no_answer("the compressed body breaks off")),
            },
        }
    }

    /// The whole body, at most `limit_bytes` long.
    ///
    /// # Errors
    ///
    /// As [`next_piece`](Self::next_piece), and [`TransportError::TooLarge`].
    pub async fn collect(mut self, limit_bytes: usize) -> Result<Bytes, TransportError> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.next_piece().await? {
            if body.len() + piece.len() > limit_bytes {
                return Err(TransportError::TooLarge { limit_bytes });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

/// The body does not arrive as a whole.
fn no_answer(reason: &str) -> TransportError {
    TransportError::NoAnswer {
        reason: reason.to_owned(),
    }
}
