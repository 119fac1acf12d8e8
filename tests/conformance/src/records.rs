//! Cases for [`Records`], most of them run for every type of record.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use halogard_app::ports::{Records, Revision, SealedToken, Stored, Swap};
use halogard_domain::audit::{AuditDate, AuditDay, AuditEntry};
use halogard_domain::budget::{Ledger, Limit, Pace, PermitRequest, Priority, WorkStage};
use halogard_domain::config_history::{ConfigInForce, ConfigText, ConfigVersion, VersionOrigin};
use halogard_domain::contact::{ContactFailure, VendorContact, VendorContacts};
use halogard_domain::continuity::{Completeness, Rival, StoreContinuity};
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::dialect::{DialectReport, FactReading, REFERENCE, Seen};
use halogard_domain::ids::{
    AlertId, EnvironmentId, LaunchpointId, RunId, SiteId, TeamId, TicketId,
};
use halogard_domain::key::{Installation, InstallationId, KeySecret};
use halogard_domain::missing::MissingTickets;
use halogard_domain::notify::{CauseRecord, NoticeDelivery, NoticeLog, NotifyChannel};
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::policy::{AppliedPolicy, Mode, Policy};
use halogard_domain::record::Singleton;
use halogard_domain::requested_work::{RequestedWork, WorkRequest};
use halogard_domain::runs::{BlockedStart, RunEnd, RunInFlight, RunMark, RunTarget, Runs};
use halogard_domain::site_reports::{SiteChange, SiteReport, SiteReports};
use halogard_domain::start::CustomerStarts;
use halogard_domain::storm::{MEMBERS_MAX, StormKey, StormPolicy, Storms};
use halogard_domain::sweep_cursor::{
    ChangeRange, FirstSweep, KeyedListPlace, PendingRange, ReadPhase, SweepCursor, Unsettled,
};
use halogard_domain::vendor::Vendor;
use halogard_domain::verification::{
    DifferenceExample, DifferenceKind, Verification, VerificationPass, VerificationResult,
    VerificationTally,
};
use halogard_domain::version_history::VersionHistory;
use halogard_domain::webhook_sample::{WebhookSample, WebhookSamples};
use halogard_domain::{Alert, Record, Slug, Timestamp};

use crate::fixture::{StoreFixture, at_once};
use crate::optimistic_concurrency::{NEW, assert_conflict};
use crate::samples::{alert, at};

/// Tries an adapter of `Records`.
#[macro_export]
macro_rules! records {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, records:
            a_record_that_was_never_saved_is_the_default,
            every_field_of_a_record_is_stored,
            a_save_needs_the_newest_revision,
            a_swap_that_lost_returns_what_is_stored,
            of_concurrent_writers_exactly_one_wins,
            records_of_different_keys_are_independent,
            records_of_different_types_are_independent,
            records_survive_a_restart,
            the_largest_storm_group_is_stored,
            runs_with_work_are_active_and_others_are_not,
            an_expired_token_is_absent_and_is_replaced,
            a_token_saved_after_it_expired_is_absent,
            saving_a_token_leaves_the_valid_ones,
        }
    };
}

