//! The text of a file, and excerpts of it.

use std::ops::Range;

use halogard_runtime::settings::SETTINGS;

use crate::problem::Problem;

/// Columns of a line that are shown. A longer line is truncated on both sides of the position.
const COLUMNS_MAX: usize = 100;

/// Columns shown before the position if the line is truncated.
const COLUMNS_BEFORE: usize = 40;

/// Parts of the names of keys that contain a secret.
const SECRET_WORDS: [&str; 6] = ["secret", "password", "bearer", "token", "api_key", "apikey"];

/// Prefixes of the names of vendor settings. A mistyped one may contain a secret.
const VENDORS: [&str; 2] = ["halopsa", "liongard"];

/// A text with a name.
pub(crate) struct SourceText<'a> {
    name: &'a str,
    text: &'a str,
    /// The start of each line.
    lines: Vec<usize>,
}

impl<'a> SourceText<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        // Some editors write a byte order mark, which is not part of the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after_breaks).collect();
        Self { name, text, lines }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The text at `span`.
    pub(crate) fn at(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// The number of the line in which `span` begins, from 1.
    pub(crate) fn line_of(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }

    /// A problem at `span`.
    pub(crate) fn problem(&self, span: &Range<usize>, message: String) -> Problem {
        let number = self.line_of(span);
        let start = self.lines.get(number - 1).copied().unwrap_or_default();
        let line = self.text[start..].lines().next().unwrap_or_default();
        let before = self.text.get(start..span.start).unwrap_or(line);
        let column = before.chars().count().min(line.chars().count());
        let width = self
            .at(span)
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .count();
        Problem {
            source: self.name.to_owned(),
            line: number,
            column: column + 1,
            message,
            excerpt: excerpt(number, line, column, width),
        }
    }
}

/// `line` with its number, and a marker of `width` below `column`.
fn excerpt(number: usize, line: &str, column: usize, width: usize) -> String {
    let shown = printable(&without_secret(line));
    let skipped = match shown.len() > COLUMNS_MAX {
        true => column.saturating_sub(COLUMNS_BEFORE),
        false => 0,
    };
    let mut text: String = shown.iter().skip(skipped).take(COLUMNS_MAX).collect();
    if skipped > 0 {
        text = format!("…{}", text.chars().skip(1).collect::<String>());
    }
    if shown.len() > skipped + COLUMNS_MAX {
        text.push('…');
    }
    let length = text.chars().count();
    let column = column.saturating_sub(skipped).min(length);
    let mark = "^".repeat(width.clamp(1, length.saturating_sub(column).max(1)));
    let gutter = number.to_string().len();
    let above = format!("  {number} | {text}");
    format!(
        "{}\n  {:gutter$} | {:column$}{mark}",
        above.trim_end(),
        "",
        ""
    )
}

/// The characters of `line`, each one column wide.
fn printable(line: &str) -> Vec<char> {
    let column = |c: char| {
        if c == '\t' {
            ' '
        } else if c.is_control() {
            '\u{fffd}'
        } else {
            c
        }
    };
    line.chars().map(column).collect()
}

/// `line` without everything after a key that may contain a secret. It works on the plain text,
/// because a line is also shown if it is not TOML.
fn without_secret(line: &str) -> String {
    let is_key_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let mut rest = line;
    while let Some(start) = rest.find(is_key_char) {
        let from_key = &rest[start..];
        let length = from_key.find(|c| !is_key_char(c)).unwrap_or(from_key.len());
        let (key, after) = from_key.split_at(length);
        let before = &line[..line.len() - from_key.len()];
        let before =
            before.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let stands_as_key = before.is_empty() || before.ends_with(['{', ',', '.']);
        if stands_as_key && may_hold_secret(key) && !after.is_empty() {
            return format!("{} …", &line[..line.len() - after.len()]);
        }
        rest = after;
    }
    line.to_owned()
}

/// Whether a value under this key must not be shown.
fn may_hold_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let is_known_plain = SETTINGS
        .iter()
        .any(|info| !info.is_secret() && info.key() == key);
    let sounds_secret = SECRET_WORDS.iter().any(|word| key.contains(word));
    let is_of_vendor = VENDORS.iter().any(|vendor| key.starts_with(vendor));
    !is_known_plain && (sounds_secret || is_of_vendor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        SourceText::new("f", text)
            .problem(&span, "wrong".to_owned())
            .to_string()
    }

    #[test]
    fn a_position_is_shown_with_its_line_and_a_marker() {
        let cases = [
            (
                "a = 1\nbb = 2\n",
                6..8,
                "f:2:1: wrong\n  2 | bb = 2\n    | ^^",
            ),
            ("ä = 1", 5..6, "f:1:5: wrong\n  1 | ä = 1\n    |     ^"),
            ("a = 1\r\nb", 0..5, "f:1:1: wrong\n  1 | a = 1\n    | ^^^^^"),
            ("\ta", 1..2, "f:1:2: wrong\n  1 |  a\n    |  ^"),
            (
                "a = \"\"\"\nb\n\"\"\"",
                4..13,
                "f:1:5: wrong\n  1 | a = \"\"\"\n    |     ^^^",
            ),
            ("", 0..0, "f:1:1: wrong\n  1 |\n    | ^"),
            ("a", 7..9, "f:1:2: wrong\n  1 | a\n    |  ^"),
            ("a\n", 2..2, "f:2:1: wrong\n  2 |\n    | ^"),
        ];
        for (text, span, expected) in cases {
            assert_eq!(shown(text, span), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_truncated_around_the_position() {
        let line = "x".repeat(300);
        let message = shown(&line, 200..203);
        assert!(
            message.lines().all(|line| line.chars().count() < 120),
            "{message}"
        );
        assert!(
            message.ends_with(&format!("| {}^^^", " ".repeat(COLUMNS_BEFORE))),
            "{message}"
        );
    }

    #[test]
    fn everything_after_a_key_that_may_contain_a_secret_is_omitted() {
        let cases = [
            (
                "s = { Client_Secret = \"planted\", x = 1 }",
                "s = { Client_Secret …",
            ),
            (
                "halopsa_client_secrt = \"planted\"",
                "halopsa_client_secrt …",
            ),
            (
                "\"liongard_access_key_secret\": planted",
                "\"liongard_access_key_secret …",
            ),
            (
                "settings.halopsa_webhook_bearer planted",
                "settings.halopsa_webhook_bearer …",
            ),
            ("HALOPSA_CLIENT_SECRET=planted", "HALOPSA_CLIENT_SECRET …"),
            ("token", "token"),
            ("halopsa_tenant = 5", "halopsa_tenant = 5"),
            (
                "halopsa_webhook_api_key_header = 5",
                "halopsa_webhook_api_key_header = 5",
            ),
            ("rule = \"*password*\"", "rule = \"*password*\""),
            ("", ""),
        ];
        for (line, shown) in cases {
            assert_eq!(without_secret(line), shown);
        }
    }
}
