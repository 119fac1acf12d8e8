//! A technician's change reaches Liongard: its inspectors are run, once for many, and followed.

use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::ids::{AlertId, LaunchpointId};
use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::Mode;
use halogard_operations::explain::explain;
use halogard_operations::inspect::{self, InspectSubject, InspectedRun, InspectorFault, RunPhase};
use halogard_operations::subject::Subject;
use halogard_simulator::liongard::RunResult;
use halogard_simulator::{Dialect, Fault, FaultRate};
use halogard_tests::dialect_in_force::dialect_in_force;
use halogard_tests::{Scenario, Setup};

use crate::{DANA, HALO_INSPECTOR, RUBEN, with_ticket};

/// When runs of `launchpoint` were asked for.
fn starts(bundle: &Scenario, launchpoint: i64) -> Vec<i64> {
    let runs = bundle.liongard.runs().into_iter();
    runs.filter(|run| run.launchpoint_id == launchpoint)
        .map(|run| run.scheduled_at)
        .collect()
}

#[tokio::test]
async fn the_first_change_runs_the_inspector_at_once_and_the_next_ones_share_a_run() {
    let mut bundle = Scenario::start(Setup::managed().fixing(&["webhook-batches"])).await;
    let alerts: Vec<i64> = (0..4)
        .map(|customer| bundle.raise(customer, "Rule"))
        .collect();
    bundle.run_until_quiet().await;
    // Away from the polls, so that only the webhook can have led to it.
    bundle.run_for(Duration::from_secs(10)).await;
    let began = bundle.time.now();
    for alert in &alerts {
        let ticket = bundle.only_ticket(*alert).id;
        bundle.halo.close_ticket(ticket, DANA).unwrap();
        bundle.run_for(Duration::from_secs(3)).await;
    }
    bundle.conclude().await;
    let starts = starts(&bundle, HALO_INSPECTOR);
    assert_eq!(starts.len(), 2, "{starts:?}");
    assert!(
        starts[0] - began.as_millis() < 2_000,
        "seconds after the webhook"
    );
    assert!(
        starts[1] - starts[0] >= 60_000,
        "the least interval is kept"
    );
    assert!(starts[1] - starts[0] < 70_000, "and not much more");
}

#[tokio::test]
async fn a_remedied_alert_is_followed_to_its_end() {
    let mut bundle = Scenario::start(Setup::managed().fixing(&["webhook-batches"])).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let own = bundle.alert(alert).launchpoint_id;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_for(Duration::from_secs(5)).await;
    let waiting = bundle.pair_status(alert).await;
    assert_eq!(waiting, Some(PairStatus::AwaitingLiongard));
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed);
    assert_eq!(
        (bundle.runs_of(own), bundle.runs_of(HALO_INSPECTOR)),
        (1, 1)
    );
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_condition_that_still_holds_is_shown_as_resolved_in_psa_only() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(!bundle.alert(alert).closed);
    assert!(
        bundle.halo.ticket(ticket).unwrap().closed,
        "never overruled"
    );
    let standing = bundle.pair_status(alert).await;
    assert_eq!(standing, Some(PairStatus::ResolvedInPsaOnly));
    let journal = bundle.journal(alert).await;
    assert_eq!(
        journal,
        [
            "opened",
            "inspection_requested",
            "inspection_ended",
            "inspection_ended",
            "condition_persists"
        ]
    );
}

#[tokio::test]
async fn a_run_that_fails_is_made_again() {
    // Counters count failed runs as well.
    let mut bundle = Scenario::start(Setup::managed().fixing(&["timeline-unfiltered"])).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let own = bundle.alert(alert).launchpoint_id;
    for _ in 0..2 {
        bundle.liongard.set_next_run(RunResult::Fails);
    }
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed);
    assert_eq!(
        (bundle.runs_of(own), bundle.runs_of(HALO_INSPECTOR)),
        (2, 2)
    );
}

#[tokio::test]
async fn a_run_that_never_ends_is_given_up_and_made_again() {
    // Where a running inspector may not be started again, none is after a run that never ends.
    let fixed = ["run-refused-while-running", "timeline-unfiltered"];
    let setup = Setup::managed().fixing(&fixed);
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    for _ in 0..2 {
        bundle.liongard.set_next_run(RunResult::NeverFinishes);
    }
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed);
}

#[tokio::test]
async fn a_run_asked_for_with_a_refused_key_is_asked_for_again() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    for _ in 0..3 {
        let faults = bundle.liongard.faults();
        faults.next("POST /launchpoints/run", Fault::ExpireToken);
    }
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed);
}

#[tokio::test]
async fn runs_that_may_not_be_watched_are_made_all_the_same() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let never = FaultRate {
        fault: Fault::Empty403,
        probability: 1.0,
        route: Some("GET /timeline".to_owned()),
    };
    bundle.liongard.faults().set_random(vec![never]);
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_for(Duration::from_secs(600)).await;
    assert!(bundle.alert(alert).closed);
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1);
    assert!(bundle.dead_letters().await.is_empty());
    bundle.liongard.faults().clear();
    bundle.conclude().await;
}

