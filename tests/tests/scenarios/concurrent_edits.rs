//! People work on a ticket while the bundle does: whatever they set stays, whether a webhook has reported
//! it or not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use halogard_app::SWEEP_INTERVAL;
use halogard_simulator::halopsa::{ArrayFailure, TicketEdit, TicketView};
use halogard_simulator::liongard::AlertChange;
use halogard_simulator::world::status_ids;
use halogard_simulator::{HaloPsa, SimHaloSettings};
use halogard_tests::dialect_in_force::stride;
use halogard_tests::transport::LoggedRequest;
use halogard_tests::{CaseMatrix, Component, CrashTiming, Scenario, Setup, WebhookDelivery};
use http::Method;
use tracing::Level;

use crate::{DANA, RUBEN, with_ticket};

/// What the bundle is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Raise,
    Change,
    Close,
    Reopen,
}

/// What a person does to the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Status,
    Client,
    Site,
    User,
    Type,
    Agent,
    Team,
    Priority,
    Category,
    Title,
    Close,
    Reopen,
    Note,
}

const EDITS: [Edit; 13] = [
    Edit::Status,
    Edit::Client,
    Edit::Site,
    Edit::User,
    Edit::Type,
    Edit::Agent,
    Edit::Team,
    Edit::Priority,
    Edit::Category,
    Edit::Title,
    Edit::Close,
    Edit::Reopen,
    Edit::Note,
];

/// The client and the site of another customer.
const OTHER_CLIENT: (i64, i64) = (19, 23);

impl Edit {
    /// Does it to `ticket`; `false` where it makes no sense: a closed ticket cannot be closed.
    fn apply(self, halo: &HaloPsa, ticket: &TicketView) -> bool {
        let edit = match self {
            Self::Status if !ticket.closed => TicketEdit {
                status_id: Some(status_ids::WAITING),
                ..TicketEdit::default()
            },
            Self::Close if !ticket.closed => TicketEdit {
                status_id: Some(status_ids::RESOLVED),
                agent_id: (ticket.agent_id == 1).then_some(RUBEN),
                ..TicketEdit::default()
            },
            Self::Reopen if ticket.closed => TicketEdit {
                status_id: Some(status_ids::WAITING),
                ..TicketEdit::default()
            },
            Self::Status | Self::Close | Self::Reopen => return false,
            Self::Client => TicketEdit {
                client_id: Some(OTHER_CLIENT.0),
                site_id: Some(OTHER_CLIENT.1),
                ..TicketEdit::default()
            },
            Self::Site => TicketEdit {
                site_id: Some(OTHER_CLIENT.1),
                ..TicketEdit::default()
            },
            Self::User => TicketEdit {
                user_id: Some(77),
                ..TicketEdit::default()
            },
            Self::Type => TicketEdit {
                tickettype_id: Some(6),
                ..TicketEdit::default()
            },
            Self::Agent => TicketEdit {
                agent_id: Some(RUBEN),
                ..TicketEdit::default()
            },
            Self::Team => TicketEdit {
                team: Some("Projects".to_owned()),
                ..TicketEdit::default()
            },
            Self::Priority => TicketEdit {
                priority_id: Some(2),
                ..TicketEdit::default()
            },
            Self::Category => TicketEdit {
                category: Some("Security>Access".to_owned()),
                ..TicketEdit::default()
            },
            Self::Title => TicketEdit {
                summary: Some(format!("{} (Dana looks into it)", ticket.summary)),
                ..TicketEdit::default()
            },
            Self::Note => {
                halo.add_note(ticket.id, DANA, "Looking into it.").unwrap();
                return true;
            }
        };
        halo.change_ticket(ticket.id, DANA, edit).unwrap();
        true
    }

    /// Whether `ticket` still shows it.
    fn is_kept(self, ticket: &TicketView) -> bool {
        match self {
            Self::Status | Self::Reopen => ticket.status_id == status_ids::WAITING,
            Self::Close => ticket.status_id == status_ids::RESOLVED,
            Self::Client => (ticket.client_id, ticket.site_id) == OTHER_CLIENT,
            Self::Site => ticket.site_id == OTHER_CLIENT.1,
            Self::User => ticket.user_id == 77,
            Self::Type => ticket.tickettype_id == 6,
            Self::Agent => ticket.agent_id == RUBEN,
            Self::Team => ticket.team == "Projects",
            Self::Priority => ticket.priority_id == 2,
            Self::Category => ticket.category == "Security>Access",
            Self::Title => ticket.summary.ends_with("(Dana looks into it)"),
            Self::Note => ticket
                .actions
                .iter()
                .any(|action| action.note == "Looking into it."),
        }
    }

