//! Named marks.

use halogard_app::ports::{Clock, Marks, PortError};

use crate::error::AwsError;
use crate::items::{Reader, key, number};
use crate::store::Store;

/// The partition that holds every mark, by name.
const MARKS: &str = "mark";
/// The mark's value.
const AMOUNT: &str = "amount";

/// Reads marks.
const READER: Reader = Reader("marks");

impl<C: Clock> Marks for Store<C> {
    async fn mark(&self, name: &str) -> Result<Option<i64>, PortError> {
        let item = self.item(MARKS, name).await?;
        let mark = item.map(|item| READER.number(&item, AMOUNT)).transpose()?;
        Ok(mark)
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), PortError> {
        let mut item = key(MARKS, name);
        item.insert(AMOUNT.to_owned(), number(value));
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
