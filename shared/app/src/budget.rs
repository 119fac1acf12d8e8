//! The request budget that all instances share: the domain's ledger in a store, and in each process a
//! few permits leased from it.
//!
//! A lease is one conditional write, which also reports the outcomes of earlier permits. Between two
//! leases a process grants permits without any call. The permits of a process that dies free
//! themselves in the ledger later.

mod backoff;
mod permit_cache;
mod waiting;

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;
use halogard_domain::Timestamp;
use halogard_domain::budget::{Ledger, Limit, Pace, PermitRequest, Priority, WorkStage};
use halogard_domain::record::Singleton;
use halogard_domain::time::SteadyTime;

use crate::ports::{
    BudgetError, Clock, Permit, PermitOutcome, PortError, Records, RequestBudget, Stored, Swap,
};
use permit_cache::{PermitCache, Reports, Use};
pub use waiting::{FINISH_WAIT_MAX, Sleep, WaitingBudget};

/// How often a lease is tried when other processes write the ledger first.
const LEASE_ATTEMPTS: u32 = 4;

/// The request budget of one process, on a ledger shared with other processes.
///
/// Clones share their permits. Call [`release_unused`](Self::release_unused) before the process stops or
/// is frozen: otherwise its permits are unusable for all processes until they free themselves.
pub struct SharedBudget<S, C> {
    holder: Arc<Holder<S, C>>,
    priority: Priority,
}

/// What all clones of a budget share.
struct Holder<S, C> {
    store: S,
    limit: Limit,
    pace: Pace,
    clock: C,
    cache: Mutex<PermitCache>,
    /// Held while leasing. A task that waited for it finds permits in the cache.
    lease_lock: AsyncMutex<()>,
}

impl<S: Records, C: Clock> SharedBudget<S, C> {
    /// The budget under `limit`, on the ledger in `store`. Makes no call yet.
    ///
    /// All budgets on one ledger use the same slots, whatever limit each of them was given.
    #[must_use]
    pub fn new(store: S, limit: Limit, clock: C) -> Self {
        // Without random numbers, waiting instances retry at the same time and waste each other's writes.
        let seed = RandomState::new().hash_one(0);
        Self::seeded(store, limit, clock, Pace::default(), seed)
    }

    /// The same with a known pace of the server, and with a seed for the jitter of retries.
    #[must_use]
    pub fn seeded(store: S, limit: Limit, clock: C, pace: Pace, seed: u64) -> Self {
        Self {
            holder: Arc::new(Holder {
                store,
                limit,
                pace,
                clock,
                cache: Mutex::new(PermitCache::new(seed, &limit)),
                lease_lock: AsyncMutex::new(()),
            }),
            priority: Priority::default(),
        }
    }

    /// The same permits, requested with `priority`.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self {
            holder: Arc::clone(&self.holder),
            priority,
        }
    }

    /// Releases the permits that were leased and not used, and reports the outcomes of the others: one
    /// write if there is anything to report, otherwise none.
    ///
    /// # Errors
    ///
    /// The store failed; the permits free themselves later.
    pub async fn release_unused(&self) -> Result<(), BudgetError> {
        let _guard = self.holder.lease_lock.lock().await;
        self.holder.cache().drop_permits();
        self.holder.report().await
    }

    /// Requests left in the window, as of the newest ledger this process has read or written; `None` before
    /// the first.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        let now = self.holder.now();
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

impl<S: Records, C: Clock> RequestBudget for SharedBudget<S, C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        let purpose = Use {
            priority: self.priority,
            stage: WorkStage::Finishing,
        };
        let taken = self.holder.take(purpose).await;
        taken.map_err(|error| self.holder.by_the_wall_clock(error))
    }

    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        let purpose = Use {
            priority: self.priority,
            stage: WorkStage::Beginning,
        };
        let taken = self.holder.take(purpose).await;
        taken.map_err(|error| self.holder.by_the_wall_clock(error))
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        let holder = &*self.holder;
        let now = holder.now();
        holder.cache().note(permit.slot, now, outcome);
        if outcome == PermitOutcome::Completed {
            return Ok(());
        }
        // Other processes must know at once, and the leased permits would be refused as well.
        let _guard = holder.lease_lock.lock().await;
        holder.cache().drop_permits();
        holder.report().await?;
        let believed = holder.cache().known.as_ref().map(|known| {
            let ledger = &known.value;
            let window = ledger.limit_in_force(&holder.limit).window;
            (ledger.effective_limit(&holder.limit), window)
        });
        tracing::info!(
            requests_max = believed.map(|(requests_max, _)| requests_max),
            window_seconds = believed.map(|(_, window)| window.as_secs()),
            "HaloPSA refused a request over its limit; this many are believed to be allowed"
        );
        Ok(())
    }
}

impl<S: Records, C: Clock> Holder<S, C> {
    fn cache(&self) -> MutexGuard<'_, PermitCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock of the ledger. On one machine, steps of the wall clock do not move it: a step
    /// forwards would free every slot early. Machines that share a store have no other clock in common than
    /// that of the platform they run on, which keeps it right.
    fn ledger_clock(&self) -> SteadyTime {
        if S::ONE_MACHINE {
            return self.clock.steady();
        }
        SteadyTime {
            source: 0,
            at: self.clock.now(),
        }
    }

