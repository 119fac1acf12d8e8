//! The application service: the collaborators and the policy, put together once per process.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use halogard_domain::Policy;
use halogard_domain::contact::VendorContacts;
use halogard_domain::key::KeySecret;
use halogard_domain::start::CustomerStarts;

use crate::dialect::DialectHeeded;
use crate::env::Env;
use crate::identity::Identity;
use crate::known_record::KnownRecord;
use crate::odd_records::OddRecords;
use crate::paused::KnownPauses;
use crate::poll_pace::PollPace;
use crate::ports::prelude::*;
use crate::quiet_polls::QuietPolls;
use crate::reconcile::RivalChecks;
use crate::seen_tickets::SeenTickets;

/// Default number of writes in one request. Source: the limits note's estimate of what an array of
/// creates may hold; the vendor documents no figure.
pub const BATCH_MAX: usize = 50;

/// How often HaloPSA is swept, however often Liongard is polled. Webhooks report changes within seconds; a sweep
/// costs a request and finds what they missed.
pub const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// The least time between two sweeps where polls run every minute: every fifth of them sweeps, even when it starts a
/// little early.
pub const SWEEP_INTERVAL: Duration = SWEEP_EVERY.saturating_sub(Duration::from_secs(15));

/// Keeps Liongard's alerts and HaloPSA's tickets in sync. The use cases are its methods, one file each.
pub struct Reconciler<E: Env> {
    /// HaloPSA's tickets.
    pub desk: E::Desk,
    /// Liongard's alerts and inspectors.
    pub liongard: E::Liongard,
    /// Pairs, queue, journal and everything else that outlives the process.
    pub store: E::Store,
    /// The time.
    pub clock: E::Clock,
    /// Identifies this process among those that share the store.
    pub worker: String,
    /// The most records in one array of writes to HaloPSA, and the most messages processed at once.
    pub batch_max: usize,
    /// Least time between two starts of the same inspector.
    pub inspector_min_interval: Duration,
    /// Time between two sweeps of HaloPSA's tickets.
    pub sweep_interval: Duration,
    /// Whether sync cycles probe the dialect of both vendors, about once a day.
    pub probes_dialect: bool,
    /// Whether this process follows what a probe found.
    pub(crate) dialect_heeded: DialectHeeded,
    /// Odd records of Liongard's list, by name.
    pub(crate) odd_alerts: OddRecords,
    /// How often Liongard is polled.
    pub poll_pace: PollPace,
    /// The operator's configuration; replaced as a whole.
    policy: RwLock<(Arc<Policy>, u64)>,
    /// What the installation signs its keys with from now on if the store has nothing for that yet.
    pub(crate) new_secret: KeySecret,
    /// What it signs them with, once that was read from the store.
    pub(crate) known_identity: OnceLock<Identity>,
    /// Set once it is known that a first sweep of the store is complete.
    pub(crate) first_sweep_done: OnceLock<()>,
    /// Tickets that sweeps need not queue again.
    pub(crate) unproven: SeenTickets,
    /// Tickets whose texts were read in vain, because the store may not know every ticket of ours.
    pub(crate) examined: SeenTickets,
    /// What an operator has paused.
    pub(crate) pauses: KnownPauses,
    /// Which vendors answer.
    pub(crate) contacts: KnownRecord<VendorContacts>,
    /// Set once the version that runs was recorded.
    pub(crate) recorded_version: OnceLock<()>,
    /// Since when the alerts of each customer get tickets.
    pub(crate) starts: KnownRecord<CustomerStarts>,
    /// Which polls the log shows.
    pub(crate) quiet_polls: QuietPolls,
    /// How often it was asked whether another installation opened a ticket.
    pub(crate) rival_checks: RivalChecks,
}

impl<E: Env> Reconciler<E> {
    /// A reconciler with the default limits and intervals. `new_secret` is random; it becomes the
    /// installation's if the store has none.
    pub fn new(
        desk: E::Desk,
        liongard: E::Liongard,
        store: E::Store,
        clock: E::Clock,
        policy: Policy,
        new_secret: KeySecret,
    ) -> Self {
        store.set_retention(policy.retention);
        Self {
            desk,
            liongard,
            store,
            clock,
            worker: "this process".to_owned(),
            batch_max: BATCH_MAX,
            inspector_min_interval: halogard_domain::runs::MIN_INTERVAL,
            sweep_interval: SWEEP_INTERVAL,
            probes_dialect: false,
            dialect_heeded: DialectHeeded::default(),
            odd_alerts: OddRecords::of("Liongard's alerts"),
            poll_pace: PollPace::default(),
            policy: RwLock::new(with_fingerprint(policy)),
            new_secret,
            known_identity: OnceLock::new(),
            first_sweep_done: OnceLock::new(),
            unproven: SeenTickets::default(),
            examined: SeenTickets::default(),
            pauses: KnownPauses::default(),
            contacts: KnownRecord::default(),
            recorded_version: OnceLock::new(),
            starts: KnownRecord::default(),
            quiet_polls: QuietPolls::default(),
            rival_checks: RivalChecks::default(),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Its fingerprint, which takes as long as the policy is large and is therefore kept.
    pub(crate) fn policy_fingerprint(&self) -> u64 {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).1
    }

    /// How many records of Liongard's newest list could not be read: their alerts are not followed meanwhile.
    pub fn alerts_set_aside(&self) -> usize {
        self.odd_alerts.in_newest_list()
    }

    /// Replaces the policy. Reconciliations in progress finish under the old one.
    pub fn set_policy(&self, policy: Policy) {
        self.store.set_retention(policy.retention);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = with_fingerprint(policy);
    }
}

/// `policy`, shared, and its fingerprint.
fn with_fingerprint(policy: Policy) -> (Arc<Policy>, u64) {
    let fingerprint = policy.fingerprint();
    (Arc::new(policy), fingerprint)
}
