//! The permits of the request budget that this process has leased. However it ends, those it did not use go back:
//! workers would otherwise wait for them until they free themselves.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{BudgetError, Clock, Records};
use halogard_domain::budget::Limit;

use crate::commands::serve::ending_signal;
use crate::written_file;

/// How long giving back may take: a store that is busy for longer frees the permits by itself later.
const GIVE_BACK_MAX: Duration = Duration::from_secs(3);

/// The budgets of this process.
static LEASES: Mutex<Vec<Box<dyn Leases>>> = Mutex::new(Vec::new());

/// A budget that may hold permits.
trait Leases: Send + Sync {
    /// Gives back those that were not used.
    fn give_back(&self) -> Pin<Box<dyn Future<Output = Result<(), BudgetError>> + Send + '_>>;
}

impl<S: Records + 'static, C: Clock + 'static> Leases for SharedBudget<S, C> {
    fn give_back(&self) -> Pin<Box<dyn Future<Output = Result<(), BudgetError>> + Send + '_>> {
        Box::pin(self.release_unused())
    }
}

/// The budget under `limit`, on the ledger in `store`, whose unused permits go back when the process ends.
pub fn budget<S: Records + 'static, C: Clock + 'static>(
    store: S,
    limit: Limit,
    clock: C,
) -> SharedBudget<S, C> {
    let budget = SharedBudget::new(store, limit, clock);
    keep(&budget);
    budget
}

/// Gives back the unused permits of `budget` when the process ends.
pub fn keep<S: Records + 'static, C: Clock + 'static>(budget: &SharedBudget<S, C>) {
    let mut leases = LEASES.lock().unwrap_or_else(PoisonError::into_inner);
    leases.push(Box::new(budget.clone()));
}

/// Gives back every permit that was not used. What fails frees itself later.
pub async fn give_back() {
    let leases = std::mem::take(&mut *LEASES.lock().unwrap_or_else(PoisonError::into_inner));
    for lease in leases {
        match tokio::time::timeout(GIVE_BACK_MAX, lease.give_back()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "permits of the request budget were left to expire")
            }
            Err(_) => tracing::warn!("permits of the request budget were left to expire"),
        }
    }
}

/// From now on Ctrl-C and a termination signal end the process only after it has given back its permits and removed the
/// files that it has not finished. On a thread of its own: the command may be waiting for an answer at the terminal.
pub fn give_back_when_interrupted() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without it a signal ends the process at once, as it does any program.
        let Ok(runtime) = runtime else { return };
        let exit_code = runtime.block_on(async {
            let signal = ending_signal().await;
            written_file::remove_drafts();
            give_back().await;
            signal.exit_code()
        });
        std::process::exit(exit_code);
    });
}
