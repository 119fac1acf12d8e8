//! The runs of each inspector.

use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, PortError, Revision, RunStates, SaveError, Stored};
use halogard_domain::ids::LaunchpointId;
use halogard_domain::runs::{RunTarget, Runs};

use crate::error::{AwsError, from_json, to_json};
use crate::items::{AttributeReader, BODY, ItemRange, SK, SaveOutcome, key, padded, string};
use crate::store::Store;

/// The partition that holds the runs of every target.
const RUNS: &str = "inspector_run";
/// The sort key of Liongard's inspector of HaloPSA.
const HALOPSA: &str = "halopsa";
/// What the sort key of any other inspector begins with.
const LAUNCHPOINT: &str = "launchpoint#";

/// Reads runs.
const READER: AttributeReader = AttributeReader("runs");

impl<C: Clock> RunStates for Store<C> {
    async fn load_runs(&self, target: RunTarget) -> Result<Stored<Runs>, PortError> {
        let Some(item) = self.item(RUNS, &sort_key(target)).await? else {
            return Ok(Stored {
                value: Runs::default(),
                revision: Revision::default(),
            });
        };
        Ok(Stored {
            value: from_json(READER.0, READER.text(&item, BODY)?)?,
            revision: READER.revision(&item)?,
        })
    }

    async fn save_runs(
        &self,
        target: RunTarget,
        runs: &Runs,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let mut item = key(RUNS, sort_key(target));
        item.insert(BODY.to_owned(), string(to_json(READER.0, runs)?));
        if runs.is_busy() {
            item.insert("busy".to_owned(), AttributeValue::Bool(true));
        }
        match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Ok(revision),
            SaveOutcome::Conflict(_) => Err(SaveError::Conflict),
        }
    }

    async fn busy_targets(&self) -> Result<Vec<RunTarget>, PortError> {
        let range = ItemRange {
            place: READER.0,
            pk: RUNS.to_owned(),
            filter: Some("attribute_exists(busy)"),
            ..ItemRange::default()
        };
        let mut targets = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                targets.push(target(READER.text(item, SK)?)?);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(targets)
    }
}

/// The sort key of `target`.
fn sort_key(target: RunTarget) -> String {
    match target {
        RunTarget::HaloPsa => HALOPSA.to_owned(),
        RunTarget::Launchpoint(id) => format!("{LAUNCHPOINT}{}", padded(id.get())),
    }
}

/// The target with the sort key `sk`.
fn target(sk: &str) -> Result<RunTarget, AwsError> {
    if sk == HALOPSA {
        return Ok(RunTarget::HaloPsa);
    }
    let id = sk.strip_prefix(LAUNCHPOINT).and_then(|id| id.parse().ok());
    let id = id.ok_or(AwsError::Attribute {
        place: READER.0,
        attribute: SK,
    })?;
    Ok(RunTarget::Launchpoint(LaunchpointId::new(id)))
}