/// Runs a case for every type of record, in one store. A new type is one line here.
macro_rules! for_every_type {
    ($fixture:ident, $case:ident) => {
        let bench = $case::<_, Ledger>($fixture).await;
        let bench = $case::<_, Installation>(bench).await;
        let bench = $case::<_, Runs>(bench).await;
        let bench = $case::<_, AppliedPolicy>(bench).await;
        let bench = $case::<_, ConfigInForce>(bench).await;
        let bench = $case::<_, ConfigText>(bench).await;
        let bench = $case::<_, CustomerStarts>(bench).await;
        let bench = $case::<_, MissingTickets>(bench).await;
        let bench = $case::<_, Storms>(bench).await;
        let bench = $case::<_, SweepCursor>(bench).await;
        let bench = $case::<_, StoreContinuity>(bench).await;
        let bench = $case::<_, DialectReport>(bench).await;
        let bench = $case::<_, WebhookSamples>(bench).await;
        let bench = $case::<_, SiteReports>(bench).await;
        let bench = $case::<_, VendorContacts>(bench).await;
        let bench = $case::<_, Pauses>(bench).await;
        let bench = $case::<_, AuditDay>(bench).await;
        let bench = $case::<_, VersionHistory>(bench).await;
        let bench = $case::<_, NoticeLog>(bench).await;
        let bench = $case::<_, Verification>(bench).await;
        let bench = $case::<_, CredentialStates>(bench).await;
        let bench = $case::<_, RequestedWork>(bench).await;
        let bench = $case::<_, SealedToken>(bench).await;
        drop(bench);
    };
}

/// What the cases must know of a type of record.
trait SampleRecord: Record + PartialEq + Debug {
    /// Keys of different records: all keys there are, or some that a store might mix up.
    fn keys() -> Vec<Box<Self::Key>>;

    /// A record with every field filled, valid at `now`; another one for each `number`.
    fn sample(number: u8, now: Timestamp) -> Self;
}

impl SampleRecord for Ledger {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let mut ledger = Self::default();
        let request = PermitRequest {
            permits_max: 3,
            priority: Priority::Normal,
            stage: WorkStage::Finishing,
            pace: Pace::Even,
        };
        let now = at(i64::from(number));
        let granted = ledger.grant(now, &Limit::DEFAULT, &request);
        granted.expect("a fresh ledger has permits");
        ledger
    }
}

impl SampleRecord for Installation {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        Self {
            key_secret: Some(KeySecret::new([number; KeySecret::BYTES])),
            born_at: at(number.into()),
        }
    }
}

impl SampleRecord for Runs {
    fn keys() -> Vec<Box<RunTarget>> {
        let ids = [7, 77, 777].map(LaunchpointId::new);
        let launchpoints = ids.map(RunTarget::Launchpoint);
        let all = [RunTarget::HaloPsa].into_iter().chain(launchpoints);
        all.map(Box::new).collect()
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        Self {
            waiting: alerts(1..=500),
            requested: true,
            in_flight: Some(RunInFlight {
                launchpoint: LaunchpointId::new(77),
                newest_before: Some(RunMark::Run(RunId::new(900))),
                started_at: at(1),
                alerts: alerts([7, 8]),
            }),
            blocked: Some(BlockedStart {
                since: at(2),
                retry_at: at(22),
            }),
            last_started_at: Some(at(1)),
            failures: number.into(),
            last_end: Some(Box::new(RunEnd {
                at: at(3),
                failed_in_a_row: 4,
                said: Some("exit code 1".to_owned()),
                not_started: number % 2 == 1,
            })),
            watched_until: Some(at(901)),
        }
    }
}

impl SampleRecord for ConfigInForce {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let mut config = Self::default();
        for origin in [
            VersionOrigin::Applied,
            VersionOrigin::Edited,
            VersionOrigin::Started,
            VersionOrigin::Restored(number.into()),
        ] {
            let version = ConfigVersion {
                number: 0,
                text: ConfigText::key("mode = \"managed\" # \u{fc}"),
                applied_at: at(number.into()),
                origin,
                actor: Some("operator".to_owned()),
                reason: Some("a reason".to_owned()),
            };
            config.put(Policy::empty(Mode::Managed), version);
        }
        config
    }
}

impl SampleRecord for CustomerStarts {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let customers = (8801..8821).map(EnvironmentId::new);
        Self {
            began: customers.map(|it| (it, at(number.into()))).collect(),
            undecided: number.into(),
            policy: u64::MAX,
        }
    }
}

impl SampleRecord for ConfigText {
    fn keys() -> Vec<Box<str>> {
        ["a", "b"].map(|it| Self::key(it).into()).into()
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        Self {
            text: Some(format!("# config {number}: \u{fc}\n")),
            expires_at: None,
        }
    }
}