#[tokio::test]
async fn a_list_of_inspectors_that_may_not_be_read_fills_no_dead_letters() {
    let mut bundle = Scenario::managed().await;
    let (_, ticket) = with_ticket(&mut bundle).await;
    let never = FaultRate {
        fault: Fault::Empty403,
        probability: 1.0,
        route: Some("GET /launchpoints".to_owned()),
    };
    bundle.liongard.faults().set_random(vec![never]);
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_for(Duration::from_secs(3 * 3600)).await;
    let letters = bundle.dead_letters().await.len();
    assert!((1..=12).contains(&letters), "{letters} in three hours");
    bundle.liongard.faults().clear();
    bundle.run_for(Duration::from_secs(1800)).await;
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1, "made up for");
}

#[tokio::test]
async fn a_status_that_is_neither_open_nor_closed_runs_the_inspector_too() {
    use halogard_simulator::halopsa::TicketEdit;
    use halogard_simulator::world::status_ids;
    let mut bundle = Scenario::managed().await;
    let (_, ticket) = with_ticket(&mut bundle).await;
    let waiting = TicketEdit {
        status_id: Some(status_ids::WAITING),
        ..TicketEdit::default()
    };
    bundle.halo.change_ticket(ticket, RUBEN, waiting).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1);
    assert_eq!(bundle.writes(), 1, "the status stays as the person set it");
}

#[tokio::test]
async fn a_note_runs_no_inspector() {
    let mut bundle = Scenario::managed().await;
    let (_, ticket) = with_ticket(&mut bundle).await;
    bundle
        .halo
        .add_note(ticket, DANA, "Looking into it.")
        .unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 0);
}

#[tokio::test]
async fn our_own_close_runs_no_inspector() {
    let mut bundle = Scenario::managed().await;
    let (alert, _) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 0);
}

/// A bundle whose Liongard refuses to start what is running, with `message`.
fn busy(setup: Setup, message: &'static str) -> Setup {
    let mut setup = setup;
    setup.liongard.busy_message = Some(message);
    setup
}

#[tokio::test]
async fn a_run_that_began_before_the_closure_is_followed_by_one_of_ours() {
    for message in [
        "Launchpoint is already running",
        "Inspection currently in progress",
    ] {
        let mut bundle = Scenario::start(busy(Setup::managed(), message)).await;
        let (alert, ticket) = with_ticket(&mut bundle).await;
        let own = bundle.alert(alert).launchpoint_id;
        // Somebody starts both inspectors; they have read their systems before anything changes.
        for launchpoint in [own, HALO_INSPECTOR] {
            bundle.liongard.start_launchpoint(launchpoint).unwrap();
        }
        bundle.run_for(Duration::from_secs(10)).await;
        bundle.liongard.clear_condition(alert).unwrap();
        bundle.halo.close_ticket(ticket, DANA).unwrap();
        bundle.conclude().await;
        assert!(bundle.alert(alert).closed, "{message}");
        assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
        assert_eq!(bundle.runs_of(own), 2, "theirs, then ours");
    }
}

#[tokio::test]
async fn in_native_mode_a_closure_reaches_liongard_after_the_run_under_way() {
    let native = Setup::native().fixing(&["foreign-external-id"]);
    let setup = busy(native, "Launchpoint is already running");
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.start_launchpoint(HALO_INSPECTOR).unwrap();
    bundle.run_for(Duration::from_secs(10)).await;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed);
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 2);
}

#[tokio::test]
async fn a_run_that_another_user_started_and_that_never_ends_is_given_up() {
    let setup = busy(Setup::managed(), "Launchpoint is already running");
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.set_next_run(RunResult::NeverFinishes);
    bundle.liongard.start_launchpoint(HALO_INSPECTOR).unwrap();
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed, "its own inspector closed it");
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1);
}

#[tokio::test]
async fn an_alert_that_returns_right_after_its_run_is_noticed_by_the_next_poll() {
    let mut setup = Setup::managed();
    // The run begins and ends between two polls, so none of them ever lists the alert as closed.
    setup.poll_interval = Duration::from_secs(600);
    let mut bundle = Scenario::start(setup).await;
    let alert = bundle.raise(0, "MFA Disabled");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_for(Duration::from_secs(200)).await;
    let link = bundle.link(alert).await.unwrap();
    assert!(
        link.base.is_some_and(|base| base.alert_closed),
        "the end of the run has shown that the alert is closed"
    );
    bundle.liongard.reopen(alert).unwrap();
    bundle.run_for(Duration::from_secs(1300)).await;
    assert!(!bundle.only_ticket(alert).closed, "it follows its alert");
}

