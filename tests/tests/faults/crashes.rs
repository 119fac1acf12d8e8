//! The process stops: before a call, after its effect, around every write to the store.

use halogard_tests::dialect_in_force::stride;
use halogard_tests::{CaseMatrix, Component, CrashTiming, WebhookDelivery};

use crate::script::{self, Recording, RecoveryTime};

const COMPONENTS: [Component; 3] = [Component::HaloPsa, Component::Liongard, Component::Store];

const TIMINGS: [CrashTiming; 2] = [CrashTiming::Before, CrashTiming::After];

/// Where the process stops in one case.
type Stop = (Component, u64, CrashTiming);

/// Every point at which the process may stop.
fn every_point(peace: &Recording) -> Vec<Stop> {
    let mut points = Vec::new();
    for place in COMPONENTS {
        for ordinal in peace.visits(place) {
            for moment in TIMINGS {
                points.push((place, ordinal, moment));
            }
        }
    }
    points
}

/// Runs the script with the process stopped at `stops`.
fn stopped_at(grid: &mut CaseMatrix, webhook_delivery: WebhookDelivery, stops: &[Stop]) {
    let outcome = script::run_with(webhook_delivery, RecoveryTime::Minutes, |bundle| {
        for (place, ordinal, moment) in stops {
            bundle.crash_points.arm(*place, *ordinal, *moment);
        }
    });
    grid.case(&format!("stopped at {stops:?}"), outcome);
}

/// Runs the script once without stops, then once for each point at which the process may stop.
fn stopped_at_every_point(name: &'static str, webhook_delivery: WebhookDelivery) {
    let mut grid = CaseMatrix::new(name);
    let peace = grid.case("in peace", script::without_faults(webhook_delivery));
    let points = peace.as_ref().map(every_point).unwrap_or_default();
    for point in points.into_iter().step_by(stride()) {
        stopped_at(&mut grid, webhook_delivery, &[point]);
    }
    grid.finish();
}

#[test]
fn the_process_stopped_at_every_point_with_prompt_webhooks() {
    stopped_at_every_point("crashes, webhooks prompt", WebhookDelivery::Prompt);
}

#[test]
fn the_process_stopped_at_every_point_with_webhooks_twice_and_in_reverse() {
    stopped_at_every_point(
        "crashes, webhooks twice in reverse",
        WebhookDelivery::TwiceInReverse,
    );
}

#[test]
fn the_process_stopped_at_every_point_without_webhooks() {
    stopped_at_every_point("crashes, webhooks lost", WebhookDelivery::Never);
}

#[test]
fn the_process_stopped_twice() {
    let mut grid = CaseMatrix::new("pairs of crashes");
    let webhook_delivery = WebhookDelivery::Prompt;
    let peace = grid.case("in peace", script::without_faults(webhook_delivery));
    let points = peace.as_ref().map(every_point).unwrap_or_default();
    // Strides without a common divisor: neighbours, and points far apart.
    for (first, apart) in points.iter().step_by(7 * stride()).zip((1..=23).cycle()) {
        let (place, ordinal, moment) = *first;
        let second = (place, ordinal + apart, moment);
        stopped_at(&mut grid, webhook_delivery, &[*first, second]);
    }
    grid.finish();
}
