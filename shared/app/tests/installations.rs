//! A ticket that another installation, or another alert, opened with our application is never the alert's, whatever
//! key its title shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane, Links as _, Revision, TicketListing, WorkSink as _};
use halogard_domain::ids::{HaloClientId, TicketId, TicketTypeId};
use halogard_domain::key::{InstallationId, KeySecret, SignedKey};
use halogard_domain::link::{Claim, OpeningSnapshot};
use halogard_domain::message::Cause;
use halogard_domain::ticket::NoteAuthor;
use halogard_domain::{Alert, Link, Message, Slug, Ticket, Timestamp};
use support::{ALERT, Bench, CLOSED, alert, at, key, policy, secret, ticket};

/// A ticket that our application opened.
const FOUND: TicketId = TicketId::new(5000);

/// What another installation signs its keys with.
fn rivals_secret() -> KeySecret {
    KeySecret::new([9; 32])
}

/// Another installation, which was first used `seconds` after the start of every test.
fn rival(seconds: i64) -> InstallationId {
    InstallationId::of(at(seconds), &rivals_secret())
}

/// The end of an entry that opened a ticket.
fn reference(key: &SignedKey, installation: &InstallationId) -> String {
    format!("New admin. {}/{installation}", key.reference())
}

/// The key of `alert`, signed by the other installation.
fn rivals_key(alert: u64) -> SignedKey {
    rivals_secret().sign(key(alert, 1).key)
}

/// A bench in whose HaloPSA our application opened a ticket with `title`, whose opening entry is `entry`.
async fn bench_with(title: &str, entry: &str) -> Bench {
    let bench = Bench::swept().await;
    let found = Ticket {
        summary: title.to_owned(),
        ..ticket(FOUND.get(), ALERT.get(), at(5))
    };
    let desk = &bench.reconciler.desk;
    desk.tickets.lock().unwrap().insert(FOUND, found);
    let opener = NoteAuthor::Halogard;
    desk.opened_by.lock().unwrap().insert(FOUND, opener);
    desk.entries.lock().unwrap().insert(FOUND, entry.to_owned());
    bench
}

/// The next sweep lists the ticket as it is.
async fn sweep(bench: &Bench) {
    let desk = &bench.reconciler.desk;
    let mut row = desk.tickets.lock().unwrap()[&FOUND].clone();
    row.observed_at = bench.clock.now();
    *desk.listings.lock().unwrap() = vec![TicketListing {
        id: FOUND,
        changed_at: Some(row.changed_at),
        ticket: Some(row),
    }];
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.process_all().await;
}

/// Reports the alert.
async fn report(bench: &Bench, alert: Alert) {
    let message = Message::alert_snapshot(alert, Cause::Poll);
    let store = &bench.reconciler.store;
    store.send(Lane::Urgent, &[message.into()]).await.unwrap();
    bench.process_all().await;
}

async fn link(bench: &Bench) -> Option<Link> {
    let stored = bench.reconciler.store.load(ALERT).await.unwrap();
    stored.map(|stored| stored.value)
}

/// Has the alert's ticket searched for, as after a lost answer.
async fn search(bench: &Bench) {
    let mut link = Link::new(ALERT);
    link.observe_alert(alert(ALERT.get()));
    let (client, kind) = (HaloClientId::new(17), TicketTypeId::new(5));
    link.opening = Some(OpeningSnapshot::of(&alert(ALERT.get()), client, kind));
    link.key = Some(key(ALERT.get(), 1).key);
    link.claim = Claim::in_doubt(at(0));
    let saved = bench.reconciler.store.save(&link, &[], Revision(0));
    saved.await.unwrap();
    bench.clock.pass(Duration::from_secs(20));
    report(bench, alert(ALERT.get())).await;
}

