//! Which tickets are recognised as ours, and which only claim to be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::poll::Scope;
use halogard_app::ports::{
    Journal as _, Lane, Links as _, Records as _, TicketListing, WorkSink as _,
};
use halogard_domain::ids::{AlertId, HaloClientId, TicketId};
use halogard_domain::key::{Installation, KeySecret};
use halogard_domain::message::Cause;
use halogard_domain::record::Singleton;
use halogard_domain::ticket::NoteAuthor;
use halogard_domain::{Alert, Link, LinkKey, Message, Slug, Ticket};
use support::{ALERT, Bench, CLOSED, TICKET, alert, at, key, policy, secret, ticket};

/// HaloPSA has `tickets`, and the next sweep lists them.
fn list(bench: &Bench, tickets: &[Ticket]) {
    let desk = &bench.reconciler.desk;
    let listing = |ticket: &Ticket| TicketListing {
        id: ticket.id,
        changed_at: Some(ticket.changed_at),
        ticket: Some(ticket.clone()),
    };
    *desk.listings.lock().unwrap() = tickets.iter().map(listing).collect();
    let rows = tickets.iter().map(|ticket| (ticket.id, ticket.clone()));
    desk.tickets.lock().unwrap().extend(rows);
}

/// Sweeps, and works off what it queued.
async fn sweep(bench: &Bench) {
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.process_all().await;
}

async fn report(bench: &Bench, alert: Alert) {
    let message = Message::alert_snapshot(alert, Cause::Poll);
    let store = &bench.reconciler.store;
    store.send(Lane::Urgent, &[message.into()]).await.unwrap();
    bench.process_all().await;
}

/// What the store holds about an alert.
async fn link(bench: &Bench, id: u64) -> Link {
    stored(bench, id).await.expect("a link")
}

async fn stored(bench: &Bench, id: u64) -> Option<Link> {
    let loaded = bench.reconciler.store.load(AlertId::new(id)).await;
    loaded.unwrap().map(|stored| stored.value)
}

/// Works off the urgent lane; the words under which metrics count that.
async fn words(bench: &Bench) -> Vec<&'static str> {
    let mut words = Vec::new();
    loop {
        let processed = bench.reconciler.process_next(Lane::Urgent).await.unwrap();
        if processed.is_empty() {
            return words;
        }
        words.extend(processed.iter().flat_map(|it| it.words()));
    }
}

/// A ticket that a person of another customer opened.
fn strangers(summary: &str) -> Ticket {
    Ticket {
        client: HaloClientId::new(666),
        summary: summary.to_owned(),
        ..ticket(9999, 1, at(5))
    }
}

#[tokio::test]
async fn a_strangers_title_does_not_take_a_linked_alert_over() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    list(&bench, &[strangers("RE: [LG-7586-2] please call me")]);
    sweep(&bench).await;
    let link = link(&bench, 7586).await;
    assert_eq!((link.ticket, link.recurrence), (Some(TICKET), 1));
    assert!(link.earlier_tickets.is_empty());
}

#[tokio::test]
async fn a_strangers_title_does_not_swallow_an_alert_to_come() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    list(&bench, &[strangers("[LG-7600] hello")]);
    sweep(&bench).await;
    list(&bench, &[]);
    bench.reconciler.liongard.list.lock().unwrap().alerts = vec![alert(7600)];
    bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    bench.process_all().await;
    let tickets = bench.reconciler.desk.tickets.lock().unwrap();
    let own = tickets
        .values()
        .filter(|ticket| ticket.client == HaloClientId::new(17));
    assert_eq!(own.count(), 1);
}

#[test]
fn a_title_holds_no_number_that_no_store_takes() {
    assert_eq!(LinkKey::find_in("[LG-18446744073709551615]", "LG"), None);
    assert_eq!(LinkKey::find_in("[LG-9223372036854775808]", "LG"), None);
    let largest = LinkKey::find_in("[LG-9223372036854775807]", "LG").unwrap();
    assert_eq!(largest.alert.get(), i64::MAX.unsigned_abs());
}

#[tokio::test]
async fn a_new_prefix_leaves_untouched_tickets_untouched() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    report(&bench, alert(7586)).await;
    // Longer than what is known of people's work may be relied on.
    bench.clock.pass(Duration::from_secs(130));
    let mut renamed = policy();
    renamed.key_prefix = "ACME".into();
    bench.reconciler.set_policy(renamed);
    let over = Alert {
        status: Slug::new("Closed - Complete"),
        changed_at: at(130),
        observed_at: at(130),
        ..alert(7586)
    };
    report(&bench, over).await;
    let ticket = link(&bench, ALERT.get()).await.ticket.unwrap();
    let status = bench.reconciler.desk.tickets.lock().unwrap()[&ticket].status;
    assert_eq!(status, CLOSED);
}

