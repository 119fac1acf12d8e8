//! The storms of each rule at each customer.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored, StormStates};
use halogard_domain::storm::{StormKey, Storms};

use crate::error::{from_json, to_json};
use crate::items::{AttributeReader, BODY, SaveOutcome, key, string};
use crate::store::Store;

/// The partition that holds the storms of every rule and customer.
const STORMS: &str = "storm";

/// Reads storms.
const READER: AttributeReader = AttributeReader("storms");

impl<C: Clock> StormStates for Store<C> {
    async fn load_storms(&self, storm: StormKey) -> Result<Stored<Storms>, PortError> {
        let Some(item) = self.item(STORMS, &storm.to_string()).await? else {
            return Ok(Stored {
                value: Storms::default(),
                revision: Revision::default(),
            });
        };
        Ok(Stored {
            value: from_json(READER.0, READER.text(&item, BODY)?)?,
            revision: READER.revision(&item)?,
        })
    }

    async fn save_storms(
        &self,
        storm: StormKey,
        storms: &Storms,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let mut item = key(STORMS, storm.to_string());
        item.insert(BODY.to_owned(), string(to_json(READER.0, storms)?));
        match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Ok(revision),
            SaveOutcome::Conflict(_) => Err(SaveError::Conflict),
        }
    }
}
