//! Pairs: alerts and tickets that are reconciled, and webhooks that are recorded.

use std::time::Duration;

use halogard_domain::ids::{AlertId, SiteId, TicketId};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::record::Singleton;
use halogard_domain::site_reports::{SiteChange, SiteReport, SiteReports};
use halogard_domain::webhook_sample::{WebhookSample, WebhookSamples};
use halogard_domain::{Ticket, Timestamp};
use tracing::info;

use super::disposition::{Dispatched, Disposition};
use super::lane_work::{Dispatch, LaneWork};
use crate::env::Env;
use crate::outcome::Outcome;
use crate::ports::prelude::*;
use crate::ports::{Delivery, JournalEntry, Lane, PortError};
use crate::reconcile::write_batcher::WriteBatcher;
use crate::reconcile::{ReconcileError, Report};
use crate::reconciler::Reconciler;

/// How far two reads of a ticket are apart that webhooks without an id and without a time cause: twenty in a window
/// of the request budget.
const UNDATED_READ_PAUSE: Duration = Duration::from_secs(15);

/// The work of the lanes `urgent` and `bulk`.
#[derive(Clone, Copy, Debug)]
pub enum PairWork {}

impl LaneWork for PairWork {
    const LANES: &'static [Lane] = &[Lane::Urgent, Lane::Bulk];
}

