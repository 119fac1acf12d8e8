//! Named values, all in one item.

use std::collections::BTreeMap;

use halogard_app::ports::{Clock, NamedValues, PortError};

use crate::error::AwsError;
use crate::items::{ItemChange, number};
use crate::store::Store;

/// The partition with the item.
const VALUES: &str = "value";

/// The item's sort key.
const ALL: &str = "all";

/// Stands before the name of each value's attribute, so that none has the name of a key.
const PREFIX: &str = "value:";

impl<C: Clock> NamedValues for Store<C> {
    async fn values(&self) -> Result<BTreeMap<String, i64>, PortError> {
        let item = self.item(VALUES, ALL).await?.unwrap_or_default();
        let values = item.iter().filter_map(|(attribute, value)| {
            let name = attribute.strip_prefix(PREFIX)?;
            let number = value.as_n().ok().and_then(|number| number.parse().ok());
            Some((name, number))
        });
        values
            .map(|(name, number)| match number {
                Some(number) => Ok((name.to_owned(), number)),
                None => Err(AwsError::Attribute {
                    place: "values",
                    attribute: "value",
                }
                .into()),
            })
            .collect()
    }

    async fn set_values(&self, values: &[(&str, i64)]) -> Result<(), PortError> {
        if values.is_empty() {
            return Ok(());
        }
        let attributes = values
            .iter()
            .map(|(name, value)| (format!("{PREFIX}{name}"), number(value)));
        let change = ItemChange::Set(attributes.collect());
        Ok(self.change_item(VALUES, ALL, change).await?)
    }
}
