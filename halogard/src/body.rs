//! Reads the bodies of deliveries, within limits of size, memory and time.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, header};
use halogard_app::intake::{BODY_BYTES_MAX, Rejection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Memory for all bodies under way, in units of [`UNIT_BYTES`]: five of the largest.
const UNITS: usize = 32 * 1024;

/// The unit in which memory is reserved.
const UNIT_BYTES: usize = 1024;

/// How long a delivery waits for memory that other bodies take.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much is read of a body that is too large, or that is not wanted. A sender that is cut off in the
/// middle sees a broken connection and not the answer, so up to here it may finish.
const DROPPED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// How long a sender whose delivery is refused may keep sending.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// The memory for bodies.
pub struct BodyMemory(Arc<Semaphore>);

/// A body, and the memory reserved for it.
pub struct ReceivedBody {
    /// The body.
    pub bytes: Vec<u8>,
    _reserved: OwnedSemaphorePermit,
}

impl Default for BodyMemory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNITS)))
    }
}

impl BodyMemory {
    /// Reads a whole body. Memory for what the sender announces is reserved before anything is read.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooLarge`], [`Rejection::NoMemory`] and [`Rejection::TooSlow`];
    /// [`Rejection::NotAuthentic`] for a body that breaks off: it proves nothing about its sender.
    pub async fn read(&self, headers: &HeaderMap, body: Body) -> Result<ReceivedBody, Rejection> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let bytes = match announced {
            Some(length) if length > BODY_BYTES_MAX => 0,
            Some(length) => length,
            None => BODY_BYTES_MAX,
        };
        // At most six million bytes, so the number of units is small.
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let reserved = timeout(MEMORY_WAIT, Arc::clone(&self.0).acquire_many_owned(units)).await;
        let Ok(Ok(reserved)) = reserved else {
            return Err(Rejection::NoMemory);
        };
        let bytes = timeout(BODY_TIMEOUT, read(body, announced.map_or(0, |_| bytes)))
            .await
            .map_err(|_| Rejection::TooSlow)??;
        Ok(ReceivedBody {
            bytes,
            _reserved: reserved,
        })
    }
}

/// Reads a whole body; `expected` bytes are likely.
async fn read(body: Body, expected: usize) -> Result<Vec<u8>, Rejection> {
    let mut body = pin!(body);
    let mut kept = Vec::with_capacity(expected);
    let mut seen = 0;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Rejection::NotAuthentic)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen > DROPPED_BYTES_MAX {
            break;
        }
        if seen <= BODY_BYTES_MAX {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    if seen > BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    Ok(kept)
}

/// Takes what a refused sender still sends, for a moment and without keeping it: closing a connection with
/// unread bytes may destroy the answer before the sender has read it.
pub fn discard(body: Body) {
    let discarding = async move {
        let mut body = pin!(body);
        let mut seen = 0;
        while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            seen += frame.data_ref().map_or(0, |data| data.len());
            if seen > BODY_BYTES_MAX {
                break;
            }
        }
    };
    tokio::spawn(timeout(REFUSED_TIMEOUT, discarding));
}