    /// The time of the ledger.
    fn now(&self) -> Timestamp {
        self.ledger_clock().at
    }

    /// `error` with a time that callers can compare with their own.
    fn by_the_wall_clock(&self, error: BudgetError) -> BudgetError {
        let (now, steady) = (self.clock.now(), self.now());
        let translated = |until: Timestamp| {
            if until < steady {
                now.minus(steady.since(until))
            } else {
                now.plus(until.since(steady))
            }
        };
        match error {
            BudgetError::Exhausted { until } => BudgetError::Exhausted {
                until: translated(until),
            },
            BudgetError::Reserved { until } => BudgetError::Reserved {
                until: translated(until),
            },
            BudgetError::Store { .. } => error,
        }
    }

    /// A cached permit, or one of a new lease.
    async fn take(&self, purpose: Use) -> Result<Permit, BudgetError> {
        if let Some(answer) = self.cache().take(self.now(), purpose) {
            return answer;
        }
        let _guard = self.lease_lock.lock().await;
        // Another task of this process may have leased meanwhile.
        if let Some(answer) = self.cache().take(self.now(), purpose) {
            return answer;
        }
        self.lease(purpose).await
    }

    /// Leases permits and takes the first one.
    async fn lease(&self, purpose: Use) -> Result<Permit, BudgetError> {
        let (mut stored, mut fresh) = self.current_ledger().await?;
        let want = match purpose.priority {
            // One at a time: an urgent permit that is leased and not used is wasted.
            Priority::Urgent => 1,
            Priority::Normal | Priority::Bulk => self.cache().want(self.now()),
        };
        let mut ask = PermitRequest {
            permits_max: want,
            priority: purpose.priority,
            stage: purpose.stage,
            pace: self.pace,
        };
        for _ in 0..LEASE_ATTEMPTS {
            let now = self.now();
            let (mut ledger, reports) = self.with_reports(&stored);
            let granted = match ledger.grant(now, &self.limit, &ask) {
                Ok(granted) => granted,
                Err(_) if !fresh => {
                    // Other processes may have reported permits that are free earlier.
                    stored = self.load().await?;
                    fresh = true;
                    continue;
                }
                Err(denied) => {
                    // A change of the clock is kept: each process that found it anew would wait anew.
                    let is_news = !stored.value.follows(self.ledger_clock());
                    if is_news || reports.is_due(now, &ledger.limit_in_force(&self.limit)) {
                        self.report_once(&ledger, &stored, &reports).await?;
                    }
                    return Err(self.cache().denied(now, denied, purpose));
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
                    cache.leased(now, granted, purpose);
                    // The store may have been slow: a permit that is too old by now is not used.
                    let now = self.now();
                    return cache.take(now, purpose).unwrap_or(Err(spent(now)));
                }
                Swap::Conflict(newer) => {
                    ask.permits_max = self.cache().conflicted(ask.permits_max);
                    stored = newer;
                    fresh = true;
                }
            }
        }
        let now = self.now();
        Err(self.cache().contended(now))
    }

    /// Reports the outcomes of permits, if there are any.
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
                    self.cache().conflicted(0);
                    stored = newer;
                }
            }
        }
        // Reported with the next lease; until then the slots stay in use, which is safe.
        Ok(())
    }

    /// Tries once to report, after a denial that leaves nothing else to write.
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

    /// The ledger to start from, and whether it was just read. A sole writer has the newest: it wrote it.
    async fn current_ledger(&self) -> Result<(Stored<Ledger>, bool), BudgetError> {
        let known = self.cache().known_if_sole_writer();
        match known {
            Some(known) => Ok((known, false)),
            None => Ok((self.load().await?, true)),
        }
    }

    /// The ledger with our reports in it, and these reports.
    fn with_reports(&self, stored: &Stored<Ledger>) -> (Ledger, Reports) {
        let reports = self.cache().reports();
        let mut ledger = stored.value.clone();
        ledger.follow(self.ledger_clock(), &self.limit);
        reports.enter(&mut ledger, &self.limit);
        (ledger, reports)
    }

    async fn load(&self) -> Result<Stored<Ledger>, BudgetError> {
        let stored = self
            .store
            .load_record::<Ledger>(&Singleton)
            .await
            .map_err(failed)?;
        let now = self.now();
        self.cache().read(&stored, now);
        Ok(stored)
    }

    fn swap(
        &self,
        ledger: &Ledger,
        stored: &Stored<Ledger>,
    ) -> impl Future<Output = Result<Swap<Ledger>, BudgetError>> + Send {
        let swap = self.store.swap_record(&Singleton, ledger, stored.revision);
        async { swap.await.map_err(failed) }
    }
}

/// The store failed.
fn failed(error: PortError) -> BudgetError {
    BudgetError::Store {
        reason: error.chain(),
    }
}

/// The denial that says when to retry.
fn spent(until: Timestamp) -> BudgetError {
    BudgetError::Exhausted { until }
}
