//! Alerts, tickets and policies for the tests of the rules, and a harness that executes plans.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, PriorityId, StatusId, TicketId,
    TicketTypeId,
};
use halogard_domain::link::{Claim, Link, PendingInspection, TerminalReason};
use halogard_domain::plan::{Step, plan};
use halogard_domain::policy::{ClosedBy, Mapping, Mode, Policy, StatusMap, Template};
use halogard_domain::storm::Storms;
use halogard_domain::ticket::{Existence, Handling, HumanActivity};
use halogard_domain::{Alert, Slug, Ticket, Timestamp};
use std::collections::BTreeSet;

pub const OPEN: StatusId = StatusId::new(1);
pub const IN_PROGRESS: StatusId = StatusId::new(2);
pub const RESOLVED: StatusId = StatusId::new(8);
pub const CLOSED: StatusId = StatusId::new(9);
pub const TICKET: TicketId = TicketId::new(4242);

/// The time `seconds` after a fixed start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + seconds * 1000)
}

/// A policy that maps environment 8801 to client 17 with one template.
pub fn policy(mode: Mode) -> Policy {
    let statuses = StatusMap {
        open: OPEN,
        closed: CLOSED,
        also_closed: BTreeSet::from([RESOLVED]),
        by_slug: [(Slug::new("in progress"), IN_PROGRESS)].into(),
    };
    let mut template = Template::new("default", TicketTypeId::new(5), statuses);
    template.priorities.by_slug = [
        (Slug::new("critical"), PriorityId::new(1)),
        (Slug::new("low"), PriorityId::new(4)),
    ]
    .into();
    template.priorities.default = Some(PriorityId::new(3));
    let mut policy = Policy::empty(mode);
    policy.templates.insert("default".into(), template);
    policy.environments.insert(
        EnvironmentId::new(8801),
        Mapping {
            environment: EnvironmentId::new(8801),
            client: HaloClientId::new(17),
            site: None,
            template: Some("default".into()),
            groups: BTreeSet::from(["gold".to_owned()]),
        },
    );
    policy
}

/// An alert that was raised at second 0 and has not changed.
pub fn alert() -> Alert {
    Alert {
        id: AlertId::new(7586),
        number: Some("T20260105.00001".into()),
        environment: EnvironmentId::new(8801),
        environment_name: "Northwind Dental".into(),
        name: "Active Directory | Stale Privileged Accounts".into(),
        description: "2 privileged accounts have not signed in for 90 days".into(),
        priority: Slug::new("Critical"),
        status: Slug::new("New"),
        inspector: Some("active-directory-inspector".into()),
        inspector_alias: Some("Active Directory".into()),
        rule: Some("Stale Privileged Accounts".into()),
        launchpoint: Some(LaunchpointId::new(18700)),
        system: Some("Northwind AD".into()),
        native_ticket: None,
        visible: true,
        raised_at: at(0),
        changed_at: at(0),
        observed_at: at(0),
        page: None,
    }
}

/// The alert with another status, changed at `seconds`.
pub fn alert_with(status: &str, seconds: i64) -> Alert {
    Alert {
        status: Slug::new(status),
        changed_at: at(seconds),
        observed_at: at(seconds),
        ..alert()
    }
}

/// The ticket in `status`, last changed at `seconds`.
pub fn ticket(status: StatusId, seconds: i64) -> Ticket {
    Ticket {
        id: TICKET,
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status,
        priority: Some(PriorityId::new(1)),
        summary: "[LG-7586] Active Directory | Stale Privileged Accounts".into(),
        assigned: Some(true),
        changed_at: at(seconds),
        observed_at: at(seconds),
        is_dated: true,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
        handling: Handling::default(),
    }
}

