//! The store of the ledger, with its delays.

use std::any::Any;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use halogard_app::ports::{PortError, Records, Revision, Stored, Swap};
use halogard_domain::Record;
use halogard_domain::budget::Ledger;

use super::sim::World;

/// The store, with its delays.
#[derive(Clone)]
pub struct SimStore {
    world: Arc<World>,
    shared: Arc<Mutex<Stored<Ledger>>>,
    pub counts: Arc<Counts>,
}

/// The operations on the store.
#[derive(Default)]
pub struct Counts {
    pub reads: AtomicU64,
    pub writes: AtomicU64,
    pub lost: AtomicU64,
    pub bytes: AtomicUsize,
}

impl SimStore {
    pub fn new(world: &Arc<World>) -> Self {
        let empty = Stored {
            value: Ledger::default(),
            revision: Revision::default(),
        };
        Self {
            world: Arc::clone(world),
            shared: Arc::new(Mutex::new(empty)),
            counts: Arc::default(),
        }
    }

    /// Half a round trip: 2 to 10 ms, now and then more.
    async fn half(&self) {
        let way = 2.0 + 2.5 * (0.6 * self.world.normal()).exp();
        let at = self.world.now() + way.round() as i64;
        self.world.sleep_until(at).await;
    }
}

impl Records for SimStore {
    async fn load_record<T: Record>(&self, _key: &T::Key) -> Result<Stored<T>, PortError> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.half().await;
        let stored = self
            .shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.half().await;
        Ok(Stored {
            value: cast(&stored.value),
            revision: stored.revision,
        })
    }

    async fn swap_record<T: Record>(
        &self,
        _key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        let writes = self.counts.writes.fetch_add(1, Ordering::Relaxed);
        if writes.is_multiple_of(997) {
            let size = serde_json::to_string(record).map_or(0, |text| text.len());
            self.counts.bytes.fetch_max(size, Ordering::Relaxed);
        }
        let ledger: Ledger = cast(record);
        self.half().await;
        let swap = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.revision == revision {
                let next = Revision(revision.0 + 1);
                *shared = Stored {
                    value: ledger,
                    revision: next,
                };
                Swap::Stored(next)
            } else {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
                Swap::Conflict(Stored {
                    value: cast(&shared.value),
                    revision: shared.revision,
                })
            }
        };
        self.half().await;
        Ok(swap)
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        Ok(Vec::new())
    }
}

/// The record as its own type. This store holds ledgers only.
fn cast<A: Any, B: Any + Clone>(record: &A) -> B {
    let record: &dyn Any = record;
    let Some(record) = record.downcast_ref::<B>() else {
        unreachable!("the store holds ledgers only")
    };
    record.clone()
}
