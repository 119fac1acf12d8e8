//! What a sweep queues, how far it reports to have read, and how it resumes after it was interrupted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use halogard_app::outcome::TaskEnd;
use halogard_app::poll::Scope;
use halogard_app::ports::{ErrorCode, Lane, Links as _, TicketListing};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::Base;
use halogard_domain::message::{Cause, Message};
use halogard_domain::sweep_cursor::{ChangeRange, SweepCursor};
use halogard_domain::{FailureClass, Slug, Ticket, Timestamp};
use support::{ALERT, Bench, CLOSED, TICKET, alert, at, failing, ticket};

/// A bench whose pair has agreed on what both sides show.
async fn in_sync() -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    let store = &bench.reconciler.store;
    let mut stored = store.load(ALERT).await.unwrap().unwrap();
    stored.value.agree(Base {
        alert_closed: false,
        alert_status: alert(7586).status,
        alert_priority: alert(7586).priority,
        alert_text: alert(7586).text_hash(),
        ticket_status: support::OPEN,
        ticket_closed: None,
        ticket_priority: None,
    });
    let saved = store.save(&stored.value, &[], stored.revision);
    saved.await.unwrap();
    bench
}

/// The mark of the sweep.
fn swept_to(bench: &Bench) -> Option<Timestamp> {
    bench.file.sweep_cursor().watermark
}

/// Sweeps a list of `seen`.
async fn sweep(bench: &Bench, seen: &[Ticket]) -> usize {
    *bench.reconciler.desk.listings.lock().unwrap() = seen
        .iter()
        .map(|ticket| TicketListing {
            id: ticket.id,
            changed_at: Some(ticket.changed_at),
            ticket: Some(ticket.clone()),
        })
        .collect();
    bench.reconciler.sweep_tickets().await.unwrap().queued
}

#[tokio::test]
async fn the_first_sweep_takes_in_tickets_that_carry_our_key() {
    let bench = Bench::new();
    let ours = ticket(4242, 7586, at(-30));
    let theirs = Ticket {
        summary: "Printer jams".into(),
        ..ticket(4243, 1, at(-30))
    };
    for ticket in [ours, theirs] {
        bench
            .reconciler
            .desk
            .tickets
            .lock()
            .unwrap()
            .insert(ticket.id, ticket);
    }
    bench.reconciler.liongard.list.lock().unwrap().alerts = vec![alert(ALERT.get())];
    assert!(!bench.reconciler.has_swept().await.unwrap());
    let report = bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!((report.adopted, report.queued), (1, 0));
    assert!(bench.reconciler.has_swept().await.unwrap());
    assert_eq!(swept_to(&bench), Some(at(-3600)));
    assert_eq!(bench.file.link(ALERT).ticket, Some(TICKET));
}

#[tokio::test]
async fn without_a_clock_of_halopsa_the_first_watermark_allows_for_a_wrong_time_zone() {
    let bench = Bench::new();
    *bench.reconciler.desk.hides_its_time.lock().unwrap() = true;
    bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!(swept_to(&bench), Some(at(-26 * 3600)));
}

/// HaloPSA's clock was set back: the list shows the ticket closed, before what is known of it.
#[tokio::test]
async fn a_row_that_contradicts_what_is_known_is_read_however_old_it_claims_to_be() {
    let bench = in_sync().await;
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(300));
    let row = |status, changed_at| Ticket {
        status,
        observed_at: at(300),
        ..ticket(4242, 7586, changed_at)
    };
    for (what, seen, queued) in [
        (
            "an older row of the same state",
            row(support::OPEN, at(-7_000)),
            0,
        ),
        ("an older row of another state", row(CLOSED, at(-7_000)), 1),
    ] {
        assert_eq!(sweep(&bench, &[seen]).await, queued, "{what}");
    }
    let sent = bench.file.sent_to(Lane::Urgent);
    let read = Message::reconcile_ticket(TICKET, Cause::Sweep);
    assert_eq!(sent, [read], "it is read, not believed");
}

