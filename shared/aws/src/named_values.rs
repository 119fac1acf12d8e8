//! Named values.

use halogard_app::ports::{Clock, NamedValues, PortError};

use crate::error::AwsError;
use crate::items::{AttributeReader, key, number};
use crate::store::Store;

/// The partition that holds every value, by name.
const VALUES: &str = "value";
/// The value's attribute.
const VALUE: &str = "value";

/// Reads values.
const READER: AttributeReader = AttributeReader("values");

impl<C: Clock> NamedValues for Store<C> {
    async fn value(&self, name: &str) -> Result<Option<i64>, PortError> {
        let item = self.item(VALUES, name).await?;
        let value = item.map(|item| READER.number(&item, VALUE)).transpose()?;
        Ok(value)
    }

    async fn set_value(&self, name: &str, value: i64) -> Result<(), PortError> {
        let mut item = key(VALUES, name);
        item.insert(VALUE.to_owned(), number(value));
        self.dynamodb()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| AwsError::of("DynamoDB PutItem", error))?;
        Ok(())
    }
}
