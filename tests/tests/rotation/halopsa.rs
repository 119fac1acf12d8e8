//! HaloPSA's client secrets: two applications in turn, and one application whose old secret ends at
//! once.

use std::time::Duration;

use halogard_app::keyring::Fields;
use halogard_app::ports::Stage;
use halogard_app::rotate::Step;
use halogard_simulator::halopsa::ApiApplication;
use halogard_tests::setup::{APPLICATION, HALOPSA_SECRET, planted};
use halogard_tests::transport::Call;
use halogard_tests::vault::StrictVault;
use halogard_tests::{Bundle, Grid, Place, Setup};
use tracing::Level;

use crate::liongard::both;
use crate::office::{Office, PLACES, REFRESHED, WORK_WAITED, fields, logged};

/// The version a rotation goes to.
const NEXT: &str = "11111111-bbbb-4bbb-8bbb-000000000002";

/// The second application.
const IDLE: &str = "5b1c7d90-halogard-sync-b";

/// The secret an operator generates.
const GENERATED: &str = "planted-generated-secret-61d2";

/// A value for application `client_id`.
fn value(strategy: &str, client_id: &str, secret: &str, idle: Option<&str>) -> Fields {
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
async fn begun(current: &Fields) -> (Bundle, StrictVault, Office) {
    let vault = StrictVault::default();
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
        client_secret: "never told to anybody".to_owned(),
        ..setup.halo.applications[0].clone()
    };
    setup.halo.applications.push(idle);
    let mut bundle = Bundle::start(setup).await;
    bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let office = Office::over(&vault);
    (bundle, vault, office)
}

/// The bundle's token requests since the `from`th call, with their answers.
fn token_calls(bundle: &Bundle, from: usize) -> Vec<Call> {
    let calls = bundle.calls.all().into_iter().skip(from);
    calls
        .filter(|call| call.target.starts_with("/auth/token"))
        .collect()
}

/// Nothing about the rotation stands where people look.
#[track_caller]
fn kept_secret(bundle: &Bundle, office: &Office) {
    for text in [bundle.logs.text(), format!("{:?}", office.told.all())] {
        assert!(!text.contains(GENERATED));
        assert!(!text.contains(planted::CLIENT_SECRET));
    }
}

/// Rotates from one application to the other under load; brings the visits the office made.
async fn take_turns(order: &[Step], prepare: impl FnOnce(&Bundle, &Office)) -> [u64; 3] {
    let strategy = "halopsa-two-applications";
    let current = value(strategy, APPLICATION, planted::CLIENT_SECRET, Some(IDLE));
    let (mut bundle, vault, office) = Box::pin(begun(&current)).await;
    vault.announce(HALOPSA_SECRET, NEXT);
    prepare(&bundle, &office);
    // Nobody did anything yet: the operator is told which application to open.
    let asked = office
        .attempt(&bundle, Step::Create, HALOPSA_SECRET, NEXT)
        .await;
    if let Some(asked) = asked {
        assert_eq!(asked, Err("rotation.person_needed".to_owned()));
        let notice = &office.told.all()[0];
        assert!(notice.text.contains(IDLE), "{}", notice.text);
    }
    bundle.run_for(Duration::from_secs(300)).await;
    bundle.halo.replace_secret(IDLE, GENERATED).unwrap();
    let next = value(strategy, IDLE, GENERATED, Some(APPLICATION));
    vault.paste(HALOPSA_SECRET, NEXT, &next);
    let from = bundle.calls.count();
    let mut customer = 0;
    for step in order {
        customer += 1;
        bundle.raise(customer % 6, "Certificate Expires Soon");
        office
            .insist(&mut bundle, *step, HALOPSA_SECRET, NEXT)
            .await;
        bundle.run_for(Duration::from_secs(45)).await;
    }
    let visits = PLACES.map(|place| office.fuse.count(place));
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
    assert_eq!(logged(&bundle, WORK_WAITED), 0, "a synchronisation failed");
    assert_eq!(logged(&bundle, REFRESHED), 0, "nobody was refused");
    kept_secret(&bundle, &office);
    visits
}

#[test]
fn two_applications_take_turns_under_load_stopped_at_every_call() {
    let mut grid = Grid::new("two applications, stopped at every call of every step");
    let visits = grid
        .case("in peace", take_turns(&Step::ALL, |_, _| ()))
        .unwrap_or_default();
    println!("visits of the office to store, HaloPSA, Liongard: {visits:?}");
    for (place, count) in PLACES.into_iter().zip(visits) {
        for stop in (1..=count).flat_map(|at| both(place, at)) {
            grid.case(
                &format!("stopped at {stop:?}"),
                take_turns(&Step::ALL, |_, office| {
                    office.fuse.arm(stop.0, stop.1, stop.2);
                }),
            );
        }
    }
    grid.finish();
}

