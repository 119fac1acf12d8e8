//! The request budget that any number of instances share: the domain's ledger in a store, and in
//! each process a few permits leased from it.
//!
//! A lease is one conditional write, which also tells what became of the permits before. Between two
//! leases permits are handed out without asking anybody. A holder that dies takes its lease with it;
//! the ledger frees that later by itself.

mod backoff;
mod permit_cache;
mod waiting;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;
use halogard_domain::Timestamp;
use halogard_domain::budget::{Ledger, Limit, Pace, PermitRequest, Priority};

use crate::ports::{
    BudgetError, Clock, LedgerStore, Permit, PermitOutcome, PortError, RequestBudget, Stored, Swap,
};
use permit_cache::{PermitCache, Reports};
pub use waiting::{Sleep, WaitingBudget};

/// How often a lease is tried when others are faster each time.
const LEASE_ATTEMPTS: u32 = 4;

/// The request budget of one process, on a ledger that others share.
///
/// Clones are one holder. Call [`hand_back`](Self::hand_back) before the process stops or is
/// frozen: permits it holds are lost to everybody until they free themselves.
pub struct SharedBudget<S, C> {
    holder: Arc<Holder<S, C>>,
    priority: Priority,
}

/// What all clones of a budget have in common.
struct Holder<S, C> {
    store: S,
    limit: Limit,
    pace: Pace,
    clock: C,
    cache: Mutex<PermitCache>,
    /// One lease at a time: who waits for it finds permits afterwards.
    lease_lock: AsyncMutex<()>,
}

impl<S: LedgerStore, C: Clock> SharedBudget<S, C> {
    /// The budget under `limit`, on the ledger in `store`. Asks nobody anything yet.
    ///
    /// All budgets on one ledger draw from the same slots, whatever limit each of them was given.
    #[must_use]
    pub fn new(store: S, limit: Limit, clock: C) -> Self {
        // Without random numbers instances that wait come back together, and cost each other writes.
        let seed = getrandom::u64().unwrap_or_default();
        Self::seeded(store, limit, clock, Pace::default(), seed)
    }

    /// The same for a server that is known to count in a way, and with a seed for what chance
    /// decides: when to come back where many wait.
    #[must_use]
    pub fn seeded(store: S, limit: Limit, clock: C, pace: Pace, seed: u64) -> Self {
        Self {
            holder: Arc::new(Holder {
                store,
                limit,
                pace,
                clock,
                cache: Mutex::new(PermitCache::new(seed)),
                lease_lock: AsyncMutex::new(()),
            }),
            priority: Priority::default(),
        }
    }

    /// The same holder, asking for `share` of the limit.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self {
            holder: Arc::clone(&self.holder),
            priority,
        }
    }

    /// Gives back the permits that were leased and not used, and tells what became of the others.
    /// One write if there is anything to tell, none otherwise.
    ///
    /// # Errors
    ///
    /// The store failed; the permits free themselves later.
    pub async fn release_unused(&self) -> Result<(), BudgetError> {
        let _guard = self.holder.lease_lock.lock().await;
        self.holder.cache().drop_permits();
        self.holder.report().await
    }

    /// Requests left in the window as of the newest ledger this process has seen; `None` before the
    /// first.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        let now = self.holder.clock.now();
        let cache = self.holder.cache();
        let ledger = &cache.known.as_ref()?.value;
        let used = u64::try_from(ledger.in_use(now)).unwrap_or(u64::MAX);
        let all = u64::from(ledger.effective_limit(&self.holder.limit));
        Some(all.saturating_sub(used))
    }
}

impl<S, C> Clone for SharedBudget<S, C> {
    fn clone(&self) -> Self {
        Self {
            holder: Arc::clone(&self.holder),
            priority: self.priority,
        }
    }
}

impl<S: LedgerStore, C: Clock> RequestBudget for SharedBudget<S, C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        let holder = &*self.holder;
        if let Some(answer) = holder.cache().take(holder.clock.now(), self.priority) {
            return answer;
        }
        let _guard = holder.lease_lock.lock().await;
        // Perhaps somebody of this process has leased meanwhile.
        if let Some(answer) = holder.cache().take(holder.clock.now(), self.priority) {
            return answer;
        }
        holder.lease(self.priority).await
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        let holder = &*self.holder;
        let now = holder.clock.now();
        holder.cache().note(permit.slot, now, outcome);
        if outcome == PermitOutcome::Completed {
            return Ok(());
        }
        // The others must know at once, and what is leased would be refused as well.
        let _guard = holder.lease_lock.lock().await;
        holder.cache().drop_permits();
        holder.report().await
    }
}

