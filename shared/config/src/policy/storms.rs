//! The settings for alert storms.

use std::time::Duration;

use halogard_domain::storm::StormPolicy;

use crate::fields::Fields;

/// The settings of the table; `None` if it is absent or disabled.
pub(super) fn read(file: &Fields<'_>) -> Option<StormPolicy> {
    let fields = file.table("storms")?;
    if fields.switch("enabled") == Some(false) {
        return None;
    }
    let usual = StormPolicy::default();
    let number = |key| {
        let number = fields.number(key)?.into_inner();
        u32::try_from(number).ok()
    };
    let minutes = |key, usual| {
        number(key).map_or(usual, |minutes| {
            Duration::from_secs(u64::from(minutes) * 60)
        })
    };
    Some(StormPolicy {
        tickets_max: number("tickets_max").unwrap_or(usual.tickets_max),
        window: minutes("window_minutes", usual.window),
        quiet_after: minutes("quiet_minutes", usual.quiet_after),
        summary_interval: minutes("summary_minutes", usual.summary_interval),
        notes_max: number("notes_max").unwrap_or(usual.notes_max),
    })
}