/// A ticket at the mapped client that carries the key of `alert`.
fn copy(id: u64, alert: u64, summary: &str) -> Ticket {
    Ticket {
        summary: summary.to_owned(),
        ..ticket(id, alert, at(5))
    }
}

/// The events in the journal of an alert, each with its ticket.
async fn journal(bench: &Bench, alert: u64) -> Vec<(String, Option<TicketId>)> {
    let store = &bench.reconciler.store;
    let entries = store.journal(AlertId::new(alert), 100).await.unwrap();
    let entries = entries.into_iter();
    entries.map(|entry| (entry.event, entry.ticket)).collect()
}

fn opened_by(bench: &Bench, ticket: TicketId, author: NoteAuthor) {
    let desk = &bench.reconciler.desk;
    desk.opened_by.lock().unwrap().insert(ticket, author);
}

#[tokio::test]
async fn a_second_ticket_with_the_key_of_a_link_is_reported_once() {
    for (summary, word) in [
        (key(7586, 1).marker(), "duplicate_ticket"),
        ("[LG-7586] sent by mail".to_owned(), "foreign_key"),
        ("[LG-7586.abcdef]".to_owned(), "foreign_key"),
    ] {
        let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
        bench.reconciler.sweep_tickets().await.unwrap();
        for changed_at in [5, 6, 7] {
            let other = Ticket {
                changed_at: at(changed_at),
                ..copy(9999, 7586, &summary)
            };
            list(&bench, &[other]);
            sweep(&bench).await;
        }
        assert_eq!(link(&bench, 7586).await.ticket, Some(TICKET));
        let entries = journal(&bench, 7586).await;
        assert_eq!(entries, [(word.to_owned(), Some(TicketId::new(9999)))]);
    }
}

#[tokio::test]
async fn a_claim_on_an_alert_that_is_not_there_makes_no_link() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    for summary in ["[LG-7600] hello".to_owned(), key(7600, 1).marker()] {
        list(&bench, &[copy(9999, 7600, &summary)]);
        sweep(&bench).await;
        assert_eq!(stored(&bench, 7600).await, None);
        let (event, ticket) = journal(&bench, 7600).await.pop().unwrap();
        assert_eq!(
            (event.as_str(), ticket),
            ("foreign_key", Some(TicketId::new(9999)))
        );
    }
}

#[tokio::test]
async fn a_flood_of_forged_titles_costs_no_request() {
    let bench = Bench::new();
    bench.reconciler.liongard.show(100);
    bench.reconciler.sweep_tickets().await.unwrap();
    let forged = |id: u64| copy(9000 + id, id, &format!("[LG-{id}] please help"));
    let forged: Vec<_> = (1..=15).map(forged).collect();
    list(&bench, &forged);
    let before = bench.reconciler.desk.switch.asked();
    sweep(&bench).await;
    let requests = bench.reconciler.desk.switch.asked() - before;
    assert_eq!(requests, 1, "the list itself");
    assert_eq!(bench.reconciler.liongard.switch.asked(), 0);
}

#[tokio::test]
async fn a_ticket_whose_link_was_lost_is_adopted_if_our_application_opened_it() {
    for (author, adopted) in [
        (Some(NoteAuthor::Halogard), true),
        (None, true),
        (Some(NoteAuthor::Person), false),
        (Some(NoteAuthor::Automation), false),
        (Some(NoteAuthor::Application("Huntress".into())), false),
    ] {
        let bench = Bench::new();
        bench.reconciler.sweep_tickets().await.unwrap();
        bench.reconciler.liongard.list.lock().unwrap().alerts = vec![alert(7586)];
        if let Some(author) = author.clone() {
            opened_by(&bench, TICKET, author);
        }
        list(&bench, &[ticket(4242, 7586, at(5))]);
        sweep(&bench).await;
        let link = stored(&bench, 7586).await;
        let linked = link.is_some_and(|link| link.ticket == Some(TICKET));
        assert_eq!(linked, adopted, "{author:?}");
    }
}

