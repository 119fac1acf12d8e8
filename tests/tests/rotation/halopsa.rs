//! HaloPSA's client secrets: two applications in turn, and one application whose old secret ends at
//! once.

use std::time::Duration;

use halogard_app::ports::Stage;
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::RotationStep;
use halogard_simulator::halopsa::ApiApplication;
use halogard_tests::setup::{APPLICATION, HALOPSA_SECRET, planted};
use halogard_tests::transport::LoggedRequest;
use halogard_tests::vault::InMemoryVault;
use halogard_tests::{CaseMatrix, Component, Scenario, Setup};
use tracing::Level;

use crate::liongard::both;
use crate::rotation_function::{
    COMPONENTS, CREDENTIAL_REFRESHED_LOG, CREDENTIAL_REJECTED_LOG, RotationFunction, fields, logged,
};

/// The version a rotation goes to.
const NEXT: &str = "11111111-bbbb-4bbb-8bbb-000000000002";

/// The second application.
const IDLE: &str = "5b1c7d90-halogard-sync-b";

/// The secret an operator generates.
const GENERATED: &str = "planted-generated-secret-61d2";

/// A value for application `client_id`.
fn value(strategy: &str, client_id: &str, secret: &str, idle: Option<&str>) -> SecretFields {
    let value = fields(&[
        ("strategy", strategy),
        ("halopsa_client_id", client_id),
        ("halopsa_client_secret", secret),
    ]);
    match idle {
        Some(idle) => value.with("halopsa_idle_client_id", idle),
        None => value,
    }
}

/// A bundle at work whose credentials come from `current`, and two applications at HaloPSA.
async fn begun(current: &SecretFields) -> (Scenario, InMemoryVault, RotationFunction) {
    let vault = InMemoryVault::default();
    vault.hold(HALOPSA_SECRET, "v1", current, true);
    let key = fields(&[
        (
            "liongard_access_key_id",
            &halogard_simulator::liongard::AccessKeySpec::sample().id,
        ),
        ("liongard_access_key_secret", planted::KEY_SECRET),
    ]);
    vault.hold(halogard_tests::setup::LIONGARD_SECRET, "v1", &key, true);
    let mut setup = Setup {
        vault: Some(vault.clone()),
        level: Level::INFO,
        ..Setup::managed()
    };
    let idle = ApiApplication {
        client_id: IDLE.to_owned(),
        client_secret: "planted and never sent".to_owned(),
        ..setup.halo.applications[0].clone()
    };
    setup.halo.applications.push(idle);
    let mut bundle = Scenario::start(setup).await;
    bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let function = RotationFunction::over(&vault);
    (bundle, vault, function)
}

/// The bundle's token requests since the `from`th call, with their answers.
fn token_calls(bundle: &Scenario, from: usize) -> Vec<LoggedRequest> {
    let calls = bundle.requests.all().into_iter().skip(from);
    calls
        .filter(|call| call.target.starts_with("/auth/token"))
        .collect()
}

/// Asserts that neither the log nor a notice contains a secret.
#[track_caller]
fn kept_secret(bundle: &Scenario, function: &RotationFunction) {
    for text in [bundle.logs.text(), format!("{:?}", function.notices.all())] {
        assert!(!text.contains(GENERATED));
        assert!(!text.contains(planted::CLIENT_SECRET));
    }
}

