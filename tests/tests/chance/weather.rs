//! What goes wrong while a story is told.

use std::time::Duration;

use halogard_simulator::halopsa::WebhookHabits;
use halogard_simulator::liongard::RunFate;
use halogard_simulator::{Fault, FaultOdds};
use halogard_tests::{Bundle, Moment, Place};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Faults that may strike, and their weight.
fn kinds() -> Vec<(Fault, f64)> {
    let throttle = Fault::Status429 {
        retry_after: Some("11".to_owned()),
    };
    vec![
        (Fault::LoseAnswer, 3.0),
        (Fault::RefuseConnection, 2.0),
        (throttle, 1.0),
        (Fault::Status429 { retry_after: None }, 1.0),
        (Fault::Status500, 2.0),
        (Fault::Status500AfterEffect, 2.0),
        (Fault::Gateway502Html, 1.0),
        (Fault::Gateway504Html, 1.0),
        (Fault::Gateway504AfterEffect, 1.0),
        (Fault::HalfBody, 1.0),
        (Fault::OtherShape, 1.0),
        (Fault::ExpireToken, 1.0),
    ]
}

/// From now on answers get lost, servers fail, webhooks go astray, and the process dies.
pub fn breaks(bundle: &Bundle, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x3ea7);
    let mut odds = || -> Vec<FaultOdds> {
        let share = [0.0, 0.005, 0.01, 0.03][rng.random_range(0..4)];
        let kinds = kinds().into_iter();
        kinds
            .map(|(fault, weight)| FaultOdds {
                fault,
                probability: share * weight,
                route: None,
            })
            .collect()
    };
    bundle.halo.faults().by_chance(odds());
    bundle.liongard.faults().by_chance(odds());
    let habits = WebhookHabits {
        lost: [0.0, 0.2, 1.0][rng.random_range(0..3)],
        duplicated: 0.2,
        overtaken: 0.3,
        delay_max: Duration::from_secs(rng.random_range(0..40)),
        ..WebhookHabits::default()
    };
    bundle
        .halo
        .change_settings(|settings| settings.webhook_habits = habits);
    for _ in 0..rng.random_range(0..4) {
        let place = [Place::HaloPsa, Place::Liongard, Place::Store][rng.random_range(0..3)];
        let moment = [Moment::Before, Moment::After][rng.random_range(0..2)];
        bundle.fuse.arm(place, rng.random_range(5..150), moment);
    }
    if rng.random_bool(0.3) {
        bundle.liongard.next_run(RunFate::Fails);
    }
}

/// From now on everything works.
pub fn clears_up(bundle: &Bundle) {
    bundle.halo.faults().clear();
    bundle.liongard.faults().clear();
    bundle
        .halo
        .change_settings(|settings| settings.webhook_habits = WebhookHabits::default());
    bundle.fuse.disarm();
}
