//! The answers of commands over a store, without a worker beside it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use halogard_app::ports::{
    AlertIndex as _, JournalEntry, Lane, Links as _, NamedValues as _, QueuedState, Records as _,
    Revision, SinceQueued, WorkQueue as _, WorkSink as _, keys,
};
use halogard_domain::audit::{AuditDate, AuditDay};
use halogard_domain::budget::{Ledger, Limit, RateRefusal};
use halogard_domain::config_history::{ConfigInForce, ConfigVersion, VersionOrigin};
use halogard_domain::contact::VendorContacts;
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, SiteId, StatusId, TicketId, TicketTypeId,
};
use halogard_domain::link::{
    Base, Claim, Closure, NamedFields, PendingInspection, REFUSAL_RETRY_AFTER, RefusedWrite,
    TerminalReason, WriteKind,
};
use halogard_domain::message::{Cause, Message};
use halogard_domain::pause::{Pause, PauseScope};
use halogard_domain::policy::{AppliedPolicy, ClosedBy, ParkReason};
use halogard_domain::record::Singleton;
use halogard_domain::requested_work::REQUESTED_MAX;
use halogard_domain::site_reports::{SiteChange, SiteReport, SiteReports};
use halogard_domain::ticket::{Existence, Handling, HumanActivity};
use halogard_domain::time::SteadyTime;
use halogard_domain::version_history::VersionHistory;
use halogard_domain::work::InitialState;
use halogard_domain::{Alert, Link, Policy, Slug, Ticket};
use halogard_operations::audit::{self, AuditFilter, AuditedPair, Operator, OperatorError};
use halogard_operations::dead_letters::{self, DeadLetterAction, DeadLetterFilter};
use halogard_operations::explain::explain;
use halogard_operations::held::why_tickets_wait;
use halogard_operations::linking;
use halogard_operations::pausing;
use halogard_operations::resync::{self, PairFilter, ResyncKind, WaitingFilter};
use halogard_operations::status::{StatusFinding, StatusQuestion, Verdict, status, waiting};
use halogard_operations::subject::Subject;
use halogard_operations::verify::{Symbol, verify};
use halogard_operations::waiting::WaitingCause;
use halogard_operations::webhooks;
use halogard_sqlite::Store;
use tempfile::TempDir;

use support::vendors::{ListedAlerts, Tickets};
use support::{NOW, StoppedClock, before, empty_store, operator, policy};

/// A store that workers have used a second ago.
struct UsedStore {
    store: Store<StoppedClock>,
    _folder: TempDir,
}

impl UsedStore {
    fn unused() -> Self {
        let (store, folder) = empty_store();
        Self {
            store,
            _folder: folder,
        }
    }

    async fn new() -> Self {
        let used = Self::unused();
        used.apply(&policy()).await;
        let polled_at = before(1).as_millis();
        let set = used.store.set_value(keys::LAST_COMPLETE_POLL_AT, polled_at);
        set.await.unwrap();
        used
    }

    /// Puts `policy` in force, as a worker does.
    async fn apply(&self, policy: &Policy) {
        let fingerprint = policy.fingerprint();
        let key = AppliedPolicy::key(fingerprint);
        let applied = AppliedPolicy {
            policy: Some(policy.clone()),
        };
        let update = self
            .store
            .update_record(key.as_str(), |record: &mut AppliedPolicy| {
                *record = applied.clone();
            });
        update.await.unwrap();
        let fingerprint = i64::from_ne_bytes(fingerprint.to_ne_bytes());
        let set = self.store.set_value(keys::APPLIED_POLICY, fingerprint);
        set.await.unwrap();
    }

    async fn save(&self, link: &Link) {
        let saved = self.store.save(link, &[], Revision::default()).await;
        saved.unwrap();
        let alert = link.observed_alert.as_ref().unwrap();
        let queued = QueuedState::new(alert.fingerprint(), NOW);
        let index = [(link.alert, queued)].into();
        self.store.save_index(&index).await.unwrap();
    }

    async fn dead_letter(&self, lane: Lane, alert: u64, reason: &str) {
        let message = Message::reconcile_alert(AlertId::new(alert), Cause::Poll);
        self.store.send(lane, &[message.into()]).await.unwrap();
        let hidden = Duration::from_secs(60);
        let taken = self.store.receive(lane, 1, hidden).await.unwrap();
        let receipt = &taken[0].receipt;
        self.store.dead_letter(lane, receipt, reason).await.unwrap();
    }
}

const QUESTION: StatusQuestion = StatusQuestion {
    now: NOW,
    steady: SteadyTime { source: 0, at: NOW },
    limit: Limit::DEFAULT,
    serve_runs: None,
};

fn alert(id: u64, status: &str) -> Alert {
    Alert {
        id: AlertId::new(id),
        number: Some(format!("T20260504.{id:05}")),
        environment: EnvironmentId::new(8801),
        environment_name: "Contoso".to_owned(),
        name: format!("Active Directory | rule {id}"),
        description: "2 accounts have not signed in".to_owned(),
        priority: Slug::new("high"),
        status: Slug::new(status),
        inspector: None,
        inspector_alias: None,
        rule: None,
        launchpoint: None,
        system: None,
        native_ticket: None,
        visible: true,
        raised_at: before(7200),
        changed_at: before(3600),
        observed_at: before(60),
        page: None,
    }
}

/// A pair with a ticket, in these states.
fn linked(id: u64, alert_status: &str, ticket_status: u64) -> Link {
    let alert = alert(id, alert_status);
    let ticket = Ticket {
        id: TicketId::new(id + 1000),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(ticket_status),
        priority: None,
        summary: format!("[LG-{id}.k3f9xw]"),
        assigned: None,
        changed_at: before(1800),
        observed_at: before(60),
        existence: Existence::Present,
        is_dated: true,
        activity: HumanActivity::None { as_of: before(60) },
        handling: Handling::default(),
    };
    let mut link = Link::new(alert.id);
    link.attach(ticket.id);
    let mut base = Base::of(
        &alert,
        &ticket,
        &policy().templates["default"].statuses,
        None,
    );
    base.ticket_closed = base.ticket_closed.map(|_| Closure {
        by: ClosedBy::Technician,
        at: before(1800),
    });
    link.base = Some(base);
    link.observed_alert = Some(alert);
    link.observed_ticket = Some(ticket);
    link
}

