//! Each step in each state a secret can be in, against what the vendor's rotation template does.

use halogard_app::ports::Stage;
use halogard_credentials::rotation::{CleanupReport, RotationStep};
use halogard_credentials::{PLACEHOLDER, SecretFields};
use halogard_simulator::halopsa::{WebhookAuth, WebhookSpec};
use halogard_tests::setup::{HALOPSA_SECRET, LIONGARD_SECRET, planted};
use halogard_tests::vault::InMemoryVault;
use halogard_tests::{Scenario, Setup};

use crate::rotation_function::{RotationFunction, fields};

/// The version that is rotated to.
const NEXT: &str = "next";

/// The state a secret is in when a step is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is no such secret.
    NoSecret,
    /// Rotation is off.
    Off,
    /// The version was never announced.
    NotAnnounced,
    /// Another version is pending.
    AnotherPending,
    /// The version is the one before.
    Previous,
    /// The version is current.
    Current,
    /// The version is pending and empty.
    Empty,
    /// The version is pending with a value that works.
    Pending,
    /// The version is pending with a value the vendor refuses.
    Refused,
    /// The version is pending with a value that lacks a member.
    Short,
    /// The secret has no value in use.
    NoCurrent,
    /// The secret does not say how it is exchanged.
    NoStrategy,
}

const STATES: [State; 12] = [
    State::NoSecret,
    State::Off,
    State::NotAnnounced,
    State::AnotherPending,
    State::Previous,
    State::Current,
    State::Empty,
    State::Pending,
    State::Refused,
    State::Short,
    State::NoCurrent,
    State::NoStrategy,
];

