//! The ledger of the request budget that every instance shares.

use halogard_app::ports::{Clock, LedgerStore, PortError, Revision, Stored, Swap};
use halogard_domain::budget::Ledger;

use crate::error::{AwsError, from_json, to_json};
use crate::items::{AttributeReader, BODY, Item, SaveOutcome, key, string};
use crate::store::Store;

/// The partition of the request budget.
const BUDGET: &str = "budget";
/// The sort key of its ledger.
const LEDGER: &str = "ledger";

/// Reads the ledger.
const READER: AttributeReader = AttributeReader("budget");

impl<C: Clock> LedgerStore for Store<C> {
    async fn load_ledger(&self) -> Result<Stored<Ledger>, PortError> {
        let item = self.item(BUDGET, LEDGER).await?;
        Ok(stored(item.as_ref())?)
    }

    async fn swap_ledger(&self, ledger: &Ledger, revision: Revision) -> Result<Swap, PortError> {
        let mut item = key(BUDGET, LEDGER);
        item.insert(BODY.to_owned(), string(to_json(READER.0, ledger)?));
        Ok(match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Swap::Stored(revision),
            SaveOutcome::Conflict(item) => Swap::Conflict(stored(item.as_ref())?),
        })
    }
}

/// The ledger in `item`; an empty one before the first request.
fn stored(item: Option<&Item>) -> Result<Stored<Ledger>, AwsError> {
    let Some(item) = item else {
        return Ok(Stored {
            value: Ledger::default(),
            revision: Revision::default(),
        });
    };
    Ok(Stored {
        value: from_json(READER.0, READER.text(item, BODY)?)?,
        revision: READER.revision(item)?,
    })
}
