//! Reads the bodies of deliveries, within limits of size, memory and time.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, header};
use halogard_app::intake::{BODY_BYTES_MAX, Rejection};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Memory for all bodies under way, in units of [`UNIT_BYTES`]: the largest body and some thirty of 64 KiB.
const UNITS: usize = 8 * 1024;

/// The unit in which memory is reserved.
const UNIT_BYTES: usize = 1024;

/// How much memory a body reserves at once, in units, while it arrives.
const STEP_UNITS: usize = 64;

/// How long a delivery waits for memory that other bodies take.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much is read of a body that is too large, or that is not wanted. A sender that is cut off in the
/// middle sees a broken connection and not the answer, so up to here it may finish.
const DROPPED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// How long a sender whose delivery is refused may keep sending.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// The memory for bodies. When all of it is taken, the body that has been under way longest gives way, those
/// of senders that are authentic last: senders that never finish, however many, keep no delivery out.
#[derive(Clone)]
pub struct BodyMemory {
    free: Arc<Semaphore>,
    arriving: Arc<Mutex<Arriving>>,
}

/// The bodies that have not arrived to their end.
#[derive(Default)]
struct Arriving {
    /// Numbers bodies in the order in which they began.
    next: u64,
    bodies: BTreeMap<Rank, Holder>,
}

/// Whether the sender is known to be authentic, and the number of the body. The least gives way first.
type Rank = (bool, u64);

/// A body that may have to give way.
struct Holder {
    units: usize,
    give_way: Arc<Notify>,
}

/// A body, and the memory reserved for it.
#[derive(Default)]
pub struct ReceivedBody {
    /// The body.
    pub bytes: Vec<u8>,
    _reserved: Option<OwnedSemaphorePermit>,
}

impl Default for BodyMemory {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(UNITS)),
            arriving: Arc::default(),
        }
    }
}

impl BodyMemory {
    /// Reads a whole body. Memory is reserved for what has arrived, not for what the sender announces.
    /// `is_authentic` says whether the sender is known to be, whatever the body contains.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooLarge`], [`Rejection::NoMemory`] and [`Rejection::TooSlow`];
    /// [`Rejection::NotAuthentic`] for a body that breaks off: it proves nothing about its sender.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        is_authentic: bool,
    ) -> Result<ReceivedBody, Rejection> {
        let announced = announced(headers).unwrap_or(BODY_BYTES_MAX);
        let mut reservation = Reservation::begin(self.clone(), announced, is_authentic);
        let give_way = Arc::clone(&reservation.give_way);
        let reading = timeout(BODY_TIMEOUT, read(body, &mut reservation));
        let bytes = tokio::select! {
            read = reading => read.map_err(|_| Rejection::TooSlow)??,
            () = give_way.notified() => return Err(Rejection::NoMemory),
        };
        Ok(ReceivedBody {
            bytes,
            _reserved: reservation.permit.take(),
        })
    }

    /// Has bodies under way give way until `units` more will be free.
    fn make_room(&self, units: usize) {
        let mut arriving = self.arriving();
        let mut missing = units.saturating_sub(self.free.available_permits());
        while missing > 0 {
            let Some((_, oldest)) = arriving.bodies.pop_first() else {
                return;
            };
            missing = missing.saturating_sub(oldest.units);
            oldest.give_way.notify_one();
        }
    }

    fn arriving(&self) -> MutexGuard<'_, Arriving> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of a body that is arriving.
struct Reservation {
    memory: BodyMemory,
    rank: Rank,
    /// How large the body becomes, in bytes, as far as is known.
    announced: usize,
    permit: Option<OwnedSemaphorePermit>,
    /// Notified when the body has to give way.
    give_way: Arc<Notify>,
}

impl Reservation {
    fn begin(memory: BodyMemory, announced: usize, is_authentic: bool) -> Self {
        let give_way = Arc::new(Notify::new());
        let holder = Holder {
            units: 0,
            give_way: Arc::clone(&give_way),
        };
        let mut arriving = memory.arriving();
        arriving.next += 1;
        let rank = (is_authentic, arriving.next);
        arriving.bodies.insert(rank, holder);
        drop(arriving);
        Self {
            memory,
            rank,
            announced,
            permit: None,
            give_way,
        }
    }

    fn units(&self) -> usize {
        self.permit.as_ref().map_or(0, |it| it.num_permits())
    }

