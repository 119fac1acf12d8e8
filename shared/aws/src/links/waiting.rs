//! Which links may wait: a list of its own, because a filter would read every link there is.
//!
//! An entry is made before its link is saved and counts only if the link waits, so entry and link need no
//! transaction. It names the revision of the link that it was made for: a save that ends the wait deletes
//! only what was made for itself or before, never what a later save has entered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use halogard_app::ports::{Clock, Revision};
use halogard_domain::Link;
use halogard_domain::ids::AlertId;
use tracing::debug;

use crate::error::{AwsError, from_json};
use crate::items::{
    AttributeReader, BODY, ItemRange, KEYS_MAX, PK, REVISION, SK, SortKeys, has_ended, key, number,
    padded,
};
use crate::store::Store;

use super::LINKS;

/// The partition that holds every entry.
const WAITING: &str = "waiting_link";

/// Reads entries.
const READER: AttributeReader = AttributeReader("waiting links");

/// Alerts that are remembered before all are forgotten. What is forgotten leaves an entry behind, which the
/// next list deletes.
const ALERTS_MAX: usize = 4096;

/// The links that this process has seen waiting.
#[derive(Debug, Default)]
pub struct WaitingLinks(Mutex<BTreeSet<AlertId>>);

impl WaitingLinks {
    /// Notes whether `link` waits; says whether it did before.
    pub fn note(&self, link: &Link) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !link.may_wait() {
            return known.remove(&link.alert);
        }
        if known.len() >= ALERTS_MAX {
            known.clear();
        }
        !known.insert(link.alert)
    }
}

impl<C: Clock> Store<C> {
    /// Enters the link of `alert`, which is about to be saved at `revision`.
    pub(crate) async fn enter_waiting(
        &self,
        alert: AlertId,
        revision: Revision,
    ) -> Result<(), AwsError> {
        let mut item = key(WAITING, padded(alert.get()));
        item.insert(REVISION.to_owned(), number(revision.0));
        let entered = self
            .dynamodb()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk) OR #revision < :revision")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":revision", number(revision.0))
            .send()
            .await;
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // It is entered, for this save or a later one.
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsError::of("DynamoDB PutItem", error)),
            },
        }
    }

    /// Deletes the entry of `alert`, whose link does not wait at `revision`.
    pub(crate) async fn leave_waiting(
        &self,
        alert: AlertId,
        revision: Revision,
    ) -> Result<(), AwsError> {
        let left = self
            .dynamodb()
            .delete_item()
            .table_name(self.table())
            .set_key(Some(key(WAITING, padded(alert.get()))))
            .condition_expression("#revision <= :revision")
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":revision", number(revision.0))
            .send()
            .await;
        match left {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // There is none, or it was made for a later save.
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsError::of("DynamoDB DeleteItem", error)),
            },
        }
    }

    /// The first `limit` links after `after` that are on the list and that `is_wanted` picks, by alert.
    pub(crate) async fn waiting(
        &self,
        is_wanted: impl Fn(&Link) -> bool + Send,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, AwsError> {
        let mut links = Vec::new();
        let mut after = after;
        while links.len() < limit {
            let entered = self.entered_after(after).await?;
            let Some(last) = entered.last() else { break };
            after = Some(*last);
            let found = self.those_that_wait(&entered).await?;
            let wanted = found.into_values().filter(&is_wanted);
            links.extend(wanted.take(limit - links.len()));
        }
        Ok(links)
    }

    /// The next alerts that are entered, at most as many as one request may name.
    async fn entered_after(&self, after: Option<AlertId>) -> Result<Vec<AlertId>, AwsError> {
        let range = ItemRange {
            place: READER.0,
            pk: WAITING.to_owned(),
            keys: after.map_or(SortKeys::All, |alert| SortKeys::After(padded(alert.get()))),
            filter: None,
            page: Some(KEYS_MAX),
        };
        let mut alerts = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                let alert = READER.text(item, SK)?.parse().map(AlertId::new);
                alerts.push(alert.map_err(|_| AwsError::Attribute {
                    place: READER.0,
                    attribute: SK,
                })?);
            }
            Ok(ControlFlow::Break(()))
        })
        .await?;
        Ok(alerts)
    }

    /// The links of `alerts` that wait. Deletes the entries of the others.
    async fn those_that_wait(
        &self,
        alerts: &[AlertId],
    ) -> Result<BTreeMap<AlertId, Link>, AwsError> {
        let keys = alerts.iter().map(|alert| key(LINKS, padded(alert.get())));
        let mut found = BTreeMap::new();
        for item in self.items_under(keys.collect()).await? {
            if has_ended(&item, self.now()) {
                continue;
            }
            let link: Link = from_json(READER.0, READER.text(&item, BODY)?)?;
            if link.may_wait() {
                found.insert(link.alert, link);
            } else if let Err(error) = self
                .leave_waiting(link.alert, READER.revision(&item)?)
                .await
            {
                // An operator who may only read leaves it to the next worker that lists them.
                debug!(%error, "an entry of the waiting links stays until they are listed again");
            }
        }
        Ok(found)
    }
}