/// A secret under test: its values, and what each step does to an empty and to a refused version.
struct Subject {
    name: &'static str,
    strategy: &'static str,
    current: SecretFields,
    next: SecretFields,
    refused: SecretFields,
    /// What create, set, test and finish do to an empty version.
    empty: [&'static str; 4],
    /// What set does to a version with a value.
    set: &'static str,
    /// What test and finish do to a refused value.
    on_refused: [&'static str; 2],
    /// The member that is left out in [`State::Short`].
    short_of: &'static str,
}

/// The three kinds of credential.
fn subjects(new_key: &str) -> Vec<Subject> {
    let halo = |strategy, secret| {
        fields(&[
            ("strategy", strategy),
            ("halopsa_client_id", halogard_tests::setup::APPLICATION),
            ("halopsa_client_secret", secret),
        ])
    };
    let liongard = |secret| {
        fields(&[
            ("strategy", "liongard-access-key"),
            ("liongard_access_key_id", new_key),
            ("liongard_access_key_secret", secret),
        ])
    };
    let webhook = |secret| {
        fields(&[
            ("strategy", "webhook"),
            ("halopsa_webhook_token", planted::WEBHOOK_TOKEN),
            ("halopsa_webhook_secret", secret),
        ])
    };
    let empty = [
        "rotation.action_required",
        "rotation.no_value",
        "rotation.no_value",
        "rotation.no_value",
    ];
    let refused = ["rotation.not_accepted"; 2];
    let of_halo = |strategy| Subject {
        name: HALOPSA_SECRET,
        strategy,
        current: halo(strategy, planted::CLIENT_SECRET),
        next: halo(strategy, planted::CLIENT_SECRET).with("note", "the same secret works as well"),
        refused: halo(strategy, "refused-value-planted"),
        empty,
        set: "nothing_to_do",
        on_refused: refused,
        short_of: "halopsa_client_secret",
    };
    vec![
        of_halo("halopsa-application"),
        of_halo("halopsa-two-applications"),
        Subject {
            name: LIONGARD_SECRET,
            strategy: "liongard-access-key",
            current: liongard(planted::KEY_SECRET),
            next: liongard(planted::KEY_SECRET).with("note", "the same key works as well"),
            refused: liongard("refused-value-planted"),
            empty: ["created", empty[1], empty[2], empty[3]],
            set: "nothing_to_do",
            on_refused: refused,
            short_of: "liongard_access_key_secret",
        },
        Subject {
            name: "halogard/webhook",
            strategy: "webhook",
            current: webhook(planted::WEBHOOK_SECRET),
            next: webhook("a new webhook secret"),
            // HaloPSA shows no secret, so no value is refused.
            refused: webhook("another webhook secret"),
            empty: ["created", empty[1], empty[2], empty[3]],
            set: "set",
            on_refused: ["tested", "finished"],
            short_of: "halopsa_webhook_token",
        },
    ]
}

/// Brings the secret into `state`.
fn bring(vault: &InMemoryVault, subject: &Subject, state: State) {
    let name = subject.name;
    match state {
        State::NoSecret => return,
        State::NoCurrent => {
            vault.hold("another", "v1", &subject.current, true);
            vault.announce(name, NEXT);
            vault.rotating(name);
            return;
        }
        State::NoStrategy => {
            let current = subject.current.clone().without("strategy");
            vault.hold(name, "v1", &current, true);
        }
        _ => vault.hold(name, "v1", &subject.current, state != State::Off),
    }
    match state {
        State::NotAnnounced => {}
        State::AnotherPending => {
            vault.announce(name, NEXT);
            vault.announce(name, "another");
        }
        State::Previous => {
            vault.hold(name, NEXT, &subject.next, true);
            vault.succeed(name, "v3", &subject.current);
        }
        State::Current => vault.hold(name, NEXT, &subject.next, true),
        State::Refused => vault.paste(name, NEXT, &subject.refused),
        State::Short => {
            let short = subject.next.clone().without(subject.short_of);
            vault.paste(name, NEXT, &short);
        }
        State::Pending => vault.paste(name, NEXT, &subject.next),
        _ => vault.announce(name, NEXT),
    }
}

/// What the step ought to do.
fn expected(subject: &Subject, state: State, step: RotationStep) -> &'static str {
    let order = RotationStep::ALL
        .iter()
        .position(|known| *known == step)
        .unwrap();
    match state {
        State::NoSecret => "rotation.no_secret",
        State::Off => "rotation.off",
        // One that is in no stage any more is as good as never announced.
        State::NotAnnounced | State::AnotherPending | State::Previous => "rotation.unknown_version",
        State::Current => "already_current",
        State::NoCurrent => "rotation.no_current",
        State::NoStrategy => "rotation.bad_value",
        State::Empty => subject.empty[order],
        State::Pending => ["already_pending", subject.set, "tested", "finished"][order],
        State::Refused => match step {
            RotationStep::Create => "already_pending",
            RotationStep::Set => subject.set,
            RotationStep::Test => subject.on_refused[0],
            RotationStep::Finish => subject.on_refused[1],
        },
        State::Short => match step {
            RotationStep::Create => "already_pending",
            RotationStep::Set => subject.set,
            RotationStep::Test | RotationStep::Finish => "rotation.bad_value",
        },
    }
}

#[tokio::test]
async fn every_step_does_in_every_state_what_the_template_does() {
    let mut cases = 0;
    let sample = halogard_simulator::liongard::AccessKeySpec::sample().id;
    for index in 0..subjects(&sample).len() {
        for state in STATES {
            for step in RotationStep::ALL {
                let subject = &subjects(&sample)[index];
                let vault = InMemoryVault::default();
                bring(&vault, subject, state);
                let bundle = Scenario::start(Setup::managed()).await;
                let spec = WebhookSpec::to(
                    &format!(
                        "https://x.example/webhooks/halopsa/{}",
                        planted::WEBHOOK_TOKEN
                    ),
                    WebhookAuth::None,
                );
                bundle.halo.register_webhook(&spec);
                let function = RotationFunction::over(&vault);
                let before = vault.picture(subject.name);
                let outcome = |taken: Option<Result<&'static str, String>>| {
                    taken.unwrap().map_or_else(|error| error, str::to_owned)
                };
                let label = format!("{} {state:?} {step:?}", subject.strategy);
                let taken = function.try_step(&bundle, step, subject.name, NEXT).await;
                let did = outcome(taken);
                let wanted = expected(subject, state, step);
                assert_eq!(did, wanted, "{label}");
                let after = vault.picture(subject.name);
                let changes = matches!(wanted, "created" | "finished");
                assert_eq!(
                    before != after,
                    changes,
                    "{label} changed what is stored, or did not"
                );
                // Once more: the same, or that it is done.
                let again = function.try_step(&bundle, step, subject.name, NEXT).await;
                let again = outcome(again);
                let repeated = match wanted {
                    "created" => "already_pending",
                    "finished" => "already_current",
                    other => other,
                };
                assert_eq!(again, repeated, "{label}, again");
                assert_eq!(vault.picture(subject.name), after, "{label}, again");
                cases += 1;
            }
        }
    }
    println!("steps: {cases} cases, each taken twice");
}

