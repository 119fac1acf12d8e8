//! How far sweeps have come.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored, SweepStates};
use halogard_domain::sweep::Swept;

use crate::error::{from_json, to_json};
use crate::items::{BODY, Reader, Saved, key, string};
use crate::store::Store;

/// The partition that holds how far sweeps have come.
const SWEEPS: &str = "sweep";
/// The sort key of the one record there is.
const TICKETS: &str = "tickets";

/// Reads it.
const READER: Reader = Reader("sweeps");

impl<C: Clock> SweepStates for Store<C> {
    async fn load_swept(&self) -> Result<Stored<Swept>, PortError> {
        let Some(item) = self.item(SWEEPS, TICKETS).await? else {
            return Ok(Stored {
                value: Swept::default(),
                revision: Revision::default(),
            });
        };
        Ok(Stored {
            value: from_json(READER.0, READER.text(&item, BODY)?)?,
            revision: READER.revision(&item)?,
        })
    }

    async fn save_swept(&self, swept: &Swept, revision: Revision) -> Result<Revision, SaveError> {
        let mut item = key(SWEEPS, TICKETS);
        item.insert(BODY.to_owned(), string(to_json(READER.0, swept)?));
        match self.save_item(item, revision).await? {
            Saved::Done(revision) => Ok(revision),
            Saved::Lost(_) => Err(SaveError::Conflict),
        }
    }
}
