//! Liongard's access key makes its successor while both sides are kept in step.

use std::time::Duration;

use halogard_app::ports::Stage;
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::{NoticeKind, RotationStep};
use halogard_simulator::Fault;
use halogard_simulator::liongard::{AccessKeySpec, Redirects};
use halogard_tests::setup::{LIONGARD_SECRET, planted};
use halogard_tests::vault::InMemoryVault;
use halogard_tests::{CaseMatrix, Component, CrashTiming, Scenario, Setup};
use tracing::Level;

use crate::rotation_function::{
    COMPONENTS, CREDENTIAL_REFRESHED_LOG, CREDENTIAL_REJECTED_LOG, RotationFunction, Stop, fields,
    logged,
};

/// The version a rotation goes to.
const NEXT: &str = "11111111-aaaa-4aaa-8aaa-000000000002";

/// How long a replaced key goes on working here: a day would only be more of the same.
const OVERLAP_HOURS: i64 = 1;

/// The same as a duration, and a little more.
const OVERLAP: Duration = Duration::from_secs(3660);

/// The secret before its rotation.
fn first() -> SecretFields {
    fields(&[
        ("strategy", "liongard-access-key"),
        ("liongard_access_key_id", &AccessKeySpec::sample().id),
        ("liongard_access_key_secret", planted::KEY_SECRET),
    ])
    .with_number("overlap_hours", OVERLAP_HOURS)
}

/// A bundle whose key comes from a vault, and a rotation that has been announced.
async fn begun() -> (Scenario, InMemoryVault, RotationFunction) {
    let vault = InMemoryVault::default();
    vault.hold(LIONGARD_SECRET, "v1", &first(), true);
    let halo = fields(&[
        ("strategy", "halopsa-application"),
        ("halopsa_client_id", halogard_tests::setup::APPLICATION),
        ("halopsa_client_secret", planted::CLIENT_SECRET),
    ]);
    vault.hold(halogard_tests::setup::HALOPSA_SECRET, "v1", &halo, true);
    let mut setup = Setup {
        vault: Some(vault.clone()),
        level: Level::INFO,
        ..Setup::managed()
    };
    // A fault at a route is to strike the call itself, and not the hop before it.
    setup.liongard.redirects = Redirects::Off;
    let mut bundle = Scenario::start(setup).await;
    bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    vault.announce(LIONGARD_SECRET, NEXT);
    let function = RotationFunction::over(&vault);
    (bundle, vault, function)
}

/// The key in a stage.
fn key_in(vault: &InMemoryVault, stage: Stage) -> Option<String> {
    let (_, fields) = vault.look(LIONGARD_SECRET, stage)?;
    fields?.text("liongard_access_key_id").map(str::to_owned)
}

/// At least one of the keys a process may hold opens Liongard.
#[track_caller]
fn some_key_works(bundle: &Scenario, vault: &InMemoryVault) {
    let valid = bundle.liongard.valid_keys();
    let current = key_in(vault, Stage::Current).unwrap();
    assert!(
        valid.contains(&current),
        "the current key is dead: {valid:?}"
    );
}

/// Rotates under load, then lets the overlap pass; brings the visits the function made.
async fn rotate(
    order: &[RotationStep],
    prepare: impl FnOnce(&Scenario, &RotationFunction),
) -> [u64; 3] {
    let (mut bundle, vault, function) = begun().await;
    prepare(&bundle, &function);
    let mut customer = 0;
    for step in order {
        // News between the steps: the load a rotation must not disturb.
        customer += 1;
        bundle.raise(customer % 6, "Certificate Expires Soon");
        function
            .run_until_ok(&mut bundle, *step, LIONGARD_SECRET, NEXT)
            .await;
        some_key_works(&bundle, &vault);
        bundle.run_for(Duration::from_secs(45)).await;
    }
    let visits = COMPONENTS.map(|place| function.crash_points.count(place));
    let current = key_in(&vault, Stage::Current).unwrap();
    assert_ne!(current, AccessKeySpec::sample().id, "nothing was rotated");
    assert_eq!(vault.look(LIONGARD_SECRET, Stage::Current).unwrap().0, NEXT);
    // An instance with the old key has time to read the new one.
    bundle.run_for(Duration::from_secs(600)).await;
    bundle.raise(3, "Firewall Rule Changed");
    bundle.run_for(OVERLAP).await;
    bundle.time.advance(Duration::from_secs(600));
    function.crash_points.disarm();
    function
        .delete_expired(&bundle, LIONGARD_SECRET)
        .await
        .unwrap();
    assert!(bundle.liongard.valid_keys().contains(&current));
    bundle.raise(4, "Backup Failed");
    bundle.conclude().await;
    assert_eq!(
        logged(&bundle, CREDENTIAL_REJECTED_LOG),
        0,
        "a synchronisation failed"
    );
    assert!(
        logged(&bundle, CREDENTIAL_REFRESHED_LOG) <= 1,
        "more than one refresh"
    );
    let secret = vault
        .look(LIONGARD_SECRET, Stage::Current)
        .unwrap()
        .1
        .unwrap();
    let secret = secret
        .text("liongard_access_key_secret")
        .unwrap()
        .to_owned();
    assert!(!bundle.logs.text().contains(&secret), "a secret was logged");
    let notices = format!("{:?}", function.notices.all());
    assert!(!notices.contains(&secret) && !notices.contains(planted::KEY_SECRET));
    assert_eq!(
        bundle.liongard.valid_keys(),
        [current],
        "a key was left behind"
    );
    visits
}

