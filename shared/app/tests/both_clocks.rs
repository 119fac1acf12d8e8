//! Our clock and the vendors' are off and are put right, together or one after the other: what changes on either
//! side, before and after, reaches the other side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::poll::Scope;
use halogard_app::ports::{Clock as _, Lane, TicketListing};
use halogard_domain::ids::StatusId;
use halogard_domain::{Alert, Slug, Ticket, Timestamp};
use support::{ALERT, Bench, CLOSED, OPEN, TICKET, alert, at, ticket};

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 86_400;

/// How far a clock is ahead, in seconds.
const OFFSETS: [i64; 4] = [-HOUR, 0, HOUR, YEAR];

/// Both sides, the true time, and the vendors' clock.
struct World {
    bench: Bench,
    /// How far ours is ahead, in seconds.
    ours: i64,
    /// How far theirs is ahead.
    theirs: i64,
    alert: Alert,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::linked(ticket(TICKET.get(), ALERT.get(), at(-30))).await;
        let mut world = Self {
            bench,
            ours: 0,
            theirs: 0,
            alert: alert(ALERT.get()),
        };
        world.sync(3).await;
        world
    }

    fn now_of_theirs(&self) -> Timestamp {
        let millis = self.bench.clock.now().as_millis() + (self.theirs - self.ours) * 1_000;
        Timestamp::from_millis(millis)
    }

    fn set_ours(&mut self, ahead: i64) {
        let step = Duration::from_secs((ahead - self.ours).unsigned_abs());
        if ahead > self.ours {
            self.bench.clock.pass(step);
        } else {
            self.bench.clock.set_back(step);
        }
        self.ours = ahead;
    }

    /// A person sets the ticket's status.
    fn set_status(&self, status: StatusId) {
        let mut tickets = self.bench.reconciler.desk.tickets.lock().unwrap();
        let shown = tickets.get_mut(&TICKET).unwrap();
        shown.status = status;
        shown.changed_at = self.now_of_theirs();
    }

    /// The alert's status changes.
    fn set_alert(&mut self, status: &str) {
        self.alert.status = Slug::new(status);
        // Liongard's clock is right.
        let millis = self.bench.clock.now().as_millis() - self.ours * 1_000;
        self.alert.changed_at = Timestamp::from_millis(millis);
    }

    fn shown(&self) -> Ticket {
        self.bench.reconciler.desk.tickets.lock().unwrap()[&TICKET].clone()
    }

    /// So many minutes pass, each with a poll, a sweep and everything that follows from them.
    async fn sync(&mut self, minutes: u32) -> Vec<&'static str> {
        let mut outcomes = Vec::new();
        for _ in 0..minutes {
            self.bench.clock.pass(Duration::from_secs(60));
            let theirs = self.now_of_theirs();
            let desk = &self.bench.reconciler.desk;
            *desk.desk_time.lock().unwrap() = Some(theirs);
            let observed_at = self.bench.clock.now();
            let row = Ticket {
                observed_at,
                ..self.shown()
            };
            let is_future = row.changed_at > observed_at.min(theirs).plus(Duration::from_secs(60));
            *desk.listings.lock().unwrap() = vec![TicketListing {
                id: row.id,
                // Such a time is set aside.
                changed_at: (!is_future).then_some(row.changed_at),
                ticket: (!is_future).then_some(row),
            }];
            let mut listed = self.alert.clone();
            listed.observed_at = observed_at;
            if listed.changed_at > observed_at.plus(Duration::from_secs(60)) {
                // A time in the future is none.
                listed.changed_at = Timestamp::EPOCH;
            }
            self.bench.reconciler.liongard.list.lock().unwrap().alerts = vec![listed];
            self.bench.reconciler.sweep_tickets().await.unwrap();
            self.bench
                .reconciler
                .poll_alerts(Scope::Changed)
                .await
                .unwrap();
            outcomes.extend(self.bench.process_all().await);
        }
        outcomes
    }
}

#[tokio::test]
async fn clocks_that_are_put_right_freeze_no_pair() {
    let mut frozen = Vec::new();
    for ours in OFFSETS {
        for theirs in OFFSETS {
            for minutes_apart in [0, 5] {
                let of =
                    format!("ours {ours}, theirs {theirs}, put right {minutes_apart} min apart");
                let mut world = World::new().await;
                world.set_ours(ours);
                world.theirs = theirs;
                world.sync(2).await;
                world.set_alert("closed");
                world.sync(6).await;
                let closed = world.shown().status == CLOSED;
                // Unprocessed when the clocks are set.
                world.set_alert("new");
                world.set_ours(0);
                let mut outcomes = world.sync(minutes_apart).await;
                world.theirs = 0;
                outcomes.extend(world.sync(12).await);
                let reopened = world.shown().status == OPEN;
                world.set_status(CLOSED);
                outcomes.extend(world.sync(12).await);
                let is_run = world
                    .bench
                    .file
                    .queue()
                    .iter()
                    .any(|it| it.lane == Lane::Runs);
                world.set_status(OPEN);
                outcomes.extend(world.sync(6).await);
                world.set_alert("closed");
                outcomes.extend(world.sync(12).await);
                let converges = !outcomes.contains(&"conflict");
                if [closed, reopened, is_run, converges].contains(&false) {
                    frozen.push(format!(
                        "{of}: closed {closed}, reopened {reopened}, run {is_run}, converges {converges}"
                    ));
                }
            }
        }
    }
    assert!(frozen.is_empty(), "{frozen:#?}");
}
