//! The queue against a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_app::ports::{Delivery, Lane, Outgoing, WorkQueue};
use halogard_domain::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::fixture::QueueFixture;
use crate::queue::{alert_of, receive_all};
use crate::samples::reconcile_message;

/// Five hundred steps by chance, each checked; then the queue is emptied, and what comes out is
/// what the model still holds.
pub async fn five_hundred_random_steps_agree_with_a_model<B: QueueFixture>(fixture: B) {
    if B::skips_wait_of(Duration::from_secs(3 * 60 * 60)) {
        return;
    }
    let seed = 7586;
    println!("seed {seed}");
    let mut trial = Trial {
        queue: fixture.store(),
        chance: StdRng::seed_from_u64(seed),
        model: Model::default(),
    };
    for _ in 0..500 {
        let now = fixture.now();
        match trial.chance.random_range(0..10) {
            0 | 1 => trial.send(now).await,
            2..=4 => trial.receive(now).await,
            5..=7 => trial.settle(now).await,
            8 => trial.redrive(now).await,
            _ => {
                let seconds = trial.chance.random_range(0..60);
                fixture.advance(Duration::from_secs(seconds)).await;
            }
        }
        trial.compare().await;
    }
    fixture.advance(Duration::from_secs(3600)).await;
    trial.drain().await;
}

/// What the queue should hold.
#[derive(Default)]
struct Model {
    /// Messages by alert; every message is about an alert of its own.
    messages: BTreeMap<u64, Expected>,
    /// Alerts of dead letters, and how often each had been delivered.
    dead: BTreeMap<u64, u32>,
    /// Receipts that were settled or overtaken.
    void: Vec<(Lane, String)>,
    /// The alert the next message is about.
    next: u64,
}

/// One message in the model.
struct Expected {
    lane: Lane,
    sent_at: Timestamp,
    visible_at: Timestamp,
    receive_count: u32,
    /// The newest delivery, if it was not settled.
    receipt: Option<String>,
}

/// The queue, the model, and the chance that drives both.
struct Trial<Q> {
    queue: Q,
    chance: StdRng,
    model: Model,
}

impl<Q: WorkQueue> Trial<Q> {
    fn lane(&mut self) -> Lane {
        Lane::ALL[self.chance.random_range(0..Lane::ALL.len())]
    }

    /// Some time within two minutes of `now`, perhaps before it.
    fn around(&mut self, now: Timestamp) -> Timestamp {
        let later = Duration::from_secs(self.chance.random_range(0..150));
        now.plus(later).minus(Duration::from_secs(30))
    }

    async fn send(&mut self, now: Timestamp) {
        let lane = self.lane();
        let mut outgoing = Vec::new();
        for _ in 0..self.chance.random_range(1..=3) {
            let not_before = self.chance.random_bool(0.3).then(|| self.around(now));
            let alert = self.model.next;
            self.model.next += 1;
            let expected = Expected {
                lane,
                sent_at: now,
                visible_at: not_before.unwrap_or(now).max(now),
                receive_count: 0,
                receipt: None,
            };
            self.model.messages.insert(alert, expected);
            outgoing.push(Outgoing {
                message: reconcile_message(alert),
                not_before,
            });
        }
        let sent = self.queue.send(lane, &outgoing).await;
        sent.expect("the queue takes them");
    }

    async fn receive(&mut self, now: Timestamp) {
        let lane = self.lane();
        let max = self.chance.random_range(1..=5);
        let visibility = Duration::from_secs(self.chance.random_range(1..=60));
        let some = self.queue.receive(lane, max, visibility).await;
        let some = some.expect("the queue delivers");

        assert!(some.len() <= max);
        let waiting = self.model.messages.values();
        let visible = waiting.filter(|one| one.lane == lane && one.visible_at <= now);
        assert_eq!(some.is_empty(), visible.count() == 0);
        for delivery in some {
            self.model.hand_out(lane, now, visibility, delivery);
        }
    }

