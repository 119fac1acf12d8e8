//! Day one: which already-open alerts get tickets.

use std::collections::BTreeMap;
use std::ops::Range;

use halogard_domain::Timestamp;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::start::TicketsFor;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Customer;
use crate::fields::Fields;
use crate::findings::Findings;
use crate::suggestion::nearest;

/// All that are open.
const ALL: &str = "all";

/// None.
const NEW_ALERTS: &str = "new alerts only";

/// Those raised on this day or later.
const SINCE: &str = "since ";

/// The choice for everyone; `None` if the file makes none.
pub(super) fn read(file: &Fields<'_>, findings: &mut Findings<'_>) -> Option<TicketsFor> {
    let fields = file.table("start")?;
    let text = fields.text("tickets_for")?;
    tickets_for(text.get_ref(), &text.span(), findings)
}

/// The choices for single customers: their own, or else those of their groups. The first group by name counts.
pub(super) fn read_by_customer(
    file: &Fields<'_>,
    customers: &[Customer],
    findings: &mut Findings<'_>,
) -> BTreeMap<EnvironmentId, TicketsFor> {
    let groups = file.table("start").and_then(|it| it.table("groups"));
    let mut of_group: BTreeMap<String, TicketsFor> = BTreeMap::new();
    for (name, text) in groups.iter().flat_map(Fields::named_texts) {
        let known = |customer: &Customer| customer.mapping.groups.contains(*name.get_ref());
        if !customers.iter().any(known) {
            let message = "no environment is in this group";
            findings.error(&name.span(), message);
        }
        if let Some(choice) = tickets_for(text, &name.span(), findings) {
            of_group.insert(name.into_inner().to_owned(), choice);
        }
    }
    let mut choices: BTreeMap<EnvironmentId, TicketsFor> = customers
        .iter()
        .filter_map(|customer| {
            let groups = &customer.mapping.groups;
            let choice = groups.iter().find_map(|group| of_group.get(group))?;
            Some((customer.mapping.environment, *choice))
        })
        .collect();
    for fields in file.tables("environments").unwrap_or_default() {
        let own = fields.text("tickets_for");
        let choice = own.and_then(|text| tickets_for(text.get_ref(), &text.span(), findings));
        if let (Some(choice), Some(environment)) = (choice, fields.number("environment")) {
            choices.insert(EnvironmentId::new(environment.into_inner()), choice);
        }
    }
    choices
}

/// The choice that a text makes.
fn tickets_for(text: &str, span: &Range<usize>, findings: &mut Findings<'_>) -> Option<TicketsFor> {
    let written = text.trim();
    match written {
        ALL => return Some(TicketsFor::All),
        NEW_ALERTS => return Some(TicketsFor::NewAlerts),
        _ => {}
    }
    let since = written
        .strip_prefix(SINCE)
        .and_then(|day| day.trim().parse::<Date>().ok())
        .and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    if let Some(since) = since {
        let millis = since.timestamp().as_millisecond();
        return Some(TicketsFor::Since(Timestamp::from_millis(millis)));
    }
    let meant = nearest(written, [ALL, NEW_ALERTS]);
    let hint = meant
        .map(|meant| format!("did you mean \"{meant}\"? "))
        .unwrap_or_default();
    let message = format!(
        "`tickets_for` is \"{ALL}\", \"{NEW_ALERTS}\" or \"since 2026-11-01\"; {hint}A day is written year first"
    );
    findings.error(span, message);
    None
}
