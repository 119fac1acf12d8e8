//! The memory for the bodies of deliveries under way.
//!
//! A body is read once there is room for all of it; until then its sender waits, and what it sends stays in the
//! network. So the bodies that have begun arrive at the full speed of the machine and leave soon, instead of
//! pushing each other out half read. The next one to begin is that of an authentic sender, or else the one that
//! came first, where a large body counts as one that came later. A body that arrives too slowly gives way to one
//! that waits: senders that never finish, however many, keep no delivery out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Memory for all bodies under way, in bytes: the largest body, and some thirty of 64 KiB.
const TOTAL_BYTES: usize = 8 * 1024 * 1024;

/// How long a body waits for room. With its way through the network less than the ten seconds after which a
/// sender gives up.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// How much later a body counts as having come, for each [`SPEED_MIN`] bytes of it. None waits so long that one of
/// 6 MiB begins before one of 1 MiB.
const LATER_BY: Duration = Duration::from_secs(2);

/// A body of which nothing has arrived for so long gives way.
const STALLED_AFTER: Duration = Duration::from_millis(500);

/// A body that is slower than this, in bytes a second after the first [`STALLED_AFTER`], gives way.
const SPEED_MIN: u32 = 1024 * 1024;

/// How often it is checked whether a body has become too slow, while another one waits.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// The memory for bodies. Clones share it.
#[derive(Clone)]
pub struct BodyMemory(Arc<Mutex<Bodies>>);

struct Bodies {
    free: usize,
    /// Numbers bodies in the order in which they came.
    next: u64,
    waiting: BTreeMap<Turn, Waiting>,
    begun: BTreeMap<Turn, Begun>,
}

/// When the turn of a body comes, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    is_authentic: Reverse<bool>,
    counts_from: Instant,
    number: u64,
}

/// A body for which there is no room yet.
struct Waiting {
    bytes: usize,
    /// Notified when there is.
    notify: Arc<Notify>,
}

/// A body for which room is reserved.
struct Begun {
    bytes: usize,
    progress: Progress,
    /// Notified when it has to give way.
    notify: Arc<Notify>,
}

/// How far a body is that has begun.
#[derive(Clone, Copy)]
enum Progress {
    /// It arrives.
    Arriving {
        since: Instant,
        last_at: Instant,
        received: usize,
    },
    /// All of it has arrived.
    Arrived,
    /// It has to give way, and will in a moment.
    GivingWay,
}

/// The room of one body. It is free again when this is dropped.
pub struct BodyRoom {
    memory: BodyMemory,
    turn: Turn,
    notify: Arc<Notify>,
}

/// There was no room for a body in time.
#[derive(Debug)]
pub struct NoRoom;

impl Default for BodyMemory {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Bodies {
            free: TOTAL_BYTES,
            next: 0,
            waiting: BTreeMap::new(),
            begun: BTreeMap::new(),
        })))
    }
}

impl BodyMemory {
    /// Waits until there is room for a body of `bytes`, at most the largest one. `is_authentic` says whether its
    /// sender is known to be, whatever the body contains.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] after [`WAIT_MAX`].
    pub async fn room_for(&self, bytes: usize, is_authentic: bool) -> Result<BodyRoom, NoRoom> {
        let room = self.enter(bytes, is_authentic);
        let begins = async {
            while timeout(CHECK_EVERY, room.notify.notified()).await.is_err() {
                self.bodies().begin_next();
            }
        };
        timeout(WAIT_MAX, begins).await.map_err(|_| NoRoom)?;
        Ok(room)
    }

    /// Enters a body among those that wait; it begins at once if there is room.
    fn enter(&self, bytes: usize, is_authentic: bool) -> BodyRoom {
        let notify = Arc::new(Notify::new());
        let mut bodies = self.bodies();
        bodies.next += 1;
        let turn = Turn {
            is_authentic: Reverse(is_authentic),
            counts_from: Instant::now() + time_for(bytes, LATER_BY),
            number: bodies.next,
        };
        let waiting = Waiting {
            bytes,
            notify: Arc::clone(&notify),
        };
        bodies.waiting.insert(turn, waiting);
        bodies.begin_next();
        drop(bodies);
        BodyRoom {
            memory: self.clone(),
            turn,
            notify,
        }
    }

