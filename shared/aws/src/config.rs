//! The operator's policy in force.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored};
use halogard_domain::{Policy, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{AwsError, from_json, to_json};
use crate::items::{
    AttributeReader, BODY, ITEM_BYTES_MAX, ITEM_OVERHEAD_BYTES, SaveOutcome, key, string,
};
use crate::store::Store;

/// The partition of what the operator decided.
const CONFIG: &str = "config";
/// The sort key of the policy in force.
const APPLIED: &str = "applied";

/// Reads it.
const READER: AttributeReader = AttributeReader("config");

/// A policy as it was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredConfig {
    /// The policy, checked when it was applied.
    pub policy: Policy,
    /// The text it came from, for people.
    pub text: String,
    /// When it was applied.
    pub applied_at: Timestamp,
}

impl<C: Clock> Store<C> {
    /// The policy in force; `None` before the first was applied.
    ///
    /// # Errors
    ///
    /// The table cannot be read, or another version wrote what stands there (`store.record`): then
    /// the policy must be applied again with this version.
    pub async fn load_config(&self) -> Result<Option<Stored<StoredConfig>>, PortError> {
        let Some(item) = self.item(CONFIG, APPLIED).await? else {
            return Ok(None);
        };
        Ok(Some(Stored {
            value: from_json(READER.0, READER.text(&item, BODY)?)?,
            revision: READER.revision(&item)?,
        }))
    }

    /// Puts `config` in force, if no other process has applied another since `revision` was read (0: if
    /// there is none yet).
    ///
    /// # Errors
    ///
    /// [`SaveError::Conflict`], or the table cannot be written. Policy and text together must fit
    /// into one item of 400 KB: about 2,000 customers.
    pub async fn save_config(
        &self,
        config: &StoredConfig,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let body = to_json(READER.0, config)?;
        let most = ITEM_BYTES_MAX - ITEM_OVERHEAD_BYTES;
        if body.len() > most {
            return Err(AwsError::TooLarge {
                place: READER.0,
                name: "of the policy in force".to_owned(),
                bytes: body.len(),
                most,
                remedy: "the config: leave out comments and customers without alerts",
            }
            .into());
        }
        let mut item = key(CONFIG, APPLIED);
        item.insert(BODY.to_owned(), string(body));
        match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Ok(revision),
            SaveOutcome::Conflict(_) => Err(SaveError::Conflict),
        }
    }
}
