//! The texts of configs that are or were in force.

use std::collections::BTreeSet;

use halogard_app::ports::{PortError, Records, Revision, SaveError};
use halogard_domain::Timestamp;
use halogard_domain::config_history::{ConfigInForce, ConfigText, TEXTS_KEPT};

/// Gives the texts that are no longer in force their end, as far as they have none.
pub(super) async fn let_former_texts_expire(
    store: &impl Records,
    config: &ConfigInForce,
    now: Timestamp,
) -> Result<(), PortError> {
    let in_force = config.current().map(|it| it.text.as_str());
    let texts = config.versions.iter().map(|it| it.text.as_str());
    let former: BTreeSet<&str> = texts.filter(|text| Some(*text) != in_force).collect();
    for key in former {
        let stored = store.load_record::<ConfigText>(key).await?;
        let ConfigText {
            text: Some(text),
            expires_at: None,
        } = stored.value
        else {
            continue;
        };
        let record = ConfigText {
            text: Some(text),
            expires_at: Some(now.plus(TEXTS_KEPT)),
        };
        save_text(store, key, &record, stored.revision).await?;
    }
    Ok(())
}

/// Stores a text under its key without an end, unless it is there.
pub(super) async fn keep_text(
    store: &impl Records,
    key: &str,
    text: &str,
) -> Result<(), PortError> {
    let stored = store.load_record::<ConfigText>(key).await?;
    if stored.value.text.is_some() && stored.value.expires_at.is_none() {
        return Ok(());
    }
    let record = ConfigText {
        text: Some(text.to_owned()),
        expires_at: None,
    };
    save_text(store, key, &record, stored.revision).await
}

/// Saves a text; another process that saves it meanwhile saves the same.
async fn save_text(
    store: &impl Records,
    key: &str,
    record: &ConfigText,
    revision: Revision,
) -> Result<(), PortError> {
    match store.save_record(key, record, revision).await {
        Ok(_) | Err(SaveError::Conflict) => Ok(()),
        Err(SaveError::Store(error)) => Err(error),
    }
}