/// Rotates from one application to the other under load; brings the visits the function made.
async fn take_turns(
    order: &[RotationStep],
    prepare: impl FnOnce(&Scenario, &RotationFunction),
) -> [u64; 3] {
    let strategy = "halopsa-two-applications";
    let current = value(strategy, APPLICATION, planted::CLIENT_SECRET, Some(IDLE));
    let (mut bundle, vault, function) = Box::pin(begun(&current)).await;
    vault.announce(HALOPSA_SECRET, NEXT);
    prepare(&bundle, &function);
    // The operator has not acted yet: the notice names the application to open.
    let asked = function
        .try_step(&bundle, RotationStep::Create, HALOPSA_SECRET, NEXT)
        .await;
    if let Some(asked) = asked {
        assert_eq!(asked, Err("rotation.action_required".to_owned()));
        let notice = &function.notices.all()[0];
        assert!(notice.text.contains(IDLE), "{}", notice.text);
    }
    bundle.run_for(Duration::from_secs(300)).await;
    bundle.halo.replace_secret(IDLE, GENERATED).unwrap();
    let next = value(strategy, IDLE, GENERATED, Some(APPLICATION));
    vault.paste(HALOPSA_SECRET, NEXT, &next);
    let from = bundle.requests.count();
    let mut customer = 0;
    for step in order {
        customer += 1;
        bundle.raise(customer % 6, "Certificate Expires Soon");
        function
            .run_until_ok(&mut bundle, *step, HALOPSA_SECRET, NEXT)
            .await;
        bundle.run_for(Duration::from_secs(45)).await;
    }
    let visits = COMPONENTS.map(|place| function.crash_points.count(place));
    assert_eq!(vault.look(HALOPSA_SECRET, Stage::Current).unwrap().0, NEXT);
    // Tokens run out, and the next ones come from the other application.
    let alert = bundle.raise(3, "Firewall Rule Changed");
    bundle.run_for(Duration::from_secs(3700)).await;
    let ticket = bundle.ticket_of(alert).unwrap();
    bundle.halo.close_ticket(ticket.id, 12).unwrap();
    let last = bundle.raise(4, "Backup Failed");
    bundle.conclude().await;
    let last = bundle.only_ticket(last);
    assert!(
        last.actions.iter().any(|action| action.application == IDLE),
        "the other application works by now: {last:#?}"
    );
    for call in token_calls(&bundle, from) {
        assert_eq!(call.status, Some(200), "a token was refused: {call:?}");
    }
    assert_eq!(
        logged(&bundle, CREDENTIAL_REJECTED_LOG),
        0,
        "a synchronisation failed"
    );
    assert_eq!(
        logged(&bundle, CREDENTIAL_REFRESHED_LOG),
        0,
        "no request was refused"
    );
    kept_secret(&bundle, &function);
    visits
}

#[test]
fn two_applications_take_turns_under_load_stopped_at_every_call() {
    let mut grid = CaseMatrix::new("two applications, stopped at every call of every step");
    let visits = grid
        .case("in peace", take_turns(&RotationStep::ALL, |_, _| ()))
        .unwrap_or_default();
    println!("visits of the function to store, HaloPSA, Liongard: {visits:?}");
    for (place, count) in COMPONENTS.into_iter().zip(visits) {
        for stop in (1..=count).flat_map(|at| both(place, at)) {
            grid.case(
                &format!("stopped at {stop:?}"),
                take_turns(&RotationStep::ALL, |_, function| {
                    function.crash_points.arm(stop.0, stop.1, stop.2);
                }),
            );
        }
    }
    grid.finish();
}

#[test]
fn the_steps_may_come_in_any_order() {
    let mut grid = CaseMatrix::new("two applications, every order of the steps");
    for order in orders() {
        // A step that comes too early fails and is taken again in its turn.
        let whole: Vec<RotationStep> = order.iter().copied().chain(RotationStep::ALL).collect();
        grid.case(&format!("{order:?}"), take_turns(&whole, |_, _| ()));
    }
    grid.finish();
}

/// Every order of the four steps.
fn orders() -> Vec<[RotationStep; 4]> {
    let mut orders = Vec::new();
    for number in 0..256_usize {
        let order = [0, 2, 4, 6].map(|shift| RotationStep::ALL[number >> shift & 3]);
        if RotationStep::ALL.iter().all(|step| order.contains(step)) {
            orders.push(order);
        }
    }
    orders
}

