//! Values, in every form either vendor writes them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;
use halogard_wire::values::{self, FromName, OneOrMany};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is of another kind than number and text.
fn other_kinds() -> [Value; 3] {
    [json!([3]), json!({}), json!(true)]
}

/// `value`, as it appears in a body.
fn body(value: &Value) -> Value {
    serde_json::from_str(&value.to_string()).unwrap()
}

#[test]
fn an_id_is_read_in_every_form_seen_and_every_way_to_say_none_is_none() {
    let table = [
        (json!(7586), Some(7586)),
        (json!(7586.0), Some(7586)),
        (json!("7586"), Some(7586)),
        (json!("7586.0"), Some(7586)),
        (json!(" 7586 "), Some(7586)),
        (
            json!(9_007_199_254_740_993_u64),
            Some(9_007_199_254_740_993),
        ),
        (json!(null), None),
        (json!(""), None),
        (json!("  "), None),
        (json!(0), None),
        (json!("0"), None),
        (json!(-0.0), None),
        (json!(-1), None),
        (json!(-1.0), None),
        (json!("-1"), None),
        (json!(-20), None),
    ];
    for (value, expected) in table {
        let expected = expected.map(AlertId::new);
        assert_eq!(values::id(value.clone()).unwrap(), expected, "{value}");
        assert_eq!(values::id(body(&value)).unwrap(), expected, "{value}");
        assert_eq!(
            values::required_id::<_, AlertId>(value.clone()).ok(),
            expected,
            "{value}"
        );
    }
}

#[test]
fn a_missing_id_is_none_where_it_may_be() {
    #[derive(Deserialize)]
    struct Row {
        #[serde(default, deserialize_with = "values::id")]
        id: Option<u64>,
    }
    assert_eq!(serde_json::from_str::<Row>("{}").unwrap().id, None);
}

