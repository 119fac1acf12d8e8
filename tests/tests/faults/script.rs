//! The script of every fault test: two alerts; a technician fixes the first one after a change, the
//! second one clears by itself.

use std::ops::RangeInclusive;
use std::time::Duration;

use halogard_simulator::liongard::{AlertChange, RunTimes};
use halogard_tests::transport::LoggedRequest;
use halogard_tests::{Component, Scenario, Setup, WebhookDelivery};
use tracing::Level;

/// Who works at the desk.
const TECHNICIAN: i64 = 12;

/// Time between two events: longer than a poll.
const MEANWHILE: Duration = Duration::from_secs(70);

/// How long what went wrong may hold things up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryTime {
    /// A pause or two: afterwards everything goes on by itself.
    Minutes,
    /// Until the comparison of everything that is made every hour.
    Hours,
}

impl RecoveryTime {
    /// The longest until an alert has its ticket: a call that hangs, a claim that runs out, a doubt that
    /// ends when no list can lag any more.
    const fn until_tickets(self) -> Duration {
        match self {
            Self::Minutes => Duration::from_secs(600),
            Self::Hours => Duration::from_secs(2 * 3600),
        }
    }

    /// The longest from the moment when nothing is left to do until both sides agree.
    const fn after_quiet(self) -> Duration {
        match self {
            Self::Minutes => Duration::ZERO,
            Self::Hours => Duration::from_secs(2 * 3600),
        }
    }
}

/// Short runs: following them is the same call again and again.
const RUN_TIMES: RunTimes = RunTimes {
    scheduled: Duration::from_secs(2),
    processing: Duration::from_secs(2),
    running: Duration::from_secs(4),
};

/// The calls of a run, up to the last event.
pub struct Recording {
    calls: Vec<LoggedRequest>,
    /// Writes to the store before the first fault can be armed, and all writes.
    writes: (u64, u64),
}

impl Recording {
    /// The calls to `place`, in order: number 1 is the first.
    pub fn calls_to(&self, place: Component) -> impl Iterator<Item = (u64, &LoggedRequest)> {
        let calls = self.calls.iter().filter(move |call| call.place == place);
        (1..).zip(calls)
    }

    /// The visits to `place` at which the process may stop, by number.
    pub fn visits(&self, place: Component) -> RangeInclusive<u64> {
        match place {
            Component::Store => self.writes.0 + 1..=self.writes.1,
            _ => {
                let last = self.calls_to(place).map(|(number, _)| number).max();
                1..=last.unwrap_or(0)
            }
        }
    }
}

/// The setup of the run.
fn setup(webhook_delivery: WebhookDelivery) -> Setup {
    let mut setup = Setup {
        webhook_delivery,
        level: Level::INFO,
        ..Setup::managed()
    };
    setup.liongard.run_times = RUN_TIMES;
    setup
}

/// Runs the script without faults.
pub async fn without_faults(webhook_delivery: WebhookDelivery) -> Recording {
    Box::pin(run_with(webhook_delivery, RecoveryTime::Minutes, |_| ())).await
}

/// Runs the script to its end, and checks the invariants. `prepare` arms the faults.
pub async fn run_with(
    webhook_delivery: WebhookDelivery,
    patience: RecoveryTime,
    prepare: impl FnOnce(&mut Scenario),
) -> Recording {
    let mut bundle = Scenario::start(setup(webhook_delivery)).await;
    let writes_before = bundle.crash_points.count(Component::Store);
    prepare(&mut bundle);
    let changed = bundle.raise(0, "Stale Privileged Accounts");
    let over = bundle.raise(1, "Certificate Expires Soon");
    let both =
        |bundle: &Scenario| bundle.ticket_of(changed).is_some() && bundle.ticket_of(over).is_some();
    bundle
        .run_until("both have tickets", patience.until_tickets(), both)
        .await;
    bundle.run_for(MEANWHILE).await;
    bundle.run_until_writes_land().await;
    let change = AlertChange {
        description: Some("3 accounts now".to_owned()),
        priority: Some("Low".to_owned()),
        ..AlertChange::default()
    };
    bundle.liongard.change(changed, change).unwrap();
    bundle.run_for(MEANWHILE).await;
    bundle.liongard.close(over).unwrap();
    bundle.run_for(MEANWHILE).await;
    bundle.liongard.clear_condition(changed).unwrap();
    let ticket = bundle.ticket_of(changed).unwrap();
    bundle.halo.close_ticket(ticket.id, TECHNICIAN).unwrap();
    let mut recording = until_it_is_over(&mut bundle, changed).await;
    recording.writes.0 = writes_before;
    bundle.run_until_quiet().await;
    wait_for_agreement(&mut bundle, patience).await;
    bundle.run_until_quiet().await;
    expect_the_end(&bundle, changed, over);
    bundle.check().await;
    let faults = bundle.halo.faults().pending() + bundle.liongard.faults().pending();
    assert_eq!(faults, 0, "a fault never struck");
    // Of several stops, the first may leave nothing to do at the second.
    let met = bundle.crash_points.crashes() > 0 || bundle.crash_points.waiting() == 0;
    assert!(met, "the process was never stopped");
    recording
}

/// Works until Liongard has followed the technician, if nothing comes in between, and a round
/// longer; says what it took.
async fn until_it_is_over(bundle: &mut Scenario, changed: i64) -> Recording {
    for _ in 0..3 {
        if !bundle.alert(changed).closed {
            bundle.run_for(MEANWHILE).await;
        }
    }
    bundle.run_for(MEANWHILE).await;
    Recording {
        calls: bundle.requests.all(),
        writes: (0, bundle.crash_points.count(Component::Store)),
    }
}

/// Lets time pass until both sides agree, as long as that may take.
async fn wait_for_agreement(bundle: &mut Scenario, patience: RecoveryTime) {
    let step = Duration::from_secs(1800);
    let mut waited = Duration::ZERO;
    while waited < patience.after_quiet() && !bundle.disagreements().await.is_empty() {
        bundle.run_for(step).await;
        waited += step;
    }
}

/// Both pairs are closed on both sides, by one ticket each, and every word was said once.
fn expect_the_end(bundle: &Scenario, changed: i64, over: i64) {
    for alert in [changed, over] {
        let ticket = bundle.only_ticket(alert);
        assert!(ticket.closed, "ticket {} stays open", ticket.id);
        assert!(bundle.alert(alert).closed, "alert {alert} stays open");
    }
    let changed = bundle.only_ticket(changed);
    assert_eq!(changed.priority_id, 4, "the change reached the ticket");
    let notes = bundle.our_notes(changed.id);
    assert_eq!(notes.len(), 1, "notes about one change: {notes:#?}");
}
