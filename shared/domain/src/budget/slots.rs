//! The slots in use, and when each frees: what keeps every window under the limit.

use std::collections::VecDeque;

use super::{Limit, compact};
use crate::time::Timestamp;

/// Times as the ledger counts them: ticks since 1970, rounded up.
pub(super) type Tick = i64;

/// Milliseconds in a tick.
#[expect(clippy::cast_possible_truncation, reason = "fifty")]
pub(super) const TICK_MS: i64 = Limit::TICK.as_millis() as i64;

/// The first tick that is not before `time`.
pub(super) fn tick_at(time: Timestamp) -> Tick {
    let millis = time.as_millis();
    millis.div_euclid(TICK_MS) + i64::from(millis.rem_euclid(TICK_MS) > 0)
}

/// The time of a tick.
pub(super) fn time_of(tick: Tick) -> Timestamp {
    Timestamp::from_millis(tick.saturating_mul(TICK_MS))
}

/// What is known of the request of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Permitted; nobody has reported. It frees when it is certain that it arrived long ago.
    Out,
    /// Its answer was seen.
    Answered,
    /// It was refused. It may count at the server all the same, so it keeps its slot.
    Refused,
    /// It was never sent.
    Unused,
}

/// One slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// When it may be used again.
    pub(super) free_at: Tick,
    /// What is known of its request.
    pub(super) state: State,
}

impl Slot {
    fn is_used_at(&self, now: Tick) -> bool {
        self.state != State::Unused && self.free_at > now
    }
}

/// The slots, in the order they were given out. A slot is named by its number, which no other slot
/// of the ledger's life has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// The number of the first in the list.
    first: u64,
    list: VecDeque<Slot>,
}

/// How many slots ended, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpiredSlots {
    /// Nobody ever reported.
    pub(super) lost: u32,
    /// Somebody did.
    pub(super) reported: u32,
}

impl Slots {
    /// Forgets slots that are free at `now`, from the oldest on; says what became of them.
    pub(super) fn forget(&mut self, now: Tick) -> ExpiredSlots {
        let mut ended = ExpiredSlots::default();
        while let Some(slot) = self.list.front().filter(|slot| !slot.is_used_at(now)) {
            match slot.state {
                State::Out => ended.lost += 1,
                State::Answered | State::Refused => ended.reported += 1,
                State::Unused => {}
            }
            self.list.pop_front();
            self.first += 1;
        }
        ended
    }

    /// Gives out a slot that frees at `free_at` unless somebody reports; returns its number.
    pub(super) fn give_out(&mut self, free_at: Tick) -> u64 {
        self.push(free_at, State::Out)
    }

    fn push(&mut self, free_at: Tick, state: State) -> u64 {
        self.list.push_back(Slot { free_at, state });
        self.first + self.list.len() as u64 - 1
    }

    /// Notes that the request of slot `number` was answered or refused, so that it frees at
    /// `free_at`. Safe to repeat. A slot that was given up already is entered again.
    pub(super) fn report(&mut self, number: u64, free_at: Tick, state: State) {
        let Some(slot) = self.find(number) else {
            self.push(free_at, state);
            return;
        };
        let known = slot.state;
        slot.free_at = match known {
            State::Answered | State::Refused => slot.free_at.max(free_at),
            State::Out | State::Unused => free_at,
        };
        slot.state = if known == State::Refused {
            known
        } else {
            state
        };
    }

    /// Notes that slot `number` was never used. Safe to repeat; one that was reported stays.
    pub(super) fn give_back(&mut self, number: u64) -> bool {
        let given_up = self.find(number).filter(|slot| slot.state == State::Out);
        if let Some(slot) = given_up {
            slot.state = State::Unused;
            return true;
        }
        false
    }

    fn find(&mut self, number: u64) -> Option<&mut Slot> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.list.get_mut(at)
    }

    /// Slots in use at `now`.
    pub(super) fn in_use(&self, now: Tick) -> usize {
        self.used(now).count()
    }

    /// The slots in use at `now`.
    pub(super) fn used(&self, now: Tick) -> impl Iterator<Item = &Slot> {
        self.list.iter().filter(move |slot| slot.is_used_at(now))
    }

    /// As text: the number of the first slot goes beside it.
    pub(super) fn to_text(&self) -> (u64, String) {
        let mut text = String::with_capacity(self.list.len() + 16);
        let mut last = [0; 2];
        for slot in &self.list {
            let mark = match slot.state {
                State::Out => Some(OUT),
                State::Answered => None,
                State::Refused => Some(REFUSED),
                State::Unused => Some(UNUSED),
            };
            text.extend(mark.map(char::from));
            if slot.state == State::Unused {
                continue;
            }
            let last = &mut last[usize::from(slot.state == State::Out)];
            compact::write(&mut text, slot.free_at.wrapping_sub(*last));
            *last = slot.free_at;
        }
        (self.first, text)
    }

    /// Reads [`to_text`](Self::to_text); `None` when it is none.
    pub(super) fn from_text(first: u64, text: &str) -> Option<Self> {
        let mut reader = compact::Reader::new(text);
        let mut list = VecDeque::new();
        let mut last = [0_i64; 2];
        while !reader.is_done() {
            let state = if reader.mark(UNUSED) {
                list.push_back(Slot {
                    free_at: 0,
                    state: State::Unused,
                });
                continue;
            } else if reader.mark(OUT) {
                State::Out
            } else if reader.mark(REFUSED) {
                State::Refused
            } else {
                State::Answered
            };
            let last = &mut last[usize::from(state == State::Out)];
            *last = last.wrapping_add(reader.number()?);
            list.push_back(Slot {
                free_at: *last,
                state,
            });
        }
        Some(Self { first, list })
    }
}

/// Stands before a slot that nobody reported.
const OUT: u8 = b'!';
/// Stands before a slot whose request was refused.
const REFUSED: u8 = b'*';
/// Stands for a slot that was never used.
const UNUSED: u8 = b'~';
