//! How far sweeps have come.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored, SweepStates};
use halogard_domain::sweep_cursor::SweepCursor;

use crate::error::{from_json, to_json};
use crate::items::{AttributeReader, BODY, SaveOutcome, key, string};
use crate::store::Store;

/// The partition that holds how far sweeps have come.
const SWEEPS: &str = "sweep_cursor";
/// The sort key of the one record there is.
const TICKETS: &str = "tickets";

/// Reads it.
const READER: AttributeReader = AttributeReader("sweeps");

impl<C: Clock> SweepStates for Store<C> {
    async fn load_swept(&self) -> Result<Stored<SweepCursor>, PortError> {
        let Some(item) = self.item(SWEEPS, TICKETS).await? else {
            return Ok(Stored {
                value: SweepCursor::default(),
                revision: Revision::default(),
            });
        };
        Ok(Stored {
            value: from_json(READER.0, READER.text(&item, BODY)?)?,
            revision: READER.revision(&item)?,
        })
    }

    async fn save_swept(
        &self,
        swept: &SweepCursor,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let mut item = key(SWEEPS, TICKETS);
        item.insert(BODY.to_owned(), string(to_json(READER.0, swept)?));
        match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Ok(revision),
            SaveOutcome::Conflict(_) => Err(SaveError::Conflict),
        }
    }
}
