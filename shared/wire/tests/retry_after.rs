//! How long an answer asks us to stay away.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_wire::retry_after;
use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// 2026-05-02T09:00:00Z.
const NINE: Timestamp = Timestamp::from_millis(1_777_712_400_000);

/// The same moment, as servers write it.
const NINE_AS_DATE: &str = "Sat, 02 May 2026 09:00:00 GMT";

/// The pause in these headers, in milliseconds.
fn pause(headers: &[(HeaderName, &str)], now: Option<Timestamp>) -> Option<u128> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.parse().unwrap()))
        .collect();
    retry_after(&headers, now).as_ref().map(Duration::as_millis)
}

#[test]
fn seconds_may_have_a_fraction_and_are_clamped() {
    let table = [
        ("7", Some(7_000)),
        ("2.5", Some(2_500)),
        (" 3.5 ", Some(3_500)),
        ("0", Some(1_000)),
        ("0.2", Some(1_000)),
        ("86400", Some(300_000)),
        ("1e300", Some(300_000)),
        ("-3", None),
        ("NaN", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(pause(&[(RETRY_AFTER, text)], None), expected, "{text}");
    }
    assert_eq!(pause(&[], Some(NINE)), None);
}

#[test]
fn a_date_is_measured_against_the_answers_own_or_else_against_now() {
    let table = [
        ("Sat, 02 May 2026 09:00:40 GMT", 40_000),
        ("Sat, 02 May 2026 08:00:00 GMT", 1_000),
        ("Sun, 03 May 2026 09:00:00 GMT", 300_000),
    ];
    let an_hour_off = Some(NINE.plus(Duration::from_secs(3600)));
    for (text, expected) in table {
        let expected = Some(expected);
        let until = || (RETRY_AFTER, text);
        let dated = |date| [until(), (DATE, date)];
        assert_eq!(pause(&dated(NINE_AS_DATE), None), expected);
        assert_eq!(pause(&dated(NINE_AS_DATE), an_hour_off), expected);
        assert_eq!(pause(&dated("today"), Some(NINE)), expected);
        assert_eq!(pause(&[until()], Some(NINE)), expected);
        assert_eq!(pause(&[until()], None), None);
    }
}