/// A link whose alert and ticket agreed when both were open.
pub fn linked(policy: &Policy) -> Link {
    let mut pair = PairHarness::new(policy.clone());
    pair.link.observe_alert(Alert {
        native_ticket: (policy.mode == Mode::Native).then_some(TICKET),
        ..alert()
    });
    if policy.mode == Mode::Native {
        pair.ticket = Some(ticket(OPEN, 0));
    }
    pair.converge(at(1));
    pair.link
}

/// The same, and the ticket is known to be as it was until `seconds`.
pub fn linked_as_of(policy: &Policy, seconds: i64) -> Link {
    let mut link = linked(policy);
    link.ticket_as_of = Some(at(seconds));
    link
}

/// Executes plans on a ticket in memory, and holds the link.
pub struct PairHarness {
    pub policy: Policy,
    pub link: Link,
    /// The groups of the alert's rule and customer.
    pub storms: Storms,
    pub ticket: Option<Ticket>,
    /// Whether a person has worked on the ticket.
    pub person_worked: bool,
    /// Who closed the ticket, as HaloPSA shows it.
    pub closer: ClosedBy,
    pub opened: u32,
    pub executed: Vec<Step>,
}

impl PairHarness {
    pub fn new(policy: Policy) -> Self {
        let link = Link::new(alert().id);
        Self {
            policy,
            link,
            storms: Storms::default(),
            ticket: None,
            person_worked: false,
            closer: ClosedBy::Technician,
            opened: 0,
            executed: Vec::new(),
        }
    }

    /// Updates what the link knows about its group.
    pub fn observe_group(&mut self) {
        let group = self.storms.group(self.link.alert);
        let summary = group.map(halogard_domain::storm::Group::summary);
        if let (Some(summary), Some(lead)) = (summary, self.link.leader_state_mut()) {
            lead.summary = summary;
        }
    }

    /// The plan at `now`.
    pub fn plan(&self, now: Timestamp) -> Vec<Step> {
        let (alert, ticket) = (
            self.link.observed_alert.as_ref(),
            self.link.observed_ticket.as_ref(),
        );
        plan(&self.link, alert, ticket, &self.policy, now)
    }

    /// Plans and executes until no step is missing or the plan waits. Panics if that takes more
    /// iterations than a reconciliation may.
    pub fn converge(&mut self, now: Timestamp) {
        for _ in 0..8 {
            let steps = self.plan(now);
            if steps.is_empty() {
                return;
            }
            for step in steps {
                if matches!(step, Step::Wait(_)) {
                    return;
                }
                self.executed.push(step.clone());
                if !self.execute(step, now) {
                    break;
                }
            }
        }
        panic!("the plan does not settle: {:?}", self.executed);
    }