/// An alert without a ticket.
fn unlinked(id: u64) -> Link {
    let mut link = Link::new(AlertId::new(id));
    link.observed_alert = Some(alert(id, "new"));
    link
}

/// An alert that waits, or is watched, for this reason.
fn parked((id, reason): (u64, ParkReason)) -> Link {
    let mut link = unlinked(id);
    link.parked = Some(reason);
    link
}

/// A pair for each cause to wait, under the alert of its number.
fn one_of_each_cause() -> Vec<(Link, WaitingCause)> {
    let mut stopped = unlinked(1);
    stopped.unrecognised = 2;
    let mut refused = unlinked(2);
    refused.record_refusal(RefusedWrite {
        write: WriteKind::Open,
        fields: NamedFields::NONE,
        message: "Please select a Category".to_owned(),
        policy_fingerprint: policy().fingerprint(),
        ticket_changed_at: None,
        at: before(600),
        retry_at: Some(before(600).plus(REFUSAL_RETRY_AFTER)),
        not_carried_out: 0,
    });
    let mut unsettled = linked(29, "new", 1);
    unsettled.unsettled_since = Some(before(600));
    let mut elsewhere = linked(6, "new", 1);
    elsewhere.found_elsewhere = true;
    let mut deleted = linked(7, "new", 1);
    deleted.terminal_reason = Some(TerminalReason::TicketDeleted);
    let undecided = parked((5, ParkReason::StartUndecided));
    let mut in_doubt = unlinked(8);
    in_doubt.claim = Claim::in_doubt(before(30));
    vec![
        (stopped, WaitingCause::StoppedOpening),
        (refused, WaitingCause::Refused),
        (unsettled, WaitingCause::Unsettled),
        (parked((3, ParkReason::Unmapped)), WaitingCause::Unmapped),
        (
            parked((4, ParkReason::NoTemplate)),
            WaitingCause::NoTemplate,
        ),
        (undecided, WaitingCause::StartUndecided),
        (elsewhere, WaitingCause::FoundElsewhere),
        (deleted, WaitingCause::TicketDeleted),
        (in_doubt, WaitingCause::InDoubt),
        (linked(9, "new", 9), WaitingCause::ResolvedInPsaOnly),
        (linked(99, "closed", 1), WaitingCause::LeftToTechnician),
    ]
}

#[tokio::test]
async fn every_cause_to_wait_is_counted_listed_and_has_a_remedy() {
    let used = UsedStore::new().await;
    used.save(&linked(100, "new", 1)).await;
    used.save(&linked(101, "closed", 9)).await;
    let pairs = one_of_each_cause();
    let causes: Vec<_> = pairs.iter().map(|(_, cause)| *cause).collect();
    assert_eq!(causes, WaitingCause::ALL, "a cause without a pair");
    for (link, _) in &pairs {
        used.save(link).await;
    }
    let answer = status(&used.store, QUESTION).await.unwrap();
    let total = pairs.len() + 2;
    assert_eq!((answer.pairs.total, answer.pairs.in_sync), (total, 2));
    assert_eq!(answer.pairs.waiting, pairs.len());
    let counted: Vec<_> = answer
        .waiting
        .iter()
        .map(|it| (it.cause, it.count))
        .collect();
    let expected: Vec<_> = causes.iter().map(|cause| (*cause, 1)).collect();
    assert_eq!(counted, expected);
    assert_eq!(
        answer.verdict,
        Verdict::NeedsPerson,
        "{:#?}",
        answer.problems
    );
    let listed = waiting(&used.store, NOW).await.unwrap().waiting;
    for ((link, cause), found) in pairs.iter().zip(&listed) {
        assert_eq!((found.alert, found.cause), (link.alert, *cause));
        assert!(found.remedy.len() > 20, "{found:?}");
        assert_eq!(found.needs_operator, cause.needs_operator(), "{found:?}");
    }
    assert_eq!(listed[1].said.as_deref(), Some("Please select a Category"));
}

/// The pairs that need nothing, and that `status` does not count as waiting: by choice of the operator, for an
/// inspection, or because another ticket stands for them.
fn watched_or_awaited() -> Vec<Link> {
    let chosen = [
        ParkReason::BeforeStart,
        ParkReason::Ignored,
        ParkReason::NotTicketed,
    ];
    let mut pairs: Vec<Link> = (20..).zip(chosen).map(parked).collect();
    let mut awaited = linked(30, "new", 9);
    awaited.pending_inspection = Some(PendingInspection {
        requested_at: before(60),
        requested: 1,
        completed: 0,
    });
    pairs.push(awaited);
    pairs
}

#[tokio::test]
async fn verify_explains_what_status_explains_and_a_repair_leaves_it_alone() {
    let used = UsedStore::new().await;
    let mut explained: Vec<Link> = one_of_each_cause().into_iter().map(|(it, _)| it).collect();
    explained.extend(watched_or_awaited());
    let lost = unlinked(50);
    for link in explained.iter().chain([&lost]) {
        used.save(link).await;
    }
    let links = explained.iter().chain([&lost]);
    let alerts = links.clone().filter_map(|it| it.observed_alert.clone());
    let source = ListedAlerts(alerts.collect());
    let tickets = links.filter_map(|it| it.observed_ticket.clone());
    let desk = Tickets::of(tickets);
    let answer = verify(&used.store, &source, &desk, NOW, true)
        .await
        .unwrap();
    for link in &explained {
        let mut records = answer.records.iter();
        let found = records.find(|it| it.alert == Some(link.alert)).unwrap();
        let is_known = found.symbol == Symbol::Same || found.explained.is_some();
        assert!(is_known, "{found:?}");
    }
    let repairable: Vec<u64> = answer.repairable().iter().map(|it| it.get()).collect();
    assert_eq!((answer.differences, repairable), (1, vec![50]));
}