    /// The member of a write that sets the same.
    const fn member(self) -> Option<&'static str> {
        match self {
            Self::Status | Self::Close | Self::Reopen => Some("status_id"),
            Self::Priority => Some("priority_id"),
            Self::Agent => Some("agent_id"),
            // Some tenants demand these with every change; they are read just before it.
            Self::Client => Some("client_id"),
            Self::Site => Some("site_id"),
            Self::Type => Some("tickettype_id"),
            _ => None,
        }
    }
}

/// A moment of the bundle's own work.
#[derive(Clone, Debug)]
struct Moment {
    place: Component,
    ordinal: u64,
    timing: CrashTiming,
    request: LoggedRequest,
}

impl Moment {
    /// Whether the bundle's own write of what `edit` sets is on its way at this moment: between the last
    /// time that HaloPSA showed the ticket and the write. HaloPSA checks no condition, so the later of the
    /// two stays.
    fn crosses(&self, edit: Edit, requests: &[LoggedRequest]) -> bool {
        let starts = match self.timing {
            CrashTiming::Before => self.request.at,
            CrashTiming::After => self.request.at.plus(Duration::from_millis(1)),
        };
        let shows_ticket = |request: &&LoggedRequest| request.target.contains("/Tickets");
        let mut next = requests.iter().filter(|request| request.at >= starts);
        let body = next.find(shows_ticket).map(|request| &request.body);
        let body = String::from_utf8_lossy(body.map_or(&[][..], |body| &body[..]));
        edit.member().is_some_and(|member| body.contains(member))
    }
}

/// A bundle in which the cause of `work` has just come about.
async fn at_work(work: Work, setup: Setup) -> (Scenario, i64) {
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    if work == Work::Raise {
        let alert = bundle.raise(0, "Stale Privileged Accounts");
        return (bundle, alert);
    }
    let (alert, _) = with_ticket(&mut bundle).await;
    let escalated = |status: &str| AlertChange {
        description: Some("9 accounts now".to_owned()),
        priority: Some("Low".to_owned()),
        status: Some(status.to_owned()),
        ..AlertChange::default()
    };
    match work {
        Work::Raise => {}
        Work::Change => bundle
            .liongard
            .change(alert, escalated("In Progress"))
            .unwrap(),
        Work::Close => bundle.liongard.close(alert).unwrap(),
        Work::Reopen => {
            bundle.liongard.close(alert).unwrap();
            bundle.run_until_quiet().await;
            bundle.liongard.reopen(alert).unwrap();
            bundle.liongard.change(alert, escalated("New")).unwrap();
        }
    }
    (bundle, alert)
}

/// The moments of `work`: before each of its requests to either vendor up to a round after its last write,
/// and after each write.
async fn moments_of(work: Work, setup: Setup) -> (Vec<Moment>, Vec<LoggedRequest>) {
    let (mut bundle, _) = at_work(work, setup).await;
    let before = [Component::HaloPsa, Component::Liongard]
        .map(|place| (place, bundle.requests.to(place).len()));
    bundle.run_until_quiet().await;
    let mut moments = Vec::new();
    for (place, skipped) in before {
        let requests = bundle.requests.to(place).into_iter().skip(skipped);
        for (ordinal, request) in (1..).zip(requests) {
            let moment = |timing| Moment {
                place,
                ordinal,
                timing,
                request: request.clone(),
            };
            moments.push(moment(CrashTiming::Before));
            if request.method == Method::POST {
                moments.push(moment(CrashTiming::After));
            }
        }
    }
    let is_write = |moment: &&Moment| moment.request.method == Method::POST;
    let last_write = moments
        .iter()
        .filter(is_write)
        .map(|it| it.request.at)
        .max();
    let end = last_write
        .unwrap()
        .plus(halogard_tests::driver::POLL_INTERVAL);
    moments.retain(|moment| moment.request.at <= end);
    (moments, bundle.requests.to(Component::HaloPsa))
}

