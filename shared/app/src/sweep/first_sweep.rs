//! The first sweep of a store: searches HaloPSA for every ticket that carries our key and adopts it, so
//! that a lost store is refilled before any alert counts as new.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::adoption::StoreHistory;
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::ids::AlertId;
use halogard_domain::key::REFERENCE_START;
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::Mode;
use halogard_domain::sweep_cursor::{FirstSweep, SweepCursor};
use halogard_domain::{FailureClass, LinkKey, Policy, Ticket, Timestamp};
use tracing::{info, warn};

use super::{SweepReport, Swept};
use crate::env::Env;
use crate::outcome::SweepOutcome;
use crate::ports::prelude::*;
use crate::ports::{KeyedTicket, Lane, PortError, Stored};
use crate::reconcile::{Adoption, ReconcileError, Reporting};
use crate::reconciler::Reconciler;

/// The first sweep starts this far in the past: no older change concerns a ticket of ours.
const INITIAL_LOOKBACK: Duration = Duration::from_secs(3600);

/// The same where HaloPSA does not say what its clock shows: it may be read in the wrong time zone. The
/// watermark catches up with the first changes that are listed.
const INITIAL_LOOKBACK_WITHOUT_CLOCK: Duration = Duration::from_secs(26 * 3600);

impl<E: Env> Reconciler<E> {
    /// Adopts every ticket that carries our key and is ours, page by page; goes on where the first sweep of
    /// another process stopped. A ticket that is not ours, or that cannot be adopted, is set aside: named,
    /// counted, and in no one's way.
    pub(super) async fn first_sweep(
        &self,
        mut stored: Stored<SweepCursor>,
        continuity: Stored<StoreContinuity>,
    ) -> Result<Swept, ReconcileError> {
        let now = self.clock.now();
        let policy = self.policy();
        let begun = stored.value.first.take();
        let mut first = begun
            .filter(|first| policy.prefixes().any(|prefix| prefix == first.prefix))
            .unwrap_or_else(|| FirstSweep::begin(policy.key_prefix.clone(), now));
        // Never from a clock that was ahead.
        first.began_at = first.began_at.min(now);
        let mut newest = None;
        if policy.mode == Mode::Managed {
            let mut listed_alerts = None;
            loop {
                let page = self
                    .desk
                    .list_keyed(&first.prefix, first.place.as_ref())
                    .await?;
                let adopted = self
                    .adopt_page(&page.tickets, &mut first, &mut listed_alerts, &policy)
                    .await;
                if adopted.is_ok() {
                    first.listed += as_count(page.tickets.len());
                    newest = newest.max(page.tickets.iter().map(|it| it.id).max());
                    first.set_aside.clear();
                    first.place = page.rest;
                    if first.place.is_none() {
                        // The next of the prefixes, if there is one.
                        let mut prefixes = policy.prefixes();
                        prefixes.find(|prefix| *prefix == first.prefix);
                        match prefixes.next() {
                            Some(next) => first.prefix = next.to_owned(),
                            None => break,
                        }
                    }
                }
                stored.value.first = Some(first.clone());
                let is_saved = self.save_cursor(&mut stored).await?;
                adopted?;
                if !is_saved {
                    return Ok(log_first_sweep(&first, SweepOutcome::Superseded));
                }
            }
            for found in self.find_by_texts(&policy, first.listed > 0).await? {
                newest = newest.max(Some(found.ticket.id));
                self.adopt_found(&found, Reporting::Now, &mut first, &policy)
                    .await?;
            }
        }
        let lookback = match self.desk.desk_time() {
            Some(_) => INITIAL_LOOKBACK,
            None => INITIAL_LOOKBACK_WITHOUT_CLOCK,
        };
        stored.value.watermark = Some(first.began_at.minus(lookback));
        stored.value.first = None;
        if let Some(newest) = newest {
            self.update_continuity(|continuity| continuity.observe_found_ticket(newest))
                .await?;
        }
        if first.adopted > 0 {
            self.update_continuity(StoreContinuity::observe_predecessor)
                .await?;
        }
        // A concurrent sweep that saved first has adopted the same tickets.
        self.save_cursor(&mut stored).await?;
        self.first_sweep_done.get_or_init(|| ());
        self.observe_sweep(continuity, first.began_at, newest)
            .await?;
        Ok(log_first_sweep(&first, SweepOutcome::InitialSweep))
    }

    /// Tickets of ours whose titles people rewrote. A search in texts finds them where HaloPSA has one;
    /// otherwise, if `titled` shows that the store had a predecessor, every ticket is read that was opened
    /// since the oldest alert that is open and has none.
    async fn find_by_texts(
        &self,
        policy: &Policy,
        titled: bool,
    ) -> Result<Vec<KeyedTicket>, ReconcileError> {
        let mut listings = Vec::new();
        let mut searched = true;
        for prefix in policy.prefixes() {
            let reference = format!("{REFERENCE_START}{}", LinkKey::start(prefix));
            match self.desk.find_in_texts(&reference).await? {
                Some(found) => listings.extend(found),
                None => searched = false,
            }
        }
        // Every ticket of ours has the reference in its text, so a search that shows none of them does not search texts.
        if !searched || (listings.is_empty() && titled) {
            listings = match self.oldest_without_ticket(titled, policy).await? {
                Some(raised_at) => self.desk.opened_since(raised_at).await?,
                None => Vec::new(),
            };
        }
        let mut found = Vec::new();
        for listing in listings {
            let title = listing.ticket.as_ref().map_or("", |it| &it.summary);
            let is_keyed = policy
                .prefixes()
                .any(|prefix| LinkKey::find_in(title, prefix).is_some());
            if !is_keyed {
                found.extend(self.find_by_text(&listing).await?);
            }
        }
        Ok(found)
    }