#[tokio::test]
async fn a_new_stack_calls_no_vendor_and_sends_no_notification_before_its_secrets_are_filled() {
    let sample = halogard_simulator::liongard::AccessKeySpec::sample().id;
    let subjects = subjects(&sample).into_iter();
    for subject in subjects.filter(|subject| subject.strategy != "webhook") {
        let vault = InMemoryVault::default();
        let made = subject.current.clone().with(subject.short_of, PLACEHOLDER);
        vault.hold(subject.name, "v1", &made, true);
        // As Secrets Manager does when a rotation schedule is created.
        vault.paste(subject.name, NEXT, &made);
        let bundle = Scenario::start(Setup::managed()).await;
        let function = RotationFunction::over(&vault);

        let tested = function
            .try_step(&bundle, RotationStep::Test, subject.name, NEXT)
            .await;
        assert_eq!(tested, Some(Ok("nothing_to_do")), "{}", subject.strategy);
        let cleaned = function.delete_expired(&bundle, subject.name).await;
        assert_eq!(
            cleaned,
            Ok(CleanupReport::default()),
            "{}",
            subject.strategy
        );
        assert_eq!(function.notices.all().len(), 0, "{}", subject.strategy);
        assert_eq!(function.calls.count(), 0, "{}", subject.strategy);

        // A value that was not verified does not become current.
        let finished = function
            .try_step(&bundle, RotationStep::Finish, subject.name, NEXT)
            .await;
        let refused = Some(Err("rotation.not_accepted".to_owned()));
        assert_eq!(finished, refused, "{}", subject.strategy);
    }
}

#[tokio::test]
async fn the_error_of_a_step_names_the_secret_and_what_to_do_and_shows_no_value() {
    let vault = InMemoryVault::default();
    let sample = halogard_simulator::liongard::AccessKeySpec::sample().id;
    for subject in subjects(&sample) {
        for state in STATES {
            let vault = InMemoryVault::default();
            bring(&vault, &subject, state);
            let bundle = Scenario::start(Setup::managed()).await;
            let function = RotationFunction::over(&vault);
            for step in RotationStep::ALL {
                let rotation = function.rotation(&bundle);
                let Err(error) = rotation.step(step, subject.name, NEXT).await else {
                    continue;
                };
                let text = format!("{} {error:?}", error.chain());
                assert!(text.contains(subject.name), "{text}");
                for value in [
                    planted::CLIENT_SECRET,
                    planted::KEY_SECRET,
                    planted::WEBHOOK_SECRET,
                    planted::WEBHOOK_TOKEN,
                    "refused-value-planted",
                ] {
                    assert!(!text.contains(value), "{text}");
                }
            }
        }
    }
    assert!(vault.look("nothing", Stage::Current).is_none());
}
