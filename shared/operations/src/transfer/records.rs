//! The records that are moved, each by its type.

use std::collections::BTreeSet;

use halogard_app::Store;
use halogard_app::ports::{PortError, Records, keys};
use halogard_domain::audit::AuditDay;
use halogard_domain::budget::Ledger;
use halogard_domain::config_history::{ConfigInForce, ConfigText};
use halogard_domain::contact::VendorContacts;
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::dialect::DialectReport;
use halogard_domain::key::Installation;
use halogard_domain::missing::MissingTickets;
use halogard_domain::notify::NoticeLog;
use halogard_domain::pause::Pauses;
use halogard_domain::policy::AppliedPolicy;
use halogard_domain::record::Singleton;
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::site_reports::SiteReports;
use halogard_domain::start::CustomerStarts;
use halogard_domain::storm::{StormKey, Storms};
use halogard_domain::sweep_cursor::SweepCursor;
use halogard_domain::verification::Verification;
use halogard_domain::version_history::VersionHistory;
use halogard_domain::webhook_sample::WebhookSamples;
use halogard_domain::{Link, Record};
use serde_json::Value;

use super::{TransferError, TransferLine};

/// The types of records that an export leaves out, by their partition: a token is requested anew, and its seal
/// belongs to the credentials of the installation; what is queued is derived anew.
pub const LEFT_OUT: [&str; 2] = ["requested_work", "token"];

/// Does `$do` with the types of records of which there is one.
macro_rules! with_singletons {
    ($do:ident) => {
        $do!(
            Installation,
            Ledger,
            MissingTickets,
            SweepCursor,
            StoreContinuity,
            DialectReport,
            VendorContacts,
            Pauses,
            VersionHistory,
            NoticeLog,
            ConfigInForce,
            CustomerStarts,
            SiteReports,
            CredentialStates,
            Verification,
            WebhookSamples
        )
    };
}

/// The records whose keys the store or the vendors' names give.
pub(super) async fn lines(store: &impl Store) -> Result<Vec<TransferLine>, PortError> {
    let mut lines = Vec::new();
    macro_rules! singletons {
        ($($record:ty),*) => {
            $(lines.extend(line::<$record>(store, &Singleton).await?);)*
        };
    }
    with_singletons!(singletons);
    for target in store.active_records::<Runs>().await? {
        lines.extend(line::<Runs>(store, &target).await?);
    }
    let mut days = store.active_records::<AuditDay>().await?;
    days.sort_unstable();
    for day in days {
        lines.extend(line::<AuditDay>(store, &day).await?);
    }
    let history = store.load_record::<ConfigInForce>(&Singleton).await?.value;
    let texts: BTreeSet<String> = history.versions.into_iter().map(|it| it.text).collect();
    for text in texts {
        lines.extend(line::<ConfigText>(store, text.as_str()).await?);
    }
    Ok(lines)
}

/// What the links name: the storms of their alerts and the policies of their tickets.
#[derive(Default)]
pub(super) struct NamedByLinks {
    storms: BTreeSet<StormKey>,
    policies: BTreeSet<u64>,
}

impl NamedByLinks {
    /// Takes in what `link` names.
    pub(super) fn add(&mut self, link: &Link) {
        self.policies.extend(link.policy);
        if let (Some(_), Some(alert)) = (&link.membership, &link.observed_alert) {
            self.storms.insert(StormKey::of(alert));
        }
    }

    /// The records that were named, and the policy in force.
    pub(super) async fn lines(
        mut self,
        store: &impl Store,
    ) -> Result<Vec<TransferLine>, PortError> {
        let in_force = store.value(keys::APPLIED_POLICY).await?;
        self.policies
            .extend(in_force.map(|value| u64::from_ne_bytes(value.to_ne_bytes())));
        let mut lines = Vec::new();
        for fingerprint in self.policies {
            let key = AppliedPolicy::key(fingerprint);
            lines.extend(line::<AppliedPolicy>(store, key.as_str()).await?);
        }
        for storm in self.storms {
            lines.extend(line::<Storms>(store, &storm).await?);
        }
        Ok(lines)
    }
}

/// The line of a record; `None` when none is stored.
async fn line<T: Record + PartialEq>(
    store: &impl Records,
    key: &T::Key,
) -> Result<Option<TransferLine>, PortError> {
    let record = store.load_record::<T>(key).await?.value;
    if record == T::default() {
        return Ok(None);
    }
    Ok(Some(TransferLine::Records {
        partition: T::PARTITION.to_owned(),
        key: key.to_string(),
        body: serde_json::to_value(&record).unwrap_or_default(),
    }))
}

/// The partitions of the types that an export has lines for.
#[must_use]
pub fn moved_partitions() -> BTreeSet<&'static str> {
    let mut partitions = BTreeSet::from([
        AppliedPolicy::PARTITION,
        AuditDay::PARTITION,
        ConfigText::PARTITION,
        Runs::PARTITION,
        Storms::PARTITION,
    ]);
    macro_rules! singletons {
        ($($record:ty),*) => {
            $(partitions.insert(<$record>::PARTITION);)*
        };
    }
    with_singletons!(singletons);
    partitions
}

/// Stores the record `body` of the type `partition` under `key`; `false` when there is no such type or key. Without
/// a store it says only that.
pub(super) async fn put<S: Store>(
    store: Option<&S>,
    partition: &str,
    key: &str,
    body: &Value,
) -> Result<bool, TransferError> {
    macro_rules! singletons {
        ($($record:ty),*) => {
            $(if partition == <$record>::PARTITION {
                return replace::<$record>(store, &Singleton, body).await;
            })*
        };
    }
    with_singletons!(singletons);
    match partition {
        AppliedPolicy::PARTITION => replace::<AppliedPolicy>(store, key, body).await,
        ConfigText::PARTITION => replace::<ConfigText>(store, key, body).await,
        Runs::PARTITION => match key.parse::<RunTarget>() {
            Ok(key) => replace::<Runs>(store, &key, body).await,
            Err(_) => Ok(false),
        },
        AuditDay::PARTITION => match key.parse() {
            Ok(key) => replace::<AuditDay>(store, &key, body).await,
            Err(_) => Ok(false),
        },
        Storms::PARTITION => match key.parse::<StormKey>() {
            Ok(key) => replace::<Storms>(store, &key, body).await,
            Err(_) => Ok(false),
        },
        _ => Ok(false),
    }
}

/// Replaces a record; `false` when it has another form.
async fn replace<T: Record + PartialEq>(
    store: Option<&impl Records>,
    key: &T::Key,
    body: &Value,
) -> Result<bool, TransferError> {
    let Ok(record) = serde_json::from_value::<T>(body.clone()) else {
        return Ok(false);
    };
    if let Some(store) = store {
        store
            .update_record(key, |stored: &mut T| stored.clone_from(&record))
            .await?;
    }
    Ok(true)
}
