//! `webhook log`: which webhooks came, and what the first of each kind consisted of.

use std::collections::BTreeMap;

use halogard_app::ports::{Notifications, PortError, Records};
use halogard_domain::Timestamp;
use halogard_domain::record::Singleton;
use halogard_domain::webhook_sample::WebhookSamples;
use serde::Serialize;

use crate::moment::Moment;

/// The answer of `webhook log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookLog {
    /// When it was asked.
    pub at: Moment,
    /// Each kind of event of which something is known.
    pub kinds: Vec<WebhookKindLine>,
}

/// A kind of event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookKindLine {
    /// Its name, or `unknown`.
    pub kind: String,
    /// How many webhooks of it were recorded; those that changed nothing are not.
    pub recorded: u64,
    /// When the last of them was recorded.
    pub last_at: Option<Moment>,
    /// When the first one was kept.
    pub kept_at: Option<Moment>,
    /// Its members and what kind of value each had; none of the values.
    pub members: Option<String>,
}

/// What is known of the webhooks that came.
///
/// # Errors
///
/// The store cannot be read.
pub async fn webhook_log(
    store: &(impl Records + Notifications),
    now: Timestamp,
) -> Result<WebhookLog, PortError> {
    let mut kinds: BTreeMap<String, WebhookKindLine> = BTreeMap::new();
    for counted in store.counts().await? {
        let line = kinds.entry(counted.kind).or_default();
        line.recorded = counted.count;
        line.last_at = Some(counted.last_at.into());
    }
    let samples = store.load_record::<WebhookSamples>(&Singleton).await?;
    for (kind, sample) in samples.value.by_kind {
        let line = kinds.entry(kind).or_default();
        line.kept_at = Some(sample.kept_at.into());
        line.members = Some(sample.members);
    }
    let line = |(kind, line)| WebhookKindLine { kind, ..line };
    Ok(WebhookLog {
        at: now.into(),
        kinds: kinds.into_iter().map(line).collect(),
    })
}
