//! What is done by itself from time to time.

use halogard_domain::schedule::{Cadence, Schedule};

use crate::fields::Fields;

/// The settings of the table; defaults for what is absent.
pub(super) fn read(file: &Fields<'_>) -> Schedule {
    let usual = Schedule::default();
    let Some(fields) = file.table("schedule") else {
        return usual;
    };
    let cadence = |key, usual| match fields.text(key) {
        None => usual,
        Some(word) => Cadence::ALL
            .into_iter()
            .find(|it| it.as_str() == *word.get_ref()),
    };
    Schedule {
        verify: cadence("verify", usual.verify),
        health_report: cadence("health_report", usual.health_report),
    }
}