impl SampleRecord for AppliedPolicy {
    fn keys() -> Vec<Box<str>> {
        [1, 11, u64::MAX].map(|it| Self::key(it).into()).into()
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let mut policy = Policy::empty(Mode::Managed);
        policy.key_prefix = format!("LG{number}");
        Self {
            policy: Some(policy),
        }
    }
}

impl SampleRecord for DialectReport {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let fact = |seen| FactReading {
            fact: "the order of a list".into(),
            source: "a live tenant".into(),
            seen,
        };
        Self {
            build: Some(format!("2.236.{number}")),
            probed_at: at(number.into()),
            facts: vec![
                fact(Seen::As {
                    reading: REFERENCE.into(),
                    meaning: "the newest first".into(),
                }),
                fact(Seen::CannotTell {
                    why: "two tickets show it".into(),
                }),
            ],
            teams: [("Service Desk".to_owned(), TeamId::new(1))].into(),
        }
    }
}

impl SampleRecord for WebhookSamples {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let mut samples = Self::default();
        for kind in ["ticket_changed", "unknown"] {
            let sample = WebhookSample {
                members: format!("{{id: text, ticket: {{id: number × {number}}}}}"),
                kept_at: at(number.into()),
            };
            samples.keep_first(kind, sample);
        }
        samples
    }
}

impl SampleRecord for RequestedWork {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let mut work = Self::default();
        for (kind, lane) in [("resync", "bulk"), ("replay", "urgent")] {
            let request = WorkRequest {
                at: at(number.into()),
                kind: kind.to_owned(),
                lane: lane.to_owned(),
                alerts: [u64::from(number), 7586].map(AlertId::new).into(),
            };
            work.add(request, now.max(at(number.into())));
        }
        work
    }
}

impl SampleRecord for SiteReports {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let changes = [
            SiteChange::Created,
            SiteChange::Updated,
            SiteChange::Deleted,
        ];
        let reports = changes.into_iter().zip(u64::from(number)..);
        let reports = reports.map(|(change, site)| SiteReport {
            site: SiteId::new(site),
            change,
            at: at(number.into()),
        });
        Self {
            reports: reports.collect(),
        }
    }
}

impl SampleRecord for MissingTickets {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let mut missing = Self::default();
        for ticket in 0..=number {
            missing.note(TicketId::new(u64::from(ticket) + 4_000), now);
        }
        missing
    }
}

impl SampleRecord for Storms {
    fn keys() -> Vec<Box<StormKey>> {
        let keys = [storm(1, "rule"), storm(1, "Rule"), storm(11, "rule")];
        keys.into_iter().map(Box::new).collect()
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        group_of(number.into())
    }
}

impl SampleRecord for StoreContinuity {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        Self {
            began_at: at(1),
            seen_at: at(number.into()),
            completeness: Completeness::Behind,
            is_new: true,
            newest_ticket: Some(TicketId::new(number.into())),
            newest_at_birth: Some(TicketId::new(1)),
            cycle_gap: std::time::Duration::from_secs(900),
            on_probation: true,
            rival: Some(Rival {
                installation: InstallationId::parse("0k3j4h5g6f7d"),
                ticket: TicketId::new(2),
                seen_at: at(2),
            }),
        }
    }
}

impl SampleRecord for VendorContacts {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let away = VendorContact {
            answers: false,
            since: Some(at(number.into())),
            last_failure: Some(ContactFailure {
                code: "halopsa.unreachable".to_owned(),
                said: "no route to host".to_owned(),
                at: at(1),
            }),
        };
        Self {
            halopsa: away.clone(),
            liongard: away,
        }
    }
}