#[tokio::test]
async fn an_alert_that_waits_for_a_restored_store_is_explained_until_when_and_why() {
    let used = UsedStore::new().await;
    let held = unlinked(50);
    used.save(&held).await;
    let subject = Subject::Alert(held.alert);
    let state = async || {
        let answer = explain(&used.store, &subject, NOW).await.unwrap();
        answer.stories[0].state.clone()
    };
    let source = ListedAlerts(held.observed_alert.clone().into_iter().collect());
    let desk = Tickets::of([]);
    let record = async || {
        let answer = verify(&used.store, &source, &desk, NOW, true).await;
        let answer = answer.unwrap();
        (answer.differences, answer.records[0].explained.clone())
    };
    assert_eq!(state().await, "work is under way");
    assert_eq!(record().await, (1, None));
    assert_eq!(why_tickets_wait(&used.store, NOW).await.unwrap(), None);
    let update = used
        .store
        .update_record(&Singleton, |continuity: &mut StoreContinuity| {
            continuity.begin_restored(before(60));
        });
    update.await.unwrap();
    let said = state().await;
    assert!(said.starts_with("waits until 20"), "{said}");
    assert!(
        said.contains("a sweep must first list every ticket"),
        "{said}"
    );
    assert_eq!(record().await, (0, Some(said.clone())));
    let whole = why_tickets_wait(&used.store, NOW).await.unwrap().unwrap();
    assert!(whole.contains("the store was restored"), "{whole}");
}

#[tokio::test]
async fn a_repair_requests_no_ticket_for_an_alert_of_day_one() {
    let used = UsedStore::new().await;
    for (id, reason) in [
        (1, ParkReason::BeforeStart),
        (2, ParkReason::StartUndecided),
    ] {
        used.save(&parked((id, reason))).await;
    }
    let filter = PairFilter {
        alerts: [1, 2, 3].map(AlertId::new).into(),
        ..PairFilter::default()
    };
    let plan = resync::plan(&used.store, &filter, ResyncKind::Repair, NOW).await;
    resync::apply(&used.store, &plan.unwrap(), &operator(), NOW)
        .await
        .unwrap();
    let hidden = Duration::from_secs(60);
    let taken = used.store.receive(Lane::Urgent, 9, hidden).await.unwrap();
    assert_eq!(taken.len(), 3);
    for delivery in &taken {
        let message = delivery.message.as_ref().unwrap();
        let is_read_anew = matches!(
            message,
            Message::ReconcileAlert {
                cause: Cause::Operator,
                ..
            }
        );
        assert!(is_read_anew, "{message:?}");
    }
}

#[tokio::test]
async fn the_verdict_is_for_monitors() {
    let unused = UsedStore::unused();
    let answer = status(&unused.store, QUESTION).await.unwrap();
    assert_eq!(answer.verdict, Verdict::CannotTell);

    let used = UsedStore::new().await;
    let answer = status(&used.store, QUESTION).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Ok, "{:#?}", answer.problems);
    // What technicians do, and what resolves itself, needs no operator.
    used.save(&linked(7, "new", 9)).await;
    used.save(&linked(8, "closed", 1)).await;
    let mut in_doubt = unlinked(6);
    in_doubt.claim = Claim::in_doubt(before(30));
    used.save(&in_doubt).await;
    let answer = status(&used.store, QUESTION).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Ok, "{:#?}", answer.problems);

    used.dead_letter(Lane::Bulk, 9, "no answer").await;
    let answer = status(&used.store, QUESTION).await.unwrap();
    assert_eq!(answer.verdict, Verdict::NeedsPerson);

    let late = before(3600).as_millis();
    let set = used
        .store
        .set_value(keys::LAST_COMPLETE_POLL_AT, late)
        .await;
    set.unwrap();
    let answer = status(&used.store, QUESTION).await.unwrap();
    assert_eq!(answer.verdict, Verdict::CannotTell, "no worker runs");
    // Liongard is away: that is known, and a person's.
    let mut contacts = VendorContacts::default();
    let away = &mut contacts.liongard;
    away.observe_failure(before(3600), "liongard.unreachable", "no route to host");
    let none = Revision::default();
    let saved = used.store.save_record(&Singleton, &contacts, none).await;
    saved.unwrap();
    let answer = status(&used.store, QUESTION).await.unwrap();
    assert_eq!(
        answer.verdict,
        Verdict::NeedsPerson,
        "{:#?}",
        answer.problems
    );
    assert!(answer.problems[0].what.contains("no route to host"));
}

