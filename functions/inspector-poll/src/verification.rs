//! The scheduled comparison of both sides, after a sync cycle: some pairs in each invocation.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane};
use halogard_domain::Timestamp;
use halogard_lambda::{Instance, Platform, telemetry};
use halogard_operations::verify::scheduled::{ScheduledVerification, VerificationStep};
use halogard_runtime::metrics::Metrics;
use tracing::warn;

use crate::handler::FUNCTION;

/// Time until an instance asks again whether a comparison is due.
const INTERVAL: Duration = Duration::from_secs(300);

/// What is left of an invocation for its end.
const MARGIN: Duration = Duration::from_secs(10);

/// The comparisons of one instance of the function.
#[derive(Default)]
pub struct Verifications {
    /// When it was last found that none was due, in milliseconds; 0 before the first time.
    idle_at: AtomicI64,
}

impl Verifications {
    /// Compares further pairs if a comparison is under way or due. What fails is logged, and the next invocation goes on:
    /// it fails no sync cycle.
    pub async fn advance<P: Platform>(&self, instance: &Instance<P>, deadline: Timestamp) {
        if let Err(reason) = self.try_to_advance(instance, deadline).await {
            warn!(
                reason,
                "both sides could not be compared; it is tried again"
            );
        }
    }

    async fn try_to_advance<P: Platform>(
        &self,
        instance: &Instance<P>,
        deadline: Timestamp,
    ) -> Result<(), String> {
        let begun = instance.begin(deadline).await;
        let invocation = begun.map_err(|error| error.to_string())?;
        let (Ok(reconciler), resources) = (&invocation.reconciler, &invocation.resources) else {
            // The cycle has said why.
            return Ok(());
        };
        let (policy, now) = (reconciler.policy(), resources.clock.now());
        let idle_at = Timestamp::from_millis(self.idle_at.load(Ordering::Relaxed));
        if policy.schedule.verify.is_none() || now.is_within(INTERVAL, idle_at) {
            return Ok(());
        }
        let verification = ScheduledVerification {
            source: &reconciler.liongard,
            desk: &reconciler.desk,
        };
        let left = invocation.deadline.left(now).saturating_sub(MARGIN);
        invocation.deadline.set_lane(Some(Lane::Bulk));
        let step = Box::pin(verification.advance(&resources.store, &policy, now));
        let step = tokio::time::timeout(left, step).await;
        invocation.deadline.set_lane(None);
        resources.release_permits().await;
        match step {
            Ok(Ok(VerificationStep::NotDue)) => {
                self.idle_at.store(now.as_millis(), Ordering::Relaxed);
            }
            Ok(Ok(VerificationStep::Advanced)) => {}
            Ok(Ok(VerificationStep::Ended(result))) => {
                let differences = Metrics::new(FUNCTION).count("Differences", result.tally.count());
                telemetry::print(&differences, resources.clock.now());
            }
            Ok(Err(error)) => return Err(error.chain()),
            Err(_) => return Err("the invocation has no time left".to_owned()),
        }
        Ok(())
    }
}
