//! The scheduled comparison of both sides while the process serves.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::Reconciler;
use halogard_app::ports::Clock as _;
use halogard_operations::verify::scheduled::{ScheduledVerification, VerificationStep};
use halogard_runtime::SystemClock;
use halogard_vendors::Vendors;
use tracing::warn;

use crate::connect::{BulkBudget, NetworkEnv};

/// Time between two checks whether a comparison is due.
const INTERVAL: Duration = Duration::from_secs(60);

/// Both vendors, under the part of the request budget that nothing else needs.
pub(super) type BulkVendors = Vendors<BulkBudget<SystemClock>, SystemClock>;

/// Compares both sides whenever that is due, again and again, and never ends. Synchronisation does not wait for it.
pub(super) async fn compare_on_schedule(
    vendors: BulkVendors,
    reconciler: Arc<Reconciler<NetworkEnv<SystemClock>>>,
) {
    let verification = ScheduledVerification {
        source: &vendors.source,
        desk: &vendors.desk,
    };
    loop {
        tokio::time::sleep(INTERVAL).await;
        loop {
            let (policy, now) = (reconciler.policy(), SystemClock.now());
            match verification.advance(&reconciler.store, &policy, now).await {
                Ok(VerificationStep::Advanced) => {}
                Ok(VerificationStep::NotDue | VerificationStep::Ended(_)) => break,
                Err(error) => {
                    let (error_type, reason) = (error.code.as_str(), error.chain());
                    warn!(
                        error_type,
                        reason, "both sides could not be compared; it is tried again"
                    );
                    break;
                }
            }
        }
    }
}
