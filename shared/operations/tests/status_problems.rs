//! What counts as a problem of the status, and how: for monitors and notices.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use halogard_app::ports::{NamedValues as _, Records as _, Revision, keys};
use halogard_domain::budget::Limit;
use halogard_domain::contact::VendorContacts;
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::policy::AppliedPolicy;
use halogard_domain::record::Singleton;
use halogard_domain::time::SteadyTime;
use halogard_domain::vendor::Vendor;
use halogard_operations::status::{StatusAnswer, StatusQuestion, Verdict, status};
use halogard_sqlite::Store;

use support::{NOW, StoppedClock, before, empty_store, policy};

/// A store that workers have used a second ago, and whether `serve` runs.
struct Installation {
    store: Store<StoppedClock>,
    serve_runs: Option<bool>,
}

impl Installation {
    async fn pause(&self, scope: PauseScope, until: Option<Duration>) {
        let pause = Pause {
            scope,
            since: before(7200),
            from: None,
            until: until.map(|length| NOW.plus(length)),
            reason: None,
        };
        let add = |pauses: &mut Pauses| pauses.pauses.push(pause.clone());
        self.store.update_record(&Singleton, add).await.unwrap();
    }

    async fn contact(&self, vendor: Vendor, age: i64, code: &str) {
        let fail = |contacts: &mut VendorContacts| {
            let contact = contacts.of_mut(vendor);
            contact.observe_failure(before(age), code, "what it said");
        };
        self.store.update_record(&Singleton, fail).await.unwrap();
    }

    async fn value(&self, name: &str, value: i64) {
        self.store.set_value(name, value).await.unwrap();
    }

    async fn credential(&self, change: impl Fn(&mut CredentialStates) + Send) {
        self.store.update_record(&Singleton, change).await.unwrap();
    }

    async fn ask(&self) -> StatusAnswer {
        let question = StatusQuestion {
            now: NOW,
            steady: SteadyTime { source: 0, at: NOW },
            limit: Limit::DEFAULT,
            serve_runs: self.serve_runs,
        };
        status(&self.store, question).await.unwrap()
    }
}