#[test]
fn what_is_no_whole_number_is_no_id() {
    let odd = [
        json!(3.5),
        json!("3.5"),
        json!("three"),
        json!("3 4"),
        json!(1e300),
        json!(u64::MAX),
        json!("NaN"),
    ];
    for value in odd.into_iter().chain(other_kinds()) {
        assert!(values::id::<_, u64>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn a_number_that_is_no_id_keeps_its_sign_and_zero() {
    let table = [
        (json!(0), Some(0)),
        (json!(-1), Some(-1)),
        (json!("-3.0"), Some(-3)),
        (json!(i64::MIN), Some(i64::MIN)),
        (json!(""), None),
        (json!(null), None),
    ];
    for (value, expected) in table {
        assert_eq!(values::integer(value.clone()).unwrap(), expected, "{value}");
    }
}

#[test]
fn blank_text_is_none_and_digits_are_text() {
    let table = [
        (json!("HD-12"), Some("HD-12")),
        (json!(" kept as it is "), Some(" kept as it is ")),
        (json!(90412), Some("90412")),
        (json!(-1), Some("-1")),
        (json!(1.5), Some("1.5")),
        (json!(""), None),
        (json!(" \u{a0}\n"), None),
        (json!(null), None),
    ];
    for (value, expected) in table {
        let text = values::text(value.clone()).unwrap();
        assert_eq!(text.as_deref(), expected, "{value}");
        assert_eq!(values::required_text(value.clone()).ok(), text, "{value}");
    }
    for value in other_kinds() {
        assert!(values::text(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn a_flag_is_read_in_every_form_seen() {
    let table = [
        (json!(true), Some(true)),
        (json!("True"), Some(true)),
        (json!(1), Some(true)),
        (json!("1"), Some(true)),
        (json!(false), Some(false)),
        (json!(" false "), Some(false)),
        (json!(0), Some(false)),
        (json!("0"), Some(false)),
        (json!(""), None),
        (json!(null), None),
    ];
    for (value, expected) in table {
        assert_eq!(values::flag(value.clone()).unwrap(), expected, "{value}");
    }
    for value in [json!("perhaps"), json!(2), json!(-1), json!([])] {
        assert!(values::flag(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn a_moment_is_read_in_every_form_seen() {
    let table = [
        ("2021-09-10T19:21:03Z", 1_631_301_663_000),
        ("2021-09-10T19:21:03.195Z", 1_631_301_663_195),
        ("2021-09-10T19:21:03.1956789Z", 1_631_301_663_195),
        ("2021-09-10T21:21:03.195+02:00", 1_631_301_663_195),
        ("2021-09-10T19:21:03", 1_631_301_663_000),
        ("2021-09-10T19:21:03.2", 1_631_301_663_200),
        ("2021-09-10T19:21:03.1956789", 1_631_301_663_195),
        ("2021-09-10 19:21:03", 1_631_301_663_000),
        ("2021-09-10", 1_631_232_000_000),
        ("2021/09/10 19:21:03", 1_631_301_663_000),
        ("2021/09/10 19:21:03.195", 1_631_301_663_195),
        (" 2021/09/10 19:21:03 ", 1_631_301_663_000),
        ("1980-01-01T00:00:00", 315_532_800_000),
    ];
    for (text, millis) in table {
        let moment = values::timestamp(json!(text)).unwrap();
        assert_eq!(moment, Some(Timestamp::from_millis(millis)), "{text}");
    }
}

#[test]
fn every_way_to_say_never_is_none() {
    let never = [
        json!(null),
        json!(""),
        json!("  "),
        json!("1979-12-31T23:59:59"),
        json!("1970-01-01T00:00:00Z"),
        json!("1900-01-01T00:00:00"),
        json!("1900/01/01 00:00:00"),
        json!("1900-01-01"),
        json!("1899-12-30T00:00:00"),
        json!("0001-01-01T00:00:00"),
        json!("0001-01-01T00:00:00Z"),
        json!("9999-12-31T23:59:59"),
        json!("9999-12-31T23:59:59.9999999Z"),
        json!("9999/12/31 23:59:59"),
    ];
    for value in never {
        assert_eq!(values::timestamp(value.clone()).unwrap(), None, "{value}");
    }
}

#[test]
fn a_date_of_no_known_form_is_an_error() {
    let odd = [
        json!("yesterday"),
        json!("10.09.2021"),
        json!("2021/13/45 19:21:03"),
        json!("2021-02-30T00:00:00"),
        json!("2021-09-10T19:21:03Zoo"),
        json!(1_631_301_663_195_i64),
    ];
    for value in odd.into_iter().chain(other_kinds()) {
        assert!(values::timestamp(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn an_error_never_quotes_text() {
    let planted = || json!("planted");
    let errors = [
        values::integer(planted()).unwrap_err(),
        values::flag(planted()).unwrap_err(),
        values::timestamp(planted()).unwrap_err(),
    ];
    for error in errors {
        assert!(!error.to_string().contains("planted"), "{error}");
    }
}

#[test]
fn a_list_may_be_null_and_where_it_is_allowed_a_record_alone() {
    let list = values::list::<_, u64>;
    assert_eq!(list(json!([1, 2])).unwrap(), [1, 2]);
    assert_eq!(list(json!(null)).unwrap(), [0_u64; 0]);
    assert!(list(json!({})).is_err() && list(json!("")).is_err());

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        id: u64,
    }
    let read = |value| serde_json::from_value::<OneOrMany<Row>>(value).map(|many| many.0);
    assert_eq!(read(json!([{"id": 1}])).unwrap(), [Row { id: 1 }]);
    assert_eq!(read(json!({"id": 1})).unwrap(), [Row { id: 1 }]);
    assert_eq!(read(json!(null)).unwrap(), []);
    assert!(read(json!({})).is_err() && read(json!(7)).is_err());

    assert!(values::any_items(json!([null])).unwrap());
    assert!(!values::any_items(json!([])).unwrap() && !values::any_items(json!(null)).unwrap());
}

#[test]
fn a_name_alone_may_stand_for_a_record() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Tier {
        kind: String,
    }
    impl FromName for Tier {
        fn from_name(kind: String) -> Self {
            Self { kind }
        }
    }
    let core = || {
        Some(Tier {
            kind: "Core".into(),
        })
    };
    let read = values::named::<_, Tier>;
    assert_eq!(read(json!({"kind": "Core"})).unwrap(), core());
    assert_eq!(read(json!(" Core ")).unwrap(), core());
    assert_eq!(read(json!(" ")).unwrap(), None);
    assert_eq!(read(json!(null)).unwrap(), None);
    assert!(read(json!({})).is_err() && read(json!(7)).is_err());
}
