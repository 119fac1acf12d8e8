//! What the bundle promises, one scenario each, on a clock that is moved by hand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budget;
mod clocks;
mod closing;
mod concurrent_edits;
mod costs;
mod day_one;
mod deleted_tickets;
mod deliveries;
mod dialect_probe;
mod dialects;
mod doctor;
mod identity;
mod inspectors;
mod late_writes;
mod merged_tickets;
mod native;
mod observing;
mod one_ticket;
mod opening;
mod parking;
mod polls;
mod refusals;
mod reopening;
mod retention;
mod second_installation;
mod shared_tickets;
mod store_lost;
mod storms;
mod sweeps;

use halogard_simulator::liongard::AlertChange;
use halogard_tests::Scenario;

/// A technician of the simulated desk.
const DANA: i64 = 12;

/// Another one.
const RUBEN: i64 = 13;

/// The launchpoint of Liongard's HaloPSA inspector.
const HALO_INSPECTOR: i64 = 500;

/// A bundle with one alert, raised for the first customer, and its ticket, to which writes land.
async fn with_ticket(bundle: &mut Scenario) -> (i64, i64) {
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    bundle.run_until_writes_land().await;
    (alert, bundle.only_ticket(alert).id)
}

/// A change of an alert's text and priority.
fn news(text: &str, priority: &str) -> AlertChange {
    AlertChange {
        description: Some(text.to_owned()),
        priority: Some(priority.to_owned()),
        ..AlertChange::default()
    }
}

/// A change of an alert's status word.
fn word(status: &str) -> AlertChange {
    AlertChange {
        status: Some(status.to_owned()),
        ..AlertChange::default()
    }
}
