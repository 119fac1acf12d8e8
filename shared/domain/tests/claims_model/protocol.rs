//! What may happen next, and what follows from it.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::link::{AttemptEnd, CLAIM_LEFT_MIN, Claim, REQUEST_LINGER};
use halogard_domain::plan::{Step, plan};
use halogard_domain::policy::{Mode, Policy};
use halogard_domain::sweep_cursor::INDEX_LAG_MAX;
use halogard_domain::write_result::{ClaimId, WriteResult};

use crate::state::{End, NOW, Pair, Progress, Request, State, WORKER, Worker};
use crate::support::{OPEN, policy, ticket};

/// The clock's step. It divides every constant of the protocol.
pub const TICK: Duration = Duration::from_secs(15);

/// The longest call, 65 s, and the 10 s by which clocks may differ.
pub const CALL_MAX: Duration = Duration::from_secs(75);

/// The rules by which workers open the ticket: those of production, or with one of them broken.
pub struct Rules {
    pub policy: Policy,
    /// What must be left of a claim when the request is sent.
    pub left_min: Duration,
    /// Whether a search that began at the second time proves that the attempt of the first opened no ticket.
    pub is_disproved: fn(Timestamp, Timestamp) -> bool,
    /// Whether a worker goes on with a claim that another one has taken over.
    pub keeps_lost_claims: bool,
}

/// What happens next. The number is the place of the worker, or that of the claim of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Tick,
    /// The worker loads the link and plans. Where the plan is to search, it does so at once.
    Load(usize),
    Acquire(usize),
    Renew(usize),
    Send(usize),
    /// The worker sends nothing under its claim.
    GiveUp(usize),
    Answer(usize),
    Refuse(usize),
    LoseAnswer(usize),
    /// The worker saves how its request or its search ended.
    Save(usize),
    /// The process stops, and starts again with nothing.
    Stop(usize),
    CarryOut(u32),
    List(u32),
}

impl Rules {
    pub fn of_production() -> Self {
        Self {
            policy: policy(Mode::Managed),
            left_min: CLAIM_LEFT_MIN,
            is_disproved: |since, searched_at| {
                Claim::is_disproved(since, searched_at, AttemptEnd::Unknown)
            },
            keeps_lost_claims: false,
        }
    }

    pub fn plan(&self, pair: &Pair, now: Timestamp) -> Vec<Step> {
        let link = pair.link();
        plan(&link, link.observed_alert.as_ref(), None, &self.policy, now)
    }

    /// Whether the request may be sent under a claim that expires at `until`. The last moment before the limit is
    /// within the tick of the limit.
    fn may_send(&self, until: Timestamp) -> bool {
        NOW.plus(self.left_min) <= until
    }

    /// The claim after a search that began at `searched_at` and found no ticket of an attempt that was last under
    /// way at `since`.
    pub fn claim_after(&self, since: Timestamp, searched_at: Timestamp) -> Claim {
        if (self.is_disproved)(since, searched_at) {
            Claim::Free
        } else {
            Claim::InDoubt {
                since,
                searched_at: Some(searched_at),
                end: AttemptEnd::Unknown,
            }
        }
    }

