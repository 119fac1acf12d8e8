//! An alert and its ticket: what changed on which side since both agreed, and what follows from it.

mod both_open;
mod differences;
mod one_side_closed;

use std::collections::BTreeSet;

use crate::alert::Alert;
use crate::link::{Base, Link};
use crate::plan::{Step, closing_the_group};
use crate::policy::{Mapping, Mode, Policy, Template};
use crate::runs::RunTarget;
use crate::ticket::Ticket;
use crate::time::{PlanTime, Timestamp};
use crate::work::{WorkSign, sign_of_work};

pub use differences::{DifferenceCause, FieldDifference, PairField};

/// The steps for a linked pair: a three-way merge per field of the base, Liongard's value and
/// HaloPSA's value.
pub(super) fn plan(
    link: &Link,
    alert: &Alert,
    ticket: &Ticket,
    mapping: &Mapping,
    template: &Template,
    policy: &Policy,
    time: PlanTime,
) -> Vec<Step> {
    let pair = Pair::of(link, alert, ticket, mapping, template, policy, time);
    let now = time.now;
    if link.not_carried_out(policy, now).is_some() {
        return vec![Step::RecordNotCarriedOut];
    }
    if let Some(sign) = pair.new_sign_of_work() {
        return vec![Step::RecordWork(sign)];
    }
    let steps = pair.steps();
    // Notes show no category, team or client that a person has set: a closing needs a recent state too.
    if steps.iter().any(Step::writes_ticket) && !link.is_ticket_current(time) {
        return vec![Step::RefreshTicket];
    }
    let agreed = Step::SetBase(pair.base.clone());
    let missing = if link.base.is_some() && steps == [agreed] {
        Vec::new()
    } else {
        steps
    };
    let missing = if missing.is_empty() && pair.ticket_closed() {
        closing_the_group(link, missing)
    } else {
        missing
    };
    if missing.is_empty() {
        link.look_after_write(now).into_iter().collect()
    } else {
        missing
    }
}

impl Link {
    /// What is still to be done about an accepted change that no report has shown to be carried out, where
    /// something speaks against it.
    fn look_after_write(&self, now: Timestamp) -> Option<Step> {
        let accepted = self.accepted.as_ref().filter(|it| it.is_doubtful)?;
        let due = accepted.read_at();
        // A time in the future was written under a wrong clock.
        let waits = due > now && accepted.answered_at.believed_at(now) == accepted.answered_at;
        Some(if waits {
            Step::Wait(due)
        } else {
            Step::ReadTicket
        })
    }
}

/// One alert, its ticket, and everything that decides about them.
pub(super) struct Pair<'a> {
    link: &'a Link,
    alert: &'a Alert,
    ticket: &'a Ticket,
    mapping: &'a Mapping,
    template: &'a Template,
    policy: &'a Policy,
    now: Timestamp,
    time: PlanTime,
    base: Base,
}

impl<'a> Pair<'a> {
    /// The pair of `link`.
    pub(super) fn of(
        link: &'a Link,
        alert: &'a Alert,
        ticket: &'a Ticket,
        mapping: &'a Mapping,
        template: &'a Template,
        policy: &'a Policy,
        time: PlanTime,
    ) -> Self {
        let assumed = || Base::assumed(alert, ticket, &template.statuses, link.opening.as_ref());
        Self {
            link,
            alert,
            ticket,
            mapping,
            template,
            policy,
            now: time.now,
            time,
            base: link.base.clone().unwrap_or_else(assumed),
        }
    }

    /// The missing steps, the last of which records what both sides agree on once the others are
    /// done.
    fn steps(&self) -> Vec<Step> {
        let resolved = self.link.is_resolved(self.alert);
        let alert_changed_side = resolved != self.base.alert_closed;
        let ticket_changed_side = self.ticket_closed() != self.base.ticket_closed.is_some();
        match (resolved, self.ticket_closed()) {
            (true, true) => vec![Step::SetBase(self.seen())],
            (_, false) if self.is_of_another_client() => self.set_base(self.seen()),
            (false, false) => self.both_open(),
            // A change in HaloPSA is a person's decision. It is never overruled; Liongard is asked
            // to check.
            (_, _) if ticket_changed_side => self.request_inspections(),
            (true, false) if alert_changed_side => self.alert_closed(),
            (false, true) if alert_changed_side && !self.own_cause_resolved() => {
                self.alert_reopened()
            }
            (false, true) if self.may_be_closed_unrecorded() => self.after_unrecorded_closing(),
            // A known difference that stays.
            (_, _) => self.set_base(self.seen()),
        }
    }