    /// Executes `step`. Returns `false` if the plan must be made again.
    fn execute(&mut self, step: Step, now: Timestamp) -> bool {
        match step {
            Step::FindByKey => {
                let found = self
                    .ticket
                    .clone()
                    .filter(|ticket| ticket.existence == Existence::Present);
                match found {
                    Some(ticket) => {
                        self.link.attach(ticket.id);
                        self.link.observe_ticket(ticket);
                    }
                    None => self.link.claim = Claim::Free,
                }
                return false;
            }
            Step::Open(new) => {
                self.opened += 1;
                let opened = Ticket {
                    id: TicketId::new(TICKET.get() + u64::from(self.opened) - 1),
                    client: new.client,
                    ticket_type: new.ticket_type,
                    status: new.status,
                    priority: new.priority,
                    summary: new.summary,
                    assigned: Some(true),
                    changed_at: now,
                    observed_at: now,
                    is_dated: true,
                    existence: Existence::Present,
                    activity: HumanActivity::Unknown,
                    handling: Handling::default(),
                };
                self.link.attach(opened.id);
                self.link.observe_current_ticket(opened.clone());
                self.person_worked = false;
                self.ticket = Some(opened);
                return false;
            }
            Step::Adopt(id) => {
                self.link.attach(id);
                return false;
            }
            Step::FollowMerge(into) => {
                self.link.follow_merge(into);
                return false;
            }
            Step::ReadTicket => {
                match self
                    .ticket
                    .clone()
                    .filter(|ticket| Some(ticket.id) == self.link.ticket)
                {
                    Some(ticket) => self.link.observe_current_ticket(Ticket {
                        observed_at: now,
                        ..ticket
                    }),
                    None => self.link.terminal_reason = Some(TerminalReason::TicketDeleted),
                }
                return false;
            }
            Step::RecordNotCarriedOut => {
                let refused = self.link.not_carried_out(&self.policy, now);
                let refused = refused.unwrap_or_else(|| panic!("the plan says so"));
                self.link
                    .apply(&halogard_domain::write_result::WriteResult::NotCarriedOut(
                        refused,
                    ));
                return false;
            }
            Step::RecordWork(sign) => {
                self.link.work = Some(sign);
                return false;
            }
            Step::FindCloser => {
                if let Some(base) = &mut self.link.base
                    && let Some(closure) = &mut base.ticket_closed
                {
                    closure.by = self.closer;
                }
                return false;
            }
            Step::Resume => {
                self.link.terminal_reason = None;
                return false;
            }
            Step::RefreshTicket => {
                let current = self.ticket.as_mut().expect("a ticket to read");
                current.observed_at = now;
                self.link.observe_current_ticket(current.clone());
                return false;
            }
            Step::CheckActivity => {
                let activity = if self.person_worked {
                    HumanActivity::Seen
                } else {
                    HumanActivity::None { as_of: now }
                };
                self.link
                    .observed_ticket
                    .as_mut()
                    .expect("a ticket to read")
                    .activity = activity;
                return false;
            }
            Step::SetFields(change) | Step::Close(change) | Step::Reopen(change, _) => {
                let ticket = self.ticket.as_mut().expect("a ticket to change");
                ticket.status = change.status.unwrap_or(ticket.status);
                ticket.priority = change.priority.or(ticket.priority);
                ticket.changed_at = now.max(ticket.changed_at);
                ticket.observed_at = now;
                self.link.observe_current_ticket(ticket.clone());
            }
            Step::AddNote(_) => self.link.note_count += 1,
            Step::AddSummaryNote(_) => {
                self.link.note_count += 1;
                let lead = self.link.leader_state_mut().expect("a group to count");
                lead.mark_reported(lead.summary.joined, lead.summary.open, now);
            }
            Step::AssignGroup => {
                let alert = self
                    .link
                    .observed_alert
                    .as_ref()
                    .expect("an alert to place");
                let storms = self.policy.storms.clone().unwrap_or_default();
                self.link.membership = Some(self.storms.assign(alert, &storms, now));
                self.link.terminal_reason = None;
                return false;
            }
            Step::CloseGroup => {
                if let Some(group) = self.storms.group_mut(self.link.alert) {
                    group.close();
                }
                self.observe_group();
                self.link
                    .leader_state_mut()
                    .expect("a group to close")
                    .summary
                    .closed = true;
                return false;
            }
            Step::RequestInspections(targets) => {
                let asked = u32::try_from(targets.len()).expect("few targets");
                self.link.pending_inspection = Some(PendingInspection {
                    requested_at: now,
                    requested: asked,
                    completed: 0,
                });
            }
            Step::Park(reason) => self.link.parked = Some(reason),
            Step::BeginNextTicket => {
                self.link.begin_next_ticket();
                return false;
            }
            Step::SetBase(base) => {
                if base.alert_closed == base.ticket_closed.is_some() {
                    self.link.pending_inspection = None;
                }
                self.link.base = Some(base);
                self.link.opening = None;
                self.link.terminal_reason = None;
            }
            Step::Finish(ended) => {
                self.link.terminal_reason = Some(ended);
                self.link.membership = None;
            }
            Step::Wait(_) => unreachable!("the loop returns before"),
        }
        true
    }
}