impl SampleRecord for Pauses {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let scopes = [
            PauseScope::All,
            PauseScope::Vendor(Vendor::HaloPsa),
            PauseScope::Customer(EnvironmentId::new(8801)),
            PauseScope::Alert(AlertId::new(7586)),
        ];
        let pause = |scope| Pause {
            scope,
            since: at(1),
            from: Some(at(2)),
            until: Some(at(number.into())),
            reason: Some("HaloPSA is updated".to_owned()),
        };
        Self {
            pauses: scopes.map(pause).into(),
        }
    }
}

impl SampleRecord for AuditDay {
    fn keys() -> Vec<Box<AuditDate>> {
        [1_000, 1_000_000_000, 2_000_000_000]
            .map(|millis| Box::new(AuditDate::of(Timestamp::from_millis(millis))))
            .into()
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let mut day = Self::after("9f".to_owned());
        day.append(AuditEntry {
            at: now,
            actor: "operator".to_owned(),
            command: "resync".to_owned(),
            subject: format!("alert {number}"),
            reason: Some("after a repair".to_owned()),
            done: "1 queued".to_owned(),
            request_digest: "1f".to_owned(),
            answer_digest: "2f".to_owned(),
            digest: String::new(),
        });
        day
    }
}

impl SampleRecord for NoticeLog {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let deliveries = [
            (
                NotifyChannel::Ticket,
                NoticeDelivery::Begun {
                    at: now,
                    doubtful_since: Some(at(2)),
                    attempts: 2,
                },
            ),
            (NotifyChannel::Chat, NoticeDelivery::Sent { at: now }),
            (
                NotifyChannel::Mail,
                NoticeDelivery::Failed {
                    retry_at: now,
                    attempts: number.into(),
                    doubtful_since: Some(at(3)),
                    said: "no route".to_owned(),
                },
            ),
        ];
        let cause = CauseRecord {
            since: at(1),
            seen_at: now,
            is_certain: true,
            deliveries: deliveries.into(),
        };
        Self {
            causes: [("dead_letters".to_owned(), cause)].into(),
        }
    }
}

impl SampleRecord for Verification {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let mut tally = VerificationTally {
            pairs: number.into(),
            requests: 3,
            ..VerificationTally::default()
        };
        let example = DifferenceExample {
            alert: AlertId::new(number.into()),
            ticket: Some(TicketId::new(4242)),
            what: "priority differs".to_owned(),
        };
        tally.add(DifferenceKind::Differs, example);
        Self {
            pass: Some(VerificationPass {
                began_at: now,
                after: Some(AlertId::new(7)),
                tally: tally.clone(),
            }),
            last: Some(VerificationResult {
                began_at: at(1),
                ended_at: at(2),
                tally,
            }),
        }
    }
}

impl SampleRecord for CredentialStates {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let mut states = Self::default();
        states.plan("liongard", Some(now), Some(at(number.into())));
        states.note("halopsa", "rotation-failed", "HaloPSA did not answer", now);
        states
    }
}

impl SampleRecord for VersionHistory {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        let mut history = Self::default();
        history.record(now, "0.1.0");
        history.record(now, &format!("0.2.{number}"));
        history
    }
}

impl SampleRecord for SweepCursor {
    fn keys() -> Vec<Box<Singleton>> {
        vec![Box::new(Singleton)]
    }

    fn sample(number: u8, _now: Timestamp) -> Self {
        let phases = [ReadPhase::Queued, ReadPhase::Fresh, ReadPhase::Settled];
        Self {
            watermark: Some(at(1)),
            unsettled: Some(Unsettled {
                changed_at: at(2),
                listed_at: at(3),
            }),
            last_full_sweep: Some(at(4)),
            pending: Some(PendingRange {
                range: ChangeRange {
                    since: at(5),
                    until: at(6),
                    pages: number.into(),
                    count: u32::MAX,
                },
                phase: phases[usize::from(number) % phases.len()],
                phase_since: at(7),
            }),
            first: Some(FirstSweep {
                place: Some(KeyedListPlace::Backwards {
                    page: number.into(),
                    page_rows: 100,
                    count: u64::from(u32::MAX),
                    first_row: Some(TicketId::new(8)),
                }),
                set_aside: vec![TicketId::new(9)],
                ..FirstSweep::begin("LG".to_owned(), at(10))
            }),
            desk_ahead_ms: Some(-11),
        }
    }
}