/// Lets a person do `edit` at `moment`; returns whether that happened.
async fn edit_at(work: Work, edit: Edit, moment: &Moment, setup: Setup) -> bool {
    let (mut bundle, alert) = at_work(work, setup).await;
    let done = Arc::new(Mutex::new(false));
    let (halo, did) = (bundle.halo.clone(), Arc::clone(&done));
    bundle
        .interventions
        .at(moment.place, moment.ordinal, moment.timing, move || {
            if let Some(ticket) = halo.tickets().last() {
                *did.lock().unwrap() = edit.apply(&halo, ticket);
            }
        });
    bundle.run_until_quiet().await;
    let did = *done.lock().unwrap();
    if did {
        let ticket = bundle.only_ticket(alert);
        let TicketView {
            status_id,
            priority_id,
            agent_id,
            ..
        } = ticket;
        assert!(
            edit.is_kept(&ticket),
            "it was undone; status {status_id}, priority {priority_id}, agent {agent_id}"
        );
        bundle.check().await;
    }
    did
}

/// Every edit at every moment of every kind of work.
#[expect(
    clippy::print_stdout,
    reason = "the number of cases belongs in the test's output"
)]
fn every_edit_at_every_moment(name: &'static str, setup: impl Fn() -> Setup) {
    let mut grid = CaseMatrix::new(name);
    let (mut applied, mut crossed) = (0, 0);
    for work in [Work::Raise, Work::Change, Work::Close, Work::Reopen] {
        let Some((moments, requests)) = grid.case("moments", moments_of(work, setup())) else {
            continue;
        };
        let edits = |moment| EDITS.into_iter().map(move |edit| (moment, edit));
        for (moment, edit) in moments.iter().flat_map(edits).step_by(stride()) {
            if moment.crosses(edit, &requests) {
                crossed += 1;
                continue;
            }
            let label = format!(
                "{work:?}: {edit:?} {:?} request {} to {:?} ({} {})",
                moment.timing,
                moment.ordinal,
                moment.place,
                moment.request.method,
                moment.request.target
            );
            let case = edit_at(work, edit, moment, setup());
            applied += usize::from(grid.case(&label, case) == Some(true));
        }
    }
    println!("{name}: a person acted in {applied} cases; {crossed} crossed our own write");
    grid.finish();
}

fn setup(webhook_delivery: WebhookDelivery) -> Setup {
    Setup {
        webhook_delivery,
        level: Level::ERROR,
        // What HaloPSA itself clears is not our write.
        ..Setup::managed().fixing(&["status-clears-agent"])
    }
}

#[test]
fn a_persons_edit_stays_where_webhooks_come_at_once() {
    every_edit_at_every_moment("edits, webhooks at once", || setup(WebhookDelivery::Prompt));
}

#[test]
fn a_persons_edit_stays_where_webhooks_come_late_twice_and_in_reverse() {
    every_edit_at_every_moment("edits, webhooks late", || {
        setup(WebhookDelivery::TwiceInReverse)
    });
}

#[test]
fn a_persons_edit_stays_where_no_webhook_comes() {
    every_edit_at_every_moment("edits, no webhooks", || setup(WebhookDelivery::Never));
}

/// Six alerts that close at once. HaloPSA refuses the array with all their tickets, because one of these was deleted
/// and no webhook said so. Returns the last of the alerts.
async fn at_refused_array(setup: Setup) -> (Scenario, i64) {
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    let alerts = ["A", "B", "C", "D", "E", "F"].map(|rule| bundle.raise(0, rule));
    bundle.run_until_quiet().await;
    bundle.run_until_writes_land().await;
    let deleted = bundle.only_ticket(alerts[1]).id;
    bundle.halo.delete_ticket(deleted, DANA).unwrap();
    for alert in alerts {
        bundle.liongard.close(alert).unwrap();
    }
    (bundle, alerts[5])
}

/// Whether `request` may change the ticket `id`.
fn may_change(request: &LoggedRequest, id: i64) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    request.method == Method::POST
        && request.target.contains("/Tickets")
        && body.contains(&format!("\"id\":{id},"))
}

/// The requests to HaloPSA of such a bundle until it is quiet, how many of them came before the closing, and the last
/// ticket.
async fn refused_array(setup: Setup) -> (Vec<LoggedRequest>, usize, i64) {
    let (mut bundle, alert) = at_refused_array(setup).await;
    let before = bundle.requests.to(Component::HaloPsa).len();
    let ticket = bundle.only_ticket(alert).id;
    bundle.run_until_quiet().await;
    (bundle.requests.to(Component::HaloPsa), before, ticket)
}