impl<S: LedgerStore, C: Clock> Holder<S, C> {
    fn cache(&self) -> MutexGuard<'_, PermitCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases permits and takes the first.
    async fn lease(&self, priority: Priority) -> Result<Permit, BudgetError> {
        let want = match priority {
            // One by one: what urgent work leases and does not use, nobody else can.
            Priority::Urgent => 1,
            Priority::Normal | Priority::Bulk => self.cache().want(self.clock.now()),
        };
        let ask = PermitRequest {
            permits_max: want,
            priority,
            pace: self.pace,
        };
        let (mut stored, mut fresh) = self.current_ledger().await?;
        for _ in 0..LEASE_ATTEMPTS {
            let now = self.clock.now();
            let (mut ledger, reports) = self.with_reports(&stored);
            let granted = match ledger.grant(now, &self.limit, &ask) {
                Ok(granted) => granted,
                Err(_) if !fresh => {
                    // Perhaps others have told since of permits that are free earlier.
                    stored = self.load().await?;
                    fresh = true;
                    continue;
                }
                Err(denied) => {
                    if reports.is_due(now, &self.limit) {
                        self.report_once(&ledger, &stored, &reports).await?;
                    }
                    return Err(self.cache().denied(now, denied, priority));
                }
            };
            match self.swap(&ledger, &stored).await? {
                Swap::Stored(revision) => {
                    let mut cache = self.cache();
                    cache.reported(&reports);
                    cache.wrote(Stored {
                        value: ledger,
                        revision,
                    });
                    cache.leased(now, granted, priority);
                    // The store may have been slow: what is too old by now is not used.
                    let taken = cache.take(self.clock.now(), priority);
                    return taken.unwrap_or(Err(BudgetError::Exhausted {
                        until: self.clock.now(),
                    }));
                }
                Swap::Conflict(newer) => {
                    self.cache().conflicted();
                    stored = newer;
                    fresh = true;
                }
            }
        }
        let now = self.clock.now();
        Err(self.cache().contended(now))
    }

    /// Tells what became of permits, if there is anything to tell.
    async fn report(&self) -> Result<(), BudgetError> {
        if self.cache().reports().is_empty() {
            return Ok(());
        }
        let (mut stored, _) = self.current_ledger().await?;
        for _ in 0..LEASE_ATTEMPTS {
            let (ledger, reports) = self.with_reports(&stored);
            match self.swap(&ledger, &stored).await? {
                Swap::Stored(revision) => {
                    let mut cache = self.cache();
                    cache.reported(&reports);
                    cache.wrote(Stored {
                        value: ledger,
                        revision,
                    });
                    return Ok(());
                }
                Swap::Conflict(newer) => {
                    self.cache().conflicted();
                    stored = newer;
                }
            }
        }
        // Told with the next lease; until then the slots stay taken, which is safe.
        Ok(())
    }

    /// One try to tell, where a denial leaves nothing else to write.
    async fn report_once(
        &self,
        ledger: &Ledger,
        stored: &Stored<Ledger>,
        reports: &Reports,
    ) -> Result<(), BudgetError> {
        if let Swap::Stored(revision) = self.swap(ledger, stored).await? {
            let mut cache = self.cache();
            cache.reported(reports);
            cache.wrote(Stored {
                value: ledger.clone(),
                revision,
            });
        }
        Ok(())
    }

    /// The ledger to begin with, and whether it was just read. A holder that is alone knows the
    /// newest: it wrote it.
    async fn current_ledger(&self) -> Result<(Stored<Ledger>, bool), BudgetError> {
        let known = self.cache().known_if_sole_writer();
        match known {
            Some(known) => Ok((known, false)),
            None => Ok((self.load().await?, true)),
        }
    }

    /// The ledger with our reports in it, and what these are.
    fn with_reports(&self, stored: &Stored<Ledger>) -> (Ledger, Reports) {
        let reports = self.cache().reports();
        let mut ledger = stored.value.clone();
        reports.enter(&mut ledger, &self.limit);
        (ledger, reports)
    }

    async fn load(&self) -> Result<Stored<Ledger>, BudgetError> {
        let stored = self.store.load_ledger().await.map_err(failed)?;
        self.cache().read(&stored);
        Ok(stored)
    }

    fn swap(
        &self,
        ledger: &Ledger,
        stored: &Stored<Ledger>,
    ) -> impl Future<Output = Result<Swap, BudgetError>> + Send {
        let swap = self.store.swap_ledger(ledger, stored.revision);
        async { swap.await.map_err(failed) }
    }
}

/// The store failed.
fn failed(error: PortError) -> BudgetError {
    BudgetError::Store {
        reason: error.chain(),
    }
}

/// When a denied holder comes back.
fn spent(until: Timestamp) -> BudgetError {
    BudgetError::Exhausted { until }
}