#[tokio::test]
async fn a_first_sweep_that_failed_is_made_again() {
    let bench = Bench::new();
    bench.reconciler.desk.switch.fail(failing(
        FailureClass::Transient,
        ErrorCode::HalopsaUnreachable,
    ));
    bench.reconciler.sweep_tickets().await.unwrap_err();
    assert!(!bench.reconciler.has_swept().await.unwrap());
}

/// Another process on the store of `bench`, with the same vendors.
fn next_process(bench: Bench) -> Bench {
    let mut next = bench.beside(support::secret());
    next.desk.tickets = bench.reconciler.desk.tickets;
    next.liongard.list = bench.reconciler.liongard.list;
    Bench {
        reconciler: next,
        clock: bench.clock,
        file: bench.file,
    }
}

/// A desk with `count` tickets, of which every `nth` is ours and open, of an alert that Liongard lists; the
/// others are a person's, or years old.
fn fill(bench: &Bench, count: u64, nth: u64) -> Vec<u64> {
    let ours: Vec<u64> = (1..=count).filter(|number| number % nth == 0).collect();
    let mut tickets = bench.reconciler.desk.tickets.lock().unwrap();
    let persons = Ticket {
        summary: "LG-x: a person's".into(),
        ..ticket(1, 1, at(-30))
    };
    for number in 1..=count {
        let id = TicketId::new(number);
        let made = match number % nth {
            0 => ticket(number, number, at(-30)),
            1 => Ticket {
                id,
                status: CLOSED,
                ..ticket(number, number, at(-30))
            },
            _ => Ticket {
                id,
                ..persons.clone()
            },
        };
        tickets.insert(id, made);
    }
    drop(tickets);
    let listed = ours.iter().map(|number| alert(*number)).collect();
    bench.reconciler.liongard.list.lock().unwrap().alerts = listed;
    ours
}

/// The alerts that have their ticket.
fn adopted(bench: &Bench, ours: &[u64]) -> usize {
    let linked = |number: &&u64| {
        let link = bench.file.find_link(AlertId::new(**number));
        link.is_some_and(|link| link.ticket == Some(TicketId::new(**number)))
    };
    ours.iter().filter(linked).count()
}

#[tokio::test]
async fn a_first_sweep_has_no_upper_limit_of_tickets() {
    let bench = Bench::new();
    let ours = fill(&bench, 100_000, 1_000);
    let report = bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!((report.adopted, adopted(&bench, &ours)), (100, 100));
    assert!(bench.reconciler.has_swept().await.unwrap());
    let pages = bench.reconciler.desk.keyed_pages.lock().unwrap().len();
    assert_eq!(pages, 1_001, "the first page twice, every other one once");
}

/// Seven pages; after each number of requests to both vendors a vendor fails, the budget is empty, or the
/// process ends, again and again.
#[tokio::test]
async fn a_first_sweep_that_stops_anywhere_goes_on_where_it_was() {
    let mut cases = 0;
    for calls in 2..40 {
        for restarts in [false, true] {
            let mut bench = Bench::new();
            let ours = fill(&bench, 650, 50);
            let mut rounds = 0;
            while !bench.reconciler.has_swept().await.unwrap() {
                bench.reconciler.desk.switch.fail_after(
                    calls,
                    failing(FailureClass::Transient, ErrorCode::BudgetExhausted),
                );
                bench
                    .reconciler
                    .sweep_tickets()
                    .await
                    .map(drop)
                    .unwrap_or_default();
                // The alerts wait until every page was read.
                rounds += 1;
                assert!(rounds < 100, "no progress with {calls} calls");
                if restarts {
                    bench = next_process(bench);
                }
            }
            assert_eq!(
                adopted(&bench, &ours),
                ours.len(),
                "{calls} calls, restarts: {restarts}"
            );
            cases += 1;
        }
    }
    println!("{cases} cases");
}

