//! Moves a scenario on: one message, one round, one webhook at a time, and the clock in between.

use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane, WorkQueue as _};
use halogard_domain::Timestamp;

use crate::clock::ScenarioClock;
use crate::crash_point::Crashed;
use crate::scenario::Scenario;

/// Both sides are polled this often, as on AWS, unless a scenario says otherwise.
pub const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// How long writes to a new ticket may be dropped or land late, where a dialect has that.
const UNTRIAGED: Duration = Duration::from_secs(660);

/// A round that broke off is made again after this time.
const BROKEN_OFF_PAUSE: Duration = Duration::from_secs(15);

/// How long a process takes to come up again.
const START_TAKES: Duration = Duration::from_secs(3);

/// Rounds in a row without news, and without anything left to do, that count as quiet.
const QUIET_ROUNDS: u32 = 2;

/// The most that is done before time passes: more means going round in circles.
const STEPS_AT_ONCE_MAX: u32 = 5_000;

/// When what is due, as the program's loops keep it.
#[derive(Debug)]
pub struct DueTimes {
    next_round: Timestamp,
    tickets_rest: Timestamp,
    runs_rest: Timestamp,
    quiet_rounds: u32,
    /// Rounds in which both sides were read.
    pub(crate) whole_rounds: u64,
}

impl DueTimes {
    /// The pace of a process that begins now.
    pub(crate) fn starting(time: &ScenarioClock) -> Self {
        Self {
            next_round: time.now(),
            tickets_rest: Timestamp::EPOCH,
            runs_rest: Timestamp::EPOCH,
            quiet_rounds: 0,
            whole_rounds: 0,
        }
    }

    /// The process begins again.
    pub(crate) fn restart(&mut self, time: &ScenarioClock) {
        let whole_rounds = self.whole_rounds;
        if time.now() > ScenarioClock::BEGIN {
            time.advance(START_TAKES);
        }
        *self = Self {
            whole_rounds,
            ..Self::starting(time)
        };
    }
}

impl Scenario {
    /// Does one thing that is due: a webhook, a round, or one message of each lane. `false` when
    /// there was nothing. A process that is stopped meanwhile is started again.
    pub async fn step(&mut self) -> bool {
        match self.try_step().await {
            Ok(did) => did,
            Err(Crashed) => {
                self.crash().await;
                true
            }
        }
    }

    async fn try_step(&mut self) -> Result<bool, Crashed> {
        let now = self.time.now();
        let mut did = self.deliver_webhooks().await? > 0;
        if self.due.next_round <= now {
            self.round().await?;
            did = true;
        }
        if self.due.tickets_rest <= now {
            for lane in [Lane::Urgent, Lane::Bulk] {
                if let Some(rest) = self.work(lane).await? {
                    self.due.tickets_rest = rest;
                    did = true;
                    break;
                }
            }
        }
        if self.due.runs_rest <= now
            && let Some(rest) = self.work(Lane::Runs).await?
        {
            self.due.runs_rest = rest;
            did = true;
        }
        Ok(did)
    }

    /// Processes one message of `lane`; returns until when the lane pauses, if there was a message.
    async fn work(&mut self, lane: Lane) -> Result<Option<Timestamp>, Crashed> {
        let work = self.process().use_cases.process_next(lane);
        let worked = self.crash_points.until_crash(Box::pin(work)).await?;
        let worked = worked.expect("the embedded queue works");
        if worked.is_empty() {
            return Ok(None);
        }
        self.due.quiet_rounds = 0;
        let pause_until = worked.iter().filter_map(|worked| worked.pause_until).max();
        Ok(Some(pause_until.unwrap_or_default()))
    }

    /// One round over both sides, as the program's poller makes it.
    async fn round(&mut self) -> Result<(), Crashed> {
        let began = self.time.now();
        let round = self.process().use_cases.sync_cycle();
        let round = self.crash_points.until_crash(Box::pin(round)).await?;
        let whole = round.is_complete();
        let pause = if whole {
            let pace = &self.process().use_cases.poll_pace;
            pace.interval(self.setup.poll_interval)
        } else {
            BROKEN_OFF_PAUSE
        };
        self.due.next_round = began.plus(pause);
        self.due.whole_rounds += u64::from(whole);
        self.due.quiet_rounds = if whole && round.queued() == 0 {
            self.due.quiet_rounds + 1
        } else {
            0
        };
        Ok(())
    }

    /// Whether nothing is left to do: no message waits, no webhook is under way, and the last
    /// rounds over both sides saw nothing new.
    pub async fn is_quiet(&self) -> bool {
        let mut waiting = 0;
        for lane in Lane::ALL {
            let depth = self.process().store.depth(lane).await;
            waiting += depth.expect("the store works");
        }
        waiting == 0 && self.next_webhook_at().is_none() && self.due.quiet_rounds >= QUIET_ROUNDS
    }

    /// Works until nothing is left to do. What the world did a moment ago is seen in any case.
    ///
    /// # Panics
    ///
    /// When it takes days.
    pub async fn run_until_quiet(&mut self) {
        let give_up = self.time.now().plus(self.setup.quiet_within);
        self.due.quiet_rounds = 0;
        while !self.is_quiet().await {
            assert!(self.time.now() < give_up, "it does not become quiet");
            self.run_until_idle().await;
            if !self.is_quiet().await {
                self.time.advance_to(self.next_time());
            }
        }
    }

    /// Works until HaloPSA carries out whatever is written to the tickets there are. Under some dialects it drops
    /// or delays what is written to a ticket that no person has touched yet; under the others nothing is waited for.
    pub async fn run_until_writes_land(&mut self) {
        let dialect = &self.setup.dialect;
        if dialect.has("untriaged-dropped") || dialect.has("untriaged-late") {
            self.run_for(UNTRIAGED).await;
        }
    }

    /// Works for this long, by the scenario's clock.
    pub async fn run_for(&mut self, span: Duration) {
        let until = self.time.now().plus(span);
        loop {
            self.run_until_idle().await;
            let next = self.next_time();
            if next >= until {
                self.time.advance_to(until);
                return;
            }
            self.time.advance_to(next);
        }
    }

    /// Works until `ack` holds.
    ///
    /// # Panics
    ///
    /// When that takes longer than `within`.
    pub async fn run_until(&mut self, what: &str, within: Duration, done: impl Fn(&Self) -> bool) {
        let give_up = self.time.now().plus(within);
        while !done(self) {
            assert!(
                self.time.now() <= give_up,
                "it does not come about within {within:?}: {what}"
            );
            if !self.step().await {
                self.time.advance_to(self.next_time());
            }
        }
    }

    /// Processes every message that is due now.
    pub async fn run_until_idle(&mut self) {
        let mut steps = 0;
        while self.step().await {
            steps += 1;
            assert!(steps < STEPS_AT_ONCE_MAX, "it goes round in circles");
        }
    }

    /// When there is something to do again.
    fn next_time(&self) -> Timestamp {
        let now = self.time.now();
        let soonest = now.plus(Duration::from_millis(1));
        let rests = [
            self.due.tickets_rest,
            self.due.runs_rest,
            self.due.next_round,
        ];
        let due = self.store_activity.next_due(now);
        let webhook = self.next_webhook_at();
        let later = rests.into_iter().filter(|at| *at > now);
        let next = later.chain(due).chain(webhook).min();
        next.map_or(soonest, |at| at.max(soonest))
    }
}