#[tokio::test]
async fn a_new_store_adopts_what_our_application_opened_and_sets_the_rest_aside() {
    let bench = Bench::new();
    bench.reconciler.liongard.show(6);
    let unproven = |id: u64| copy(4000 + id, id, &format!("[LG-{id}.abcdef] Disk"));
    let elsewhere = Ticket {
        client: HaloClientId::new(666),
        ..unproven(4)
    };
    let odd = copy(4005, 5, "[LG-18446744073709551615] hello");
    let gone = unproven(77);
    let closed = Ticket {
        status: CLOSED,
        ..unproven(78)
    };
    let tickets = [
        unproven(1),
        unproven(2),
        unproven(3),
        elsewhere,
        odd,
        gone,
        closed,
    ];
    list(&bench, &tickets);
    for id in [4001, 4004, 4077, 4078] {
        opened_by(&bench, TicketId::new(id), NoteAuthor::Halogard);
    }
    opened_by(&bench, TicketId::new(4002), NoteAuthor::Person);
    let report = bench.reconciler.sweep_tickets().await.unwrap();
    assert_eq!((report.adopted, report.not_adopted), (2, 3));
    assert_eq!(link(&bench, 1).await.ticket, Some(TicketId::new(4001)));
    // A person moved it to another client.
    let moved = link(&bench, 4).await;
    assert_eq!(moved.ticket, Some(TicketId::new(4004)));
    assert!(moved.found_elsewhere);
    for alert in [2, 3, 77, 78] {
        assert_eq!(stored(&bench, alert).await, None, "{alert}");
    }
    assert!(bench.reconciler.has_swept().await.unwrap());
    // Findings are counted from the first sweep on.
    let mut words = words(&bench).await;
    words.retain(|word| *word == "foreign_key");
    assert_eq!(words.len(), 3);
}

#[tokio::test]
async fn a_pasted_key_takes_no_ticket_from_the_alert_that_its_opening_entry_names() {
    let signed = |id: u64| {
        secret().sign(LinkKey {
            prefix: "LG".into(),
            alert: AlertId::new(id),
            recurrence: 1,
        })
    };
    // The first of the two alerts has a ticket into whose title the key of the other was pasted, in a lost store and
    // in a restored one, beside its own key or in its place. The other alert's ticket is older or newer.
    for (is_lost, own) in [(true, 4001), (true, 4009), (false, 4001), (false, 4009)] {
        for keeps_own in [true, false] {
            let what = format!("lost: {is_lost}, {own}, keeps its own: {keeps_own}");
            let bench = Bench::new();
            if !is_lost {
                bench.reconciler.sweep_tickets().await.unwrap();
                bench.reconciler.recover_claims().await.unwrap();
            }
            bench.reconciler.liongard.show(6);
            let shown = |text: String| match is_lost {
                true => text[..text.len() - 7].to_owned() + "abcdef]",
                false => text,
            };
            let [first, second] = [1, 2].map(|id| shown(signed(id).marker()));
            let pasted = if keeps_own {
                format!("see {second} / {first} Disk")
            } else {
                format!("{second} Disk")
            };
            list(
                &bench,
                &[
                    copy(own, 1, &pasted),
                    copy(4005, 2, &format!("{second} Disk")),
                ],
            );
            for (ticket, marker) in [(own, &first), (4005, &second)] {
                let ticket = TicketId::new(ticket);
                opened_by(&bench, ticket, NoteAuthor::Halogard);
                let key = marker.trim_matches(['[', ']']);
                let entry = format!("Disk is full Halogard {key}");
                let desk = &bench.reconciler.desk;
                desk.entries.lock().unwrap().insert(ticket, entry);
            }
            sweep(&bench).await;
            let ticket = async |alert| stored(&bench, alert).await.and_then(|it| it.ticket);
            assert_eq!(ticket(1).await, Some(TicketId::new(own)), "{what}");
            assert_eq!(ticket(2).await, Some(TicketId::new(4005)), "{what}");
        }
    }
}

#[tokio::test]
async fn findings_are_counted_while_the_store_is_behind() {
    let bench = Bench::swept().await;
    bench.reconciler.sync_cycle().await;
    bench.reconciler.recover_claims().await.unwrap();
    list(&bench, &[copy(5000, 7586, "[LG-7586.abcdef] hello")]);
    bench.reconciler.sync_cycle().await;
    let words = words(&bench).await;
    assert!(words.contains(&"foreign_key"), "{words:?}");
}

/// An alert whose request for a ticket got no response.
async fn in_doubt(bench: &Bench) {
    bench.reconciler.sweep_tickets().await.unwrap();
    *bench.reconciler.desk.shows_nothing.lock().unwrap() = true;
    report(bench, alert(7586)).await;
    *bench.reconciler.desk.shows_nothing.lock().unwrap() = false;
}

/// Lets the doubt settle, and works off what waits.
async fn settle(bench: &Bench) {
    for _ in 0..4 {
        bench.clock.pass(Duration::from_secs(600));
        bench.process_all().await;
    }
}

