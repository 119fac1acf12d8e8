//! The faults injected while a scenario runs.

use std::time::Duration;

use halogard_simulator::halopsa::DeliveryBehaviour;
use halogard_simulator::liongard::RunResult;
use halogard_simulator::{Fault, FaultRate};
use halogard_tests::{Component, CrashTiming, Scenario};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Faults that may strike, and their weight.
fn kinds() -> Vec<(Fault, f64)> {
    let throttle = Fault::Status429 {
        retry_after: Some("11".to_owned()),
    };
    vec![
        (Fault::DropResponse, 3.0),
        (Fault::RefuseConnection, 2.0),
        (throttle, 1.0),
        (Fault::Status429 { retry_after: None }, 1.0),
        (Fault::Status500, 2.0),
        (Fault::Status500AfterEffect, 2.0),
        (Fault::Gateway502Html, 1.0),
        (Fault::Gateway504Html, 1.0),
        (Fault::Gateway504AfterEffect, 1.0),
        (Fault::TruncatedBody, 1.0),
        (Fault::UnexpectedJson, 1.0),
        (Fault::ExpireToken, 1.0),
    ]
}

/// From now on answers get lost, servers fail, webhooks go astray, and the process dies.
pub fn inject_faults(bundle: &Scenario, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x3ea7);
    let mut odds = || -> Vec<FaultRate> {
        let share = [0.0, 0.005, 0.01, 0.03][rng.random_range(0..4)];
        let kinds = kinds().into_iter();
        kinds
            .map(|(fault, weight)| FaultRate {
                fault,
                probability: share * weight,
                route: None,
            })
            .collect()
    };
    bundle.halo.faults().set_random(odds());
    bundle.liongard.faults().set_random(odds());
    let habits = DeliveryBehaviour {
        lost: [0.0, 0.2, 1.0][rng.random_range(0..3)],
        duplicated: 0.2,
        reordered: 0.3,
        delay_max: Duration::from_secs(rng.random_range(0..40)),
        ..DeliveryBehaviour::default()
    };
    bundle
        .halo
        .change_settings(|settings| settings.delivery_behaviour = habits);
    for _ in 0..rng.random_range(0..4) {
        let place =
            [Component::HaloPsa, Component::Liongard, Component::Store][rng.random_range(0..3)];
        let moment = [CrashTiming::Before, CrashTiming::After][rng.random_range(0..2)];
        bundle
            .crash_points
            .arm(place, rng.random_range(5..150), moment);
    }
    // Where the timeline is not filtered, runs are followed by counters, which count failed runs as well.
    let shows_failures = !bundle.setup.dialect.has("timeline-unfiltered");
    if rng.random_bool(0.3) && shows_failures {
        bundle.liongard.set_next_run(RunResult::Fails);
    }
}

/// From now on everything works.
pub fn clear_faults(bundle: &Scenario) {
    bundle.halo.faults().clear();
    bundle.liongard.faults().clear();
    bundle
        .halo
        .change_settings(|settings| settings.delivery_behaviour = DeliveryBehaviour::default());
    bundle.crash_points.disarm();
}
