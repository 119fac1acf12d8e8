//! Answers that are lost, late, refused or odd.

use halogard_simulator::Fault;
use halogard_tests::dialect_in_force::stride;
use halogard_tests::transport::LoggedRequest;
use halogard_tests::{CaseMatrix, Component, Scenario, WebhookDelivery};
use http::Method;

use crate::script::{self, RecoveryTime};

/// Every kind of fault that may strike any call.
fn faults() -> Vec<Fault> {
    vec![
        Fault::DropResponse,
        Fault::RefuseConnection,
        Fault::Status429 {
            retry_after: Some("7".to_owned()),
        },
        Fault::Status429 { retry_after: None },
        Fault::Status500,
        Fault::Status500AfterEffect,
        Fault::Deadlock,
        Fault::DeadlockAfterEffect,
        Fault::Gateway502Html,
        Fault::Gateway504Html,
        Fault::Gateway504AfterEffect,
        Fault::TruncatedBody,
        Fault::UnexpectedJson,
        Fault::ExpireToken,
    ]
}

/// Faults for `call`: a refusal without a word strikes reads only; a write refused for good is
/// rightly not repeated, and has a scenario of its own.
fn faults_for(call: &LoggedRequest) -> impl Iterator<Item = Fault> + use<> {
    let mut faults = faults();
    if call.method == Method::GET {
        faults.push(Fault::Empty403);
    }
    faults.into_iter()
}

/// Lets `fault` strike the call to `place` with this ordinal.
fn strike(bundle: &Scenario, place: Component, ordinal: u64, fault: Fault) {
    let faults = match place {
        Component::HaloPsa => bundle.halo.faults(),
        _ => bundle.liongard.faults(),
    };
    faults.at_request(ordinal, fault);
}

/// Runs the script once without faults, then once for each call and each fault.
fn every_fault_at_every_call(name: &'static str, webhook_delivery: WebhookDelivery) {
    let mut grid = CaseMatrix::new(name);
    let Some(peace) = grid.case("in peace", script::without_faults(webhook_delivery)) else {
        return grid.finish();
    };
    let mut cases = Vec::new();
    for place in [Component::HaloPsa, Component::Liongard] {
        for (ordinal, call) in peace.calls_to(place) {
            cases.extend(faults_for(call).map(|fault| (place, ordinal, call, fault)));
        }
    }
    for (place, ordinal, call, fault) in cases.into_iter().step_by(stride()) {
        let label = format!(
            "{fault:?} at call {ordinal} to {place:?}, {} {}",
            call.method, call.target
        );
        // A refusal without a word may end among the dead letters, with a reason, and is
        // reconciled again by the hourly comparison.
        let refused = fault == Fault::Empty403;
        let patience = if refused {
            RecoveryTime::Hours
        } else {
            RecoveryTime::Minutes
        };
        let outcome = script::run_with(webhook_delivery, patience, |bundle| {
            bundle.expects_dead_letters = refused;
            strike(bundle, place, ordinal, fault);
        });
        grid.case(&label, outcome);
    }
    grid.finish();
}

#[test]
fn every_fault_at_every_call_with_prompt_webhooks() {
    every_fault_at_every_call("faults, webhooks prompt", WebhookDelivery::Prompt);
}

#[test]
fn every_fault_at_every_call_with_webhooks_twice_and_in_reverse() {
    every_fault_at_every_call(
        "faults, webhooks twice in reverse",
        WebhookDelivery::TwiceInReverse,
    );
}

#[test]
fn every_fault_at_every_call_without_webhooks() {
    every_fault_at_every_call("faults, webhooks lost", WebhookDelivery::Never);
}
