//! One template.

use std::ops::Range;

use halogard_domain::Slug;
use halogard_domain::ids::{
    CustomFieldId, OutcomeId, PriorityId, StatusId, TechnicianId, TicketTypeId,
};
use halogard_domain::policy::{ClosePolicy, PriorityMap, StatusMap, Template};
use halogard_domain::render::SUMMARY_PLACEHOLDERS;
use halogard_domain::ticket::{Automation, Validation};
use toml::Spanned;

use super::{ids, reopen};
use crate::fields::Fields;
use crate::findings::Findings;
use crate::suggestion::nearest;

/// The template `name`; `None` if a required key is missing, which the check has reported.
pub(super) fn read(
    name: &str,
    fields: &Fields<'_>,
    findings: &mut Findings<'_>,
) -> Option<Template> {
    let statuses = fields
        .table("status")
        .and_then(|status| statuses(&status, findings));
    let reopen = reopen::read(fields, statuses.as_ref(), findings);
    let summary = fields.text("summary");
    if let Some(summary) = &summary {
        check_summary(summary, findings);
    }
    let text = |key| fields.text(key).map(|text| text.into_inner().to_owned());
    let number = |key| fields.number(key).map(Spanned::into_inner);

    let ticket_type = TicketTypeId::new(number("ticket_type")?);
    let mut template = Template::new(name, ticket_type, statuses?);
    template.team = text("team");
    template.technician = number("technician").map(TechnicianId::new);
    template.category = text("category");
    template.priorities = fields
        .table("priority")
        .as_ref()
        .map(priorities)
        .unwrap_or_default();
    if let Some(summary) = text("summary") {
        template.summary = summary;
    }
    if let Some(outcome) = number("note_outcome") {
        template.outcome = OutcomeId::new(outcome);
    }
    template.custom_fields = fields
        .table("custom_fields")
        .iter()
        .flat_map(Fields::named_texts)
        .filter_map(|(id, value)| {
            let id: CustomFieldId = id.into_inner().parse().ok()?;
            Some((id, value.to_owned()))
        })
        .collect();
    template.key_field = number("key_field").map(CustomFieldId::new);
    check_key_field(&template, fields, findings);
    template.close = close(fields);
    template.closing_technician = number("closing_technician").map(TechnicianId::new);
    template.reopen = reopen;
    template.validation = match fields.switch("validate") {
        Some(false) => Validation::Skipped,
        Some(true) | None => Validation::Enforced,
    };
    template.type_template = automation(fields, "apply_type_template");
    template.ticket_rules = automation(fields, "apply_ticket_rules");
    Some(template)
}

/// What the key `name` says about an automation of HaloPSA.
fn automation(fields: &Fields<'_>, name: &str) -> Automation {
    match fields.switch(name) {
        Some(true) => Automation::Applied,
        Some(false) | None => Automation::Skipped,
    }
}

fn statuses(status: &Fields<'_>, findings: &mut Findings<'_>) -> Option<StatusMap> {
    let also_closed = status.numbers("also_closed");
    let open = status.number("open")?;
    let closed = status.number("closed")?;
    if open.get_ref() == closed.get_ref() {
        let message = format!(
            "`open` and `closed` are both {}; they must differ",
            open.get_ref()
        );
        findings.error(&closed.span(), message);
    }
    if let Some(same) = also_closed
        .iter()
        .find(|also| also.get_ref() == open.get_ref())
    {
        let message = format!("{} is `open`, so it cannot also be closed", same.get_ref());
        findings.error(&same.span(), message);
    }
    let words = status
        .named_numbers()
        .filter(|(word, _)| !matches!(*word.get_ref(), "open" | "closed"))
        .map(|(word, id)| (Slug::new(word.get_ref()), StatusId::new(id)))
        .collect();
    Some(StatusMap {
        open: StatusId::new(open.into_inner()),
        closed: StatusId::new(closed.into_inner()),
        also_closed: ids(&also_closed, StatusId::new),
        by_slug: words,
    })
}

fn priorities(priority: &Fields<'_>) -> PriorityMap {
    let default = priority.number("default").map(Spanned::into_inner);
    let words = priority
        .named_numbers()
        .filter(|(word, _)| *word.get_ref() != "default")
        .map(|(word, id)| (Slug::new(word.get_ref()), PriorityId::new(id)))
        .collect();
    PriorityMap {
        by_slug: words,
        default: default.map(PriorityId::new),
    }
}

fn close(fields: &Fields<'_>) -> ClosePolicy {
    match fields.text("close").map(Spanned::into_inner) {
        Some("always") => ClosePolicy::Always,
        Some("never") => ClosePolicy::Never,
        _ => ClosePolicy::Untouched,
    }
}

/// A field cannot contain both the key and a fixed value.
fn check_key_field(template: &Template, fields: &Fields<'_>, findings: &mut Findings<'_>) {
    let taken = template
        .key_field
        .filter(|id| template.custom_fields.contains_key(id));
    if let Some(id) = taken {
        let message =
            format!("field {id} has a value in `custom_fields`, so it cannot contain the key");
        findings.error(&fields.span_of("key_field"), message);
    }
}

/// Every placeholder in braces must be known; others would appear in every title.
fn check_summary(summary: &Spanned<&str>, findings: &mut Findings<'_>) {
    let mut rest = *summary.get_ref();
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        let Some(close) = after.find('}') else {
            findings.error(&summary.span(), "`summary` has a { without a }");
            return;
        };
        let placeholder = &after[..close];
        if !SUMMARY_PLACEHOLDERS.contains(&placeholder) {
            let hint = match nearest(placeholder, SUMMARY_PLACEHOLDERS) {
                Some(meant) => format!("did you mean {{{meant}}}?"),
                None => format!(
                    "the placeholders are {{{}}}",
                    SUMMARY_PLACEHOLDERS.join("}, {")
                ),
            };
            let written = &rest[open..open + close + 2];
            let span = place_of(written, summary, findings);
            findings.error(&span, format!("unknown placeholder {written}; {hint}"));
        }
        rest = &after[close + 1..];
    }
}

/// The position of `part` of a text in the file, or of the whole text if it is written differently
/// there.
fn place_of(part: &str, text: &Spanned<&str>, findings: &Findings<'_>) -> Range<usize> {
    let span = text.span();
    match findings.source().at(&span).find(part) {
        Some(at) => span.start + at..span.start + at + part.len(),
        None => span,
    }
}