#[tokio::test]
async fn dead_letters_are_chosen_by_every_filter_and_a_repeat_finds_them_gone() {
    let used = UsedStore::new().await;
    used.dead_letter(Lane::Urgent, 1, "Missing: Category").await;
    used.dead_letter(Lane::Bulk, 2, "missing: Team").await;
    used.dead_letter(Lane::Bulk, 3, "no answer").await;
    let list = async |filter: &DeadLetterFilter| {
        let list = dead_letters::list(&used.store, filter, NOW).await.unwrap();
        assert_eq!(list.total, 3);
        let alerts = list.letters.iter().map(|it| it.alert.unwrap().get());
        alerts.collect::<Vec<_>>()
    };
    let all = DeadLetterFilter::default();
    assert_eq!(list(&all).await, [1, 2, 3]);
    let chosen = [
        (
            DeadLetterFilter {
                lane: Some(Lane::Bulk),
                ..all.clone()
            },
            vec![2, 3],
        ),
        (
            DeadLetterFilter {
                reason: Some("MISSING".to_owned()),
                ..all.clone()
            },
            vec![1, 2],
        ),
        (
            DeadLetterFilter {
                limit: Some(1),
                ..all.clone()
            },
            vec![1],
        ),
        (
            DeadLetterFilter {
                since: Some(NOW),
                ..all.clone()
            },
            vec![1, 2, 3],
        ),
        (
            DeadLetterFilter {
                since: Some(NOW.plus(Duration::from_secs(1))),
                ..all.clone()
            },
            vec![],
        ),
    ];
    for (filter, expected) in &chosen {
        assert_eq!(list(filter).await, *expected, "{filter:?}");
    }
    let unknown = DeadLetterFilter {
        ids: vec!["999".to_owned()],
        ..DeadLetterFilter::default()
    };
    let none = dead_letters::list(&used.store, &unknown, NOW).await;
    assert_eq!(none.unwrap().unknown, ["999"]);
    let missing = dead_letters::list(&used.store, &chosen[1].0, NOW)
        .await
        .unwrap();
    let redrive = DeadLetterAction::Redrive;
    let done = dead_letters::apply(&used.store, &missing, redrive)
        .await
        .unwrap();
    assert_eq!((done.done, done.gone), (2, 0));
    for action in [redrive, DeadLetterAction::Drop] {
        let again = dead_letters::apply(&used.store, &missing, action)
            .await
            .unwrap();
        assert_eq!((again.done, again.gone), (0, 2), "{action:?}");
    }
    assert_eq!(used.store.dead_letter_count().await.unwrap(), 1);
}

#[tokio::test]
async fn pairs_are_chosen_by_every_filter_and_queued_behind_others_when_there_are_many() {
    let used = UsedStore::new().await;
    for (link, _) in one_of_each_cause() {
        used.save(&link).await;
    }
    for id in 100..120 {
        used.save(&linked(id, "closed", 9)).await;
    }
    let chosen = async |filter: &PairFilter| {
        let plan = resync::plan(&used.store, filter, ResyncKind::Resync, NOW).await;
        let plan = plan.unwrap();
        let alerts = plan.alerts.iter().map(|alert| alert.get());
        (alerts.collect::<Vec<_>>(), plan.lane)
    };
    let all = PairFilter::default();
    assert_eq!(chosen(&all).await.0.len(), 31);
    assert_eq!(chosen(&all).await.1, "bulk");
    let waiting = |waiting| PairFilter {
        waiting: Some(waiting),
        ..all.clone()
    };
    assert_eq!(
        chosen(&waiting(WaitingFilter::Any)).await.0,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 29, 99]
    );
    let refused = waiting(WaitingFilter::For(WaitingCause::Refused));
    assert_eq!(chosen(&refused).await, (vec![2], "urgent"));
    for (customer, count) in [("contoso", 31), ("8801", 31), ("Fabrikam", 0), ("8802", 0)] {
        let filter = PairFilter {
            customer: Some(customer.to_owned()),
            ..all.clone()
        };
        assert_eq!(chosen(&filter).await.0.len(), count, "{customer}");
    }
    // An alert without a record is read from Liongard.
    let unknown = PairFilter {
        alerts: [AlertId::new(9), AlertId::new(777)].into(),
        ..all.clone()
    };
    assert_eq!(chosen(&unknown).await.0, [9, 777]);
    // The other conditions hold for it as well.
    for (narrower, expected) in [
        (
            PairFilter {
                limit: Some(1),
                ..unknown.clone()
            },
            vec![9],
        ),
        (
            PairFilter {
                alerts: [AlertId::new(777), AlertId::new(778)].into(),
                limit: Some(1),
                ..all.clone()
            },
            vec![777],
        ),
        (
            PairFilter {
                customer: Some("Fabrikam".to_owned()),
                ..unknown.clone()
            },
            vec![],
        ),
        (
            PairFilter {
                waiting: Some(WaitingFilter::For(WaitingCause::Refused)),
                ..unknown.clone()
            },
            vec![],
        ),
    ] {
        assert_eq!(chosen(&narrower).await.0, expected, "{narrower:?}");
    }
    let limited = PairFilter {
        limit: Some(3),
        ..all
    };
    assert_eq!(chosen(&limited).await.0, [1, 2, 3]);

    let plan = resync::plan(&used.store, &unknown, ResyncKind::Resync, NOW)
        .await
        .unwrap();
    let queued = resync::apply(&used.store, &plan, &operator(), NOW)
        .await
        .unwrap();
    assert_eq!((queued.pairs, queued.messages), (2, 3));
    assert_eq!(used.store.depth(Lane::Urgent).await.unwrap(), 3);
}

#[tokio::test]
async fn explain_says_what_was_closed_and_by_whom() {
    for (by, expected) in [
        (ClosedBy::Technician, "a technician or the customer closed"),
        (ClosedBy::Automation, "a rule of HaloPSA"),
        (ClosedBy::HaloPsa, "Halogard did not ask by whom"),
        (ClosedBy::Halogard, ""),
    ] {
        let used = UsedStore::new().await;
        let mut link = linked(1, "closed", 9);
        let at = before(1800);
        link.base.as_mut().unwrap().ticket_closed = Some(Closure { by, at });
        used.save(&link).await;
        let subject = Subject::Alert(AlertId::new(1));
        let answer = explain(&used.store, &subject, NOW).await.unwrap();
        let events = &answer.stories[0].events;
        let of = |word: &str| events.iter().find(|it| it.event == word);
        assert!(of("alert_closed").is_some(), "{events:?}");
        let closed = of("ticket_closed").map_or("", |it| it.words.as_str());
        assert!(closed.contains(expected), "{by:?}: {closed}");
        assert_eq!(closed.is_empty(), expected.is_empty(), "{by:?}");
    }
}

