//! A model check of the opening of a ticket: every order of what workers, HaloPSA and the clock may do.
//!
//! Workers load the link, plan, acquire and renew the claim and take in how their requests ended with the
//! functions of production. The model adds what is around them: the store's compare-and-swap, processes that
//! stop, answers that are lost, and a service desk that carries requests out late and lists their tickets later
//! still. Clocks that are set are not part of it.

#![allow(
    clippy::print_stdout,
    reason = "the size of the model is what a reader of the run wants to know"
)]

mod protocol;
mod state;
#[path = "../support/mod.rs"]
mod support;

use halogard_domain::link::{CLAIM_LEFT_MIN, CLAIM_TTL, Claim, IN_DOUBT_MAX, REQUEST_LINGER};
use halogard_domain::plan::Step;
use protocol::{Action, Rules, TICK, in_doubt_since};
use state::{NOW, State, Worker};
use stateright::{Checker, HasDiscoveries, Model, Property};

const AT_MOST_ONE: &str = "there is at most one ticket";
const NEVER_STUCK: &str = "a worker that is left alone ends with a ticket";

/// Workers that open the ticket of one alert.
struct Opening {
    rules: Rules,
    workers: usize,
}

impl Model for Opening {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::start(self.workers)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.rules.actions(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.rules.next(state, action)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.tickets() < 3
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(AT_MOST_ONE, |_, state: &State| state.tickets() <= 1),
            Property::always(NEVER_STUCK, Self::ends_with_a_ticket),
            Property::sometimes("a ticket is opened and linked", |_, state: &State| {
                state.pair.ticket.is_some()
            }),
            Property::sometimes("a claim is taken over", |_, state: &State| {
                matches!(state.pair.claim, Claim::Held { .. })
                    && state.any(|it| matches!(it, Worker::FoundNone { .. }))
            }),
            Property::sometimes("a search finds a ticket", |_, state: &State| {
                state.pair.ticket.is_none() && state.any(|it| matches!(it, Worker::Found { .. }))
            }),
            Property::sometimes(
                "a search proves that there is none",
                |model, state: &State| {
                    state.any(|it| match it {
                        Worker::FoundNone { since, searched_at } => {
                            model.rules.claim_after(*since, *searched_at) == Claim::Free
                        }
                        _ => false,
                    })
                },
            ),
            Property::sometimes("a request is carried out late", |_, state: &State| {
                matches!(state.pair.claim, Claim::InDoubt { .. })
                    && state.tickets() == 1
                    && state.pair.ticket.is_none()
            }),
        ]
    }
}

impl Opening {
    /// Whether a worker that is left alone, and has no trouble, ends with a ticket. Asked where no other worker has
    /// begun anything: stops lead there from every state.
    fn ends_with_a_ticket(&self, state: &State) -> bool {
        if state.any(|worker| *worker != Worker::Idle) {
            return true;
        }
        let (mut pair, mut now) = (state.pair.clone(), NOW);
        let latest = now.plus(CLAIM_TTL + 2 * IN_DOUBT_MAX);
        while pair.ticket.is_none() && now <= latest {
            match self.rules.plan(&pair, now).first() {
                Some(Step::Wait(until)) if *until > now => now = *until,
                Some(Step::Open(_)) => return true,
                Some(Step::FindByKey) if state.tickets() > 0 => return true,
                Some(Step::FindByKey) => {
                    let since = in_doubt_since(&pair.claim, now);
                    pair.claim = self.rules.claim_after(since, now);
                }
                _ => return false,
            }
        }
        pair.ticket.is_some()
    }
}

impl State {
    fn any(&self, is: impl Fn(&Worker) -> bool) -> bool {
        self.workers.iter().any(is)
    }
}

/// Visits every state that can be reached, or as many as it takes to break a rule, and prints how many.
fn check(name: &str, workers: usize, rules: Rules) -> impl Checker<Opening> {
    let opening = Opening { rules, workers };
    let checked = opening
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{name}: {} states, {} of them different, up to {} steps",
        checked.state_count(),
        checked.unique_state_count(),
        checked.max_depth()
    );
    checked
}

/// Asserts that `rules` allow a second ticket, and prints the shortest way to it.
fn assert_finds_two_tickets(name: &str, rules: Rules) {
    let checked = check(name, 2, rules);
    let path = checked.discovery(AT_MOST_ONE);
    let path = path.unwrap_or_else(|| panic!("{name}: no second ticket was found"));
    println!("    {:?}", path.into_actions());
}

#[test]
fn whatever_workers_and_halopsa_do_there_is_one_ticket() {
    for workers in [1, 2, 3] {
        let name = format!("the rules of production, {workers} at work");
        check(&name, workers, Rules::of_production()).assert_properties();
    }
}

#[test]
fn a_request_under_a_claim_that_is_nearly_over_makes_a_second_ticket() {
    assert_finds_two_tickets(
        "a tick less need be left of a claim",
        Rules {
            left_min: CLAIM_LEFT_MIN - TICK,
            ..Rules::of_production()
        },
    );
}

#[test]
fn a_doubt_that_ends_early_makes_a_second_ticket() {
    assert_finds_two_tickets(
        "a doubt ends when lists may still lag",
        Rules {
            is_disproved: |since, searched_at| searched_at >= since.plus(REQUEST_LINGER),
            ..Rules::of_production()
        },
    );
}

#[test]
fn a_worker_that_keeps_a_claim_that_was_taken_over_makes_a_second_ticket() {
    assert_finds_two_tickets(
        "a lost claim is kept",
        Rules {
            keeps_lost_claims: true,
            ..Rules::of_production()
        },
    );
}