impl Dispatch for PairWork {
    async fn dispatch<E: Env>(
        reconciler: &Reconciler<E>,
        message: &Message,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Dispatched {
        let attempt = delivery.receive_count;
        let recorded = match message {
            Message::ReconcileAlert {
                alert,
                cause,
                snapshot,
                ..
            } => {
                let report = reconciler
                    .reconcile_alert(*alert, snapshot.as_deref(), cause, batcher)
                    .await;
                return reconciler.reconciled(report, cause, Some(*alert), None, attempt);
            }
            Message::ReconcileTicket {
                ticket,
                cause,
                snapshot,
                ..
            } => {
                let snapshot = snapshot.as_deref();
                return reconciler
                    .ticket_message(*ticket, snapshot, cause, delivery, batcher)
                    .await;
            }
            Message::RecordNotification { notification, .. } => {
                match reconciler.linked_ticket_of(notification).await {
                    Ok(Some(ticket)) => {
                        let notification = notification.clone();
                        let cause = Cause::Webhook { notification };
                        let look = Message::reconcile_ticket(ticket, cause.clone());
                        if let Some(paused) = reconciler.paused(&look, delivery).await {
                            return paused;
                        }
                        return reconciler
                            .ticket_message(ticket, None, &cause, delivery, batcher)
                            .await;
                    }
                    Ok(None) => reconciler.record_notification(notification).await,
                    Err(error) => Err(error.into()),
                }
            }
            Message::KeepWebhookSample { kind, members, .. } => {
                reconciler.keep_webhook_sample(kind, members).await
            }
            Message::AdvanceRun { .. } | Message::Poll { .. } => {
                return Dispatched::of_another_lane();
            }
        };
        recorded.map_or_else(|error| reconciler.failed(&error, attempt), Dispatched::ack)
    }
}

impl<E: Env> Reconciler<E> {
    /// Reconciles the pair of `ticket`, unless the webhook behind `cause` was processed before.
    async fn ticket_message(
        &self,
        ticket: TicketId,
        snapshot: Option<&Ticket>,
        cause: &Cause,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Dispatched {
        let attempt = delivery.receive_count;
        match self.is_duplicate(cause).await {
            Ok(false) => {}
            Ok(true) => return Dispatched::ack(Outcome::Duplicate),
            Err(error) => return self.failed(&error.into(), attempt),
        }
        if snapshot.is_none() {
            match self.undated_read_at(ticket, cause, delivery.sent_at).await {
                Ok(None) => {}
                Ok(Some(at)) => {
                    return Dispatched::new(Outcome::Waiting, Disposition::Defer(at));
                }
                Err(error) => return self.failed(&error.into(), attempt),
            }
        }
        let report = self
            .reconcile_ticket(ticket, snapshot, cause, delivery.sent_at, batcher)
            .await;
        let dispatched = self.reconciled(report, cause, None, Some(ticket), attempt);
        // Delivered again, such a webhook again changes nothing: it need not be recorded.
        let is_idempotent = match dispatched.outcome {
            Outcome::InSync => snapshot.is_some(),
            outcome => outcome == Outcome::NotOurs,
        };
        if is_idempotent {
            return dispatched;
        }
        match self.record_if_acked(cause, &dispatched.disposition).await {
            Ok(()) => dispatched,
            Err(error) => Dispatched {
                actions: dispatched.actions,
                ..self.failed(&error.into(), attempt)
            },
        }
    }

    /// When `ticket` is read for a webhook that was received at `sent_at` and names neither its delivery nor a time;
    /// `None` when that may be now, or when it was read since. A stranger who has recorded such a webhook can send it
    /// again and again, and each looks like another change.
    async fn undated_read_at(
        &self,
        ticket: TicketId,
        cause: &Cause,
        sent_at: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        let Cause::Webhook { notification } = cause else {
            return Ok(None);
        };
        if notification.delivery.is_some() {
            return Ok(None);
        }
        let mut read_at = None;
        for alert in self.store.owners(ticket).await? {
            let stored = self.store.load(alert).await?;
            read_at = read_at.max(stored.and_then(|stored| stored.value.ticket_as_of));
        }
        let due = read_at.filter(|at| *at <= sent_at);
        let due = due.map(|at| at.plus(UNDATED_READ_PAUSE));
        Ok(due.filter(|due| *due > self.clock.now()))
    }

    /// What follows from the report of a reconciliation, which is logged unless it failed: a failure is logged
    /// where it is settled.
    fn reconciled(
        &self,
        report: Report,
        cause: &Cause,
        alert: Option<AlertId>,
        ticket: Option<TicketId>,
        attempt: u32,
    ) -> Dispatched {
        let failed = report.outcome.is_err();
        let of_alert = report.pair.map(|(alert, _)| alert);
        let of_ticket = report.pair.and_then(|(_, ticket)| ticket);
        let dispatched = self.dispatched(report, attempt);
        if !failed {
            let (alert, ticket) = (alert.or(of_alert), ticket.or(of_ticket));
            log_reconciled(cause, alert, ticket, &dispatched);
        }
        dispatched
    }

    /// Records the webhook behind `cause` as processed if its message is acknowledged. A message that is
    /// delivered again, by the queue or by a redrive, would otherwise be taken for a duplicate.
    async fn record_if_acked(
        &self,
        cause: &Cause,
        disposition: &Disposition,
    ) -> Result<(), PortError> {
        match (cause, disposition) {
            (Cause::Webhook { notification }, Disposition::Ack) => {
                self.store.record(notification, self.clock.now()).await
            }
            _ => Ok(()),
        }
    }

    /// Whether the webhook behind `cause` was processed before.
    async fn is_duplicate(&self, cause: &Cause) -> Result<bool, PortError> {
        match cause {
            Cause::Webhook { notification } => {
                self.store.is_known(notification, self.clock.now()).await
            }
            _ => Ok(false),
        }
    }

    /// The linked ticket that a notification of an unknown event names. Another record may have the same number:
    /// then the ticket is reconciled for nothing.
    async fn linked_ticket_of(
        &self,
        notification: &Notification,
    ) -> Result<Option<TicketId>, PortError> {
        let Some(ticket) = notification.possible_ticket() else {
            return Ok(None);
        };
        let owners = self.store.owners(ticket).await?;
        Ok((!owners.is_empty()).then_some(ticket))
    }

    /// Records a webhook that concerns no ticket.
    async fn record_notification(
        &self,
        notification: &Notification,
    ) -> Result<Outcome, ReconcileError> {
        let now = self.clock.now();
        if self.store.is_known(notification, now).await? {
            return Ok(Outcome::Duplicate);
        }
        self.record_site_report(notification, now).await?;
        let outcome = Outcome::NotificationRecorded;
        let entry = JournalEntry {
            at: now,
            alert: None,
            ticket: None,
            event: outcome.as_str().to_owned(),
            cause: notification.kind.clone(),
            detail: notification.object.map(|object| format!("object {object}")),
        };
        self.store.append(&[entry]).await?;
        self.store.record(notification, now).await?;
        Ok(outcome)
    }

    /// Records what `notification` reports about a site, if the config names it.
    async fn record_site_report(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), ReconcileError> {
        let change = SiteChange::of_kind(&notification.kind);
        let (Some(change), Some(site)) = (change, notification.object) else {
            return Ok(());
        };
        let report = SiteReport {
            site: SiteId::new(site),
            change,
            at: now,
        };
        let policy = self.policy();
        self.store
            .update_record(&Singleton, |reports: &mut SiteReports| {
                reports.record(report.clone(), &policy);
            })
            .await?;
        Ok(())
    }

    /// Keeps the form of a webhook if it is the first of its kind.
    async fn keep_webhook_sample(
        &self,
        kind: &str,
        members: &str,
    ) -> Result<Outcome, ReconcileError> {
        let sample = WebhookSample {
            members: members.to_owned(),
            kept_at: self.clock.now(),
        };
        let is_first = self
            .store
            .update_record(&Singleton, |samples: &mut WebhookSamples| {
                samples.keep_first(kind, sample.clone())
            })
            .await?;
        Ok(if is_first {
            Outcome::NotificationRecorded
        } else {
            Outcome::Duplicate
        })
    }
}

/// Writes the outcome line of a reconciliation that did not fail.
fn log_reconciled(
    cause: &Cause,
    alert: Option<AlertId>,
    ticket: Option<TicketId>,
    dispatched: &Dispatched,
) {
    let actions: Vec<_> = dispatched.actions.iter().map(|it| it.as_str()).collect();
    info!(
        alert_id = alert.map(AlertId::get),
        ticket_id = ticket.map(TicketId::get),
        cause = cause.as_str(),
        outcome = dispatched.outcome.as_str(),
        actions = (!actions.is_empty()).then(|| actions.join(" ")),
        until = dispatched.disposition.due().map(tracing::field::display),
        "reconciled"
    );
}