#[tokio::test]
async fn work_that_is_queued_is_planned_once_until_it_is_done_old_or_its_lane_is_empty() {
    let used = UsedStore::new().await;
    for id in 1..=3 {
        used.save(&linked(id, "new", 1)).await;
    }
    let all = PairFilter::default();
    let named = PairFilter {
        alerts: [AlertId::new(1), AlertId::new(777)].into(),
        ..all.clone()
    };
    let planned = async |filter: &PairFilter, kind, at| {
        let plan = resync::plan(&used.store, filter, kind, at).await.unwrap();
        (plan.alerts.len(), plan.queued_before)
    };
    let (resync, replay) = (ResyncKind::Resync, ResyncKind::Replay);
    let asked_at = NOW.plus(Duration::from_secs(60));
    assert_eq!(planned(&all, resync, asked_at).await, (3, 0));
    let plan = resync::plan(&used.store, &named, resync, asked_at).await;
    let queued = resync::apply(&used.store, &plan.unwrap(), &operator(), asked_at).await;
    assert_eq!(queued.unwrap().pairs, 2);
    assert_eq!(planned(&named, resync, asked_at).await, (0, 2));
    assert_eq!(planned(&all, resync, asked_at).await, (2, 1));
    assert_eq!(planned(&all, ResyncKind::Repair, asked_at).await, (2, 1));
    assert_eq!(planned(&all, replay, asked_at).await, (3, 0), "other work");
    let later = asked_at.plus(REQUESTED_MAX + Duration::from_secs(1));
    assert_eq!(planned(&all, resync, later).await, (3, 0));
    // A worker has read the alert since.
    let mut link = linked(1, "new", 1);
    let seen = link.observed_alert.as_mut().unwrap();
    seen.observed_at = asked_at.plus(Duration::from_secs(5));
    let stored = used.store.load(link.alert).await.unwrap().unwrap();
    let saved = used.store.save(&link, &[], stored.revision).await;
    saved.unwrap();
    assert_eq!(planned(&all, resync, asked_at).await, (3, 0));
    assert_eq!(planned(&named, resync, asked_at).await, (1, 1));
    // Nothing is queued any more.
    let hidden = Duration::from_secs(60);
    for delivery in used.store.receive(Lane::Urgent, 9, hidden).await.unwrap() {
        let done = used.store.ack(Lane::Urgent, &delivery.receipt).await;
        done.unwrap();
    }
    assert_eq!(planned(&named, resync, asked_at).await, (2, 0));
}

