//! The reopen table of a template.

use std::time::Duration;

use halogard_domain::ids::StatusId;
use halogard_domain::policy::{ClosedBy, Fallback, ReopenRule, ReopenTable, ReopenWhen, StatusMap};
use toml::Spanned;

use crate::fields::Fields;
use crate::findings::Findings;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The table of the template `fields`. What the template does not contain has its default.
pub(super) fn read(
    fields: &Fields<'_>,
    statuses: Option<&StatusMap>,
    findings: &mut Findings<'_>,
) -> ReopenTable {
    let mut table = ReopenTable::default();
    if let Some(rows) = fields.tables("reopen") {
        table.rules = rows
            .iter()
            .filter_map(|row| read_row(row, statuses, findings))
            .collect();
        check_reach(&table.rules, &rows, findings);
    }
    if let Some("leave") = fields.text("reopen_fallback").map(Spanned::into_inner) {
        table.fallback = Fallback::Leave;
    }
    table
}

fn read_row(
    row: &Fields<'_>,
    statuses: Option<&StatusMap>,
    findings: &mut Findings<'_>,
) -> Option<ReopenRule> {
    let days = row.number("within_days").map(Spanned::into_inner);
    let within = days.map(|days| ReopenWhen::Within(Duration::from_secs(days * DAY_SECONDS)));
    let always = row.switch("always").map(|_| ReopenWhen::Always);
    let never = row.switch("never").map(|_| ReopenWhen::Never);
    let mut said = [within, always, never].into_iter().flatten();
    let (reopen, contradiction) = (said.next(), said.next());
    let is_said_once = reopen.is_some() && contradiction.is_none();
    if !is_said_once && !findings.has_error_in(row.span()) {
        let message =
            "a row of `reopen` must have exactly one of `within_days`, `always` and `never`";
        findings.error(row.span(), message);
    }
    let closing_status = row.number("closing_status");
    if let (Some(status), Some(statuses)) = (&closing_status, statuses)
        && !statuses.is_closed(StatusId::new(*status.get_ref()))
    {
        let message = format!(
            "{} is neither `closed` nor in `also_closed`, so this row never matches",
            status.get_ref(),
        );
        findings.warn(&status.span(), message);
    }
    Some(ReopenRule {
        closing_status: closing_status.map(|status| StatusId::new(status.into_inner())),
        closed_by: match row.text("closed_by").map(Spanned::into_inner) {
            Some("halogard") => Some(ClosedBy::Halogard),
            Some("technician") => Some(ClosedBy::Technician),
            Some("automation") => Some(ClosedBy::Automation),
            _ => None,
        },
        reopen: reopen?,
    })
}

/// Warns about a row that can never match because an earlier row covers it.
fn check_reach(rules: &[ReopenRule], rows: &[Fields<'_>], findings: &mut Findings<'_>) {
    if rules.len() != rows.len() {
        return;
    }
    for (index, (later, row)) in rules.iter().zip(rows).enumerate() {
        let covers = |earlier: &ReopenRule| {
            (earlier.closed_by.is_none() || earlier.closed_by == later.closed_by)
                && (earlier.closing_status.is_none()
                    || earlier.closing_status == later.closing_status)
        };
        if rules[..index].iter().any(covers) {
            findings.warn(
                row.span(),
                "this row never applies: an earlier row matches everything it matches",
            );
        }
    }
}