    /// What may happen next in `state`.
    pub fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (at, worker) in state.workers.iter().enumerate() {
            self.actions_of(state, at, worker, actions);
            if *worker != Worker::Idle {
                actions.push(Action::Stop(at));
            }
        }
        for request in &state.requests {
            match request.progress {
                Progress::Processing { .. } => actions.push(Action::CarryOut(request.number)),
                Progress::Opened { .. } => actions.push(Action::List(request.number)),
                Progress::Listed => {}
            }
        }
        // A call that has lasted for as long as one may ends before the clock goes on.
        let is_over = |it: &Worker| matches!(it, Worker::Sent { ends_by, .. } if *ends_by <= NOW);
        if !state.workers.iter().any(is_over) {
            actions.push(Action::Tick);
        }
    }

    fn actions_of(&self, state: &State, at: usize, worker: &Worker, actions: &mut Vec<Action>) {
        match worker {
            Worker::Idle if state.pair.ticket.is_none() => actions.push(Action::Load(at)),
            Worker::Idle => {}
            Worker::WillOpen => actions.push(Action::Acquire(at)),
            Worker::Claimed { until, .. } => {
                if self.may_send(*until) {
                    actions.push(Action::Send(at));
                }
                actions.extend([Action::Renew(at), Action::GiveUp(at)]);
            }
            Worker::Sent { number, .. } => {
                let request = state.requests.iter().find(|it| it.number == *number);
                actions.push(if request.is_some_and(Request::has_ticket) {
                    Action::Answer(at)
                } else {
                    Action::Refuse(at)
                });
                actions.push(Action::LoseAnswer(at));
            }
            Worker::Ended { .. } | Worker::Found { .. } | Worker::FoundNone { .. } => {
                actions.push(Action::Save(at));
            }
        }
    }

    /// The state after `action`; `None` where it changes nothing.
    pub fn next(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Tick => next.pass(TICK),
            Action::Load(at) => next.workers[at] = self.load(&next)?,
            Action::Acquire(at) => acquire(&mut next, at),
            Action::Renew(at) => self.renew(&mut next, at),
            Action::Send(at) => send(&mut next, at),
            Action::GiveUp(at) | Action::Refuse(at) => end(&mut next, at, End::NotOpened),
            Action::Answer(at) => end(&mut next, at, End::Opened),
            Action::LoseAnswer(at) => end(&mut next, at, End::Lost { at: NOW }),
            Action::Save(at) => self.save(&mut next, at),
            Action::Stop(at) => next.workers[at] = Worker::Idle,
            Action::CarryOut(number) => {
                let listed_by = NOW.plus(INDEX_LAG_MAX);
                next.request_mut(number)?.progress = Progress::Opened { listed_by };
            }
            Action::List(number) => next.request_mut(number)?.progress = Progress::Listed,
        }
        Some(next.normal())
    }

    /// What a worker does that loads the link and plans; `None` where it waits.
    fn load(&self, state: &State) -> Option<Worker> {
        match self.plan(&state.pair, NOW).first()? {
            Step::Open(_) => Some(Worker::WillOpen),
            Step::FindByKey => {
                let mut requests = state.requests.iter();
                let listed = requests.find(|it| it.progress == Progress::Listed);
                Some(match listed {
                    Some(Request { number, .. }) => Worker::Found { number: *number },
                    None => Worker::FoundNone {
                        since: in_doubt_since(&state.pair.claim, NOW),
                        searched_at: NOW,
                    },
                })
            }
            _ => None,
        }
    }

    fn renew(&self, state: &mut State, at: usize) {
        let Worker::Claimed { number, until } = state.workers[at] else {
            return;
        };
        let before = state.pair.clone();
        let is_ours = state
            .pair
            .update(|link| link.renew_claim(&claim_id(number), NOW));
        state.workers[at] = match &state.pair.claim {
            Claim::Held { until, .. } if is_ours => Worker::Claimed {
                number,
                until: *until,
            },
            _ if self.keeps_lost_claims => Worker::Claimed {
                number,
                until: until.max(NOW.plus(CLAIM_LEFT_MIN)),
            },
            _ => Worker::Idle,
        };
        outdate_others(state, &before);
    }

    fn save(&self, state: &mut State, at: usize) {
        let before = state.pair.clone();
        match std::mem::replace(&mut state.workers[at], Worker::Idle) {
            Worker::Ended { number, end } => {
                let result = result_of(number, end);
                state.pair.update(|link| link.apply(&result));
            }
            Worker::Found { number } => {
                state.pair.update(|link| link.apply(&opened(number)));
            }
            Worker::FoundNone { since, searched_at } => {
                state.pair.claim = self.claim_after(since, searched_at);
            }
            Worker::Idle | Worker::WillOpen | Worker::Claimed { .. } | Worker::Sent { .. } => {}
        }
        outdate_others(state, &before);
    }
}

/// When the attempt that a search is about was last under way.
pub const fn in_doubt_since(claim: &Claim, now: Timestamp) -> Timestamp {
    match claim {
        Claim::Held { until, .. } => *until,
        Claim::InDoubt { since, .. } => *since,
        Claim::Free => now,
    }
}

fn acquire(state: &mut State, at: usize) {
    let before = state.pair.clone();
    let id = state.pair.update(|link| link.acquire_claim(WORKER, NOW));
    if let Claim::Held { until, .. } = state.pair.claim {
        state.workers[at] = Worker::Claimed {
            number: id.number,
            until,
        };
    }
    outdate_others(state, &before);
}

fn send(state: &mut State, at: usize) {
    if let Worker::Claimed { number, .. } = state.workers[at] {
        let ends_by = NOW.plus(CALL_MAX);
        state.workers[at] = Worker::Sent { number, ends_by };
        state.requests.push(Request {
            number,
            progress: Progress::Processing {
                until: ends_by.plus(REQUEST_LINGER),
            },
        });
    }
}

/// The request of the worker ends, or is not sent.
fn end(state: &mut State, at: usize, end: End) {
    let (Worker::Claimed { number, .. } | Worker::Sent { number, .. }) = state.workers[at] else {
        return;
    };
    state.workers[at] = Worker::Ended { number, end };
    match (state.request_mut(number).map(|it| &mut it.progress), end) {
        (Some(Progress::Processing { until }), End::Lost { at }) => {
            *until = at.plus(REQUEST_LINGER).min(*until);
        }
        (Some(Progress::Processing { .. }), End::NotOpened) => {
            state.requests.retain(|request| request.number != number);
        }
        _ => {}
    }
}

/// A worker that loaded the link before it was saved meets a conflict.
fn outdate_others(state: &mut State, before: &Pair) {
    if state.pair != *before {
        state.workers.iter_mut().for_each(Worker::outdate);
    }
}

fn claim_id(number: u32) -> ClaimId {
    ClaimId {
        holder: WORKER.to_owned(),
        number,
    }
}

fn result_of(number: u32, end: End) -> WriteResult {
    let claim = claim_id(number);
    match end {
        End::Opened => opened(number),
        End::NotOpened => WriteResult::NotOpened(claim),
        End::Lost { at } => WriteResult::OpenInDoubt {
            claim,
            since: at,
            end: AttemptEnd::Unknown,
        },
    }
}

fn opened(number: u32) -> WriteResult {
    let mut ticket = ticket(OPEN, 0);
    ticket.id = TicketId::new(number.into());
    WriteResult::Opened {
        recurrence: 1,
        ticket,
    }
}