impl SampleRecord for SealedToken {
    fn keys() -> Vec<Box<str>> {
        let names = [TOKEN_NAME, &TOKEN_NAME[..31], &TOKEN_NAME.to_uppercase()];
        names.into_iter().map(Box::from).collect()
    }

    fn sample(number: u8, now: Timestamp) -> Self {
        token(number, now.plus(TOKEN_TTL))
    }
}

/// The name of a token.
const TOKEN_NAME: &str = "9f3c02d1a7b84e5566778899aabbccdd";

/// How long a token is valid.
const TOKEN_TTL: Duration = Duration::from_secs(3600);

/// A token of 5,000 bytes, every byte among them.
fn token(first: u8, until: Timestamp) -> SealedToken {
    let bytes = (0..=u8::MAX).cycle().take(5000);
    SealedToken {
        sealed: bytes.map(|byte| byte.wrapping_add(first)).collect(),
        until,
    }
}

/// Alerts.
fn alerts(ids: impl IntoIterator<Item = u64>) -> BTreeSet<AlertId> {
    ids.into_iter().map(AlertId::new).collect()
}

/// An alert of a rule at a customer.
fn of_rule(id: u64, environment: u64, rule: &str) -> Alert {
    Alert {
        environment: EnvironmentId::new(environment),
        rule: Some(rule.to_owned()),
        status: Slug::new("new"),
        ..alert(AlertId::new(id))
    }
}

/// The storms of one rule at one customer.
fn storm(environment: u64, rule: &str) -> StormKey {
    StormKey::of(&of_rule(1, environment, rule))
}

/// Storms with a group of this many alerts.
fn group_of(members: usize) -> Storms {
    let policy = StormPolicy {
        tickets_max: 1,
        ..StormPolicy::default()
    };
    let mut storms = Storms::default();
    for number in 0..members + 2 {
        let seconds = i64::try_from(number).expect("a moderate number");
        let id = u64::MAX - u64::try_from(number).expect("a moderate number");
        storms.assign(&of_rule(id, 1, "rule"), &policy, at(seconds / 100));
    }
    storms
}

/// What is stored under `key`.
async fn load<T: Record>(store: &impl Records, key: &T::Key) -> Stored<T> {
    store.load_record(key).await.expect("the store loads")
}

/// Saves a record that no other writer saves.
async fn save<T: Record>(
    store: &impl Records,
    key: &T::Key,
    record: &T,
    revision: Revision,
) -> Revision {
    let saved = store.save_record(key, record, revision).await;
    saved.expect("no other writer saved")
}

pub async fn a_record_that_was_never_saved_is_the_default<B: StoreFixture<Store: Records>>(
    bench: B,
) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let nothing = Stored {
            value: T::default(),
            revision: NEW,
        };
        for key in T::keys() {
            assert_eq!(load::<T>(&bench.store(), &key).await, nothing);
        }
        bench
    }
    for_every_type!(bench, case);
}

pub async fn every_field_of_a_record_is_stored<B: StoreFixture<Store: Records>>(bench: B) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let store = bench.store();
        let keys = T::keys();
        let key: &T::Key = &keys[0];
        let mut revision = NEW;
        let samples = (0..4).map(|number| T::sample(number, bench.now()));
        for value in samples.chain([T::default()]) {
            revision = save(&store, key, &value, revision).await;
            assert_eq!(load(&store, key).await, Stored { value, revision });
        }
        bench
    }
    for_every_type!(bench, case);
}