    /// Settles a delivery in some way: one that is in work, or one that is over, which must do
    /// nothing. A delivery that ran out and was not repeated yet is left alone: a store may or may
    /// not have noticed.
    async fn settle(&mut self, now: Timestamp) {
        let in_work: Vec<_> = self
            .model
            .messages
            .iter()
            .filter(|(_, message)| message.visible_at > now)
            .filter_map(|(alert, message)| {
                let receipt = message.receipt.clone()?;
                Some((Some(*alert), message.lane, receipt))
            })
            .collect();
        let over = self.model.void.iter();
        let over = over.map(|(lane, receipt)| (None, *lane, receipt.clone()));
        let (alert, lane, receipt) = if self.chance.random_bool(0.8) && !in_work.is_empty() {
            in_work[self.chance.random_range(0..in_work.len())].clone()
        } else {
            let over: Vec<_> = over.collect();
            if over.is_empty() {
                return;
            }
            over[self.chance.random_range(0..over.len())].clone()
        };
        let time = self.around(now);
        let way = self.chance.random_range(0..4);
        let settled = match way {
            0 => self.queue.ack(lane, &receipt).await,
            1 => self.queue.defer(lane, &[&receipt], time).await,
            2 => self.queue.retry(lane, &receipt, time).await,
            _ => self.queue.dead_letter(lane, &receipt, "by chance").await,
        };
        settled.expect("the queue settles");
        if let Some(alert) = alert {
            self.model.settle(alert, way, time);
        }
    }

    async fn redrive(&mut self, now: Timestamp) {
        let letters = self.queue.dead_letters(1).await;
        let Some(letter) = letters.expect("the queue lists").pop() else {
            return;
        };
        let back = self.queue.redrive(&letter.id).await;
        assert!(back.expect("the queue drives it back"));
        let found = self
            .model
            .dead
            .keys()
            .find(|alert| letter.body.contains(&format!("\"alert\":{alert},")));
        let alert = *found.expect("the model knows the letter");
        self.model.dead.remove(&alert);
        let expected = Expected {
            lane: letter.lane,
            sent_at: now,
            visible_at: now,
            receive_count: 0,
            receipt: None,
        };
        self.model.messages.insert(alert, expected);
    }

    /// What can be counted without disturbing anything.
    async fn compare(&self) {
        for lane in Lane::ALL {
            let depth = self.queue.depth(lane).await.expect("the queue counts");
            let held = self.model.messages.values();
            let expected = held.filter(|message| message.lane == lane).count();
            assert_eq!(usize::try_from(depth), Ok(expected), "{}", lane.name());
        }
        let letters = self.queue.dead_letters(1000).await;
        let letters = letters.expect("the queue lists");
        let mut counts: Vec<_> = letters.iter().map(|one| one.receive_count).collect();
        let mut expected: Vec<_> = self.model.dead.values().copied().collect();
        counts.sort_unstable();
        expected.sort_unstable();
        assert_eq!(counts, expected, "dead letters");
    }

    /// Takes out what is left, once everything is visible.
    async fn drain(&self) {
        let mut left = BTreeSet::new();
        for lane in Lane::ALL {
            for delivery in receive_all(&self.queue, lane, Duration::from_secs(600)).await {
                let alert = alert_of(&delivery);
                let expected = &self.model.messages[&alert];
                assert_eq!(expected.lane, lane);
                assert_eq!(delivery.receive_count, expected.receive_count + 1);
                assert!(left.insert(alert), "delivered while it was hidden");
            }
        }
        let expected: BTreeSet<_> = self.model.messages.keys().copied().collect();
        assert_eq!(left, expected, "nothing lost, nothing risen from the dead");
        assert!(self.model.next > 100, "the case did something");
    }
}

impl Model {
    /// Notes that `delivery` was made, if that was right.
    fn hand_out(&mut self, lane: Lane, now: Timestamp, visibility: Duration, delivery: Delivery) {
        let alert = alert_of(&delivery);
        let message = self.messages.get_mut(&alert);
        let message = message.expect("a message that was sent and not settled");
        assert_eq!(message.lane, lane);
        assert!(message.visible_at <= now, "it is hidden");
        message.receive_count += 1;
        assert_eq!(delivery.receive_count, message.receive_count);
        assert_eq!(delivery.sent_at, message.sent_at);
        message.visible_at = now.plus(visibility);
        let overtaken = message.receipt.replace(delivery.receipt);
        self.void.extend(overtaken.map(|receipt| (lane, receipt)));
    }

    /// Notes that the message about `alert` was settled in one of the four ways.
    fn settle(&mut self, alert: u64, way: u32, time: Timestamp) {
        let message = self.messages.get_mut(&alert);
        let message = message.expect("a message that is in work");
        let receipt = message.receipt.take();
        self.void
            .extend(receipt.map(|receipt| (message.lane, receipt)));
        message.visible_at = time;
        match way {
            0 => {
                self.messages.remove(&alert);
            }
            1 => message.receive_count -= 1,
            2 => {}
            _ => {
                self.dead.insert(alert, message.receive_count);
                self.messages.remove(&alert);
            }
        }
    }
}
