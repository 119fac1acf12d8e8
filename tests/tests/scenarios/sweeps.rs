//! Sweeps that break off at every page, while tickets change and many changed at the same moment.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane, WorkQueue as _};
use halogard_domain::Message;
use halogard_domain::sweep_cursor::INDEX_LAG_MAX;
use halogard_simulator::Fault;
use halogard_simulator::halopsa::{TicketEdit, TicketSpec};
use halogard_tests::{CaseMatrix, Component, Scenario, Setup, WebhookDelivery};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{DANA, RUBEN};

/// Cases of each grid.
const CASES: u64 = 60;

/// Rows of a page.
const PAGE: usize = 100;

/// The snapshots a sweep has sent: ticket number, last change, status.
type Swept = BTreeMap<u64, (i64, u64)>;

/// Longer than any dialect keeps a new ticket out of lists.
const LISTED_AFTER: Duration = Duration::from_secs(150);

/// The facts on which the number of requests depends: a row that is counted and never listed costs a second look,
/// a list whose rows have no times is read at once, as is one that goes on after the end of its range, and what appears
/// late belongs to a later range.
const PACE: [&str; 4] = [
    "update-until-ignored",
    "record-count-larger",
    "rows-without-last-update",
    "list-lag",
];

/// A bundle without webhooks, after a first sweep that found no tickets. `fixed` are facts that the scenario is
/// about.
async fn without_webhooks(seed: u64, fixed: &[&str]) -> Scenario {
    let setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        latency: Duration::from_millis(6),
        seed,
        ..Setup::managed().fixing(fixed)
    };
    let bundle = Scenario::start(setup).await;
    let first = bundle.process().use_cases.sweep_tickets().await;
    first.unwrap();
    bundle
}

/// Logs tickets that look like ours and are not remembered: every row of a list is news.
fn log(bundle: &Scenario, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let ticket = TicketSpec {
            client_id: 17,
            tickettype_id: 5,
            summary: format!("[LG-{}] Rule", number + 1),
            details: String::new(),
        };
        bundle.halo.log_ticket(DANA, &ticket).unwrap();
    }
}

/// A technician works on any ticket.
fn work(bundle: &Scenario, dice: &mut StdRng) {
    let tickets = bundle.halo.tickets();
    let living: Vec<i64> = tickets
        .iter()
        .filter(|it| !it.deleted)
        .map(|it| it.id)
        .collect();
    let any = living[dice.random_range(0..living.len())];
    let done = match dice.random_range(0..6) {
        0 => bundle.halo.delete_ticket(any, RUBEN),
        1 => bundle.halo.close_ticket(any, DANA),
        2 => bundle.halo.add_note(any, RUBEN, "looked at").map(drop),
        3 => {
            log(bundle, tickets.len()..tickets.len() + 1);
            Ok(())
        }
        _ => {
            let change = TicketEdit {
                status_id: Some(2),
                ..TicketEdit::default()
            };
            bundle.halo.change_ticket(any, DANA, change)
        }
    };
    done.unwrap();
}

/// Takes every snapshot out of the queue.
async fn drain(bundle: &Scenario, seen: &mut Swept) {
    let store = &bundle.process().store;
    loop {
        let week = Duration::from_secs(7 * 24 * 3600);
        let deliveries = store.receive(Lane::Urgent, 500, week).await.unwrap();
        if deliveries.is_empty() {
            return;
        }
        for delivery in deliveries {
            let Ok(Message::ReconcileTicket {
                ticket, snapshot, ..
            }) = delivery.message
            else {
                panic!("a sweep sends snapshot of tickets");
            };
            let snapshot = snapshot.unwrap();
            let sent = (snapshot.changed_at.as_millis(), snapshot.status.get());
            let known = seen.entry(ticket.get()).or_default();
            *known = sent.max(*known);
            store.ack(Lane::Urgent, &delivery.receipt).await.unwrap();
        }
    }
}

/// Pages of tickets that were read so far.
fn pages_read(bundle: &Scenario) -> usize {
    let calls = bundle.requests.to(Component::HaloPsa);
    let page = |target: &str| target.contains("/Tickets?");
    let read = calls
        .iter()
        .filter(|call| page(&call.target) && call.status == Some(200));
    read.count()
}

/// Asserts that the sweeps have sent the last state of every existing ticket.
fn expect_nothing_missed(bundle: &Scenario, seen: &Swept) {
    for ticket in bundle.halo.tickets() {
        if ticket.deleted {
            continue;
        }
        let sent = seen.get(&ticket.id.unsigned_abs()).copied();
        let is = (ticket.updated_at, ticket.status_id.unsigned_abs());
        assert_eq!(sent, Some(is), "ticket {}", ticket.id);
    }
}

