//! How far a sweep may move its watermark.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::sweep_cursor::{
    ChangeRange, EndlessList, INDEX_LAG_MAX, KeyedListPlace, KeyedPageShape, PendingRange,
    ReadPhase, SweepCursor, Unsettled,
};
use halogard_domain::time::BothClocks;
use proptest::prelude::*;

/// A time in seconds.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Our clock alone.
fn by_our_clock(now: Timestamp) -> BothClocks {
    BothClocks::ours_alone(now)
}

/// A cursor at 100 s, with a change of 200 s that was listed at 300 s.
fn swept() -> SweepCursor {
    SweepCursor {
        watermark: Some(at(100)),
        unsettled: Some(Unsettled {
            changed_at: at(200),
            listed_at: at(300),
        }),
        ..SweepCursor::default()
    }
}

/// A range between two times, whose reading began at 900 s.
fn rest(since: i64, until: i64, reading: ReadPhase) -> PendingRange {
    PendingRange {
        range: ChangeRange {
            since: at(since),
            until: at(until),
            pages: 0,
            count: 500,
        },
        phase: reading,
        phase_since: at(900),
    }
}

#[test]
fn the_watermark_moves_only_to_a_change_that_was_listed_late_enough_and_without_a_gap() {
    let settled = at(300).plus(INDEX_LAG_MAX);
    let early = settled.minus(Duration::from_millis(1));
    // Listed since, listed until (if given), listed at; the watermark after that, in seconds.
    let rows = [
        ("late enough", 100, None, settled, 200),
        ("it overlaps", 50, None, settled, 200),
        ("something may be hidden", 100, None, early, 100),
        ("there is a gap", 101, None, settled, 100),
        (
            "it ends before what was newest",
            100,
            Some(150),
            settled,
            150,
        ),
        ("it ends after that", 100, Some(250), settled, 200),
        ("it ends before the watermark", 50, Some(60), settled, 100),
    ];
    for (name, since, to, listed_at, expected) in rows {
        let mut swept = swept();
        swept.settle(at(since), to.map(at), listed_at);
        assert_eq!(swept.watermark, Some(at(expected)), "{name}");
    }
}

#[test]
fn before_anything_was_listed_the_watermark_stays() {
    let mut swept = SweepCursor {
        watermark: Some(at(100)),
        ..SweepCursor::default()
    };
    swept.settle(at(100), None, at(100_000));
    assert_eq!(swept.watermark, Some(at(100)));
}

#[test]
fn a_settled_range_moves_the_watermark_to_its_end() {
    let rows = [
        ("it follows the watermark", 100, 800, 800),
        ("it begins before it", 50, 800, 800),
        ("it leaves a gap", 101, 800, 100),
        ("it ends before it", 50, 90, 100),
    ];
    for (name, since, until, expected) in rows {
        let rest = rest(since, until, ReadPhase::Settled);
        let mut swept = swept();
        swept.complete_range(&rest);
        let moved = if expected == until {
            rest.covered_until()
        } else {
            at(expected)
        };
        assert_eq!(swept.watermark, Some(moved), "{name}");
    }
}

#[test]
fn a_fresh_range_settles_the_earlier_change_and_records_its_end() {
    let rest = rest(100, 800, ReadPhase::Fresh);
    let mut swept = swept();
    swept.complete_range(&rest);
    assert_eq!(
        swept.watermark,
        Some(at(200)),
        "listed at 300 s, read at 900 s"
    );
    let noted = Unsettled {
        changed_at: rest.covered_until(),
        listed_at: at(900),
    };
    assert_eq!(swept.unsettled, Some(noted));
}

#[test]
fn a_change_that_has_not_settled_is_not_replaced_by_a_newer_one() {
    let mut swept = swept();
    swept.observe([at(250)], by_our_clock(at(310)));
    assert_eq!(swept.unsettled.unwrap().changed_at, at(200));
    swept.settle(at(100), None, at(300).plus(INDEX_LAG_MAX));
    swept.observe([at(150)], by_our_clock(at(600)));
    assert_eq!(swept.unsettled.unwrap().changed_at, at(200), "it is past");
    swept.observe([at(250)], by_our_clock(at(600)));
    assert_eq!(swept.unsettled.unwrap().changed_at, at(250));
}

const YEAR: i64 = 365 * 86_400;