/// What an operator sees of an inspection of `subject`, requested now and followed for `span`.
async fn inspected(
    bundle: &mut Scenario,
    subject: InspectSubject,
    span: Duration,
) -> (InspectedRun, bool) {
    let store = bundle.process().store.clone();
    let requested_at = bundle.time.now();
    let targets = inspect::request(&store, subject, requested_at)
        .await
        .unwrap();
    bundle.run_for(span).await;
    let answer = inspect::progress(&store, &targets, requested_at, bundle.time.now()).await;
    let answer = answer.unwrap();
    let has_ended = answer.has_ended();
    (answer.runs.into_iter().next().unwrap(), has_ended)
}

#[tokio::test]
async fn an_inspection_that_liongard_does_not_start_ends_and_says_why() {
    // About what Liongard says of a launchpoint that it does not start.
    let setup = Setup::managed().fixing(&["run-answer-empty"]);
    let mut bundle = Scenario::start(setup).await;
    with_ticket(&mut bundle).await;
    let unknown = InspectSubject::Launchpoint(LaunchpointId::new(987_654));
    let (run, has_ended) = inspected(&mut bundle, unknown, Duration::from_secs(30)).await;
    assert!(has_ended, "{run:?}");
    assert_eq!(run.phase, RunPhase::Failed);
    assert_eq!(run.fault, Some(InspectorFault::NotStarted));
    let said = run.said.unwrap();
    assert!(
        said.contains("liongard.run_refused") && said.contains("Launchpoint not found"),
        "{said}"
    );
}

#[tokio::test]
async fn an_inspection_that_liongard_does_not_start_ends_where_its_answer_says_nothing() {
    let dialect: Dialect = "run-answer-empty".parse().unwrap();
    let mut bundle = Scenario::start(Setup::speaking(Mode::Managed, dialect)).await;
    with_ticket(&mut bundle).await;
    let unknown = InspectSubject::Launchpoint(LaunchpointId::new(987_654));
    let (run, has_ended) = inspected(&mut bundle, unknown, Duration::from_secs(1500)).await;
    assert!(has_ended, "{run:?}");
    assert_eq!(run.phase, RunPhase::Failed);
    assert_eq!(run.fault, Some(InspectorFault::NotStarted), "{run:?}");
}

#[tokio::test]
async fn an_inspection_of_halopsa_without_an_inspector_ends_and_says_why() {
    let mut setup = Setup::managed();
    let launchpoints = &mut setup.liongard.world.launchpoints;
    launchpoints.retain(|it| it.id != HALO_INSPECTOR);
    let mut bundle = Scenario::start(setup).await;
    let halopsa = InspectSubject::HaloPsa;
    let (run, has_ended) = inspected(&mut bundle, halopsa, Duration::from_secs(60)).await;
    assert!(has_ended, "{run:?}");
    assert_eq!(run.fault, Some(InspectorFault::NotStarted));
    let said = run.said.unwrap();
    assert!(said.contains("0 enabled HaloPSA inspectors"), "{said}");
}

#[tokio::test]
async fn an_inspection_that_another_run_blocks_for_good_ends_and_says_why() {
    // About what Liongard says of a launchpoint that it does not start.
    let setup = Setup::managed().fixing(&["run-answer-empty"]);
    let setup = busy(setup, "Launchpoint is already running");
    let mut bundle = Scenario::start(setup).await;
    with_ticket(&mut bundle).await;
    bundle.liongard.set_next_run(RunResult::NeverFinishes);
    bundle.liongard.start_launchpoint(HALO_INSPECTOR).unwrap();
    let halopsa = InspectSubject::HaloPsa;
    let (run, has_ended) = inspected(&mut bundle, halopsa, Duration::from_secs(3_700)).await;
    assert!(has_ended, "{run:?}");
    assert_eq!(run.fault, Some(InspectorFault::NotStarted));
    let said = run.said.unwrap();
    assert!(said.contains("did not end within 60 minutes"), "{said}");
}

#[tokio::test]
async fn the_story_of_a_closed_ticket_goes_on_to_the_inspections_and_liongards_own_close() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    let id = AlertId::new(u64::try_from(alert).unwrap());
    let store = bundle.process().store.clone();
    let answer = explain(&store, &Subject::Alert(id), bundle.time.now()).await;
    let story = answer.unwrap().stories.remove(0);
    let events: Vec<&str> = story.events.iter().map(|it| it.event.as_str()).collect();
    let place = |event| events.iter().position(|it| *it == event);
    // Times of the vendors' clocks order nothing to the millisecond.
    for event in ["raised", "ticket_closed", "alert_closed"] {
        assert!(place(event).is_some(), "{event}: {events:?}");
    }
    let ours = ["opened", "inspection_requested"].map(place);
    assert!(ours.iter().all(Option::is_some), "{events:?}");
    let ended = place("inspection_ended");
    assert!(
        ours.is_sorted() && ended.is_none_or(|ended| ours[1] < Some(ended)),
        "{events:?}"
    );
    let ends = events.iter().filter(|it| **it == "inspection_ended");
    let ends = ends.count();
    // A pair whose alert is seen to be closed waits for no inspection any more. On a tenant of the reference both
    // end before that.
    let is_reference = dialect_in_force().switches().is_empty();
    assert!(ends == 2 || (ends < 2 && !is_reference), "{events:?}");
}
