//! Merging reports about both sides: which is the newer, and how old what is known may be.

use std::time::Duration;

use crate::alert::Alert;
use crate::ids::TicketId;
use crate::ticket::{HumanActivity, Ticket};
use crate::time::{PlanTime, Timestamp};
use crate::work::InitialState;

use super::{Evidence, Link, WRITE_VISIBLE_WITHIN};

/// How old what is known of a ticket may be when it is written. Older knowledge is refreshed first: a
/// person may have changed the ticket meanwhile. A poll that finds changed alerts sweeps HaloPSA before it
/// queues them, and their writes follow within seconds.
pub const WRITE_AGE_MAX: Duration = Duration::from_secs(15);

/// How far the clocks of HaloPSA's servers may differ. A report that differs from what is known, with a
/// time of change at most this much earlier, may be newer all the same; the ticket is read to decide.
pub const REPORT_DISORDER_MAX: Duration = Duration::from_secs(60);

impl Link {
    /// Takes back what a clock wrote that was ahead and has been set since, as of `now`. A time in the future
    /// proves nothing: whatever is reported from now on is newer, and nothing waits for the time to come.
    pub fn correct_times(&mut self, now: Timestamp) {
        let is_future = |at: Timestamp| at.believed_at(now) != at;
        if let Some(alert) = &mut self.observed_alert
            && is_future(alert.observed_at)
        {
            alert.observed_at = Timestamp::EPOCH;
        }
        if let Some(ticket) = &mut self.observed_ticket {
            if is_future(ticket.observed_at) {
                ticket.observed_at = Timestamp::EPOCH;
            }
            if matches!(ticket.activity, HumanActivity::None { as_of } if is_future(as_of)) {
                ticket.activity = HumanActivity::Unknown;
            }
        }
        self.ticket_as_of = self.ticket_as_of.filter(|at| !is_future(*at));
        self.missing = self.missing.filter(|missing| !is_future(missing.since));
        self.unsettled_since = self.unsettled_since.map(|since| since.believed_at(now));
        if let Some(accepted) = &mut self.accepted
            && is_future(accepted.answered_at)
        {
            accepted.answered_at = now;
            accepted.changed_at = accepted.changed_at.believed_at(now);
            accepted.believed_change = accepted.believed_change.believed_at(now);
        }
        if let Some(found) = &mut self.found {
            found.at = found.at.believed_at(now);
        }
        if let Some(initial) = &mut self.initial
            && is_future(initial.at)
        {
            // HaloPSA's rules are done with it.
            initial.at = Timestamp::EPOCH;
        }
        self.correct_claims(now);
    }

    /// Merges a report about the alert. An older report changes nothing.
    pub fn observe_alert(&mut self, alert: Alert) {
        debug_assert_eq!(alert.id, self.alert, "a report reached the wrong link");
        self.observed_alert = Some(match self.observed_alert.take() {
            Some(known) => known.newer(alert),
            None => alert,
        });
        let is_closed = self.is_alert_closed();
        if let Some(missing) = &mut self.missing {
            missing.alert_was_closed |= is_closed;
        }
    }

    /// Merges what Liongard itself says about the alert: the answer to a read of it. What was known before that is
    /// older, whatever time it shows.
    pub fn observe_current_alert(&mut self, alert: Alert) {
        let is_later = |known: &Alert| alert.observed_at >= known.observed_at;
        if self.observed_alert.as_ref().is_some_and(is_later) {
            self.observed_alert = None;
        }
        self.observe_alert(alert);
    }

    /// Merges a report about the ticket: a webhook, or a row of a list. An older report, or one about
    /// another ticket, changes nothing.
    pub fn observe_ticket(&mut self, ticket: Ticket) {
        if self.ticket != Some(ticket.id) {
            return;
        }
        // It has shown itself since.
        self.missing = self
            .missing
            .filter(|missing| ticket.observed_at <= missing.since);
        // A webhook may be late: what it says was true when the ticket changed.
        let as_of = ticket.changed().min(ticket.observed_at);
        match self.observed_ticket.take() {
            None => self.set_observed_ticket(ticket, as_of),
            Some(known) => {
                let before = known.clone();
                let newer = known.newer(ticket);
                if before.differs_from(&newer) || before.changed_at != newer.changed_at {
                    self.superseded_change = Some(before.changed_at);
                    self.set_observed_ticket(newer, as_of);
                } else {
                    self.observed_ticket = Some(newer);
                }
            }
        }
    }