#[test]
fn a_change_dated_in_the_future_never_moves_the_watermark() {
    let mut swept = SweepCursor {
        watermark: Some(at(100)),
        ..SweepCursor::default()
    };
    swept.observe([at(150), at(YEAR)], by_our_clock(at(200)));
    assert_eq!(swept.unsettled.unwrap().changed_at, at(150));
    swept.settle(at(100), None, at(200).plus(INDEX_LAG_MAX));
    assert_eq!(swept.watermark, Some(at(150)));
    swept.observe([at(YEAR)], by_our_clock(at(600)));
    assert_eq!(swept.unsettled.unwrap().changed_at, at(150));
}

#[test]
fn a_range_that_ends_in_the_future_moves_the_watermark_to_its_discovery_at_most() {
    for settled in [false, true] {
        let mut swept = swept();
        let range = ChangeRange {
            since: at(100),
            until: at(YEAR),
            pages: 3,
            count: 250,
        };
        let mut pending = PendingRange::discovered(range, by_our_clock(at(900)));
        let begun = at(900).plus(INDEX_LAG_MAX);
        pending.begin(
            if settled {
                ReadPhase::Settled
            } else {
                ReadPhase::Fresh
            },
            begun,
        );
        assert_eq!(
            pending.covered_until(),
            at(900).minus(Duration::from_millis(1))
        );
        swept.complete_range(&pending);
        assert!(swept.watermark() <= at(900), "{:?}", swept.watermark);
        assert!(swept.unsettled.unwrap().changed_at <= at(900));
    }
}

#[test]
fn a_range_of_a_clock_that_is_ahead_is_read_as_it_is() {
    let range = ChangeRange {
        since: at(890),
        until: at(1_200),
        pages: 3,
        count: 250,
    };
    let pending = PendingRange::discovered(range.clone(), by_our_clock(at(900)));
    assert_eq!(pending.range, range);
}

#[test]
fn stored_times_in_the_future_are_corrected() {
    let mut swept = SweepCursor {
        watermark: Some(at(YEAR)),
        last_full_sweep: Some(at(YEAR)),
        pending: Some(rest(YEAR, YEAR + 10, ReadPhase::Fresh)),
        ..swept()
    };
    swept.correct_times(by_our_clock(at(10_000)));
    assert_eq!(swept.watermark, Some(at(10_000 - 3_600)));
    assert_eq!((swept.last_full_sweep, swept.pending.clone()), (None, None));

    let past = SweepCursor {
        last_full_sweep: Some(at(9_000)),
        pending: Some(rest(100, 800, ReadPhase::Fresh)),
        ..self::swept()
    };
    let mut corrected = past.clone();
    corrected.correct_times(by_our_clock(at(10_000)));
    assert_eq!(corrected, past);
}

/// A list that is read by the page while it changes.
struct ListOfTickets {
    ids: Vec<u64>,
    newest_first: bool,
    is_counted: bool,
    page_rows: usize,
}

impl ListOfTickets {
    /// The page, and what it shows of the list.
    fn page(&self, number: u32) -> (Vec<u64>, KeyedPageShape) {
        let before = (number as usize - 1) * self.page_rows;
        let rows = self.ids.iter().skip(before).take(self.page_rows);
        let rows: Vec<u64> = rows.copied().collect();
        let shape = KeyedPageShape {
            received: rows.len() as u64,
            count: self.is_counted.then_some(self.ids.len() as u64),
            first_row: rows.first().copied().map(TicketId::new),
        };
        (rows, shape)
    }

    /// Another ticket joins the list.
    fn join(&mut self, id: u64) {
        if self.newest_first {
            self.ids.insert(0, id);
        } else {
            self.ids.push(id);
        }
    }
}

/// What happens to the list between two pages.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    /// The ticket at this place, in parts of 256, leaves.
    Leave(u8),
    /// This many join.
    Join(u8),
}

