//! Findings about the dialect of the vendors.

use halogard_domain::dialect::{DialectReport, LOCAL_TIMES, ROWS_WITHOUT_LAST_UPDATE};

use super::{CheckId, DoctorReport};

/// Adds what an operator should change at the vendors to `report`, by what a probe has seen.
pub fn check_dialect(dialect: &DialectReport, report: &mut DoctorReport) {
    report.done(CheckId::DialectTimes);
    if dialect.has(LOCAL_TIMES) {
        report.problem(
            CheckId::DialectTimes,
            "HaloPSA writes times that are not UTC: changes would be put in the wrong order"
                .to_owned(),
            "set the time zone of the API agent to UTC",
        );
    }
    report.done(CheckId::DialectLastUpdate);
    if dialect.has(ROWS_WITHOUT_LAST_UPDATE) {
        report.warning(
            CheckId::DialectLastUpdate,
            "HaloPSA's lists do not show when a ticket changed: each listed ticket costs a request"
                .to_owned(),
            "add the column \"Last Update\" to the ticket list of the API agent's column profile",
        );
    }
}

#[cfg(test)]
mod tests {
    use halogard_domain::dialect::{FactReading, REFERENCE, Seen};

    use super::super::Level;
    use super::*;

    #[test]
    fn local_times_are_refused_and_lists_without_a_time_of_change_are_pointed_out() {
        let rows = [
            (REFERENCE, None),
            (LOCAL_TIMES, Some(Level::Problem)),
            (ROWS_WITHOUT_LAST_UPDATE, Some(Level::Warning)),
        ];
        for (reading, expected) in rows {
            let dialect = DialectReport {
                facts: vec![FactReading {
                    fact: "a fact".into(),
                    source: "a source".into(),
                    seen: Seen::As {
                        reading: reading.into(),
                        meaning: "in words".into(),
                    },
                }],
                ..DialectReport::default()
            };
            let mut report = DoctorReport::default();
            check_dialect(&dialect, &mut report);
            let level = report.findings.first().map(|found| found.level);
            assert_eq!(level, expected, "{reading}");
        }
    }
}