#[test]
fn the_steps_may_come_in_any_order() {
    let mut grid = Grid::new("two applications, every order of the steps");
    for order in orders() {
        // A step that comes too early fails and is taken again in its turn.
        let whole: Vec<Step> = order.iter().copied().chain(Step::ALL).collect();
        grid.case(&format!("{order:?}"), take_turns(&whole, |_, _| ()));
    }
    grid.finish();
}

/// Every order of the four steps.
fn orders() -> Vec<[Step; 4]> {
    let mut orders = Vec::new();
    for number in 0..256_usize {
        let order = [0, 2, 4, 6].map(|shift| Step::ALL[number >> shift & 3]);
        if Step::ALL.iter().all(|step| order.contains(step)) {
            orders.push(order);
        }
    }
    orders
}

/// One application: the new secret is pasted first and saved in HaloPSA then, which ends the old
/// one at once. Brings the visits the office made.
async fn replace(order: &[Step], prepare: impl FnOnce(&Bundle, &Office)) -> [u64; 3] {
    let strategy = "halopsa-application";
    let current = value(strategy, APPLICATION, planted::CLIENT_SECRET, None);
    let (mut bundle, vault, office) = Box::pin(begun(&current)).await;
    prepare(&bundle, &office);
    let next = value(strategy, APPLICATION, GENERATED, None);
    vault.paste(HALOPSA_SECRET, NEXT, &next);
    bundle.run_for(Duration::from_secs(90)).await;
    let from = bundle.calls.count();
    bundle.halo.replace_secret(APPLICATION, GENERATED).unwrap();
    // The worst case: the tokens end with the secret.
    bundle.halo.expire_tokens();
    let alert = bundle.raise(1, "Certificate Expires Soon");
    bundle.run_for(Duration::from_secs(60)).await;
    assert!(bundle.ticket_of(alert).is_some(), "work goes on at once");
    for step in order {
        office
            .insist(&mut bundle, *step, HALOPSA_SECRET, NEXT)
            .await;
        bundle.halo.expire_tokens();
        bundle.run_for(Duration::from_secs(400)).await;
    }
    let visits = PLACES.map(|place| office.fuse.count(place));
    bundle.conclude().await;
    let refused = token_calls(&bundle, from)
        .iter()
        .filter(|call| call.status != Some(200))
        .count();
    assert_eq!(refused, 1, "one token request beyond those needed");
    assert_eq!(logged(&bundle, WORK_WAITED), 0, "a synchronisation failed");
    assert_eq!(logged(&bundle, REFRESHED), 1, "one refresh");
    kept_secret(&bundle, &office);
    visits
}

#[test]
fn one_applications_secret_is_replaced_under_load_stopped_at_every_call() {
    let mut grid = Grid::new("one application, stopped at every call of every step");
    let visits = grid
        .case("in peace", replace(&Step::ALL, |_, _| ()))
        .unwrap_or_default();
    println!("visits of the office to store, HaloPSA, Liongard: {visits:?}");
    for (place, count) in PLACES.into_iter().zip(visits) {
        for stop in (1..=count).flat_map(|at| both(place, at)) {
            grid.case(
                &format!("stopped at {stop:?}"),
                replace(&Step::ALL, |_, office| {
                    office.fuse.arm(stop.0, stop.1, stop.2);
                }),
            );
        }
    }
    grid.finish();
}

#[tokio::test]
async fn an_application_without_a_scope_is_told_apart_from_a_wrong_secret() {
    let strategy = "halopsa-application";
    let current = value(strategy, APPLICATION, planted::CLIENT_SECRET, None);
    let (bundle, vault, office) = Box::pin(begun(&current)).await;
    for (secret, scopes, said) in [
        (
            "wrong",
            &["read:tickets", "edit:tickets", "read:customers"][..],
            "press Save",
        ),
        (GENERATED, &["read:tickets"][..], "lacks a scope"),
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
        let rotation = office.rotation(&bundle);
        let error = rotation.step(Step::Test, HALOPSA_SECRET, NEXT).await;
        let error = error.unwrap_err().chain();
        assert!(error.contains(said), "{error}");
    }
    assert!(office.calls.to(Place::HaloPsa).len() >= 2);
}