proptest! {
    /// However long the list is, and whatever the order in which HaloPSA lists it: no ticket that stays in it
    /// is skipped, while tickets leave it (also at its end only, where it is not counted) or join it.
    #[test]
    fn no_ticket_is_skipped_while_a_list_is_read_to_its_end(
        length in 0_usize..400,
        newest_first: bool,
        is_counted: bool,
        page_rows in 1_usize..60,
        between in prop::collection::vec(prop_oneof![
            4 => Just(Between::Nothing),
            1 => any::<u8>().prop_map(Between::Leave),
            1 => (1_u8..5).prop_map(Between::Join),
        ], 30),
    ) {
        let mut ids: Vec<u64> = (1..=length as u64).collect();
        if newest_first {
            ids.reverse();
        }
        let mut staying: std::collections::BTreeSet<u64> = ids.iter().copied().collect();
        let mut list = ListOfTickets { ids, newest_first, is_counted, page_rows };
        let mut seen = std::collections::BTreeSet::new();
        let (rows, shape) = list.page(1);
        let mut place = KeyedListPlace::after_first_page(shape).unwrap();
        if !matches!(place, Some(KeyedListPlace::Backwards { .. })) {
            seen.extend(rows);
        }
        let mut between = between.into_iter();
        let mut pages = 1;
        while let Some(at) = place {
            match between.next().filter(|_| is_counted) {
                Some(Between::Leave(part)) if !list.ids.is_empty() => {
                    let index = usize::from(part) * list.ids.len() / 256;
                    staying.remove(&list.ids.remove(index));
                }
                Some(Between::Join(times)) => {
                    for number in 0..u64::from(times) {
                        list.join(10_000 + pages * 100 + number);
                    }
                }
                _ => {}
            }
            let (rows, shape) = list.page(at.page());
            seen.extend(rows);
            place = at.after(shape).unwrap();
            pages += 1;
            prop_assert!(pages < 1_000, "it ends");
        }
        let skipped: Vec<&u64> = staying.difference(&seen).collect();
        prop_assert!(skipped.is_empty(), "{skipped:?}");
    }
}

#[test]
fn a_list_that_does_not_move_or_has_an_odd_count_is_an_error_and_no_endless_loop() {
    let row = |id| Some(TicketId::new(id));
    let shape = |received, count, first_row| KeyedPageShape {
        received,
        count,
        first_row,
    };
    let first = shape(100, Some(250), row(1));
    let place = KeyedListPlace::after_first_page(first).unwrap().unwrap();
    assert_eq!(place.page(), 3);
    assert_eq!(place.after(first), Err(EndlessList::PageRepeated));
    // Rows that are counted and not listed end nothing.
    let place = place.after(shape(0, Some(250), None)).unwrap().unwrap();
    let place = place
        .after(shape(30, Some(250), row(101)))
        .unwrap()
        .unwrap();
    assert_eq!(place.page(), 1);
    assert_eq!(place.after(first), Ok(None));
    let uncounted = shape(100, None, row(1));
    let place = KeyedListPlace::after_first_page(uncounted)
        .unwrap()
        .unwrap();
    assert_eq!(place.after(uncounted), Err(EndlessList::PageRepeated));
    assert_eq!(place.after(shape(0, None, None)), Ok(None));
    for count in [100 * 100_001, u64::MAX] {
        let odd = KeyedListPlace::after_first_page(shape(100, Some(count), row(1)));
        assert_eq!(odd, Err(EndlessList::TooManyPages));
    }
    // A first page without a row is all there is.
    let none = KeyedListPlace::after_first_page(shape(0, Some(7), None));
    assert_eq!(none, Ok(None));
}

#[test]
fn the_watermark_goes_back_with_halopsas_clock_and_with_nothing_else() {
    let seen = |theirs| BothClocks {
        ours: at(10_000),
        theirs: Some(at(theirs)),
    };
    // HaloPSA's clock before and after, by ours at 10,000 s; the watermark of 9,000 s after that.
    let rows = [
        ("the same", 10_000, 10_000, 9_000),
        ("another server", 10_000, 9_940, 9_000),
        ("set back", 10_000, 9_939, 9_000 - 61 - 60),
        (
            "set back below the watermark",
            10_000,
            8_970,
            9_000 - 1_030 - 60,
        ),
        ("set forward", 9_000, 10_000, 9_000),
        (
            "put right after it was ahead",
            13_600,
            10_000,
            9_000 - 3_600 - 60,
        ),
    ];
    for (what, before, after, expected) in rows {
        let mut cursor = SweepCursor {
            watermark: Some(at(9_000)),
            ..SweepCursor::default()
        };
        assert!(!cursor.correct_times(seen(before)), "{what}");
        assert!(!cursor.correct_times(by_our_clock(at(10_000))), "{what}");
        assert_eq!(
            cursor.correct_times(seen(after)),
            expected != 9_000,
            "{what}"
        );
        assert_eq!(cursor.watermark(), at(expected), "{what}");
        // Once for each step.
        assert!(!cursor.correct_times(seen(after)), "{what}");
    }
    let mut new = SweepCursor::default();
    assert!(!new.correct_times(seen(20_000)));
    assert!(!new.correct_times(seen(10_000)));
    assert_eq!(new.watermark, None);
}