    /// Reserves memory for `bytes` in all.
    async fn grow_to(&mut self, bytes: usize) -> Result<(), Rejection> {
        let needed = bytes.div_ceil(UNIT_BYTES);
        if needed <= self.units() {
            return Ok(());
        }
        // No more than the whole body needs.
        let rest = self
            .announced
            .div_ceil(UNIT_BYTES)
            .saturating_sub(self.units());
        let step = (needed - self.units()).max(rest.min(STEP_UNITS));
        self.memory.make_room(step);
        let more = Arc::clone(&self.memory.free)
            .acquire_many_owned(u32::try_from(step).unwrap_or(u32::MAX));
        let Ok(Ok(more)) = timeout(MEMORY_WAIT, more).await else {
            return Err(Rejection::NoMemory);
        };
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        let units = self.units();
        if let Some(holder) = self.memory.arriving().bodies.get_mut(&self.rank) {
            holder.units = units;
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.arriving().bodies.remove(&self.rank);
    }
}

/// The size that the sender announces, in bytes.
pub fn announced(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Reads a whole body into the memory of `reservation`.
async fn read(body: Body, reservation: &mut Reservation) -> Result<Vec<u8>, Rejection> {
    let mut body = pin!(body);
    let mut kept = Parts::default();
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
        if reservation.announced <= BODY_BYTES_MAX && seen <= BODY_BYTES_MAX {
            reservation.grow_to(seen).await?;
            let rest = reservation.announced + data.len();
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

/// What has arrived of a body, in parts of one size: the memory of a body that gave way fits the next one. One
/// that grew in place would leave memory behind that the allocator keeps.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

impl Parts {
    /// Adds what has arrived; with it, up to `rest` bytes are still to come.
    fn push(&mut self, mut data: &[u8], rest: usize) {
        const PART_BYTES: usize = STEP_UNITS * UNIT_BYTES;
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
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::Bytes;
    use hyper::body::Frame;
    use tokio::task::JoinSet;
    use tokio::time::Instant;

    use super::*;

    /// A sender that sends so many bytes, in parts of 16 KiB, and then nothing more.
    struct Stalling(usize);

    impl axum::body::HttpBody for Stalling {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let part = self.0.min(16 * 1024);
            self.0 -= part;
            match part {
                0 => Poll::Pending,
                _ => Poll::Ready(Some(Ok(Frame::data(vec![b' '; part].into())))),
            }
        }
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
                        let body = Body::new(Stalling(sent));
                        memory.read(&headers, body, are_authentic).await.is_ok()
                    });
                }
                for _ in 0..10 * senders {
                    tokio::task::yield_now().await;
                }
                let began = Instant::now();
                for size in [100, 1_000_000] {
                    let body = Body::from(vec![b' '; size]);
                    let read = memory.read(&announcing(size), body, is_authentic).await;
                    assert_eq!(read.expect("room").bytes.len(), size);
                }
                assert_eq!(
                    began.elapsed(),
                    Duration::ZERO,
                    "{sent} of {senders} senders"
                );
                let most = UNITS - memory.free.available_permits();
                println!("{senders} × {sent} bytes: {most} KiB");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_is_authentic_gives_way_last() {
        let memory = BodyMemory::default();
        let slow = |is_authentic, bytes| {
            let memory = memory.clone();
            tokio::spawn(async move {
                let body = Body::new(Stalling(bytes));
                memory
                    .read(&announcing(BODY_BYTES_MAX), body, is_authentic)
                    .await
                    .err()
            })
        };
        let authentic = slow(true, 3_000_000);
        let stranger = slow(false, 3_000_000);
        tokio::task::yield_now().await;
        let body = Body::from(vec![b' '; 3_000_000]);
        let read = memory.read(&announcing(3_000_000), body, false).await;
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
        let mut under_way = JoinSet::new();
        for _ in 0..150 {
            let memory = memory.clone();
            under_way.spawn(async move {
                let body = Body::new(Stalling(BODY_BYTES_MAX));
                memory
                    .read(&announcing(BODY_BYTES_MAX + 1), body, false)
                    .await
                    .err()
            });
        }
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(memory.free.available_permits(), UNITS);
        while let Some(ended) = under_way.join_next().await {
            assert!(matches!(ended.expect("ends"), Some(Rejection::TooSlow)));
        }
    }
}
