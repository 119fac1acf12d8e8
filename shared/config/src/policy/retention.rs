//! The settings for how long records are kept.

use std::time::Duration;

use halogard_domain::Retention;

use crate::fields::Fields;
use crate::findings::Findings;

/// The settings of the table; defaults for what is absent.
pub(super) fn read(file: &Fields<'_>, findings: &mut Findings<'_>) -> Retention {
    let usual = Retention::default();
    let Some(fields) = file.table("retention") else {
        return usual;
    };
    let days = |key| {
        let days = fields.number(key)?.into_inner();
        Some(Duration::from_secs(days.saturating_mul(24 * 60 * 60)))
    };
    let links = days("links_days").unwrap_or(usual.links);
    let journal = days("journal_days");
    if journal.is_some_and(|journal| journal > links) {
        findings.error(
            &fields.span_of("journal_days"),
            "the journal cannot be kept for longer than links; raise `links_days` or lower this",
        );
    }
    Retention {
        links,
        journal: journal.unwrap_or_else(|| usual.journal.min(links)),
        dead_letters: days("dead_letters_days").unwrap_or(usual.dead_letters),
    }
}
