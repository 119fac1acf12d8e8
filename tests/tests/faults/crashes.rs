//! The process stops: before a call, after its effect, around every write to the store.

use halogard_tests::{Courier, Grid, Moment, Place};

use crate::story::{self, Patience, Told};

const PLACES: [Place; 3] = [Place::HaloPsa, Place::Liongard, Place::Store];

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// Where the process stops in one case.
type Stop = (Place, u64, Moment);

/// Every point at which the story's process may stop.
fn every_point(peace: &Told) -> Vec<Stop> {
    let mut points = Vec::new();
    for place in PLACES {
        for ordinal in 1..=peace.visits(place) {
            for moment in MOMENTS {
                points.push((place, ordinal, moment));
            }
        }
    }
    points
}

/// Tells the story with the process stopped at `stops`.
fn stopped_at(grid: &mut Grid, courier: Courier, stops: &[Stop]) {
    let told = story::tell(courier, Patience::Minutes, |bundle| {
        for (place, ordinal, moment) in stops {
            bundle.fuse.arm(*place, *ordinal, *moment);
        }
    });
    grid.case(&format!("stopped at {stops:?}"), told);
}

/// Tells the story once in peace, then once for each point at which the process may stop.
fn stopped_at_every_point(name: &'static str, courier: Courier) {
    let mut grid = Grid::new(name);
    let peace = grid.case("in peace", story::in_peace(courier));
    for point in peace.as_ref().map(every_point).unwrap_or_default() {
        stopped_at(&mut grid, courier, &[point]);
    }
    grid.finish();
}

#[test]
fn the_process_stopped_at_every_point_with_prompt_webhooks() {
    stopped_at_every_point("crashes, webhooks prompt", Courier::Prompt);
}

#[test]
fn the_process_stopped_at_every_point_with_webhooks_twice_and_in_reverse() {
    stopped_at_every_point(
        "crashes, webhooks twice in reverse",
        Courier::TwiceInReverse,
    );
}

#[test]
fn the_process_stopped_at_every_point_without_webhooks() {
    stopped_at_every_point("crashes, webhooks lost", Courier::Never);
}

#[test]
fn the_process_stopped_twice() {
    let mut grid = Grid::new("pairs of crashes");
    let courier = Courier::Prompt;
    let peace = grid.case("in peace", story::in_peace(courier));
    let points = peace.as_ref().map(every_point).unwrap_or_default();
    // Strides without a common divisor: neighbours, and points far apart.
    for (first, stride) in points.iter().step_by(7).zip((1..=23).cycle()) {
        let (place, ordinal, moment) = *first;
        let second = (place, ordinal + stride, moment);
        stopped_at(&mut grid, courier, &[*first, second]);
    }
    grid.finish();
}
