//! Hashes that may be stored: the same on every machine and in every build; and their text.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// A 64-bit FNV-1a hash of `parts`.
#[must_use]
pub fn hash64(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        // A separator that occurs in no text, so that ("ab", "c") differs from ("a", "bc").
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// `value` as JSON with sorted member names and without members that are null.
///
/// The order in which a struct declares its fields does not matter, and a new optional field changes
/// nothing until it is set. Empty if `value` has no JSON form, which no type of this crate is.
#[must_use]
pub fn canonical_json(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    without_nulls(value).to_string()
}

/// `value` without members that are null, members in the order of their names.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name, without_nulls(member)))
                .collect();
            // `serde_json` sorts them itself unless a crate of the build enables `preserve_order`.
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => elements.into_iter().map(without_nulls).collect(),
        plain => plain,
    }
}

/// `bytes` as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_of_a_text_never_changes() {
        assert_eq!(hash64(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash64(&["a", "bc"]), 0xa0a3_542c_19b9_00ab);
        assert_ne!(hash64(&["ab", "c"]), hash64(&["a", "bc"]));
    }

    #[test]
    fn canonical_json_sorts_members_and_omits_nulls() {
        let value = json!({"b": [{"z": null, "y": 1}, null], "a": {"d": "x", "c": null}});
        assert_eq!(
            canonical_json(&value),
            r#"{"a":{"d":"x"},"b":[{"y":1},null]}"#
        );
    }
}