/// What happens to tickets while a sweep runs.
#[derive(Clone, Copy, PartialEq)]
enum World {
    /// Nothing changes.
    Still,
    /// People work on tickets.
    Busy,
    /// The same, and the process dies after each page.
    Deadly,
}

/// Tickets, many of them of the same moment, are listed by sweeps of which each reads one page.
async fn read_page_by_page(seed: u64, world: World) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut bundle = Box::pin(without_webhooks(seed, &PACE)).await;
    let count = dice.random_range(PAGE + 1..5 * PAGE);
    let mut logged = 0;
    while logged < count {
        // One moment may hold more than a page.
        let together = dice.random_range(1..3 * PAGE).min(count - logged);
        log(&bundle, logged..logged + together);
        logged += together;
        bundle
            .time
            .advance(Duration::from_millis(dice.random_range(0..3)));
    }
    let before = pages_read(&bundle);
    let mut seen = Swept::new();
    let mut broken_off = 0;
    loop {
        // One page is read, the next is not. A new process takes over the token of the last one.
        let faults = bundle.halo.faults();
        faults.at_request(faults.requests_seen() + 2, Fault::RefuseConnection);
        let swept = bundle.process().use_cases.sweep_tickets().await;
        drain(&bundle, &mut seen).await;
        if swept.is_ok() {
            break;
        }
        broken_off += 1;
        assert!(broken_off < 40, "it does not come to an end");
        if world != World::Still {
            for _ in 0..dice.random_range(0..5) {
                work(&bundle, &mut dice);
                bundle
                    .time
                    .advance(Duration::from_millis(dice.random_range(0..2)));
            }
        }
        if world == World::Deadly {
            bundle.crash().await;
        }
    }
    bundle.halo.faults().clear();
    let read = pages_read(&bundle) - before;
    // One shows that there are many, one at the end that there are no more.
    let most = count.div_ceil(PAGE) + 2;
    assert!(read <= most, "{read} pages for {count} tickets");
    assert!(broken_off + 1 >= count.div_ceil(PAGE));
    // No ticket has changed since the last list request: a later sweep has nothing to correct.
    expect_nothing_missed(&bundle, &seen);
}

/// Runs the cases of one grid.
fn all(name: &'static str, world: World) {
    let mut grid = CaseMatrix::new(name);
    for seed in 0..CASES {
        grid.case(&format!("seed {seed}"), read_page_by_page(seed, world));
    }
    grid.finish();
}

#[test]
fn a_sweep_that_breaks_off_at_every_page_reads_each_once_and_misses_nothing() {
    all("sweeps, no changes", World::Still);
}

#[test]
fn tickets_that_change_between_the_pages_of_a_sweep_are_not_missed() {
    all("sweeps, people work", World::Busy);
}

#[test]
fn a_process_that_dies_after_every_page_misses_nothing_and_reads_no_page_again() {
    all("sweeps, the process dies", World::Deadly);
}

#[tokio::test]
async fn a_long_list_is_read_once_and_only_when_it_has_settled() {
    let bundle = Box::pin(without_webhooks(1, &PACE)).await;
    log(&bundle, 0..1100);
    let before = pages_read(&bundle);
    let mut seen = Swept::new();
    let met_at = bundle.time.now();
    while pages_read(&bundle) - before < 2 {
        bundle.process().use_cases.sync_cycle().await;
        drain(&bundle, &mut seen).await;
        bundle.time.advance(Duration::from_secs(15));
    }
    let waited = bundle.time.now().since(met_at);
    assert!(waited >= Duration::from_secs(240), "{waited:?}");
    assert_eq!(seen.len(), 1100);
    assert_eq!(pages_read(&bundle) - before, 1 + 11 + 1);
    expect_nothing_missed(&bundle, &seen);
}

#[tokio::test]
async fn a_long_list_is_read_whole_however_its_rows_are_counted_timed_and_delayed() {
    let bundle = Box::pin(without_webhooks(1, &[])).await;
    log(&bundle, 0..1100);
    let mut seen = Swept::new();
    let end = bundle.time.now().plus(LISTED_AFTER + INDEX_LAG_MAX * 2);
    while bundle.time.now() < end {
        bundle.process().use_cases.sync_cycle().await;
        drain(&bundle, &mut seen).await;
        bundle.time.advance(Duration::from_secs(15));
    }
    // Where rows have no times, a snapshot has none either.
    assert_eq!(seen.len(), 1100);
    assert!(seen.values().all(|(_, status)| *status == 1));
}