#[tokio::test]
async fn a_ticket_is_requested_for_an_alert_of_day_one_that_is_named_or_meant_as_such() {
    let used = UsedStore::new().await;
    for (id, reason) in [
        (1, ParkReason::BeforeStart),
        (2, ParkReason::StartUndecided),
        (3, ParkReason::Unmapped),
    ] {
        let mut link = unlinked(id);
        link.parked = Some(reason);
        used.save(&link).await;
    }
    let all = PairFilter::default();
    let named = PairFilter {
        alerts: (1..=3).map(AlertId::new).collect(),
        ..all.clone()
    };
    let watched = PairFilter {
        waiting: Some(WaitingFilter::BeforeStart),
        ..all.clone()
    };
    let customer = PairFilter {
        customer: Some("8801".to_owned()),
        ..all
    };
    let (asked, read) = (Cause::TicketRequested, Cause::Operator);
    for (filter, expected) in [
        (named, vec![(1, &asked), (2, &asked), (3, &read)]),
        (watched, vec![(1, &asked)]),
        (customer, vec![(1, &read), (2, &read), (3, &read)]),
    ] {
        let plan = resync::plan(&used.store, &filter, ResyncKind::Resync, NOW).await;
        resync::apply(&used.store, &plan.unwrap(), &operator(), NOW)
            .await
            .unwrap();
        let hidden = Duration::from_secs(60);
        let taken = used.store.receive(Lane::Urgent, 9, hidden).await.unwrap();
        let mut sent = Vec::new();
        for delivery in &taken {
            if let Ok(Message::ReconcileAlert { alert, cause, .. }) = &delivery.message {
                sent.push((alert.get(), cause.clone()));
            }
            let done = used.store.ack(Lane::Urgent, &delivery.receipt).await;
            done.unwrap();
        }
        sent.sort_by_key(|(alert, _)| *alert);
        let expected = expected.into_iter().map(|(id, cause)| (id, cause.clone()));
        assert_eq!(sent, expected.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_ticket_is_linked_to_one_alert_only_and_unlinking_makes_room_for_another() {
    let used = UsedStore::new().await;
    let (alert, ticket) = (AlertId::new(1), TicketId::new(4242));
    used.save(&unlinked(1)).await;
    used.save(&linked(2, "new", 1)).await;
    let desk = Tickets::of([
        ticket_of(4242, 17),
        ticket_of(4343, 17),
        ticket_of(1002, 17),
    ]);
    let unknown = linking::link(
        &used.store,
        &desk,
        AlertId::new(9),
        ticket,
        &operator(),
        NOW,
    )
    .await;
    assert!(
        matches!(unknown, Err(OperatorError::UnknownAlert(_))),
        "{unknown:?}"
    );
    let taken = linking::link(
        &used.store,
        &desk,
        alert,
        TicketId::new(1002),
        &operator(),
        NOW,
    )
    .await;
    assert!(
        matches!(taken, Err(OperatorError::TicketTaken { .. })),
        "{taken:?}"
    );
    for _ in 0..2 {
        linking::link(&used.store, &desk, alert, ticket, &operator(), NOW)
            .await
            .unwrap();
        let link = used.store.load(alert).await.unwrap().unwrap().value;
        assert_eq!(link.ticket, Some(ticket), "safe to repeat");
    }
    let other = linking::link(
        &used.store,
        &desk,
        alert,
        TicketId::new(4343),
        &operator(),
        NOW,
    )
    .await;
    assert!(
        matches!(other, Err(OperatorError::HasTicket { .. })),
        "{other:?}"
    );
    let unlinked = linking::unlink(&used.store, alert, &operator(), NOW)
        .await
        .unwrap();
    assert_eq!(unlinked.before, Some(ticket));
    let link = used.store.load(alert).await.unwrap().unwrap().value;
    assert_eq!((link.ticket, link.recurrence), (None, 2));
    let again = linking::unlink(&used.store, alert, &operator(), NOW).await;
    assert!(
        matches!(again, Err(OperatorError::NoTicket(_))),
        "{again:?}"
    );
    let mut claimed = link.clone();
    claimed.claim = Claim::in_doubt(NOW);
    let revision = used.store.load(alert).await.unwrap().unwrap().revision;
    used.store.save(&claimed, &[], revision).await.unwrap();
    let busy = linking::link(&used.store, &desk, alert, ticket, &operator(), NOW).await;
    assert!(matches!(busy, Err(OperatorError::Claimed(_))), "{busy:?}");
}

/// A ticket of a client, open.
fn ticket_of(id: u64, client: u64) -> Ticket {
    let ticket = linked(1, "new", 1).observed_ticket.unwrap();
    Ticket {
        id: TicketId::new(id),
        client: HaloClientId::new(client),
        ..ticket
    }
}

#[tokio::test]
async fn only_a_ticket_that_halopsa_has_for_the_customer_of_the_alert_is_linked() {
    let deleted = Ticket {
        existence: Existence::Deleted,
        ..ticket_of(2, 17)
    };
    let closed = Ticket {
        status: StatusId::new(9),
        ..ticket_of(4, 17)
    };
    let desk = Tickets::of([ticket_of(1, 18), deleted, ticket_of(3, 17), closed]);
    let link = async |ticket: u64, environment: u64| {
        let used = UsedStore::new().await;
        let mut pair = unlinked(1);
        if let Some(alert) = &mut pair.observed_alert {
            alert.environment = EnvironmentId::new(environment);
        }
        used.save(&pair).await;
        let (alert, ticket) = (AlertId::new(1), TicketId::new(ticket));
        let answer = linking::link(&used.store, &desk, alert, ticket, &operator(), NOW).await;
        let stored = used.store.load(alert).await.unwrap().unwrap().value;
        let queued = used.store.depth(Lane::Urgent).await.unwrap();
        let is_linked = answer.is_ok();
        assert_eq!(
            (stored.ticket.is_some(), queued > 0),
            (is_linked, is_linked)
        );
        answer.map(|answer| answer.next)
    };
    let other = link(1, 8801).await.unwrap_err().to_string();
    for part in ["client 18", "client 17", "Contoso", "#1"] {
        assert!(other.contains(part), "{other}");
    }
    for gone in [2, 99] {
        let refused = link(gone, 8801).await;
        let is_gone = matches!(&refused, Err(OperatorError::NoSuchTicket(_)));
        assert!(is_gone, "#{gone}: {refused:?}");
    }
    let unmapped = link(3, 8899).await;
    assert!(
        matches!(unmapped, Err(OperatorError::NoClient(_))),
        "{unmapped:?}"
    );
    assert!(!link(3, 8801).await.unwrap().contains("closed"));
    assert!(link(4, 8801).await.unwrap().contains("#4 is closed"));
}

#[tokio::test]
async fn an_alert_that_lost_its_ticket_is_looked_at_when_every_worker_knows_of_its_snooze() {
    for (age, at_once) in [(0, false), (4, false), (5, true)] {
        let used = UsedStore::new().await;
        used.save(&linked(1, "new", 1)).await;
        linking::unlink(&used.store, AlertId::new(1), &operator(), before(age))
            .await
            .unwrap();
        let hidden = Duration::from_secs(60);
        let visible = used.store.receive(Lane::Urgent, 10, hidden).await.unwrap();
        assert_eq!(visible.len(), usize::from(at_once), "{age} s ago");
        assert_eq!(used.store.depth(Lane::Urgent).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_deleted_site_that_the_config_names_is_a_finding_and_a_changed_one_is_listed() {
    let used = UsedStore::new().await;
    let mut policy = policy();
    let environment = EnvironmentId::new(8801);
    let mapping = policy.environments.get_mut(&environment).unwrap();
    mapping.site = Some(SiteId::new(21));
    let mut reports = SiteReports::default();
    for (change, expected) in [
        (SiteChange::Updated, None),
        (SiteChange::Deleted, Some("site 21 was deleted")),
        (SiteChange::Created, None),
    ] {
        let site = SiteId::new(21);
        let at = before(30);
        reports.record(SiteReport { site, change, at }, &policy);
        used.apply(&policy).await;
        let stored = used.store.load_record::<SiteReports>(&Singleton).await;
        let revision = stored.unwrap().revision;
        let saved = used.store.save_record(&Singleton, &reports, revision).await;
        saved.unwrap();
        let answer = status(&used.store, QUESTION).await.unwrap();
        let mut findings = answer.findings.iter().map(|it| &it.what);
        let finding = findings.find(|it| it.contains("site 21"));
        match expected {
            Some(expected) => assert!(finding.unwrap().contains(expected), "{finding:?}"),
            None => {
                assert_eq!(finding, None);
                let mut changes = answer.changes.iter();
                assert!(changes.any(|it| it.what.contains("site 21")), "{change:?}");
            }
        }
    }
}

#[tokio::test]
async fn changes_are_counted_by_what_announced_them_first() {
    let used = UsedStore::new().await;
    let day = 24 * 3600;
    for (id, entries) in [
        // Two entries of one time are one change; what is older than a week, and other causes, do not count.
        (
            1,
            vec![
                ("webhook", 60),
                ("webhook", 60),
                ("sweep", 8 * day),
                ("poll", 60),
            ],
        ),
        (
            2,
            vec![("webhook", 3600), ("sweep", day), ("webhook", 2 * day)],
        ),
        (3, vec![]),
    ] {
        let link = linked(id, "new", 1);
        let entries: Vec<JournalEntry> = entries
            .into_iter()
            .map(|(cause, age)| JournalEntry {
                at: before(age),
                alert: Some(link.alert),
                ticket: link.ticket,
                event: "closed".to_owned(),
                cause: cause.to_owned(),
                detail: None,
            })
            .collect();
        let saved = used.store.save(&link, &entries, Revision::default()).await;
        saved.unwrap();
    }
    let counted = webhooks::acted_on(&used.store, NOW).await.unwrap();
    assert_eq!((counted.announced, counted.found_by_sweep), (3, 1));
    assert_eq!(counted.unannounced_percent(), Some(25));
    let none = webhooks::ActedOn::default();
    assert_eq!(none.unannounced_percent(), None);
}

#[tokio::test]
async fn operators_who_pause_and_record_at_once_lose_nothing() {
    let used = UsedStore::new().await;
    let operator = Operator {
        account: "operator".to_owned(),
        reason: Some("maintenance".to_owned()),
        request_digest: "1f".to_owned(),
    };
    let commands = (1..=8).map(|id| {
        let (store, operator) = (used.store.clone(), operator.clone());
        async move {
            let pause = Pause {
                scope: PauseScope::Alert(AlertId::new(id)),
                since: NOW,
                from: None,
                until: None,
                reason: None,
            };
            pausing::pause(&store, &pause, NOW).await.unwrap();
            let subject = format!("alert {id}");
            let recorded = audit::record(&store, &operator, "snooze", &subject, "paused", NOW);
            recorded.await.unwrap();
        }
    });
    let mut running = tokio::task::JoinSet::new();
    for command in commands {
        running.spawn(command);
    }
    running.join_all().await;
    let paused = pausing::list(&used.store, NOW).await.unwrap();
    assert_eq!(paused.pauses.len(), 8);
    let recorded = audit::list(&used.store, &AuditFilter::default(), NOW)
        .await
        .unwrap();
    assert_eq!((recorded.entries.len(), recorded.intact), (8, true));
    let scope = PauseScope::Alert(AlertId::new(3));
    let (had, left) = pausing::resume(&used.store, scope, NOW).await.unwrap();
    assert_eq!((had, left.pauses.len()), (true, 7));
    let (had, _) = pausing::resume(&used.store, scope, NOW).await.unwrap();
    assert!(!had, "safe to repeat");
}

#[tokio::test]
async fn the_audit_is_one_chain_across_days_and_is_listed_by_every_filter() {
    let used = UsedStore::new().await;
    let day = 24 * 3600;
    for (age, account, subject, done) in [
        (3 * day, "ada", "alert 1", "ticket #4242 linked"),
        (2 * day, "ben", "alert 2", "ticket #42421 linked"),
        (2 * day - 5, "ada", "#4242", "redriven"),
        (60, "ben", "everything", "paused"),
    ] {
        let operator = Operator {
            account: account.to_owned(),
            reason: None,
            request_digest: "1f".to_owned(),
        };
        audit::record(
            &used.store,
            &operator,
            "command",
            subject,
            done,
            before(age),
        )
        .await
        .unwrap();
    }
    let listed = async |filter: AuditFilter| {
        let list = audit::list(&used.store, &filter, NOW).await.unwrap();
        assert!(list.intact);
        let subjects = list.entries.into_iter().map(|entry| entry.subject);
        subjects.collect::<Vec<_>>()
    };
    let all = AuditFilter::default();
    assert_eq!(
        listed(all.clone()).await,
        ["alert 1", "alert 2", "#4242", "everything"]
    );
    let since = AuditFilter {
        since: Some(before(2 * day).into()),
        ..all.clone()
    };
    assert_eq!(listed(since).await, ["alert 2", "#4242", "everything"]);
    let until = AuditFilter {
        until: Some(before(2 * day).into()),
        ..all.clone()
    };
    assert_eq!(listed(until).await, ["alert 1"]);
    let actor = AuditFilter {
        actor: Some("ben".to_owned()),
        ..all.clone()
    };
    assert_eq!(listed(actor).await, ["alert 2", "everything"]);
    let ticket = AuditFilter {
        about: Some(AuditedPair {
            tickets: [TicketId::new(4242)].into(),
            ..AuditedPair::default()
        }),
        ..all.clone()
    };
    assert_eq!(listed(ticket.clone()).await, ["alert 1", "#4242"]);
    let list = audit::list(&used.store, &ticket, NOW).await.unwrap();
    assert_eq!((list.total, list.asked), (4, ticket));

    // A whole day that is taken away is noticed.
    let date = AuditDate::of(before(2 * day));
    let stored = used.store.load_record::<AuditDay>(&date).await.unwrap();
    let none = AuditDay::default();
    used.store
        .save_record(&date, &none, stored.revision)
        .await
        .unwrap();
    let list = audit::list(&used.store, &all, NOW).await.unwrap();
    assert!(!list.intact);
}

#[tokio::test]
async fn finished_pairs_are_counted_without_being_read() {
    let used = UsedStore::new().await;
    used.save(&linked(100, "new", 1)).await;
    // Alerts that a poll has seen closed and in sync; their links are not even there.
    let finished = QueuedState {
        since_then: SinceQueued::InSync,
        ..QueuedState::new(1, NOW)
    };
    let index = (1000..1300)
        .map(|id| (AlertId::new(id), finished))
        .collect();
    used.store.save_index(&index).await.unwrap();
    // One of them was opened again by a technician since.
    used.save(&linked(1000, "closed", 1)).await;
    let answer = status(&used.store, QUESTION).await.unwrap();
    let pairs = &answer.pairs;
    assert_eq!((pairs.total, pairs.in_sync, pairs.waiting), (301, 300, 1));
}

#[tokio::test]
async fn lags_queue_ages_and_changes_are_shown() {
    let used = UsedStore::new().await;
    for (id, seconds) in [(100, 4), (101, 8), (102, 90)] {
        let mut link = linked(id, "new", 1);
        let mut opened = link.observed_ticket.clone().unwrap();
        opened.changed_at = before(7200 - seconds);
        link.initial = Some(InitialState::of(&opened));
        used.save(&link).await;
    }
    let message = Message::reconcile_alert(AlertId::new(1), Cause::Poll);
    used.store
        .send(Lane::Bulk, &[message.into()])
        .await
        .unwrap();
    let mut history = VersionHistory::default();
    history.record(before(7200), "0.0.9");
    history.record(before(3600), "0.1.0");
    let none = Revision::default();
    used.store
        .save_record(&Singleton, &history, none)
        .await
        .unwrap();
    let config = ConfigInForce {
        policy: None,
        versions: vec![ConfigVersion {
            number: 3,
            text: "0".to_owned(),
            applied_at: before(60),
            origin: VersionOrigin::Applied,
            actor: Some("ada".to_owned()),
            reason: None,
        }],
    };
    used.store
        .save_record(&Singleton, &config, none)
        .await
        .unwrap();
    let operator = Operator {
        account: "ada".to_owned(),
        reason: None,
        request_digest: "1f".to_owned(),
    };
    audit::record(
        &used.store,
        &operator,
        "config apply",
        "halogard.toml",
        "applied",
        before(60),
    )
    .await
    .unwrap();

    let answer = status(&used.store, QUESTION).await.unwrap();
    let lag = &answer.lags[0];
    assert_eq!((lag.way, lag.samples), ("alert to ticket", 3));
    assert_eq!((lag.p50_seconds, lag.max_seconds), (8, 90));
    let bulk = answer.queues.iter().find(|it| it.lane == "bulk").unwrap();
    assert_eq!((bulk.depth, bulk.oldest), (1, Some(NOW.into())));
    let said: Vec<&str> = answer.changes.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "config version 3: applied (ada)",
            "Halogard 0.1.0 runs, after 0.0.9"
        ]
    );
}

#[tokio::test]
async fn a_command_is_found_by_the_ticket_and_by_the_alert_whichever_it_named() {
    let used = UsedStore::new().await;
    let mut link = linked(7, "new", 1);
    link.earlier_tickets = vec![TicketId::new(900)];
    used.save(&link).await;
    let ticket = link.ticket.unwrap();
    for (command, subject, done) in [
        ("snooze", "alert 7", "paused"),
        ("dlq redrive", "ticket #900", "1 done, 0 gone before"),
        ("link", "alert 8", "ticket #1008 linked"),
        ("resync", "alerts 1, 2, 7", "3 pairs queued"),
        (
            "resync",
            "alerts 1, 2, 3, 4, 5 and 7 more",
            "12 pairs queued",
        ),
        ("inspect", "launchpoint-7", "requested"),
    ] {
        audit::record(&used.store, &operator(), command, subject, done, NOW)
            .await
            .unwrap();
    }
    for subject in [
        Subject::Alert(link.alert),
        Subject::Ticket(ticket),
        Subject::Ticket(TicketId::new(900)),
    ] {
        let pair = AuditedPair::of(&used.store, &subject).await.unwrap();
        let filter = AuditFilter {
            about: Some(pair),
            ..AuditFilter::default()
        };
        let list = audit::list(&used.store, &filter, NOW).await.unwrap();
        let about: Vec<&str> = list.entries.iter().map(|it| it.subject.as_str()).collect();
        let expected = ["alert 7", "ticket #900", "alerts 1, 2, 7"];
        assert_eq!(about, expected, "{subject:?}");
    }
}

#[tokio::test]
async fn lags_remain_when_the_pair_is_finished_and_its_inspection_is_over() {
    let used = UsedStore::new().await;
    let mut finished = linked(7, "closed", 9);
    finished.initial = finished.observed_ticket.as_ref().map(InitialState::of);
    finished.inspection_requested_at = Some(before(50));
    let base = finished.base.as_mut().unwrap();
    base.ticket_closed = Some(Closure {
        at: before(60),
        by: ClosedBy::HaloPsa,
    });
    used.save(&finished).await;
    let seen = QueuedState {
        since_then: SinceQueued::InSync,
        ..QueuedState::new(1, before(40))
    };
    used.store
        .save_index(&[(finished.alert, seen)].into())
        .await
        .unwrap();
    let answer = status(&used.store, QUESTION).await.unwrap();
    let ways: Vec<_> = answer.lags.iter().map(|it| (it.way, it.samples)).collect();
    assert_eq!(ways, [("alert to ticket", 1), ("ticket to inspection", 1)]);
    assert_eq!(answer.lags[1].max_seconds, 10);
    assert_eq!(answer.pairs.total, 1, "counted once");
}

#[tokio::test]
async fn what_only_takes_time_is_shown_and_needs_no_person() {
    let used = UsedStore::new().await;
    let behind = |continuity: &mut StoreContinuity| {
        continuity.completeness = Completeness::Behind;
        continuity.on_probation = true;
    };
    used.store.update_record(&Singleton, behind).await.unwrap();
    let answer = status(&used.store, QUESTION).await.unwrap();
    assert_eq!(answer.problems, []);
    assert_eq!(answer.verdict, Verdict::Ok);
    let waits = |it: &StatusFinding| (it.cause, it.needs_person);
    let findings: Vec<_> = answer.findings.iter().map(waits).collect();
    assert_eq!(
        findings,
        [("store_on_probation", false), ("store_behind", false)]
    );
}

#[tokio::test]
async fn the_budget_is_shown_with_the_window_of_its_limit() {
    let used = UsedStore::new().await;
    let named = Limit {
        requests_max: 60,
        window: Duration::from_secs(60),
    };
    let refuse = |ledger: &mut Ledger| {
        ledger.follow(QUESTION.steady, &QUESTION.limit);
        let refusal = RateRefusal {
            stated: Some(named),
            ..RateRefusal::default()
        };
        ledger.rate_limited(0, NOW, refusal, &QUESTION.limit);
    };
    used.store.update_record(&Singleton, refuse).await.unwrap();
    let budget = status(&used.store, QUESTION).await.unwrap().budget;
    assert_eq!(budget.window_seconds, 60);
    assert!(budget.limit <= 60, "{budget:?}");
}
