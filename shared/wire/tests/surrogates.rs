//! Half a character loses no record, and nothing else is touched.

use halogard_wire::replace_lone_surrogates;
use serde_json::Value;

#[test]
fn a_lone_surrogate_is_replaced_and_pairs_stay() {
    let rows = [
        (r#"{"a":"bad \ud800 half"}"#, Some("bad \u{fffd} half")),
        (r#"{"a":"\udc00"}"#, Some("\u{fffd}")),
        (r#"{"a":"\ud83d"}"#, Some("\u{fffd}")),
        (r#"{"a":"\ud83d\ud83d\ude00"}"#, Some("\u{fffd}\u{1f600}")),
        (r#"{"a":"\ud83d\ude00 \u00e9 \n"}"#, None),
        (r#"{"a":"\\ud800"}"#, None),
        (r#"{"a":"\\\ud800"}"#, Some("\\\u{fffd}")),
        ("{}", None),
        ("", None),
        (r"\", None),
        (r"\u", None),
    ];
    for (json, expected) in rows {
        let found = replace_lone_surrogates(json.as_bytes()).map(|replaced| {
            let value: Value = serde_json::from_slice(&replaced).unwrap();
            value["a"].as_str().unwrap().to_owned()
        });
        assert_eq!(found.as_deref(), expected, "{json}");
    }
}