#[test]
fn an_access_key_rotates_under_load_stopped_at_every_call() {
    let mut grid = CaseMatrix::new("liongard, stopped at every call of every step");
    let peace = grid.case("in peace", rotate(&RotationStep::ALL, |_, _| ()));
    let visits = peace.unwrap_or_default();
    println!("visits of the function to store, HaloPSA, Liongard: {visits:?}");
    for (place, count) in COMPONENTS.into_iter().zip(visits) {
        for stop in (1..=count).flat_map(|at| both(place, at)) {
            grid.case(
                &format!("stopped at {stop:?}"),
                rotate(&RotationStep::ALL, |_, function| {
                    function.crash_points.arm(stop.0, stop.1, stop.2);
                }),
            );
        }
    }
    grid.finish();
}

/// Both sides of a visit.
pub fn both(place: Component, at: u64) -> [Stop; 2] {
    [
        (place, at, CrashTiming::Before),
        (place, at, CrashTiming::After),
    ]
}

#[test]
fn an_access_key_rotates_under_load_with_every_answer_lost_or_refused() {
    let mut grid = CaseMatrix::new("liongard, every fault at every vendor call");
    let routes = ["GET /access-keys", "POST /access-keys", "GET /tasks/count"];
    let faults = [
        Fault::DropResponse,
        Fault::RefuseConnection,
        Fault::Status429 { retry_after: None },
        Fault::Status500,
        Fault::Status500AfterEffect,
        Fault::Gateway502Html,
        Fault::Gateway504AfterEffect,
        Fault::TruncatedBody,
    ];
    for route in routes {
        for fault in faults.clone() {
            grid.case(
                &format!("{fault:?} at {route}"),
                rotate(&RotationStep::ALL, |bundle, _| {
                    bundle.liongard.faults().next(route, fault.clone());
                }),
            );
        }
    }
    grid.finish();
}

#[test]
fn each_step_twice_changes_nothing_more() {
    let mut grid = CaseMatrix::new("liongard, each step again");
    let twice: Vec<RotationStep> = RotationStep::ALL
        .into_iter()
        .flat_map(|step| [step, step])
        .collect();
    grid.case("each twice", rotate(&twice, |_, _| ()));
    let again: Vec<RotationStep> = RotationStep::ALL
        .into_iter()
        .chain(RotationStep::ALL)
        .collect();
    grid.case("all of them again", rotate(&again, |_, _| ()));
    grid.finish();
}

#[tokio::test]
async fn a_key_that_was_made_and_not_stored_is_deleted_at_the_next_try_and_no_other_is() {
    let (mut bundle, vault, function) = begun().await;
    // A key of another owner, created long before and never used.
    let stranger = AccessKeySpec {
        id: "ffffffffffffffffffff".to_owned(),
        secret: "a stranger's".to_owned(),
        ..AccessKeySpec::sample()
    };
    bundle.liongard.add_key(&stranger);
    bundle.run_for(Duration::from_secs(3600)).await;
    bundle
        .liongard
        .faults()
        .next("POST /access-keys", Fault::DropResponse);
    let first = function
        .try_step(&bundle, RotationStep::Create, LIONGARD_SECRET, NEXT)
        .await;
    assert_eq!(first, Some(Err("rotation.vendor".to_owned())));
    assert_eq!(bundle.liongard.valid_keys().len(), 3, "the orphan is there");
    for step in RotationStep::ALL {
        function
            .run_until_ok(&mut bundle, step, LIONGARD_SECRET, NEXT)
            .await;
    }
    let valid = bundle.liongard.valid_keys();
    assert_eq!(valid.len(), 3, "old, new and the stranger's: {valid:?}");
    assert!(valid.contains(&stranger.id));
    assert!(valid.contains(&key_in(&vault, Stage::Current).unwrap()));
}