#[tokio::test]
async fn a_search_adopts_only_what_the_opening_entry_does_not_contradict() {
    let own = InstallationId::of(at(0), &secret());
    let ours = key(ALERT.get(), 1);
    let cases = [
        ("ours", reference(&ours, &own), true),
        ("no reference", "New admin.".to_owned(), true),
        ("another alert's", reference(&key(7_000, 1), &own), false),
        (
            "another installation's, for the same alert",
            reference(&rivals_key(ALERT.get()), &rival(-900)),
            false,
        ),
        (
            "another installation's, for another alert",
            reference(&rivals_key(7_000), &rival(900)),
            false,
        ),
    ];
    for (case, entry, is_ours) in cases {
        let bench = bench_with(&format!("{} New admin", ours.marker()), &entry).await;
        search(&bench).await;
        let ticket = link(&bench).await.unwrap().ticket;
        assert_eq!(ticket == Some(FOUND), is_ours, "{case}");
    }
}

#[tokio::test]
async fn a_pasted_key_gives_no_ticket_of_another_installation_to_an_alert() {
    let ours = key(ALERT.get(), 1);
    for entry in [
        reference(&rivals_key(ALERT.get()), &rival(900)),
        reference(&rivals_key(7_000), &rival(900)),
    ] {
        let bench = bench_with(&format!("{} New admin", ours.marker()), &entry).await;
        bench.reconciler.liongard.show(0);
        report(&bench, closed_before_a_ticket()).await;
        sweep(&bench).await;
        assert_eq!(link(&bench).await.unwrap().ticket, None, "{entry}");
    }
}

/// The alert, closed before it got a ticket.
fn closed_before_a_ticket() -> Alert {
    Alert {
        status: Slug::new("closed"),
        ..alert(ALERT.get())
    }
}

/// A bench whose alert has the ticket of an installation that is younger than this one.
async fn shared_with_a_rival() -> Bench {
    let theirs = rivals_key(ALERT.get());
    let title = format!("{} New admin", theirs.marker());
    let bench = bench_with(&title, &reference(&theirs, &rival(900))).await;
    bench.reconciler.liongard.show(0);
    bench.reconciler.liongard.unlist(alert(ALERT.get()));
    sweep(&bench).await;
    report(&bench, alert(ALERT.get())).await;
    bench
}

/// The alert, changed at `now`.
fn changed(now: Timestamp, description: &str, status: &str) -> Alert {
    Alert {
        description: description.to_owned(),
        status: Slug::new(status),
        changed_at: now,
        observed_at: now,
        ..alert(ALERT.get())
    }
}

#[tokio::test]
async fn the_ticket_of_another_installation_is_linked_and_never_written() {
    let bench = shared_with_a_rival().await;
    let shared = link(&bench).await.unwrap();
    assert_eq!(
        (shared.ticket, shared.rival),
        (Some(FOUND), Some(rival(900)))
    );
    let desk = &bench.reconciler.desk;
    assert_eq!(*desk.opens.lock().unwrap(), 0, "one ticket is enough");
    for (description, status) in [("worse", "New"), ("worse", "closed"), ("again", "New")] {
        bench.clock.pass(Duration::from_secs(600));
        report(&bench, changed(bench.clock.now(), description, status)).await;
        sweep(&bench).await;
    }
    assert!(desk.changes.lock().unwrap().is_empty());
    assert!(desk.added_notes.lock().unwrap().is_empty());

    // The other one is over: this one goes on with its ticket.
    let mut alone = policy();
    alone.former_installations = vec![rival(900).to_string()];
    bench.reconciler.set_policy(alone);
    bench.clock.pass(Duration::from_secs(600));
    report(&bench, changed(bench.clock.now(), "again", "closed")).await;
    sweep(&bench).await;
    let shown = desk.tickets.lock().unwrap()[&FOUND].clone();
    assert_eq!(shown.status, CLOSED);
}

#[tokio::test]
async fn a_key_with_a_wrong_proof_in_a_title_of_ours_shows_no_other_installation() {
    use halogard_app::ports::Records as _;
    use halogard_domain::continuity::StoreContinuity;
    use halogard_domain::record::Singleton;

    let own = InstallationId::of(at(0), &secret());
    let pasted = format!("{} New admin", rivals_key(ALERT.get()).marker());
    let bench = bench_with(&pasted, &reference(&key(7_000, 1), &own)).await;
    sweep(&bench).await;
    let store = &bench.reconciler.store;
    let known = store.load_record::<StoreContinuity>(&Singleton).await;
    assert_eq!(known.unwrap().value.rival, None);
}
