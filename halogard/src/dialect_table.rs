//! What both vendors showed of the facts that their documents leave open, as a table.

use halogard_domain::dialect::{DialectReport, FactReading, REFERENCE, Seen};
use halogard_domain::words::counted;

use crate::output::{self, CAUTION, DIM, GOOD};

/// Prints one line: how much was seen, and where the rest is.
pub fn print_line(report: &DialectReport) {
    let seen: Vec<SeenFact<'_>> = report.facts.iter().filter_map(SeenFact::of).collect();
    let unlike = seen.iter().filter(|row| !row.is_reference()).count();
    output::remark(&format!(
        "{DIM}dialect of both vendors: {} seen, {unlike} unlike the reference; `halogard doctor --dialect` lists \
         them{DIM:#}",
        counted(seen.len(), "fact")
    ));
}

/// Prints the table: first what is another reading than the reference, then what is as there. What reads cannot
/// show is counted.
pub fn print(report: &DialectReport) {
    let build = report.build.as_deref().unwrap_or("unknown");
    output::remark(&format!(
        "dialect of both vendors (HaloPSA build {build}); docs/dialects.md describes each fact"
    ));
    let mut rows: Vec<SeenFact<'_>> = report.facts.iter().filter_map(SeenFact::of).collect();
    rows.sort_by_key(|row| row.is_reference());
    let width = rows.iter().map(|row| row.fact.chars().count()).max();
    for row in &rows {
        output::remark(&row.text(width.unwrap_or_default()));
    }
    let unseen = report.facts.len() - rows.len();
    if unseen > 0 {
        output::remark(&format!(
            "  {DIM}{unseen} more show in writes, in deliveries or in a fuller tenant only{DIM:#}"
        ));
    }
}

/// A fact that was seen.
struct SeenFact<'a> {
    fact: &'a str,
    source: &'a str,
    reading: &'a str,
    meaning: &'a str,
}

impl<'a> SeenFact<'a> {
    /// `None` for a fact that no read has shown.
    fn of(known: &'a FactReading) -> Option<Self> {
        let Seen::As { reading, meaning } = &known.seen else {
            return None;
        };
        Some(Self {
            fact: &known.fact,
            source: &known.source,
            reading,
            meaning,
        })
    }

    fn is_reference(&self) -> bool {
        self.reading == REFERENCE
    }

    /// One line of the table.
    fn text(&self, width: usize) -> String {
        let Self {
            fact,
            source,
            reading,
            meaning,
        } = self;
        let style = if self.is_reference() { GOOD } else { CAUTION };
        format!(
            "  {fact:width$}  {style}seen as {reading}{style:#}: {meaning} {DIM}(source: {source}){DIM:#}"
        )
    }
}