    /// What shows that a person has started to work on the open ticket, if that is news.
    fn new_sign_of_work(&self) -> Option<WorkSign> {
        let Self {
            link,
            alert,
            ticket,
            mapping,
            template,
            ..
        } = self;
        // People work with a merged ticket in any case.
        let is_asked = link.work.is_none() && !self.ticket_closed() && !link.is_merged();
        is_asked
            .then(|| sign_of_work(link, &self.base, alert, ticket, mapping, template))
            .flatten()
            .filter(|sign| *sign != WorkSign::Priority || !link.has_unseen_priority())
    }

    /// Whether people merged the ticket into one of another customer, or it was found there. Nothing
    /// about this alert is written to it: its readers are not this customer's.
    fn is_of_another_client(&self) -> bool {
        let may_be = self.link.found_elsewhere || !self.link.merged_tickets.is_empty();
        may_be && self.ticket.client != self.mapping.client
    }

    /// Whether the alert is closed, and the group it leads: others may share the ticket and be open.
    fn own_cause_resolved(&self) -> bool {
        self.link.is_own_cause_resolved(self.alert)
    }

    /// Whether the ticket's status counts as closed.
    fn ticket_closed(&self) -> bool {
        self.template.statuses.is_closed(self.ticket.status)
    }

    /// The current state of both sides, except that status, priority and text of the alert stay as
    /// they are in the base: they enter it only when the ticket shows them.
    fn seen(&self) -> Base {
        let statuses = &self.template.statuses.by_slug;
        let shows_status = statuses.get(&self.alert.status) == Some(&self.ticket.status);
        let priority = self.template.priorities.of(&self.alert.priority);
        let shows_priority = priority.is_some() && priority == self.ticket.priority;
        let mut seen = Base {
            alert_text: self.base.alert_text,
            ..self.seen_with_alert()
        };
        if !shows_status {
            seen.alert_status = self.base.alert_status.clone();
        }
        if !shows_priority {
            seen.alert_priority = self.base.alert_priority.clone();
        }
        seen
    }

    /// The current state of both sides.
    fn seen_with_alert(&self) -> Base {
        Base {
            alert_closed: self.link.is_resolved(self.alert),
            ..Base::of(
                self.alert,
                self.ticket,
                &self.template.statuses,
                Some(&self.base),
            )
        }
    }

    /// Records `base`. If a person changed the ticket's status, asks Liongard to check first; a
    /// reopened ticket agrees with its open alert again, so there is nothing to check.
    fn set_base(&self, base: Base) -> Vec<Step> {
        let reopened = self.base.ticket_closed.is_some() && !self.ticket_closed();
        let changed_in_halopsa = self.ticket.status != self.base.ticket_status && !reopened;
        let run = changed_in_halopsa.then(|| Step::RequestInspections(vec![RunTarget::HaloPsa]));
        run.into_iter().chain([Step::SetBase(base)]).collect()
    }

    /// The ticket was closed or reopened in HaloPSA.
    fn request_inspections(&self) -> Vec<Step> {
        if self.ticket_closed() && self.own_cause_resolved() {
            // Only others that share the ticket are open; each asks for itself.
            return vec![Step::SetBase(self.seen())];
        }
        let mut steps = vec![
            Step::RequestInspections(self.targets()),
            Step::SetBase(self.seen()),
        ];
        if self.may_be_closed_unrecorded() {
            steps.push(Step::FindCloser);
        }
        steps
    }

    /// The inspectors that make Liongard see the ticket's state. Liongard's HaloPSA inspector knows
    /// only tickets of Liongard's own ticketing. For a ticket that Halogard opened, the inspector
    /// that raised the alert runs as well, and those of all alerts that share the ticket.
    fn targets(&self) -> Vec<RunTarget> {
        let mut targets = vec![RunTarget::HaloPsa];
        if self.policy.mode == Mode::Managed && self.ticket_closed() {
            let co_owners = self
                .link
                .leader_state()
                .map(|lead| &lead.summary.launchpoints);
            let co_owners = co_owners.into_iter().flatten().copied();
            let launchpoints: BTreeSet<_> = self
                .alert
                .launchpoint
                .into_iter()
                .chain(co_owners)
                .collect();
            targets.extend(launchpoints.into_iter().map(RunTarget::Launchpoint));
        }
        targets
    }
}
