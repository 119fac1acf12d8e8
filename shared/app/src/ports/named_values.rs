//! Named numbers that outlive a process.

use std::collections::BTreeMap;
use std::future::Future;

use super::PortError;

/// Numbers by name: times in milliseconds, counts and hashes. [`keys`] lists those of this crate.
///
/// There are some dozen of them, so a store holds them together: reading one costs as much as reading all.
pub trait NamedValues: Send + Sync {
    /// Every value that was ever set, by name.
    fn values(&self) -> impl Future<Output = Result<BTreeMap<String, i64>, PortError>> + Send;

    /// Sets these values in one write, and leaves the others alone. Without a value nothing is written.
    fn set_values(
        &self,
        values: &[(&str, i64)],
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// One value; `None` when it was never set.
    fn value(&self, name: &str) -> impl Future<Output = Result<Option<i64>, PortError>> + Send {
        async move { Ok(self.values().await?.get(name).copied()) }
    }

    /// Sets one value.
    fn set_value(
        &self,
        name: &str,
        value: i64,
    ) -> impl Future<Output = Result<(), PortError>> + Send {
        async move { self.set_values(&[(name, value)]).await }
    }
}

/// The keys of this crate's [`NamedValues`].
pub mod keys {
    /// Length of the last accepted list of alerts.
    pub const ALERTS_LISTED: &str = "alerts_listed";

    /// Number of polls in a row whose list was suddenly much shorter.
    pub const ALERTS_SHRUNK: &str = "alerts_shrunk";

    /// Number of polls in a row that failed.
    pub const POLLS_FAILED: &str = "polls_failed";

    /// When a poll first began to read Liongard's alerts, in milliseconds.
    pub const FIRST_POLL_AT: &str = "first_poll_at";

    /// When a poll last began that compares pairs, in milliseconds.
    pub const LAST_FULL_POLL_AT: &str = "last_full_poll_at";

    /// When a poll last began, in milliseconds.
    pub const LAST_POLL_AT: &str = "last_poll_at";

    /// When the last poll that read Liongard's alerts to the end began, in milliseconds.
    pub const LAST_COMPLETE_POLL_AT: &str = "last_complete_poll_at";

    /// Until when a wake-up waits that covers all that come before, in milliseconds.
    pub const WAKE_UP_WAITS_UNTIL: &str = "wake_up_waits_until";

    /// When the build of HaloPSA was last asked for, in milliseconds.
    pub const BUILD_CHECKED_AT: &str = "build_checked_at";

    /// When everything that had expired was last deleted, in milliseconds.
    pub const PRUNED_AT: &str = "pruned_at";

    /// When dead letters were last checked for pairs in sync, in milliseconds.
    pub const DEAD_LETTERS_CHECKED_AT: &str = "dead_letters_checked_at";

    /// Until when it is done that open tickets are looked for once a day, in milliseconds.
    pub const TICKETS_LOOKED_FOR_UNTIL: &str = "tickets_looked_for_until";

    /// When the last complete sync cycle began, in milliseconds: every earlier change on either side was seen.
    pub const LAST_COMPLETE_CYCLE_AT: &str = "last_complete_cycle_at";

    /// Fingerprint of the policy whose parked and refused pairs were last requeued.
    pub const APPLIED_POLICY: &str = "applied_policy";

    /// When `serve` refused the config file as it is now, in milliseconds; 0 while it is in force.
    pub const CONFIG_REFUSED_AT: &str = "config_refused_at";

    /// Every key of this crate.
    pub const ALL: [&str; 13] = [
        ALERTS_LISTED,
        ALERTS_SHRUNK,
        POLLS_FAILED,
        FIRST_POLL_AT,
        LAST_FULL_POLL_AT,
        LAST_POLL_AT,
        LAST_COMPLETE_POLL_AT,
        WAKE_UP_WAITS_UNTIL,
        PRUNED_AT,
        DEAD_LETTERS_CHECKED_AT,
        TICKETS_LOOKED_FOR_UNTIL,
        APPLIED_POLICY,
        CONFIG_REFUSED_AT,
    ];
}