/// One application: the new secret is pasted first and saved in HaloPSA then, which ends the old
/// one at once. Brings the visits the function made.
async fn replace(
    order: &[RotationStep],
    prepare: impl FnOnce(&Scenario, &RotationFunction),
) -> [u64; 3] {
    let strategy = "halopsa-application";
    let current = value(strategy, APPLICATION, planted::CLIENT_SECRET, None);
    let (mut bundle, vault, function) = Box::pin(begun(&current)).await;
    prepare(&bundle, &function);
    let next = value(strategy, APPLICATION, GENERATED, None);
    vault.paste(HALOPSA_SECRET, NEXT, &next);
    bundle.run_for(Duration::from_secs(90)).await;
    let from = bundle.requests.count();
    bundle.halo.replace_secret(APPLICATION, GENERATED).unwrap();
    // The worst case: the tokens end with the secret.
    bundle.halo.expire_tokens();
    let alert = bundle.raise(1, "Certificate Expires Soon");
    bundle.run_for(Duration::from_secs(60)).await;
    assert!(bundle.ticket_of(alert).is_some(), "work goes on at once");
    for step in order {
        function
            .run_until_ok(&mut bundle, *step, HALOPSA_SECRET, NEXT)
            .await;
        bundle.halo.expire_tokens();
        bundle.run_for(Duration::from_secs(400)).await;
    }
    let visits = COMPONENTS.map(|place| function.crash_points.count(place));
    bundle.conclude().await;
    let refused = token_calls(&bundle, from)
        .iter()
        .filter(|call| call.status != Some(200))
        .count();
    assert_eq!(refused, 1, "one token request beyond those needed");
    assert_eq!(
        logged(&bundle, CREDENTIAL_REJECTED_LOG),
        0,
        "a synchronisation failed"
    );
    assert_eq!(logged(&bundle, CREDENTIAL_REFRESHED_LOG), 1, "one refresh");
    kept_secret(&bundle, &function);
    visits
}

#[test]
fn one_applications_secret_is_replaced_under_load_stopped_at_every_call() {
    let mut grid = CaseMatrix::new("one application, stopped at every call of every step");
    let visits = grid
        .case("in peace", replace(&RotationStep::ALL, |_, _| ()))
        .unwrap_or_default();
    println!("visits of the function to store, HaloPSA, Liongard: {visits:?}");
    for (place, count) in COMPONENTS.into_iter().zip(visits) {
        for stop in (1..=count).flat_map(|at| both(place, at)) {
            grid.case(
                &format!("stopped at {stop:?}"),
                replace(&RotationStep::ALL, |_, function| {
                    function.crash_points.arm(stop.0, stop.1, stop.2);
                }),
            );
        }
    }
    grid.finish();
}

#[tokio::test]
async fn an_application_without_a_scope_is_distinguished_from_a_wrong_secret() {
    let strategy = "halopsa-application";
    let current = value(strategy, APPLICATION, planted::CLIENT_SECRET, None);
    let (bundle, vault, function) = Box::pin(begun(&current)).await;
    for (secret, scopes, said) in [
        (
            "wrong",
            &["read:tickets", "edit:tickets", "read:customers"][..],
            "press Save",
        ),
        (GENERATED, &["read:tickets"][..], "lacks a requested scope"),
    ] {
        bundle.halo.change_settings(|settings| {
            settings.applications[0].scopes = scopes.iter().map(|it| (*it).to_owned()).collect();
            settings.applications[0].client_secret = GENERATED.to_owned();
        });
        vault.paste(
            HALOPSA_SECRET,
            NEXT,
            &value(strategy, APPLICATION, secret, None),
        );
        // The same version with another value, as only this vault of the test allows.
        let rotation = function.rotation(&bundle);
        let error = rotation
            .step(RotationStep::Test, HALOPSA_SECRET, NEXT)
            .await;
        let error = error.unwrap_err().chain();
        assert!(error.contains(said), "{error}");
    }
    assert!(function.calls.to(Component::HaloPsa).len() >= 2);
}