#[tokio::test]
async fn a_replaced_key_stays_valid_for_its_overlap_and_while_it_is_used() {
    let (mut bundle, _vault, function) = begun().await;
    for step in RotationStep::ALL {
        function
            .run_until_ok(&mut bundle, step, LIONGARD_SECRET, NEXT)
            .await;
    }
    let early = function
        .delete_expired(&bundle, LIONGARD_SECRET)
        .await
        .unwrap();
    assert_eq!((early.deleted, early.remaining), (0, 1));
    assert_eq!(early.expires_in_days, Some(89));
    bundle.run_for(OVERLAP).await;
    let old = AccessKeySpec::sample();
    // A process with the old key in its settings.
    bundle.liongard.mark_key_used(&old.id);
    let used = function
        .delete_expired(&bundle, LIONGARD_SECRET)
        .await
        .unwrap();
    assert_eq!((used.deleted, used.remaining), (0, 1));
    assert_eq!(function.notices.count(NoticeKind::OldKeyInUse), 1);
    bundle.run_for(Duration::from_secs(2 * 3600)).await;
    let late = function
        .delete_expired(&bundle, LIONGARD_SECRET)
        .await
        .unwrap();
    assert_eq!((late.deleted, late.remaining), (1, 0));
    let again = function
        .delete_expired(&bundle, LIONGARD_SECRET)
        .await
        .unwrap();
    assert_eq!((again.deleted, again.remaining), (0, 0));
}

#[tokio::test]
async fn a_key_that_is_about_to_end_is_reported_in_time() {
    let (mut bundle, _vault, function) = begun().await;
    for step in RotationStep::ALL {
        function
            .run_until_ok(&mut bundle, step, LIONGARD_SECRET, NEXT)
            .await;
    }
    assert_eq!(function.notices.count(NoticeKind::ExpiresSoon), 0);
    bundle.time.advance(Duration::from_secs(70 * 86_400));
    let look = function
        .delete_expired(&bundle, LIONGARD_SECRET)
        .await
        .unwrap();
    assert_eq!(look.expires_in_days, Some(19));
    assert_eq!(function.notices.count(NoticeKind::ExpiresSoon), 1);
}

#[tokio::test]
async fn a_key_that_was_deleted_by_hand_makes_work_wait_until_a_person_pastes_another() {
    let (mut bundle, vault, function) = begun().await;
    bundle.liongard.revoke_key(&AccessKeySpec::sample().id);
    let alert = bundle.raise(1, "Backup Failed");
    bundle.run_for(Duration::from_secs(600)).await;
    assert!(bundle.ticket_of(alert).is_none());
    let refused = function
        .try_step(&bundle, RotationStep::Create, LIONGARD_SECRET, NEXT)
        .await;
    assert_eq!(refused, Some(Err("rotation.action_required".to_owned())));
    let notice = &function.notices.all()[0];
    assert!(
        notice.text.contains("Account Settings → Access Tokens"),
        "{notice:?}"
    );
    let made = AccessKeySpec {
        id: "0123456789abcdef0123".to_owned(),
        secret: "made-by-hand-planted".to_owned(),
        ..AccessKeySpec::sample()
    };
    bundle.liongard.add_key(&made);
    let pasted = first()
        .with("liongard_access_key_id", &made.id)
        .with("liongard_access_key_secret", &made.secret);
    vault.paste(LIONGARD_SECRET, NEXT, &pasted);
    bundle.run_for(Duration::from_secs(120)).await;
    assert!(
        bundle.ticket_of(alert).is_some(),
        "work goes on with the pending key"
    );
    for step in RotationStep::ALL {
        function
            .run_until_ok(&mut bundle, step, LIONGARD_SECRET, NEXT)
            .await;
    }
    bundle.conclude().await;
    assert!(!bundle.logs.text().contains(&made.secret));
}