    /// When the oldest alert was raised that is open, mapped, and has no ticket; `None` without such an
    /// alert, and unless `titled` says that there is a ticket with a key.
    async fn oldest_without_ticket(
        &self,
        titled: bool,
        policy: &Policy,
    ) -> Result<Option<Timestamp>, ReconcileError> {
        if !titled {
            return Ok(None);
        }
        let mut oldest: Option<Timestamp> = None;
        let mut list = self.liongard.list().await?;
        while let Some(part) = list.next().await? {
            for alert in part.alerts {
                if alert.is_closed() || policy.choose(&alert).is_err() {
                    continue;
                }
                let stored = self.store.load(alert.id).await?;
                if stored.is_none_or(|stored| stored.value.ticket.is_none()) {
                    let earlier = oldest.map_or(alert.raised_at, |at| at.min(alert.raised_at));
                    oldest = Some(earlier);
                }
            }
        }
        Ok(oldest)
    }

    /// Adopts those of `tickets` that are ours, the newest first: of the tickets of one alert the newest
    /// counts. This store is new, so that no ticket carries its proof. `listed_alerts` are the alerts that
    /// Liongard lists, once they were read.
    async fn adopt_page(
        &self,
        tickets: &[Ticket],
        first: &mut FirstSweep,
        listed_alerts: &mut Option<BTreeSet<AlertId>>,
        policy: &Policy,
    ) -> Result<(), ReconcileError> {
        if tickets.is_empty() {
            return Ok(());
        }
        let secret = self.key_secret().await?;
        let mut tickets: Vec<&Ticket> = tickets.iter().collect();
        tickets.sort_by_key(|ticket| Reverse(ticket.id));
        for ticket in tickets {
            if first.set_aside.contains(&ticket.id) {
                continue;
            }
            let Some(key) = secret.choose_in(&ticket.summary, [first.prefix.as_str()]) else {
                continue;
            };
            if is_closed(ticket, policy) {
                let listed = match listed_alerts {
                    Some(listed) => listed,
                    None => listed_alerts.insert(self.listed_alerts().await?),
                };
                // Liongard lists the alert no more, and the ticket is over: years of such tickets may be found.
                if !listed.contains(&key.key.alert) {
                    continue;
                }
            }
            let found = KeyedTicket {
                ticket: ticket.clone(),
                key,
            };
            self.adopt_found(&found, Reporting::Later, first, policy)
                .await?;
        }
        Ok(())
    }

    /// Adopts `found` if it is ours; counts the verdict.
    async fn adopt_found(
        &self,
        found: &KeyedTicket,
        reporting: Reporting,
        first: &mut FirstSweep,
        policy: &Policy,
    ) -> Result<(), ReconcileError> {
        let ticket = &found.ticket;
        let (history, cause) = (StoreHistory::New, Cause::Sweep);
        match self.adopt(found, reporting, history, policy, &cause).await {
            Ok(Adoption::Adopted(_)) => first.adopted += 1,
            Ok(Adoption::Known) => {}
            Ok(Adoption::Reported(_)) => {
                first.not_adopted += 1;
                first.set_aside.push(ticket.id);
            }
            Ok(Adoption::NotOurs) => {
                first.not_adopted += 1;
                first.set_aside.push(ticket.id);
                let message = Message::ticket_snapshot(ticket.clone(), Cause::Sweep);
                self.store.send(Lane::Urgent, &[message.into()]).await?;
            }
            Err(ReconcileError::Port(error)) if error.class == FailureClass::Permanent => {
                log_set_aside(found, &error);
                first.not_adopted += 1;
                first.set_aside.push(ticket.id);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The alerts that Liongard lists, by number only: there may be years of them.
    async fn listed_alerts(&self) -> Result<BTreeSet<AlertId>, PortError> {
        let mut listed = BTreeSet::new();
        let mut list = self.liongard.list().await?;
        while let Some(part) = list.next().await? {
            listed.extend(part.alerts.into_iter().map(|alert| alert.id));
        }
        Ok(listed)
    }
}

/// A length as it is counted over many pages.
fn as_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Writes the line of a first sweep that stops here, and reports it.
fn log_first_sweep(first: &FirstSweep, outcome: SweepOutcome) -> Swept {
    info!(
        listed = first.listed,
        adopted = first.adopted,
        not_adopted = first.not_adopted,
        outcome = outcome.as_str(),
        "searched for tickets that carry our key"
    );
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let report = SweepReport {
        listed: size(first.listed),
        adopted: size(first.adopted),
        not_adopted: size(first.not_adopted),
        ..SweepReport::default()
    };
    (report, outcome)
}

/// Whether a ticket is closed under any template.
fn is_closed(ticket: &Ticket, policy: &Policy) -> bool {
    let mut templates = policy.templates.values();
    templates.any(|template| template.statuses.is_closed(ticket.status))
}

/// Writes the line of a ticket that the first sweep could not adopt.
fn log_set_aside(found: &KeyedTicket, error: &PortError) {
    warn!(
        alert_id = found.key.key.alert.get(),
        ticket_id = found.ticket.id.get(),
        error_type = error.code.as_str(),
        reason = error.chain(),
        "a ticket that carries our key could not be adopted"
    );
}
