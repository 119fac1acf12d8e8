//! The request budget that any number of instances share: the domain's ledger in a store, and in
//! each process a few permits leased from it.
//!
//! A lease is one conditional write, which also tells what became of the permits before. Between two
//! leases permits are handed out without asking anybody. A holder that dies takes its lease with it;
//! the ledger frees that later by itself.

mod local;
mod patient;
mod spread;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as Turn;
use halogard_domain::Timestamp;
use halogard_domain::budget::{Ask, Ledger, Limit, Pace, Share};

use crate::ports::{
    BudgetError, Clock, LedgerStore, Permit, PortError, RequestBudget, Seen, Stored, Swap,
};
use local::{Local, News};
pub use patient::{Patient, Wait};

/// How often a lease is tried when others are faster each time.
const TRIES: u32 = 4;

/// The request budget of one process, on a ledger that others share.
///
/// Clones are one holder. Call [`hand_back`](Self::hand_back) before the process stops or is
/// frozen: permits it holds are lost to everybody until they free themselves.
pub struct SharedBudget<S, C> {
    holder: Arc<Holder<S, C>>,
    share: Share,
}

/// What all clones of a budget have in common.
struct Holder<S, C> {
    store: S,
    limit: Limit,
    pace: Pace,
    clock: C,
    local: Mutex<Local>,
    /// One lease at a time: who waits for it finds permits afterwards.
    turn: Turn<()>,
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
                local: Mutex::new(Local::new(seed)),
                turn: Turn::new(()),
            }),
            share: Share::default(),
        }
    }

    /// The same holder, asking for `share` of the limit.
    #[must_use]
    pub fn for_share(&self, share: Share) -> Self {
        Self {
            holder: Arc::clone(&self.holder),
            share,
        }
    }

    /// Gives back the permits that were leased and not used, and tells what became of the others.
    /// One write if there is anything to tell, none otherwise.
    ///
    /// # Errors
    ///
    /// The store failed; the permits free themselves later.
    pub async fn hand_back(&self) -> Result<(), BudgetError> {
        let _turn = self.holder.turn.lock().await;
        self.holder.local().empty_stash();
        self.holder.tell().await
    }

    /// Requests left in the window as of the newest ledger this process has seen; `None` before the
    /// first.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        let now = self.holder.clock.now();
        let local = self.holder.local();
        let ledger = &local.known.as_ref()?.value;
        let used = u64::try_from(ledger.in_use(now)).unwrap_or(u64::MAX);
        let all = u64::from(ledger.believed(&self.holder.limit));
        Some(all.saturating_sub(used))
    }
}

impl<S, C> Clone for SharedBudget<S, C> {
    fn clone(&self) -> Self {
        Self {
            holder: Arc::clone(&self.holder),
            share: self.share,
        }
    }
}

impl<S: LedgerStore, C: Clock> RequestBudget for SharedBudget<S, C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        let holder = &*self.holder;
        if let Some(answer) = holder.local().take(holder.clock.now(), self.share) {
            return answer;
        }
        let _turn = holder.turn.lock().await;
        // Perhaps somebody of this process has leased meanwhile.
        if let Some(answer) = holder.local().take(holder.clock.now(), self.share) {
            return answer;
        }
        holder.lease(self.share).await
    }

    async fn settle(&self, permit: Permit, seen: Seen) -> Result<(), BudgetError> {
        let holder = &*self.holder;
        let now = holder.clock.now();
        holder.local().note(permit.slot, now, seen);
        if seen == Seen::Answered {
            return Ok(());
        }
        // The others must know at once, and what is leased would be refused as well.
        let _turn = holder.turn.lock().await;
        holder.local().empty_stash();
        holder.tell().await
    }
}

impl<S: LedgerStore, C: Clock> Holder<S, C> {
    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases permits and takes the first.
    async fn lease(&self, share: Share) -> Result<Permit, BudgetError> {
        let want = match share {
            // One by one: what urgent work leases and does not use, nobody else can.
            Share::Urgent => 1,
            Share::Whole | Share::Bulk => self.local().want(self.clock.now()),
        };
        let ask = Ask {
            want,
            share,
            pace: self.pace,
        };
        let (mut stored, mut fresh) = self.start().await?;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let (mut ledger, news) = self.renewed(&stored);
            let granted = match ledger.grant(now, &self.limit, &ask) {
                Ok(granted) => granted,
                Err(_) if !fresh => {
                    // Perhaps others have told since of permits that are free earlier.
                    stored = self.load().await?;
                    fresh = true;
                    continue;
                }
                Err(denied) => {
                    if news.is_due(now, &self.limit) {
                        self.tell_once(&ledger, &stored, &news).await?;
                    }
                    return Err(self.local().denied(now, denied, share));
                }
            };
            match self.swap(&ledger, &stored).await? {
                Swap::Done(revision) => {
                    let mut local = self.local();
                    local.told(&news);
                    local.know(Stored {
                        value: ledger,
                        revision,
                    });
                    local.leased(now, granted, share);
                    // The store may have been slow: what is too old by now is not used.
                    let taken = local.take(self.clock.now(), share);
                    return taken.unwrap_or(Err(BudgetError::Spent {
                        until: self.clock.now(),
                    }));
                }
                Swap::Lost(newer) => {
                    self.local().lost();
                    stored = newer;
                    fresh = true;
                }
            }
        }
        let now = self.clock.now();
        Err(self.local().outrun(now))
    }

    /// Tells what became of permits, if there is anything to tell.
    async fn tell(&self) -> Result<(), BudgetError> {
        if self.local().news().is_empty() {
            return Ok(());
        }
        let (mut stored, _) = self.start().await?;
        for _ in 0..TRIES {
            let (ledger, news) = self.renewed(&stored);
            match self.swap(&ledger, &stored).await? {
                Swap::Done(revision) => {
                    let mut local = self.local();
                    local.told(&news);
                    local.know(Stored {
                        value: ledger,
                        revision,
                    });
                    return Ok(());
                }
                Swap::Lost(newer) => {
                    self.local().lost();
                    stored = newer;
                }
            }
        }
        // Told with the next lease; until then the slots stay taken, which is safe.
        Ok(())
    }

    /// One try to tell, where a denial leaves nothing else to write.
    async fn tell_once(
        &self,
        ledger: &Ledger,
        stored: &Stored<Ledger>,
        news: &News,
    ) -> Result<(), BudgetError> {
        if let Swap::Done(revision) = self.swap(ledger, stored).await? {
            let mut local = self.local();
            local.told(news);
            local.know(Stored {
                value: ledger.clone(),
                revision,
            });
        }
        Ok(())
    }

    /// The ledger to begin with, and whether it was just read. A holder that is alone knows the
    /// newest: it wrote it.
    async fn start(&self) -> Result<(Stored<Ledger>, bool), BudgetError> {
        let known = self.local().known_if_alone();
        match known {
            Some(known) => Ok((known, false)),
            None => Ok((self.load().await?, true)),
        }
    }

    /// The ledger with our news in it, and what these are.
    fn renewed(&self, stored: &Stored<Ledger>) -> (Ledger, News) {
        let news = self.local().news();
        let mut ledger = stored.value.clone();
        news.enter(&mut ledger, &self.limit);
        (ledger, news)
    }

    async fn load(&self) -> Result<Stored<Ledger>, BudgetError> {
        let stored = self.store.load_ledger().await.map_err(failed)?;
        self.local().read(&stored);
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
    BudgetError::Spent { until }
}