#[tokio::test]
async fn a_first_sweep_reads_no_page_again_that_was_read_before_a_stop() {
    let bench = Bench::new();
    fill(&bench, 650, 50);
    let mut read = Vec::new();
    while !bench.reconciler.has_swept().await.unwrap() {
        // Two tickets of each page cost a request each.
        bench.reconciler.desk.switch.fail_after(
            3,
            failing(FailureClass::Transient, ErrorCode::BudgetExhausted),
        );
        bench
            .reconciler
            .sweep_tickets()
            .await
            .map(drop)
            .unwrap_or_default();
        read.append(&mut bench.reconciler.desk.keyed_pages.lock().unwrap());
    }
    read.dedup();
    assert_eq!(read, [1, 7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn the_watermark_only_moves_forward_and_only_to_what_has_settled() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(300));
    let changed = |second| vec![ticket(4242, 7586, at(second))];
    let rows = [
        ("nothing listed", 0, vec![], -3600),
        (
            "a change, which may hide an earlier one",
            0,
            changed(100),
            -3600,
        ),
        ("the same a little early", 239, changed(100), -3600),
        ("the same when it has settled", 1, changed(100), 100),
        ("an older one", 300, changed(50), 100),
        ("one without a time", 300, changed(-1_790_000_000), 100),
        ("another", 0, changed(200), 100),
        (
            "a third, which does not put the second off",
            240,
            changed(300),
            200,
        ),
        ("the third when it has settled", 240, changed(300), 300),
    ];
    let mut marks = vec![at(-3600)];
    for (what, pause, seen, expected) in rows {
        bench.clock.pass(Duration::from_secs(pause));
        sweep(&bench, &seen).await;
        assert_eq!(swept_to(&bench), Some(at(expected)), "{what}");
        marks.push(at(expected));
    }
    // Each sweep read from the mark as it stood.
    marks.pop();
    assert_eq!(*bench.reconciler.desk.since.lock().unwrap(), marks);
}

/// Changes of the next list that one request does not show.
fn leave(bench: &Bench, pages: u32) -> ChangeRange {
    let range = ChangeRange {
        since: at(-3600),
        until: at(100),
        pages,
        count: pages * 100,
    };
    *bench.reconciler.desk.range.lock().unwrap() = Some(range.clone());
    range
}

/// What was asked for since the last call: pages of ranges, and from when on changes were listed.
fn asked(bench: &Bench) -> (Vec<u32>, Vec<Timestamp>) {
    let next_page = std::mem::take(&mut *bench.reconciler.desk.next_page.lock().unwrap());
    let since = std::mem::take(&mut *bench.reconciler.desk.since.lock().unwrap());
    (next_page.iter().map(|range| range.pages).collect(), since)
}

/// Just before the end of the range.
fn at_its_end() -> Timestamp {
    at(100).minus(Duration::from_millis(1))
}

#[tokio::test]
async fn a_long_list_is_left_until_it_has_settled_and_then_read_once() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sync_cycle().await;
    bench.clock.pass(Duration::from_secs(300));
    leave(&bench, 4);
    assert_eq!(
        bench.reconciler.sync_cycle().await.swept,
        TaskEnd::Partial(0)
    );
    assert_eq!(asked(&bench), (vec![], vec![at(-3600)]));
    bench.clock.pass(Duration::from_secs(239));
    bench.reconciler.sync_cycle().await;
    assert_eq!(asked(&bench), (vec![], vec![]), "it is not asked for again");
    bench.clock.pass(Duration::from_secs(1));
    bench.reconciler.sync_cycle().await;
    let pages = (1..=4).rev().collect();
    assert_eq!(asked(&bench), (pages, vec![at_its_end()]));
    assert_eq!(swept_to(&bench), Some(at_its_end()));
    bench.clock.pass(Duration::from_secs(300));
    bench.reconciler.sync_cycle().await;
    assert_eq!(asked(&bench), (vec![], vec![at_its_end()]));
}