/// What has happened to an installation that was well.
#[derive(Clone, Copy, Debug)]
enum Event {
    Nothing,
    ServeRuns,
    ServeStopped,
    EndlessPause,
    PauseWithAnEnd,
    EndlessSnooze,
    CredentialRefused(&'static str),
    AwayForAMinute,
    AwayForAnHour,
    TwoPollsFailed,
    ThreePollsFailed,
    PollsFailedWhileLiongardIsAway,
    NoPollForAnHour,
    NoPollForAnHourWhilePaused,
    RotationWaits,
    KeyExpiresInTwoWeeks,
    KeyExpiresInTwoMonths,
}

async fn after(event: Event) -> StatusAnswer {
    let (store, _folder) = empty_store();
    let policy = policy();
    let applied = AppliedPolicy {
        policy: Some(policy.clone()),
    };
    let key = AppliedPolicy::key(policy.fingerprint());
    let saved = store.save_record(key.as_str(), &applied, Revision::default());
    saved.await.unwrap();
    let mut it = Installation {
        store,
        serve_runs: None,
    };
    let digest = i64::from_ne_bytes(policy.fingerprint().to_ne_bytes());
    it.value(keys::APPLIED_POLICY, digest).await;
    it.value(keys::LAST_COMPLETE_POLL_AT, before(1).as_millis())
        .await;
    let hour = Duration::from_secs(3600);
    let alert = halogard_domain::ids::AlertId::new(7);
    match event {
        Event::Nothing => {}
        Event::ServeRuns => it.serve_runs = Some(true),
        Event::ServeStopped => it.serve_runs = Some(false),
        Event::EndlessPause => it.pause(PauseScope::All, None).await,
        Event::PauseWithAnEnd => it.pause(PauseScope::All, Some(hour)).await,
        Event::EndlessSnooze => it.pause(PauseScope::Alert(alert), None).await,
        Event::CredentialRefused(code) => it.contact(Vendor::HaloPsa, 60, code).await,
        Event::AwayForAMinute => it.contact(Vendor::HaloPsa, 60, "halopsa.failed").await,
        Event::AwayForAnHour => it.contact(Vendor::HaloPsa, 3600, "halopsa.failed").await,
        Event::TwoPollsFailed => it.value(keys::POLLS_FAILED, 2).await,
        Event::ThreePollsFailed => it.value(keys::POLLS_FAILED, 3).await,
        Event::PollsFailedWhileLiongardIsAway => {
            it.value(keys::POLLS_FAILED, 30).await;
            it.contact(Vendor::Liongard, 60, "liongard.failed").await;
        }
        Event::NoPollForAnHour => {
            it.value(keys::LAST_COMPLETE_POLL_AT, before(3600).as_millis())
                .await;
        }
        Event::NoPollForAnHourWhilePaused => {
            it.value(keys::LAST_COMPLETE_POLL_AT, before(3600).as_millis())
                .await;
            it.pause(PauseScope::All, Some(hour)).await;
        }
        Event::RotationWaits => {
            it.credential(|states| {
                states.note("halopsa", "rotation-action-required", "Open HaloPSA.", NOW);
            })
            .await;
        }
        Event::KeyExpiresInTwoWeeks => {
            let ends = NOW.plus(14 * 24 * hour);
            it.credential(move |states| states.plan("liongard", Some(ends), None))
                .await;
        }
        Event::KeyExpiresInTwoMonths => {
            let ends = NOW.plus(60 * 24 * hour);
            it.credential(move |states| states.plan("liongard", Some(ends), None))
                .await;
        }
    }
    it.ask().await
}

#[tokio::test]
async fn what_needs_a_person_is_a_problem_and_what_ends_by_itself_is_none() {
    use Verdict::{CannotTell, NeedsPerson, Ok};
    for (event, verdict, cause) in [
        (Event::Nothing, Ok, ""),
        (Event::ServeRuns, Ok, ""),
        (Event::ServeStopped, NeedsPerson, "serve_stopped"),
        (Event::EndlessPause, NeedsPerson, "paused:everything"),
        (Event::PauseWithAnEnd, Ok, ""),
        (Event::EndlessSnooze, NeedsPerson, "paused:alert 7"),
        (
            Event::CredentialRefused("halopsa.credential"),
            NeedsPerson,
            "credential_refused:halopsa",
        ),
        (
            Event::CredentialRefused("halopsa.scope"),
            NeedsPerson,
            "credential_refused:halopsa",
        ),
        (Event::AwayForAMinute, Ok, ""),
        (Event::AwayForAnHour, NeedsPerson, "vendor_away:halopsa"),
        (Event::TwoPollsFailed, Ok, ""),
        (Event::ThreePollsFailed, NeedsPerson, "polls_failing"),
        (Event::PollsFailedWhileLiongardIsAway, Ok, ""),
        (Event::NoPollForAnHour, CannotTell, "no_worker"),
        (Event::NoPollForAnHourWhilePaused, Ok, ""),
        (
            Event::RotationWaits,
            NeedsPerson,
            "credential:halopsa:rotation-action-required",
        ),
        (
            Event::KeyExpiresInTwoWeeks,
            NeedsPerson,
            "credential_expires:liongard",
        ),
        (Event::KeyExpiresInTwoMonths, Ok, ""),
    ] {
        let answer = after(event).await;
        assert_eq!(answer.verdict, verdict, "{event:?}: {:?}", answer.problems);
        let causes: Vec<_> = answer.problems.iter().map(|it| it.cause.as_str()).collect();
        let expected: Vec<&str> = [cause].into_iter().filter(|it| !it.is_empty()).collect();
        assert_eq!(causes, expected, "{event:?}");
        for problem in &answer.problems {
            assert!(problem.remedy.len() > 15, "{problem:?}");
        }
    }
}

#[tokio::test]
async fn every_refusal_of_a_credential_is_told_from_a_vendor_that_is_away() {
    for code in [
        "halopsa.credential",
        "halopsa.tenant",
        "halopsa.scope",
        "halopsa.failed",
    ] {
        let answer = after(Event::CredentialRefused(code)).await;
        let refused = answer
            .problems
            .iter()
            .any(|it| it.cause.contains("refused"));
        assert_eq!(refused, code != "halopsa.failed", "{code}");
    }
}

/// When each credential expires and is rotated next stands in the answer, whether it is near or not.
#[tokio::test]
async fn the_next_rotation_is_shown() {
    let answer = after(Event::KeyExpiresInTwoMonths).await;
    assert_eq!(answer.credentials.len(), 1);
    assert_eq!(answer.credentials[0].name, "liongard");
}
