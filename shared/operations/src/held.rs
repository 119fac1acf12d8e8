//! Alerts whose tickets are not opened yet, because the store may not know every ticket of ours.

use halogard_app::Store;
use halogard_app::ports::PortError;
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::record::Singleton;
use halogard_domain::{Alert, Timestamp};

use crate::moment::Moment;

/// Until when, at least, no ticket is opened for `alert`, and why; `None` where nothing holds it up. `recurrence` is
/// that of its pair.
pub(crate) fn why_held(
    continuity: &StoreContinuity,
    alert: &Alert,
    recurrence: u32,
    now: Timestamp,
) -> Option<String> {
    let why = why_behind(continuity)?;
    let held = continuity.hold_until(alert, recurrence, now)?;
    let needed = continuity.sweep_needed_from().filter(|from| *from > now);
    let until = Moment(needed.unwrap_or(held));
    Some(format!("waits until {until} at least: {why}"))
}

/// Why tickets may wait for the store as a whole, and until when at least; `None` where none does.
///
/// # Errors
///
/// The store cannot be read.
pub async fn why_tickets_wait(
    store: &impl Store,
    now: Timestamp,
) -> Result<Option<String>, PortError> {
    let continuity = store.load_record::<StoreContinuity>(&Singleton).await?;
    let continuity = continuity.value;
    let needed = continuity.sweep_needed_from().filter(|from| *from > now);
    let until = needed.map_or_else(String::new, |from| {
        format!(" until {} at least", Moment(from))
    });
    Ok(why_behind(&continuity)
        .map(|why| format!("alerts without a ticket may wait for it{until}: {why}")))
}

/// What a store waits for before it opens tickets; `None` where it knows every ticket of ours.
fn why_behind(continuity: &StoreContinuity) -> Option<&'static str> {
    if continuity.on_probation {
        return Some(
            "the store is new and found tickets of ours; it must first be sure that no other installation runs",
        );
    }
    let is_behind = continuity.completeness == Completeness::Behind;
    is_behind.then_some(
        "the store was restored, or was out of use for long; a sweep must first list every ticket",
    )
}
