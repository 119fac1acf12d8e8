//! The slots in use and when each is freed. They keep every window within the limit.

use std::collections::VecDeque;

use super::{Limit, compact};
use crate::time::Timestamp;

/// A time in ticks since 1970, rounded up.
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

/// What is known about the request of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotState {
    /// Leased and not reported. The slot is freed when its request certainly arrived long ago.
    Leased,
    /// The response was seen.
    Completed,
    /// The server refused the request. It may count there all the same, so the slot stays in use.
    RateLimited,
    /// The request was never sent.
    Released,
}

/// One slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// When the slot may be used again.
    pub(super) free_at: Tick,
    /// What is known about its request.
    pub(super) state: SlotState,
}

impl Slot {
    fn is_used_at(&self, now: Tick) -> bool {
        self.state != SlotState::Released && self.free_at > now
    }
}

/// The slots in the order in which they were leased. A slot's number is unique within the ledger's
/// life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// The number of the first slot in the list.
    first: u64,
    list: VecDeque<Slot>,
}

/// Counts of expired slots, by whether they were reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpiredSlots {
    /// Never reported.
    pub(super) lost: u32,
    /// Reported.
    pub(super) reported: u32,
}

impl Slots {
    /// Removes slots that are free at `now`, from the oldest on, and counts them.
    pub(super) fn expire(&mut self, now: Tick) -> ExpiredSlots {
        let mut expired = ExpiredSlots::default();
        while let Some(slot) = self.list.front().filter(|slot| !slot.is_used_at(now)) {
            match slot.state {
                SlotState::Leased => expired.lost += 1,
                SlotState::Completed | SlotState::RateLimited => expired.reported += 1,
                SlotState::Released => {}
            }
            self.list.pop_front();
            self.first += 1;
        }
        expired
    }

    /// Lets every slot that would be freed after `latest`, which no correct clock can have written, be
    /// freed at `corrected`.
    pub(super) fn correct_future_times(&mut self, latest: Tick, corrected: Tick) {
        for slot in &mut self.list {
            if slot.free_at > latest {
                slot.free_at = corrected;
            }
        }
    }

    /// Lets every slot be freed `ticks` later, or earlier where they are negative: the window has another length.
    pub(super) fn shift(&mut self, ticks: Tick) {
        for slot in &mut self.list {
            slot.free_at = slot.free_at.saturating_add(ticks);
        }
    }

    /// Replaces every slot by `count` that are freed at `free_at`, of requests that may count at the server
    /// and of which nothing was learned.
    pub(super) fn fill(&mut self, count: u32, free_at: Tick) {
        self.first += self.list.len() as u64;
        self.list.clear();
        for _ in 0..count {
            self.push(free_at, SlotState::RateLimited);
        }
    }

    /// Leases a slot that is freed at `free_at` unless it is reported. Returns its number.
    pub(super) fn lease(&mut self, free_at: Tick) -> u64 {
        self.push(free_at, SlotState::Leased)
    }

    fn push(&mut self, free_at: Tick, state: SlotState) -> u64 {
        self.list.push_back(Slot { free_at, state });
        self.first + self.list.len() as u64 - 1
    }

    /// Records that the request of slot `number` was completed or refused, so that the slot is
    /// freed at `free_at`. Repeatable. A slot that has already expired is added again.
    pub(super) fn report(&mut self, number: u64, free_at: Tick, state: SlotState) {
        let Some(slot) = self.find(number) else {
            self.push(free_at, state);
            return;
        };
        let known = slot.state;
        slot.free_at = match known {
            SlotState::Completed | SlotState::RateLimited => slot.free_at.max(free_at),
            SlotState::Leased | SlotState::Released => free_at,
        };
        slot.state = if known == SlotState::RateLimited {
            known
        } else {
            state
        };
    }

    /// Records that slot `number` was never used. Repeatable; a reported slot is unchanged.
    pub(super) fn release(&mut self, number: u64) -> bool {
        let leased = self
            .find(number)
            .filter(|slot| slot.state == SlotState::Leased);
        if let Some(slot) = leased {
            slot.state = SlotState::Released;
            return true;
        }
        false
    }

    fn find(&mut self, number: u64) -> Option<&mut Slot> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.list.get_mut(at)
    }

    /// The number of slots in use at `now`.
    pub(super) fn in_use(&self, now: Tick) -> usize {
        self.used(now).count()
    }

    /// The slots in use at `now`.
    pub(super) fn used(&self, now: Tick) -> impl Iterator<Item = &Slot> {
        self.list.iter().filter(move |slot| slot.is_used_at(now))
    }

    /// The text encoding and the number of the first slot.
    pub(super) fn to_text(&self) -> (u64, String) {
        let mut text = String::with_capacity(self.list.len() + 16);
        let mut last = [0; 2];
        for slot in &self.list {
            let mark = match slot.state {
                SlotState::Leased => Some(LEASED_MARK),
                SlotState::Completed => None,
                SlotState::RateLimited => Some(RATE_LIMITED_MARK),
                SlotState::Released => Some(RELEASED_MARK),
            };
            text.extend(mark.map(char::from));
            if slot.state == SlotState::Released {
                continue;
            }
            let last = &mut last[usize::from(slot.state == SlotState::Leased)];
            compact::write(&mut text, slot.free_at.wrapping_sub(*last));
            *last = slot.free_at;
        }
        (self.first, text)
    }

    /// Parses the text encoding; `None` if it is invalid.
    pub(super) fn from_text(first: u64, text: &str) -> Option<Self> {
        let mut reader = compact::Reader::new(text);
        let mut list = VecDeque::new();
        let mut last = [0_i64; 2];
        while !reader.is_done() {
            let state = if reader.mark(RELEASED_MARK) {
                list.push_back(Slot {
                    free_at: 0,
                    state: SlotState::Released,
                });
                continue;
            } else if reader.mark(LEASED_MARK) {
                SlotState::Leased
            } else if reader.mark(RATE_LIMITED_MARK) {
                SlotState::RateLimited
            } else {
                SlotState::Completed
            };
            let last = &mut last[usize::from(state == SlotState::Leased)];
            *last = last.wrapping_add(reader.number()?);
            list.push_back(Slot {
                free_at: *last,
                state,
            });
        }
        Some(Self { first, list })
    }
}

/// Precedes a slot that has not been reported.
const LEASED_MARK: u8 = b'!';
/// Precedes a slot whose request was refused.
const RATE_LIMITED_MARK: u8 = b'*';
/// Represents a slot that was never used.
const RELEASED_MARK: u8 = b'~';