#[tokio::test]
async fn a_shorter_list_is_read_at_once_and_again_when_it_has_settled() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sync_cycle().await;
    bench.clock.pass(Duration::from_secs(300));
    leave(&bench, 3);
    bench.reconciler.sync_cycle().await;
    let pages: Vec<u32> = (1..=3).rev().collect();
    assert_eq!(
        asked(&bench),
        (pages.clone(), vec![at(-3600), at_its_end()])
    );
    assert_eq!(swept_to(&bench), Some(at(-3600)), "something may be hidden");
    bench.clock.pass(Duration::from_secs(300));
    leave(&bench, 3);
    bench.reconciler.sync_cycle().await;
    assert_eq!(asked(&bench), (pages, vec![at(-3600), at_its_end()]));
    assert_eq!(swept_to(&bench), Some(at_its_end()));
}

#[tokio::test]
async fn a_sweep_resumes_at_the_page_at_which_the_last_one_failed() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(300));
    leave(&bench, 3);
    let desk = &bench.reconciler.desk;
    let mut read = Vec::new();
    // The list, three pages, and what changed since: one each time.
    for last in [false, false, false, false, true] {
        desk.switch.fail_after(
            1,
            failing(FailureClass::Transient, ErrorCode::HalopsaUnreachable),
        );
        let swept = bench.reconciler.sweep_tickets().await;
        assert_eq!(swept.is_ok(), last);
        desk.switch.repair();
        read.push(asked(&bench));
    }
    let page = |page| (vec![page], vec![]);
    let list = |since| (vec![], vec![since]);
    let expected = [
        list(at(-3600)),
        page(3),
        page(2),
        page(1),
        list(at_its_end()),
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_sweep_that_was_overtaken_leaves_the_rest_to_the_faster_one() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    leave(&bench, 11);
    bench.reconciler.sync_cycle().await;
    asked(&bench);
    let file = Arc::clone(&bench.file);
    let save = Box::new(move || file.save_records_of::<SweepCursor>());
    *bench.reconciler.desk.meanwhile.lock().unwrap() = Some(save);
    let swept = bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!(swept.pages_deferred, 0);
    assert_eq!(asked(&bench), (vec![11], vec![]), "it reads nothing more");
    let pending = bench.file.sweep_cursor().pending.unwrap();
    assert_eq!(pending.range.pages, 11, "the other sweep's cursor stays");
}

#[tokio::test]
async fn what_follows_a_range_proves_nothing_about_what_was_hidden_before_it() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    leave(&bench, 1);
    let desk = &bench.reconciler.desk;
    // Read at once; then a long list that follows it, which settles.
    desk.switch.fail_after(
        2,
        failing(FailureClass::Transient, ErrorCode::HalopsaUnreachable),
    );
    bench.reconciler.sync_cycle().await;
    desk.switch.repair();
    let later = ChangeRange {
        since: at_its_end(),
        until: at(200),
        ..leave(&bench, 11)
    };
    *desk.range.lock().unwrap() = Some(later);
    bench.reconciler.sync_cycle().await;
    bench.clock.pass(Duration::from_secs(240));
    bench.reconciler.sync_cycle().await;
    assert_eq!(asked(&bench).0.len(), 1 + 11);
    assert_eq!(swept_to(&bench), Some(at(-3600)));
}

#[tokio::test]
async fn a_long_list_is_read_before_so_many_closes_that_it_is_worth_it() {
    for (closes, pages) in [(10, 0), (11, 11)] {
        let bench = Bench::new();
        bench.reconciler.sweep_tickets().await.unwrap();
        bench.poll(11).await.unwrap();
        leave(&bench, 11);
        bench.reconciler.sync_cycle().await;
        asked(&bench);
        let mut list = bench.reconciler.liongard.list.lock().unwrap().clone();
        for alert in &mut list.alerts[..closes] {
            alert.status = Slug::new("Closed");
        }
        *bench.reconciler.liongard.list.lock().unwrap() = list;
        bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
        assert_eq!(asked(&bench).0.len(), pages, "{closes}");
    }
}