pub async fn a_save_needs_the_newest_revision<B: StoreFixture<Store: Records>>(bench: B) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let (store, keys) = (bench.store(), T::keys());
        let key: &T::Key = &keys[0];
        let sample = |number| T::sample(number, bench.now());
        assert_conflict(store.save_record(key, &sample(1), Revision(1)).await);

        let first = save(&store, key, &sample(1), NEW).await;
        assert_conflict(store.save_record(key, &sample(2), NEW).await);
        let second = save(&store, key, &sample(2), first).await;
        assert!(second > first && first > NEW);

        assert_conflict(store.save_record(key, &sample(3), first).await);
        let expected = Stored {
            value: sample(2),
            revision: second,
        };
        assert_eq!(load(&store, key).await, expected);
        bench
    }
    for_every_type!(bench, case);
}

pub async fn a_swap_that_lost_returns_what_is_stored<B: StoreFixture<Store: Records>>(bench: B) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let (store, keys) = (bench.store(), T::keys());
        let key: &T::Key = &keys[0];
        let sample = |number| T::sample(number, bench.now());
        let nothing = Stored {
            value: T::default(),
            revision: NEW,
        };
        let early = store.swap_record(key, &sample(1), Revision(1)).await;
        assert_eq!(early.expect("the store swaps"), Swap::Conflict(nothing));

        let revision = save(&store, key, &sample(1), NEW).await;
        let late = store.swap_record(key, &sample(2), NEW).await;
        let stored = Stored {
            value: sample(1),
            revision,
        };
        assert_eq!(late.expect("the store swaps"), Swap::Conflict(stored));
        bench
    }
    for_every_type!(bench, case);
}

pub async fn of_concurrent_writers_exactly_one_wins<B: StoreFixture<Store: Records>>(bench: B) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let now = bench.now();
        let outcomes = at_once((0..16).map(|number| {
            let store = bench.store();
            async move {
                let record = T::sample(number, now);
                let keys = T::keys();
                let saved = store.save_record(&*keys[0], &record, NEW).await;
                (record, saved)
            }
        }))
        .await;

        let (won, lost): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, saved)| saved.is_ok());
        assert_eq!(won.len(), 1);
        for (_, outcome) in lost {
            assert_conflict(outcome);
        }
        let stored = load::<T>(&bench.store(), &T::keys()[0]).await;
        assert_eq!(Some(&stored.value), won.first().map(|(record, _)| record));
        bench
    }
    for_every_type!(bench, case);
}

pub async fn records_of_different_keys_are_independent<B: StoreFixture<Store: Records>>(bench: B) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let store = bench.store();
        let sample = |number| T::sample(number, bench.now());
        for (number, key) in (1..).zip(T::keys()) {
            assert_eq!(load::<T>(&store, &key).await.revision, NEW);
            save(&store, &*key, &sample(number), NEW).await;
        }
        for (number, key) in (1..).zip(T::keys()) {
            assert_eq!(load::<T>(&store, &key).await.value, sample(number));
        }
        bench
    }
    for_every_type!(bench, case);
}

pub async fn records_of_different_types_are_independent<B: StoreFixture<Store: Records>>(bench: B) {
    let store = bench.store();
    let ledger = Ledger::sample(1, bench.now());
    let cursor = SweepCursor::sample(2, bench.now());
    save(&store, &Singleton, &ledger, NEW).await;
    assert_eq!(load::<SweepCursor>(&store, &Singleton).await.revision, NEW);
    save(&store, &Singleton, &cursor, NEW).await;

    assert_eq!(load::<Ledger>(&store, &Singleton).await.value, ledger);
    assert_eq!(load::<SweepCursor>(&store, &Singleton).await.value, cursor);
}

