//! Reads the bodies of deliveries, within limits of size, memory and time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use halogard_app::intake::{BODY_BYTES_MAX, Rejection};
use tokio::time::timeout;

use crate::body_memory::{BodyMemory, BodyRoom, NoRoom};

/// In what parts a body is kept.
const PART_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much is read of a body that is too large, or that is not wanted. A sender that is cut off in the
/// middle sees a broken connection and not the answer, so up to here it may finish.
const DROPPED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// How long a sender whose delivery is refused may keep sending.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// A body, and the memory reserved for it.
#[derive(Default)]
pub struct ReceivedBody {
    /// The body.
    pub bytes: Vec<u8>,
    _room: Option<BodyRoom>,
}

/// Reads a whole body, for which there is room in `memory`. `is_authentic` says whether the sender is known to be,
/// whatever the body contains.
///
/// # Errors
///
/// [`Rejection::TooLarge`], [`Rejection::NoMemory`] and [`Rejection::TooSlow`];
/// [`Rejection::NotAuthentic`] for a body that breaks off: it proves nothing about its sender.
pub async fn receive(
    memory: &BodyMemory,
    headers: &HeaderMap,
    body: Body,
    is_authentic: bool,
) -> Result<ReceivedBody, Rejection> {
    let announced = announced(headers).unwrap_or(BODY_BYTES_MAX);
    if announced > BODY_BYTES_MAX {
        let reading = timeout(BODY_TIMEOUT, read_unkept(body));
        reading.await.map_err(|_| Rejection::TooSlow)??;
        return Err(Rejection::TooLarge);
    }
    let room = memory.room_for(announced, is_authentic).await;
    let room = room.map_err(|NoRoom| Rejection::NoMemory)?;
    let reading = timeout(BODY_TIMEOUT, read(body, announced, &room));
    let bytes = tokio::select! {
        read = reading => read.map_err(|_| Rejection::TooSlow)??,
        () = room.give_way() => return Err(Rejection::NoMemory),
    };
    room.arrived(bytes.len());
    Ok(ReceivedBody {
        bytes,
        _room: Some(room),
    })
}