#[tokio::test]
async fn a_sweep_that_fails_keeps_the_watermark() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(300));
    *bench.reconciler.desk.listings.lock().unwrap() = vec![TicketListing {
        id: TICKET,
        changed_at: Some(at(100)),
        ticket: Some(Ticket {
            status: CLOSED,
            ..ticket(4242, 7586, at(100))
        }),
    }];
    bench.file.refuse_sends_above(0);
    bench.reconciler.sweep_tickets().await.unwrap_err();
    assert_eq!(swept_to(&bench), Some(at(-3600)));
    bench.file.accept_sends();
    bench.reconciler.desk.switch.fail(failing(
        FailureClass::Transient,
        ErrorCode::HalopsaShortList,
    ));
    bench.reconciler.sweep_tickets().await.unwrap_err();
    assert_eq!(swept_to(&bench), Some(at(-3600)));
    bench.reconciler.desk.switch.repair();
    assert_eq!(bench.reconciler.sweep_tickets().await.unwrap().queued, 1);
    bench.clock.pass(Duration::from_secs(240));
    bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!(swept_to(&bench), Some(at(100)));
}

#[tokio::test]
async fn a_sweep_queues_what_a_pair_has_not_observed() {
    let bench = in_sync().await;
    bench.reconciler.sweep_tickets().await.unwrap();
    let listed = ticket(4242, 7586, at(-30));
    assert_eq!(
        sweep(&bench, std::slice::from_ref(&listed)).await,
        0,
        "it is known"
    );
    let closed_at = |seconds| Ticket {
        status: CLOSED,
        ..ticket(4242, 7586, at(seconds))
    };
    assert_eq!(sweep(&bench, &[closed_at(-91)]).await, 0, "it is older");
    assert_eq!(
        sweep(&bench, &[closed_at(-31)]).await,
        1,
        "a server's clock may be behind: the ticket is read"
    );
    let queued: Message = serde_json::from_str(&bench.only_item().body).unwrap();
    assert_eq!(queued, Message::reconcile_ticket(TICKET, Cause::Sweep));
    let same_moment = Ticket {
        status: CLOSED,
        ..listed
    };
    assert_eq!(sweep(&bench, &[same_moment]).await, 1);
    assert_eq!(sweep(&bench, &[ticket(4242, 7586, at(-29))]).await, 1);
    let marked = ticket(4250, 9999, at(-29));
    assert_eq!(
        sweep(&bench, &[marked]).await,
        1,
        "it carries our key and no link names it"
    );
    let foreign = Ticket {
        summary: "Printer jams".into(),
        ..ticket(4251, 1, at(-29))
    };
    assert_eq!(sweep(&bench, &[foreign]).await, 0, "it is none of ours");
}

#[tokio::test]
async fn a_ticket_listed_with_too_few_members_is_reconciled_if_it_is_ours() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    *bench.reconciler.desk.listings.lock().unwrap() = vec![
        TicketListing {
            id: TICKET,
            changed_at: None,
            ticket: None,
        },
        TicketListing {
            id: TicketId::new(4243),
            changed_at: None,
            ticket: None,
        },
    ];
    let report = bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!((report.listed, report.queued), (2, 1));
    assert_eq!(
        bench.file.sent_to(Lane::Urgent),
        [Message::reconcile_ticket(TICKET, Cause::Sweep)]
    );
    assert_eq!(swept_to(&bench), Some(at(-3600)));
}

#[tokio::test]
async fn a_row_with_few_members_that_did_not_change_is_not_queued() {
    let bench = in_sync().await;
    bench.reconciler.sweep_tickets().await.unwrap();
    for (changed_at, queued) in [(-30, 0), (-31, 0), (-29, 1)] {
        *bench.reconciler.desk.listings.lock().unwrap() = vec![TicketListing {
            id: TICKET,
            changed_at: Some(at(changed_at)),
            ticket: None,
        }];
        let report = bench.reconciler.sweep_tickets().await.unwrap();
        assert_eq!(report.queued, queued, "{changed_at}");
    }
}
