//! Rights that one worker at a time may hold.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use halogard_app::ports::{Clock, LEASE_MAX, LeaseOutcome, Leases, PortError};
use halogard_domain::Timestamp;

use crate::error::AwsError;
use crate::items::{AttributeReader, EXPIRES, PK, key, number, string};
use crate::store::Store;

/// The partition that holds every right, by name.
const LEASES: &str = "lease";
/// Who has it.
const HOLDER: &str = "holder";
/// When it runs out, in milliseconds.
const EXPIRES_AT_MS: &str = "expires_at_ms";

/// Reads rights.
const READER: AttributeReader = AttributeReader("leases");

/// Seconds after its end at which a right may be cleared away.
const RETENTION_SECONDS: i64 = 24 * 60 * 60;

impl<C: Clock> Leases for Store<C> {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        let now = self.now();
        let mut item = key(LEASES, name);
        item.insert(HOLDER.to_owned(), string(holder));
        item.insert(EXPIRES_AT_MS.to_owned(), number(until.as_millis()));
        let expires = until
            .as_millis()
            .div_euclid(1000)
            .saturating_add(RETENTION_SECONDS);
        item.insert(EXPIRES.to_owned(), number(expires));
        let taken = self
            .dynamodb()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(#pk) OR #holder = :holder OR #expires_at_ms <= :now \
                 OR #expires_at_ms > :latest",
            )
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#holder", HOLDER)
            .expression_attribute_names("#expires_at_ms", EXPIRES_AT_MS)
            .expression_attribute_values(":holder", string(holder))
            .expression_attribute_values(":now", number(now.as_millis()))
            .expression_attribute_values(":latest", number(now.plus(LEASE_MAX).as_millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = taken else {
            return Ok(LeaseOutcome::Acquired);
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let theirs = failed.item().ok_or(AwsError::Attribute {
                    place: READER.0,
                    attribute: EXPIRES_AT_MS,
                })?;
                let until = Timestamp::from_millis(READER.number(theirs, EXPIRES_AT_MS)?);
                Ok(LeaseOutcome::HeldByOther { until })
            }
            _ => Err(AwsError::of("DynamoDB PutItem", error).into()),
        }
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        let released = self
            .dynamodb()
            .delete_item()
            .table_name(self.table())
            .set_key(Some(key(LEASES, name)))
            .condition_expression("#holder = :holder")
            .expression_attribute_names("#holder", HOLDER)
            .expression_attribute_values(":holder", string(holder))
            .send()
            .await;
        match released {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Another holder has it, or none.
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsError::of("DynamoDB DeleteItem", error).into()),
            },
        }
    }
}