#[tokio::test]
async fn the_search_after_a_lost_response_takes_ours_and_no_strangers_ticket() {
    let bench = Bench::new();
    in_doubt(&bench).await;
    let ours = ticket(5001, 7586, at(5));
    let forged = copy(5000, 7586, "[LG-7586] me first");
    let elsewhere = strangers(&key(7586, 1).marker());
    list(&bench, &[forged, ours, elsewhere]);
    settle(&bench).await;
    assert_eq!(link(&bench, 7586).await.ticket, Some(TicketId::new(5001)));
    assert_eq!(*bench.reconciler.desk.opens.lock().unwrap(), 1);
    let events = journal(&bench, 7586).await;
    let event = |word: &str, ticket| (word.to_owned(), Some(TicketId::new(ticket)));
    for reported in [event("foreign_key", 5000), event("duplicate_ticket", 9999)] {
        assert!(events.contains(&reported), "{events:?}");
    }
}

#[tokio::test]
async fn the_search_after_a_lost_response_is_by_what_was_requested() {
    let bench = Bench::new();
    in_doubt(&bench).await;
    let mut changed = policy();
    changed.key_prefix = "ACME".into();
    for mapping in changed.environments.values_mut() {
        mapping.client = HaloClientId::new(99);
    }
    bench.reconciler.set_policy(changed);
    list(&bench, &[ticket(5001, 7586, at(5))]);
    settle(&bench).await;
    let searches = bench.reconciler.desk.searches.lock().unwrap().clone();
    let (searched, within) = searches.first().expect("a search");
    assert_eq!(*searched, key(7586, 1));
    assert_eq!(within.client, Some(HaloClientId::new(17)));
    assert_eq!(link(&bench, 7586).await.ticket, Some(TicketId::new(5001)));
}

#[tokio::test]
async fn an_alert_whose_tickets_are_never_found_gets_two_and_says_so() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    *bench.reconciler.desk.shows_nothing.lock().unwrap() = true;
    report(&bench, alert(7586)).await;
    let store = &bench.reconciler.store;
    for _ in 0..20 {
        bench.clock.pass(Duration::from_secs(600));
        bench.reconciler.sync_cycle().await;
        bench.process_all().await;
        let again = Message::reconcile_alert(ALERT, Cause::Poll).into();
        store.send(Lane::Urgent, &[again]).await.unwrap();
    }
    assert_eq!(*bench.reconciler.desk.opens.lock().unwrap(), 2);
    let refused = link(&bench, 7586).await.refused.remove(0);
    assert!(refused.message.contains("key_field"), "{}", refused.message);
    // The operator has put it right.
    *bench.reconciler.desk.shows_nothing.lock().unwrap() = false;
    let again = Message::reconcile_alert(ALERT, Cause::Operator).into();
    store.send(Lane::Urgent, &[again]).await.unwrap();
    bench.process_all().await;
    assert!(link(&bench, 7586).await.ticket.is_some());
}

#[tokio::test]
async fn a_changed_config_gives_an_alert_whose_tickets_were_not_found_one_more() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    *bench.reconciler.desk.shows_nothing.lock().unwrap() = true;
    report(&bench, alert(7586)).await;
    let half_a_day = async || {
        for _ in 0..72 {
            bench.clock.pass(Duration::from_secs(600));
            bench.reconciler.sync_cycle().await;
            bench.process_all().await;
        }
    };
    half_a_day().await;
    assert_eq!(*bench.reconciler.desk.opens.lock().unwrap(), 2);
    assert_eq!(link(&bench, 7586).await.refused.len(), 1, "it stays listed");
    // A config that fixes nothing: one more attempt, and the alert waits again.
    let mut changed = policy();
    changed.key_prefix = "ACME".to_owned();
    bench.reconciler.set_policy(changed.clone());
    half_a_day().await;
    assert_eq!(*bench.reconciler.desk.opens.lock().unwrap(), 3);
    // One that does.
    *bench.reconciler.desk.shows_nothing.lock().unwrap() = false;
    changed.key_prefix = "LG".to_owned();
    changed.former_prefixes = ["ACME".to_owned()].into();
    bench.reconciler.set_policy(changed);
    half_a_day().await;
    let last = link(&bench, 7586).await;
    assert!(last.ticket.is_some(), "{last:#?}");
    assert_eq!(*bench.reconciler.desk.opens.lock().unwrap(), 4);
}

#[tokio::test]
async fn processes_that_share_a_store_share_its_secret() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    report(&bench, alert(7586)).await;
    let other = bench.beside(KeySecret::new([9; 32]));
    other.sweep_tickets().await.unwrap();
    let installation = other.store.load_record::<Installation>(&Singleton).await;
    assert_eq!(installation.unwrap().value.key_secret, Some(secret()));
}
