//! An alert without a ticket: exactly one is opened or found, or there is a reason for none.

use std::time::Duration;

use crate::alert::Alert;
use crate::link::{AttemptEnd, Claim, Link, TerminalReason, WriteKind};
use crate::plan::{Step, closing_the_group};
use crate::policy::{Mapping, Mode, ParkReason, Policy, Template};
use crate::render;
use crate::start::StartVerdict;
use crate::storm::Membership;
use crate::ticket::TicketDraft;
use crate::time::Timestamp;

/// The next poll notes since when the alerts of a new customer get tickets.
const START_KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// The steps for an alert without a ticket.
pub(super) fn plan(link: &Link, alert: &Alert, policy: &Policy, now: Timestamp) -> Vec<Step> {
    // An attempt that is in doubt is resolved first, also if Liongard opens the tickets since.
    if policy.mode == Mode::Native && link.claim == Claim::Free {
        return native(link, alert, policy);
    }
    if let Some(Membership::Member { open, .. }) = link.membership {
        return joined(open, alert);
    }
    match link.claim {
        Claim::Held { until, .. } if until > now => vec![Step::Wait(until)],
        // The holder never recorded how its attempt ended.
        Claim::Held { until, .. } => find(until, None, AttemptEnd::Unknown, now),
        Claim::InDoubt {
            since,
            searched_at,
            end,
        } => find(since, searched_at, end, now),
        Claim::Free => open(link, alert, policy, now),
    }
}

/// Searches again and again for the ticket of an attempt that was last known to be under way at `since`:
/// HaloPSA's lists may lag.
fn find(
    since: Timestamp,
    searched_at: Option<Timestamp>,
    end: AttemptEnd,
    now: Timestamp,
) -> Vec<Step> {
    let due = Claim::next_search(since, searched_at, end);
    if due > now {
        vec![Step::Wait(due)]
    } else {
        vec![Step::FindByKey]
    }
}

/// The alert shares the ticket of another alert, whose group counts it.
fn joined(counted_open: bool, alert: &Alert) -> Vec<Step> {
    let is_open = !alert.is_closed();
    (counted_open != is_open)
        .then_some(Step::AssignGroup)
        .into_iter()
        .collect()
}

/// Liongard's own ticketing opens the ticket; Halogard waits for its id. Whether the ticket is the alert's is
/// known only where the alert is mapped.
fn native(link: &Link, alert: &Alert, policy: &Policy) -> Vec<Step> {
    let finished = || match link.terminal_reason {
        None => vec![Step::Finish(TerminalReason::NotNeeded)],
        Some(_) => Vec::new(),
    };
    match (alert.native_ticket, policy.choose(alert)) {
        (Some(ticket), Ok(_)) => vec![Step::Adopt(ticket)],
        _ if alert.is_closed() => finished(),
        (Some(_), Err(reason)) if link.parked != Some(reason) => vec![Step::Park(reason)],
        _ => Vec::new(),
    }
}

/// No attempt is under way or in doubt.
fn open(link: &Link, alert: &Alert, policy: &Policy, now: Timestamp) -> Vec<Step> {
    if link.is_resolved(alert) {
        return match link.terminal_reason {
            None => closing_the_group(link, vec![Step::Finish(TerminalReason::NotNeeded)]),
            Some(_) => Vec::new(),
        };
    }
    let others_wait = link
        .leader_state()
        .is_some_and(|lead| lead.summary.open > 0);
    if !alert.visible && !others_wait {
        return Vec::new();
    }
    let (mapping, template) = match policy.choose(alert) {
        Ok(chosen) => chosen,
        Err(reason) => return parked(link, reason),
    };
    match link.start_verdict(alert, policy) {
        StartVerdict::NoTicket(reason) => parked(link, reason),
        StartVerdict::NotKnown => vec![Step::Wait(now.plus(START_KNOWN_WITHIN))],
        StartVerdict::Ticket if link.is_suppressed(WriteKind::Open, policy, now) => Vec::new(),
        StartVerdict::Ticket if policy.storms.is_some() && link.membership.is_none() => {
            vec![Step::AssignGroup]
        }
        StartVerdict::Ticket => {
            let draft = draft(link, alert, mapping, template);
            vec![Step::Open(Box::new(draft))]
        }
    }
}

/// The alert gets no ticket for now.
fn parked(link: &Link, reason: ParkReason) -> Vec<Step> {
    let is_new = link.parked != Some(reason);
    is_new.then_some(Step::Park(reason)).into_iter().collect()
}

/// The ticket as the template describes it.
fn draft(link: &Link, alert: &Alert, mapping: &Mapping, template: &Template) -> TicketDraft {
    let (summary, details_html) = if link.leader_state().is_some() {
        let pattern = format!("Storm: {}", template.summary);
        let details = render::storm_intro_html(alert) + &render::details_html(alert);
        (render::summary(&pattern, alert), details)
    } else {
        let summary = render::summary(&template.summary, alert);
        (summary, render::details_html(alert))
    };
    TicketDraft {
        client: mapping.client,
        site: mapping.site,
        ticket_type: template.ticket_type,
        status: template
            .statuses
            .by_slug
            .get(&alert.status)
            .copied()
            .unwrap_or(template.statuses.open),
        priority: template.priorities.of(&alert.priority),
        team: template.team.clone(),
        technician: template.technician,
        category: template.category.clone(),
        summary,
        details_html,
        custom_fields: template.custom_fields.clone(),
        key_field: template.key_field,
        validation: template.validation,
        type_template: template.type_template,
        ticket_rules: template.ticket_rules,
    }
}
