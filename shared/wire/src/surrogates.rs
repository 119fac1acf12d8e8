//! Text that was cut in the middle of a character.

use std::borrow::Cow;

/// What replaces a character of which half is missing, escaped.
const REPLACEMENT: &[u8; 4] = b"fffd";

/// `json` with every broken character replaced by the mark for "unreadable": bytes that are not UTF-8, and
/// halves of characters (see [`replace_lone_surrogates`]). `None` when there is none.
#[must_use]
pub fn replace_broken_characters(json: &[u8]) -> Option<Vec<u8>> {
    match String::from_utf8_lossy(json) {
        Cow::Borrowed(_) => replace_lone_surrogates(json),
        Cow::Owned(text) => {
            let text = text.into_bytes();
            Some(replace_lone_surrogates(&text).unwrap_or(text))
        }
    }
}

/// `json` with every half of a character (`\\ud800` without its other half) replaced by the mark for
/// "unreadable"; `None` when there is none. Nothing else is changed.
///
/// JSON by its grammar, and written by senders that cut text without looking: one such escape is not a
/// reason to lose the record around it.
#[must_use]
pub fn replace_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut replaced: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = json
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        at += found;
        let Some(unit) = unit_at(json, at) else {
            // Another escape: skip the character after the backslash.
            at += 2;
            continue;
        };
        let is_pair = (0xD800..0xDC00).contains(&unit)
            && unit_at(json, at + 6).is_some_and(|next| (0xDC00..0xE000).contains(&next));
        if is_pair {
            at += 12;
            continue;
        }
        if (0xD800..0xE000).contains(&unit)
            && let Some(digits) = replaced
                .get_or_insert_with(|| json.to_vec())
                .get_mut(at + 2..at + 6)
        {
            digits.copy_from_slice(REPLACEMENT);
        }
        at += 6;
    }
    replaced
}

/// The UTF-16 unit that a `\\uXXXX` at `at` names.
fn unit_at(json: &[u8], at: usize) -> Option<u16> {
    let escape = json.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}