    /// Merges what HaloPSA itself says about the ticket: the answer to a read or to a write. The request
    /// began at the ticket's `observed_at`; what was known before that is older, whatever time it shows.
    pub fn observe_current_ticket(&mut self, ticket: Ticket) {
        if self.ticket != Some(ticket.id) {
            return;
        }
        self.missing = self
            .missing
            .filter(|missing| ticket.observed_at <= missing.since);
        let as_of = ticket.observed_at;
        match self.observed_ticket.take() {
            Some(known) if self.shows_before_write(&known, &ticket) => {
                self.set_observed_ticket(known, as_of);
                if let Some(accepted) = &mut self.accepted {
                    accepted.is_doubtful = true;
                }
            }
            // A time in the future was read from a clock that has been set back since.
            Some(known) if as_of >= known.observed_at.believed_at(as_of) => {
                let is_same_change = known.changed_at == ticket.changed_at;
                let activity = if is_same_change {
                    known.activity.max(ticket.activity)
                } else {
                    self.superseded_change = Some(known.changed_at);
                    ticket.activity
                };
                self.set_observed_ticket(Ticket { activity, ..ticket }, as_of);
            }
            Some(known) => {
                self.observed_ticket = Some(known);
                self.observe_ticket(ticket);
            }
            None => self.set_observed_ticket(ticket, as_of),
        }
    }

    /// Whether `read` shows the ticket as it was before the newest change: a write is accepted before it is
    /// visible everywhere.
    fn shows_before_write(&self, known: &Ticket, read: &Ticket) -> bool {
        if let Some(accepted) = &self.accepted {
            return accepted.evidence(read) == Evidence::Early;
        }
        self.superseded_change == Some(read.changed_at)
            && read.changed_at < known.changed_at
            && read.observed_at.since(known.observed_at) <= WRITE_VISIBLE_WITHIN
    }

    fn set_observed_ticket(&mut self, ticket: Ticket, as_of: Timestamp) {
        // A later time than the report's own was read from a clock that has been set back since.
        let known = self
            .ticket_as_of
            .filter(|known| *known <= ticket.observed_at.max(as_of));
        self.ticket_as_of = Some(known.map_or(as_of, |known| known.max(as_of)));
        let alert = self.observed_alert.as_ref();
        match &mut self.initial {
            Some(initial) => initial.settle(&ticket),
            // Liongard's own ticketing opened it a moment ago.
            None if alert.and_then(|alert| alert.native_ticket) == Some(ticket.id) => {
                self.initial = Some(InitialState::of(&ticket));
            }
            None => {}
        }
        self.settle_accepted(&ticket);
        self.observed_ticket = Some(ticket);
    }

    /// Whether `report` says something new about the ticket, or may do so.
    #[must_use]
    pub fn is_news(&self, report: &Ticket) -> bool {
        self.observed_ticket.as_ref().is_none_or(|known| {
            let is_same = known.changed_at == report.changed_at && !known.differs_from(report);
            !is_same && (report.changed() > known.changed() || self.is_in_doubt(report))
        })
    }

    /// Whether only a read of the ticket can decide if `report` is newer than what is known: it shows another
    /// state, and its time is a little earlier, as that of a server with another clock may be.
    #[must_use]
    pub fn is_in_doubt(&self, report: &Ticket) -> bool {
        self.observed_ticket.as_ref().is_some_and(|known| {
            known.differs_from(report)
                && report.changed() <= known.changed()
                && known.changed().since(report.changed()) <= REPORT_DISORDER_MAX
                && self.superseded_change != Some(report.changed_at)
        })
    }

    /// Whether a row of a list that was read later than what is known shows another state, with a time of
    /// change that is not later. HaloPSA's clock may have been set back, or its index lag; only a read of the
    /// ticket decides.
    #[must_use]
    pub fn is_contradicted_by(&self, row: &Ticket) -> bool {
        self.observed_ticket.as_ref().is_some_and(|known| {
            known.differs_from(row)
                && row.changed() <= known.changed()
                && row.observed_at >= known.observed_at
                && self.superseded_change != Some(row.changed_at)
        })
    }

    /// Records that `ticket` has changed in a way that no report has shown yet. Says whether that was new.
    pub fn mark_ticket_outdated(&mut self, ticket: TicketId) -> bool {
        if self.ticket != Some(ticket) {
            return false;
        }
        let mut is_new = self.ticket_as_of.take().is_some();
        if let Some(seen) = &mut self.observed_ticket
            && matches!(seen.activity, HumanActivity::None { .. })
        {
            seen.activity = HumanActivity::Unknown;
            is_new = true;
        }
        is_new
    }

    /// Whether the ticket is known to be as observed, recently enough at `time` to write to it.
    #[must_use]
    pub fn is_ticket_current(&self, time: impl Into<PlanTime>) -> bool {
        let time = time.into();
        self.ticket_as_of
            .is_some_and(|as_of| time.is_fresh(as_of, WRITE_AGE_MAX))
    }
}
