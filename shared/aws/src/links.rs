//! The pairs.

use std::ops::ControlFlow;

use halogard_app::ports::{Clock, LinkFilter, Links, PortError, Revision, SaveError, Stored};
use halogard_domain::Link;
use halogard_domain::ids::{AlertId, TicketId};

use crate::error::{AwsError, from_json, to_json};
use crate::items::{
    BODY, ITEM_BYTES_MAX, ITEM_OVERHEAD, Item, Keys, Range, Reader, Saved, key, padded, string,
};
use crate::store::Store;

/// The partition that holds every link.
const LINKS: &str = "link";

/// Reads links.
const READER: Reader = Reader("links");

impl<C: Clock> Links for Store<C> {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        let Some(item) = self.item(LINKS, &padded(alert.get())).await? else {
            return Ok(None);
        };
        let value: Link = from_json(READER.0, READER.text(&item, BODY)?)?;
        // Whatever a stored link names was entered before it.
        self.entered_tickets().note(&value);
        Ok(Some(Stored {
            value,
            revision: READER.revision(&item)?,
        }))
    }

    async fn owner(&self, ticket: TicketId) -> Result<Option<AlertId>, PortError> {
        // Entries are never taken back, so the links themselves are asked. Should two name one
        // ticket, the one that works with it now owns it.
        let mut owner = None;
        for alert in self.alerts_entered_for(ticket).await? {
            let Some(link) = self.load(alert).await? else {
                continue;
            };
            if link.value.ticket == Some(ticket) {
                return Ok(Some(alert));
            }
            if owner.is_none() && link.value.earlier_tickets.contains(&ticket) {
                owner = Some(alert);
            }
        }
        Ok(owner)
    }

    async fn save(&self, link: &Link, revision: Revision) -> Result<Revision, SaveError> {
        let item = item(link)?;
        self.enter_tickets(link).await?;
        match self.save_item(item, revision).await? {
            Saved::Done(revision) => Ok(revision),
            Saved::Lost(_) => Err(SaveError::Conflict),
        }
    }

    async fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, PortError> {
        let mut links = Vec::new();
        if limit == 0 {
            return Ok(links);
        }
        let range = Range {
            place: READER.0,
            pk: LINKS.to_owned(),
            keys: after.map_or(Keys::All, |alert| Keys::After(padded(alert.get()))),
            filter: match filter {
                LinkFilter::All => None,
                LinkFilter::Parked => Some("attribute_exists(parked)"),
                LinkFilter::Refused => Some("attribute_exists(refused)"),
                LinkFilter::Claimed => Some("attribute_exists(claimed)"),
            },
            // A page is measured before it is filtered.
            page: (filter == LinkFilter::All).then_some(limit),
        };
        self.each_page(range, |page| {
            for item in page.iter().take(limit - links.len()) {
                links.push(from_json(READER.0, READER.text(item, BODY)?)?);
            }
            Ok(if links.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .await?;
        Ok(links)
    }
}

/// `link` as it is stored, but for its revision.
///
/// A link that does not fit is an error, not cut: its text's digest tells changes of the alert, and
/// a person must hear of it.
fn item(link: &Link) -> Result<Item, AwsError> {
    let body = to_json(READER.0, link)?;
    let most = ITEM_BYTES_MAX - ITEM_OVERHEAD;
    if body.len() > most {
        return Err(AwsError::link_too_large(link.alert, body.len(), most));
    }
    let mut item = key(LINKS, padded(link.alert.get()));
    item.insert(BODY.to_owned(), string(body));
    let flags = [
        ("parked", link.parked.is_some()),
        ("refused", link.refused.is_some()),
        ("claimed", link.is_claimed()),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
        let value = aws_sdk_dynamodb::types::AttributeValue::Bool(true);
        item.insert(flag.to_owned(), value);
    }
    Ok(item)
}