    fn bodies(&self) -> MutexGuard<'_, Bodies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that no body has reserved.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.bodies().free
    }
}

impl Bodies {
    /// Lets those that wait begin, one after the other, as far as there is room. If there is none for the next one,
    /// bodies that are too slow give way to it.
    fn begin_next(&mut self) {
        while let Some(next) = self.waiting.first_entry() {
            let missing = next.get().bytes.saturating_sub(self.free);
            if missing > 0 {
                let is_authentic = next.key().is_authentic.0;
                self.make_room(missing, is_authentic);
                return;
            }
            let (turn, waiting) = next.remove_entry();
            self.free -= waiting.bytes;
            let now = Instant::now();
            let begun = Begun {
                bytes: waiting.bytes,
                progress: Progress::Arriving {
                    since: now,
                    last_at: now,
                    received: 0,
                },
                notify: waiting.notify,
            };
            begun.notify.notify_one();
            self.begun.insert(turn, begun);
        }
    }

    /// Has bodies that have begun give way until `missing` bytes more will be free: those that are too slow, and for
    /// an authentic sender any other sender's. The one of which nothing has arrived for longest goes first, those of
    /// authentic senders last.
    fn make_room(&mut self, missing: usize, is_authentic: bool) {
        let now = Instant::now();
        let leaving = self.begun.values();
        let leaving = leaving.filter(|it| matches!(it.progress, Progress::GivingWay));
        let mut missing = missing.saturating_sub(leaving.map(|it| it.bytes).sum());
        let mut candidates: Vec<_> = self
            .begun
            .iter_mut()
            .filter_map(|(turn, begun)| {
                let last_at = begun.progress.last_at()?;
                let is_stranger = !turn.is_authentic.0;
                let gives_way = begun.progress.is_slow(now) || (is_authentic && is_stranger);
                gives_way.then_some(((!is_stranger, last_at), begun))
            })
            .collect();
        candidates.sort_by_key(|(order, _)| *order);
        for (_, begun) in candidates {
            if missing == 0 {
                return;
            }
            missing = missing.saturating_sub(begun.bytes);
            begun.progress = Progress::GivingWay;
            begun.notify.notify_one();
        }
    }
}

impl Progress {
    /// When something last arrived, of a body that arrives.
    const fn last_at(self) -> Option<Instant> {
        match self {
            Self::Arriving { last_at, .. } => Some(last_at),
            Self::Arrived | Self::GivingWay => None,
        }
    }

    /// Whether it arrives too slowly at `now` for another one to wait.
    fn is_slow(self, now: Instant) -> bool {
        let Self::Arriving {
            since,
            last_at,
            received,
        } = self
        else {
            return false;
        };
        let expected_at = since + STALLED_AFTER + time_for(received, Duration::from_secs(1));
        now >= last_at + STALLED_AFTER || now > expected_at
    }
}

impl BodyRoom {
    /// Records that `received` bytes have arrived in all.
    pub fn received(&self, received: usize) {
        let mut bodies = self.memory.bodies();
        if let Some(begun) = bodies.begun.get_mut(&self.turn)
            && let Progress::Arriving { since, .. } = begun.progress
        {
            begun.progress = Progress::Arriving {
                since,
                last_at: Instant::now(),
                received,
            };
        }
    }

    /// Records that the body has arrived, and has `bytes`: the rest of its room is free.
    pub fn arrived(&self, bytes: usize) {
        let mut bodies = self.memory.bodies();
        let Some(begun) = bodies.begun.get_mut(&self.turn) else {
            return;
        };
        let rest = begun.bytes.saturating_sub(bytes);
        begun.bytes -= rest;
        begun.progress = Progress::Arrived;
        bodies.free += rest;
        bodies.begin_next();
    }

    /// Waits until the body has to give way.
    pub async fn give_way(&self) {
        self.notify.notified().await;
    }
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        let mut bodies = self.memory.bodies();
        bodies.waiting.remove(&self.turn);
        if let Some(begun) = bodies.begun.remove(&self.turn) {
            bodies.free += begun.bytes;
        }
        bodies.begin_next();
    }
}

/// The time that `bytes` take, if [`SPEED_MIN`] bytes take `time`.
fn time_for(bytes: usize, time: Duration) -> Duration {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    time * bytes / SPEED_MIN
}