pub async fn records_survive_a_restart<B: StoreFixture<Store: Records>>(bench: B) {
    async fn case<B: StoreFixture<Store: Records>, T: SampleRecord>(bench: B) -> B {
        let keys = T::keys();
        let key: &T::Key = &keys[0];
        let value = T::sample(9, bench.now());
        let revision = save(&bench.store(), key, &value, NEW).await;
        let bench = bench.reopen().await;
        let expected = Stored { value, revision };
        assert_eq!(load(&bench.store(), key).await, expected);
        bench
    }
    for_every_type!(bench, case);
}

pub async fn the_largest_storm_group_is_stored<B: StoreFixture<Store: Records>>(bench: B) {
    let (store, key) = (bench.store(), storm(1, "rule"));
    let value = group_of(MEMBERS_MAX);
    let revision = save(&store, &key, &value, NEW).await;
    assert_eq!(load(&store, &key).await, Stored { value, revision });
}

pub async fn runs_with_work_are_active_and_others_are_not<B: StoreFixture<Store: Records>>(
    bench: B,
) {
    let store = bench.store();
    let active = async || {
        let keys = store.active_records::<Runs>().await;
        let keys = keys.expect("the store lists");
        keys.into_iter().collect::<BTreeSet<RunTarget>>()
    };
    let launchpoint = |id| RunTarget::Launchpoint(LaunchpointId::new(id));
    assert_eq!(active().await, BTreeSet::new());

    let mut requested = Runs::default();
    requested.request(AlertId::new(1));
    let mut started = Runs::default();
    started.start(LaunchpointId::new(2), None, at(1));
    save(&store, &RunTarget::HaloPsa, &requested, NEW).await;
    let revision = save(&store, &launchpoint(2), &started, NEW).await;
    save(&store, &launchpoint(3), &Runs::default(), NEW).await;
    let expected = BTreeSet::from([RunTarget::HaloPsa, launchpoint(2)]);
    assert_eq!(active().await, expected);

    started.succeed();
    save(&store, &launchpoint(2), &started, revision).await;
    assert_eq!(active().await, BTreeSet::from([RunTarget::HaloPsa]));
}

pub async fn an_expired_token_is_absent_and_is_replaced<B: StoreFixture<Store: Records>>(bench: B) {
    let store = bench.store();
    let short = Duration::from_secs(2);
    let expiring = token(1, bench.now().plus(short));
    let first = save(&store, TOKEN_NAME, &expiring, NEW).await;
    bench.advance(short + Duration::from_millis(1)).await;

    let stored = load::<SealedToken>(&store, TOKEN_NAME).await;
    assert_eq!(stored.value, SealedToken::default());
    assert!(stored.revision == first || stored.revision == NEW);
    let next = token(2, bench.now().plus(TOKEN_TTL));
    save(&store, TOKEN_NAME, &next, stored.revision).await;
    assert_eq!(load::<SealedToken>(&store, TOKEN_NAME).await.value, next);
}

pub async fn a_token_saved_after_it_expired_is_absent<B: StoreFixture<Store: Records>>(bench: B) {
    let store = bench.store();
    let expired = token(1, bench.now().minus(Duration::from_millis(1)));
    let revision = save(&store, TOKEN_NAME, &expired, NEW).await;
    let expected = Stored {
        value: SealedToken::default(),
        revision,
    };
    assert_eq!(load(&store, TOKEN_NAME).await, expected);
}

pub async fn saving_a_token_leaves_the_valid_ones<B: StoreFixture<Store: Records>>(bench: B) {
    let store = bench.store();
    let (now, until) = (bench.now(), bench.now().plus(TOKEN_TTL));
    let revision = save(&store, "valid", &token(1, until), NEW).await;
    save(&store, "expired", &token(2, now.minus(TOKEN_TTL)), NEW).await;
    save(&store, TOKEN_NAME, &token(3, until), NEW).await;

    let expected = Stored {
        value: token(1, until),
        revision,
    };
    assert_eq!(load(&store, "valid").await, expected);
    let expired = load::<SealedToken>(&store, "expired").await;
    assert_eq!(expired.value, SealedToken::default());
}
