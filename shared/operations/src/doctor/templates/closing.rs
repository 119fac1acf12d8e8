//! Whether the tickets of a template can be closed.

use halogard_domain::Policy;
use halogard_domain::policy::{ClosePolicy, Template};

use crate::doctor::{CheckId, DoctorReport};

/// A ticket without an assignee may be refused when it is closed, so there should be a technician for it.
pub(in crate::doctor) fn check(
    must_assign: Option<bool>,
    policy: &Policy,
    report: &mut DoctorReport,
) {
    report.done(CheckId::ClosingTechnician);
    for template in policy.templates.values() {
        if let Some(warning) = unassigned_close(template, must_assign == Some(true)) {
            report.warning(
                CheckId::ClosingTechnician,
                warning,
                "add closing_technician = <agent id> to the template",
            );
        }
    }
}

/// What may keep tickets of `template` from being closed. HaloPSA may clear an assignment with a change of
/// the status, so a technician for new tickets does not help; and it may demand one although its setting,
/// as far as we may see it, does not say so.
fn unassigned_close(template: &Template, demands: bool) -> Option<String> {
    if template.close == ClosePolicy::Never || template.closing_technician.is_some() {
        return None;
    }
    let why = if demands {
        "HaloPSA closes assigned tickets only"
    } else {
        "HaloPSA may refuse to close a ticket whose assignment it has cleared"
    };
    Some(format!(
        "{why}, and template {:?} names no closing technician",
        template.name
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use halogard_domain::ids::{StatusId, TechnicianId, TicketTypeId};
    use halogard_domain::policy::StatusMap;

    use super::*;

    #[test]
    fn a_template_that_closes_tickets_without_a_closing_technician_is_pointed_out() {
        let statuses = StatusMap {
            open: StatusId::new(1),
            closed: StatusId::new(9),
            also_closed: BTreeSet::new(),
            by_slug: BTreeMap::new(),
        };
        let template = Template::new("default", TicketTypeId::new(5), statuses);
        let technician = Some(TechnicianId::new(12));
        let rows = [
            (template.clone(), true),
            (
                Template {
                    technician,
                    ..template.clone()
                },
                true,
            ),
            (
                Template {
                    closing_technician: technician,
                    ..template.clone()
                },
                false,
            ),
            (
                Template {
                    close: ClosePolicy::Never,
                    ..template
                },
                false,
            ),
        ];
        for (template, warns) in rows {
            for demands in [true, false] {
                assert_eq!(unassigned_close(&template, demands).is_some(), warns);
            }
        }
    }
}