/// The size that the sender announces, in bytes.
pub fn announced(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Reads a whole body into its `room`.
async fn read(body: Body, announced: usize, room: &BodyRoom) -> Result<Vec<u8>, Rejection> {
    let mut body = pin!(body);
    let mut kept = Parts::default();
    let mut seen = 0;
    while let Some(data) = next_data(body.as_mut()).await? {
        seen += data.len();
        if seen > DROPPED_BYTES_MAX {
            break;
        }
        room.received(seen.min(BODY_BYTES_MAX));
        if seen <= BODY_BYTES_MAX {
            let rest = announced + data.len();
            kept.push(&data, rest.saturating_sub(seen).max(data.len()));
        } else {
            kept = Parts::default();
        }
    }
    if seen > BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    Ok(kept.0.concat())
}

/// Reads a body without keeping it.
async fn read_unkept(body: Body) -> Result<(), Rejection> {
    let mut body = pin!(body);
    let mut seen = 0;
    while let Some(data) = next_data(body.as_mut()).await? {
        seen += data.len();
        if seen > DROPPED_BYTES_MAX {
            break;
        }
    }
    Ok(())
}

/// What arrives next of a body; `None` at its end.
async fn next_data(mut body: Pin<&mut Body>) -> Result<Option<Bytes>, Rejection> {
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Rejection::NotAuthentic)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// What has arrived of a body, in parts of one size: the memory of a body that gave way fits the next one. One
/// that grew in place would leave memory behind that the allocator keeps.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

impl Parts {
    /// Adds what has arrived; with it, up to `rest` bytes are still to come.
    fn push(&mut self, mut data: &[u8], rest: usize) {
        while !data.is_empty() {
            match self.0.last_mut().filter(|part| part.len() < PART_BYTES) {
                Some(part) => {
                    let (fits, left) = data.split_at(data.len().min(PART_BYTES - part.len()));
                    part.extend_from_slice(fits);
                    data = left;
                }
                None => self.0.push(Vec::with_capacity(PART_BYTES.min(rest))),
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use hyper::body::Frame;
    use tokio::task::JoinSet;
    use tokio::time::{Instant, Sleep, sleep};

    use super::*;

    /// What a sender sends at once.
    const FRAME_BYTES: usize = 16 * 1024;

    /// A sender that sends so many bytes, in parts of 16 KiB with a pause before each, and then ends, or nothing more.
    struct Sender {
        bytes: usize,
        pause: Duration,
        ends: bool,
        waits: Option<Pin<Box<Sleep>>>,
    }

    impl Sender {
        fn body(bytes: usize, pause: Duration, ends: bool) -> Body {
            let waits = None;
            Body::new(Self {
                bytes,
                pause,
                ends,
                waits,
            })
        }
    }

    impl axum::body::HttpBody for Sender {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let pause = self.pause;
            let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(pause)));
            if !pause.is_zero() && waits.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.waits = None;
            let part = self.bytes.min(FRAME_BYTES);
            self.bytes -= part;
            match part {
                0 if self.ends => Poll::Ready(None),
                0 => Poll::Pending,
                _ => Poll::Ready(Some(Ok(Frame::data(vec![b' '; part].into())))),
            }
        }
    }

    /// A sender that never finishes.
    fn stalling(bytes: usize) -> Body {
        Sender::body(bytes, Duration::ZERO, false)
    }

    fn announcing(bytes: usize) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_LENGTH, bytes.into())])
    }

    #[tokio::test(start_paused = true)]
    async fn senders_that_never_finish_keep_no_delivery_out() {
        let chunked = HeaderMap::new();
        for (headers, sent, senders) in [
            (announcing(BODY_BYTES_MAX), BODY_BYTES_MAX - 1, 150),
            (chunked, BODY_BYTES_MAX - 1, 150),
            (announcing(BODY_BYTES_MAX), 0, 1_000),
            (announcing(20_000), 19_000, 1_000),
        ] {
            for (are_authentic, is_authentic) in [(false, false), (false, true), (true, true)] {
                let memory = BodyMemory::default();
                let mut under_way = JoinSet::new();
                for _ in 0..senders {
                    let (memory, headers) = (memory.clone(), headers.clone());
                    under_way.spawn(async move {
                        let body = stalling(sent);
                        receive(&memory, &headers, body, are_authentic)
                            .await
                            .is_ok()
                    });
                }
                for _ in 0..10 * senders {
                    tokio::task::yield_now().await;
                }
                let began = Instant::now();
                for size in [100, 1_000_000] {
                    let body = Body::from(vec![b' '; size]);
                    let read = receive(&memory, &announcing(size), body, is_authentic).await;
                    assert_eq!(read.expect("room").bytes.len(), size);
                }
                // By the clock of the test: each waits until those before it count as slow.
                assert!(
                    began.elapsed() < Duration::from_secs(2),
                    "{sent} of {senders} senders: {:?}",
                    began.elapsed()
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_senders_keep_no_delivery_out() {
        for (size, pause) in [(4_000_000, 100), (3_000_000, 400)] {
            let memory = BodyMemory::default();
            let mut under_way = JoinSet::<()>::new();
            for _ in 0..250 {
                let memory = memory.clone();
                let pause = Duration::from_millis(pause);
                under_way.spawn(async move {
                    loop {
                        let body = Sender::body(size, pause, true);
                        let read = receive(&memory, &announcing(size), body, false).await;
                        drop(read);
                        // A sender that is refused comes back at once.
                        tokio::task::yield_now().await;
                    }
                });
            }
            sleep(Duration::from_secs(20)).await;
            for own in [60_000, 1_000_000] {
                let body = Sender::body(own, Duration::from_millis(5), true);
                let read = receive(&memory, &announcing(own), body, false).await;
                assert!(
                    read.is_ok(),
                    "{own} bytes beside {size} bytes each {pause} ms"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_whole_bodies_keeps_no_delivery_out() {
        for size in [60_000, 1_000_000, BODY_BYTES_MAX] {
            let memory = BodyMemory::default();
            let mut under_way = JoinSet::<()>::new();
            for _ in 0..60 {
                let memory = memory.clone();
                under_way.spawn(async move {
                    loop {
                        let body = Sender::body(size, Duration::from_millis(1), true);
                        let read = receive(&memory, &announcing(size), body, false).await;
                        // Its digest is compared.
                        sleep(Duration::from_millis(2)).await;
                        drop(read);
                    }
                });
            }
            sleep(Duration::from_secs(2)).await;
            for _ in 0..10 {
                let body = Sender::body(1_000_000, Duration::from_millis(1), true);
                let read = receive(&memory, &announcing(1_000_000), body, false).await;
                assert!(read.is_ok(), "beside bodies of {size} bytes");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_is_authentic_gives_way_last() {
        let memory = BodyMemory::default();
        let slow = |is_authentic| {
            let memory = memory.clone();
            tokio::spawn(async move {
                let headers = announcing(3_000_000);
                let read = receive(&memory, &headers, stalling(1), is_authentic);
                read.await.err()
            })
        };
        let authentic = slow(true);
        let stranger = slow(false);
        tokio::task::yield_now().await;
        let body = Body::from(vec![b' '; 3_000_000]);
        let read = receive(&memory, &announcing(3_000_000), body, false).await;
        assert_eq!(read.expect("room").bytes.len(), 3_000_000);
        assert!(matches!(
            stranger.await.expect("ends"),
            Some(Rejection::NoMemory)
        ));
        assert!(!authentic.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_announced_as_too_large_takes_no_memory() {
        let memory = BodyMemory::default();
        let free = memory.free();
        let mut under_way = JoinSet::new();
        for _ in 0..150 {
            let memory = memory.clone();
            under_way.spawn(async move {
                let body = stalling(BODY_BYTES_MAX);
                receive(&memory, &announcing(BODY_BYTES_MAX + 1), body, false)
                    .await
                    .err()
            });
        }
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(memory.free(), free);
        while let Some(ended) = under_way.join_next().await {
            assert!(matches!(ended.expect("ends"), Some(Rejection::TooSlow)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_memory_is_free_again_however_bodies_end() {
        let memory = BodyMemory::default();
        let free = memory.free();
        let whole = Body::from(vec![b' '; 1_000]);
        // Chunked: its size is known at its end.
        let read = receive(&memory, &HeaderMap::new(), whole, false).await;
        let read = read.expect("room");
        assert_eq!(memory.free(), free - 1_000);
        drop(read);
        let mut under_way = JoinSet::new();
        for _ in 0..20 {
            let memory = memory.clone();
            under_way.spawn(async move {
                let headers = announcing(3_000_000);
                receive(&memory, &headers, stalling(2_000_000), false)
                    .await
                    .is_ok()
            });
        }
        sleep(Duration::from_millis(300)).await;
        // Some have begun, and some wait.
        under_way.shutdown().await;
        assert_eq!(memory.free(), free);
    }
}
