//! What both vendors showed of the facts that their documents leave open, as a table.

use halogard_domain::dialect::{DialectReport, FactReading, REFERENCE, Seen};

use crate::output::{self, CAUTION, DIM, GOOD};

/// Prints the table: first what is another reading than the reference, then what is as there, then what cannot be
/// told.
pub fn print(report: &DialectReport) {
    let build = report.build.as_deref().unwrap_or("unknown");
    output::remark(&format!(
        "dialect of both vendors (HaloPSA build {build}); docs/dialects.md describes each fact"
    ));
    let mut facts: Vec<&FactReading> = report.facts.iter().collect();
    facts.sort_by_key(|known| rank(known));
    let width = facts.iter().map(|known| known.fact.chars().count()).max();
    for known in facts {
        output::remark(&row(known, width.unwrap_or_default()));
    }
}

/// The place of a fact among the others.
fn rank(known: &FactReading) -> u8 {
    match &known.seen {
        Seen::As { reading, .. } if reading != REFERENCE => 0,
        Seen::As { .. } => 1,
        Seen::CannotTell { .. } => 2,
    }
}

/// One line of the table.
fn row(known: &FactReading, width: usize) -> String {
    let FactReading { fact, source, seen } = known;
    match seen {
        Seen::As { reading, meaning } => {
            let style = if reading == REFERENCE { GOOD } else { CAUTION };
            format!(
                "  {fact:width$}  {style}seen as {reading}{style:#}: {meaning} {DIM}(source: {source}){DIM:#}"
            )
        }
        Seen::CannotTell { why } => {
            format!("  {fact:width$}  {DIM}cannot tell: {why} (source: {source}){DIM:#}")
        }
    }
}