/// Lets a person do `edit` to the last ticket before the request `ordinal` to HaloPSA.
async fn edit_in_refused_array(edit: Edit, ordinal: u64, setup: Setup) {
    let (mut bundle, alert) = at_refused_array(setup).await;
    let (halo, ticket) = (bundle.halo.clone(), bundle.only_ticket(alert).id);
    bundle.interventions.at(
        Component::HaloPsa,
        ordinal,
        CrashTiming::Before,
        move || {
            assert!(edit.apply(&halo, &halo.ticket(ticket).unwrap()));
        },
    );
    bundle.run_until_quiet().await;
    let view = bundle.only_ticket(alert);
    assert!(edit.is_kept(&view), "it was undone: {view:#?}");
}

#[test]
fn a_persons_edit_stays_while_a_refused_array_is_taken_apart() {
    let mut grid = CaseMatrix::new("edits while an array is taken apart");
    for failure in [ArrayFailure::NothingKept, ArrayFailure::EarlierKept] {
        let setup = || {
            let mut setup = setup(WebhookDelivery::Never);
            setup.halo.array_failure = failure;
            setup
        };
        let Some((requests, before, ticket)) = grid.case("requests", refused_array(setup())) else {
            continue;
        };
        let writes = requests.iter().rposition(|it| may_change(it, ticket));
        let until = writes.expect("the last ticket is closed");
        for (ordinal, request) in (1..).zip(&requests[before..=until]) {
            // HaloPSA checks no condition, so an edit just before our own write is lost.
            if may_change(request, ticket) {
                continue;
            }
            for edit in [Edit::Status, Edit::Close, Edit::Agent, Edit::Note] {
                let label = format!("{failure:?}: {edit:?} before request {ordinal}");
                grid.case(&label, edit_in_refused_array(edit, ordinal, setup()));
            }
        }
    }
    grid.finish();
}

/// A bundle without webhooks that sweeps as the program does, with a ticket that a technician has just
/// closed.
async fn with_closed_ticket(halo: impl FnOnce(&mut SimHaloSettings)) -> (Scenario, i64, i64) {
    let mut setup = Setup {
        sweep_interval: SWEEP_INTERVAL,
        ..setup(WebhookDelivery::Never)
    };
    halo(&mut setup.halo);
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    (bundle, alert, ticket)
}

#[tokio::test]
async fn a_closure_between_two_polls_survives_a_new_priority() {
    for demands_identity in [false, true] {
        let (mut bundle, alert, ticket) =
            with_closed_ticket(|halo| halo.strict_update = demands_identity).await;
        let change = crate::news("9 accounts now", "Low");
        bundle.liongard.change(alert, change).unwrap();
        bundle.run_until_quiet().await;
        assert!(bundle.halo.ticket(ticket).unwrap().closed);
        assert_eq!(bundle.runs_of(crate::HALO_INSPECTOR), 1, "Liongard checks");
        bundle.check().await;
    }
}

#[tokio::test]
async fn no_note_reopens_a_ticket_that_was_closed_meanwhile() {
    let (mut bundle, alert, ticket) = with_closed_ticket(|halo| halo.note_reopens = true).await;
    let change = crate::news("9 accounts now", "Critical");
    bundle.liongard.change(alert, change).unwrap();
    bundle.run_until_quiet().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.our_notes(ticket).len(), 0);
    // The change is not lost: the note is added once the ticket is open again.
    bundle.halo.reopen_ticket(ticket, DANA).unwrap();
    bundle.run_for(SWEEP_INTERVAL * 2).await;
    bundle.conclude().await;
    assert_eq!(bundle.our_notes(ticket).len(), 1);
}

#[tokio::test]
async fn a_tenant_that_demands_the_client_gets_the_one_that_a_person_chose() {
    let mut setup = setup(WebhookDelivery::Never);
    setup.halo.strict_update = true;
    setup.sweep_interval = SWEEP_INTERVAL;
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let view = bundle.halo.ticket(ticket).unwrap();
    assert!(Edit::Client.apply(&bundle.halo, &view));
    let change = crate::news("9 accounts now", "Low");
    bundle.liongard.change(alert, change).unwrap();
    bundle.run_until_quiet().await;
    let view = bundle.halo.ticket(ticket).unwrap();
    assert!(Edit::Client.is_kept(&view), "{view:#?}");
    assert_eq!(view.priority_id, 4);
    bundle.conclude().await;
}
