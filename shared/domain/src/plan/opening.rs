//! An alert without a ticket: exactly one is opened, or found, or there is a reason.

use crate::alert::Alert;
use crate::link::{Claim, DOUBT_SETTLE, Ended, Link, Write};
use crate::plan::Step;
use crate::policy::{Mapping, Mode, Policy, Template};
use crate::text;
use crate::ticket::NewTicket;
use crate::time::Timestamp;

/// What an alert without a ticket needs.
pub(super) fn plan(link: &Link, alert: &Alert, policy: &Policy, now: Timestamp) -> Vec<Step> {
    if policy.mode == Mode::Native {
        return native(link, alert);
    }
    match link.claim {
        Claim::Held { until, .. } if until > now => vec![Step::Wait(until)],
        // Whoever held it never said how it ended.
        Claim::Held { since, .. } | Claim::InDoubt { since } => {
            let settled = since.plus(DOUBT_SETTLE);
            if settled > now {
                vec![Step::Wait(settled)]
            } else {
                vec![Step::Find]
            }
        }
        Claim::Free => open(link, alert, policy, now),
    }
}

/// Liongard's own ticketing opens it; we wait to be told which it is.
fn native(link: &Link, alert: &Alert) -> Vec<Step> {
    match alert.native_ticket {
        Some(ticket) => vec![Step::Adopt(ticket)],
        None if alert.is_closed() && link.ended.is_none() => vec![Step::Finish(Ended::NeverNeeded)],
        None => Vec::new(),
    }
}

/// No attempt is under way or in doubt.
fn open(link: &Link, alert: &Alert, policy: &Policy, now: Timestamp) -> Vec<Step> {
    if alert.is_closed() {
        return match link.ended {
            None => vec![Step::Finish(Ended::NeverNeeded)],
            Some(_) => Vec::new(),
        };
    }
    if !alert.visible {
        return Vec::new();
    }
    match policy.choose(alert) {
        Err(reason) if link.parked == Some(reason) => Vec::new(),
        Err(reason) => vec![Step::Park(reason)],
        Ok(_) if link.still_refused(Write::Open, policy, now) => Vec::new(),
        Ok((mapping, template)) => {
            let ticket = new_ticket(link, alert, mapping, template, policy);
            vec![Step::Claim, Step::Open(Box::new(ticket))]
        }
    }
}

/// The ticket as the template wants it.
fn new_ticket(
    link: &Link,
    alert: &Alert,
    mapping: &Mapping,
    template: &Template,
    policy: &Policy,
) -> NewTicket {
    let key = link.key(policy);
    let mut custom_fields = template.custom_fields.clone();
    if let Some(field) = template.key_field {
        custom_fields.insert(field, key.to_string());
    }
    NewTicket {
        client: mapping.client,
        site: mapping.site,
        ticket_type: template.ticket_type,
        status: template
            .statuses
            .words
            .get(&alert.status)
            .copied()
            .unwrap_or(template.statuses.open),
        priority: template.priorities.of(&alert.priority),
        team: template.team.clone(),
        technician: template.technician,
        category: template.category.clone(),
        summary: text::summary(&key, &template.summary, alert),
        details_html: text::details_html(&key, alert),
        custom_fields,
        validation: template.validation,
        key,
    }
}
