//! Whether what the product says is English for every count.

use std::fs;

use crate::{root, sources};

/// Nouns that messages count.
const NOUNS: [&str; 24] = [
    "pairs",
    "alerts",
    "tickets",
    "environments",
    "clients",
    "customers",
    "templates",
    "rules",
    "records",
    "entries",
    "lines",
    "messages",
    "letters",
    "problems",
    "warnings",
    "checks",
    "requests",
    "differences",
    "days",
    "bytes",
    "webhooks",
    "changes",
    "keys",
    "inspectors",
];

/// What is followed by a plural and never counts one, with the reason.
const NEVER_ONE: [(&str, &str); 11] = [
    ("{} requests per {} s", "no limit of one request is set"),
    ("{} days", "shorter spans are said in hours"),
    (
        "{listed} alerts listed where",
        "only a long list is guarded",
    ),
    ("webhooks have our address", "said of several only"),
    (
        "a key cannot live {days} days",
        "the choice begins at thirty",
    ),
    ("{bytes} bytes and", "said of too many only"),
    ("{limit_bytes} bytes", "a limit of thousands"),
    ("{chars_max} letters", "a limit of many"),
    ("{all} messages were not taken", "said of arrays only"),
    ("may not {lacks} tickets", "no count"),
    ("after {lines} lines", "a file with one line is not begun"),
];

/// The placeholders of `text` that a plural noun follows, each with that noun.
fn counts_before_plurals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (end, _) in text.match_indices("} ") {
        let (before, after) = (&text[..end], &text[end + 2..]);
        let word: String = after.chars().take_while(char::is_ascii_lowercase).collect();
        // A placeholder is short: a name, or nothing.
        let Some(start) = before.rfind('{') else {
            continue;
        };
        let name = &before[start + 1..];
        let is_placeholder = name
            .chars()
            .all(|it| it.is_ascii_lowercase() || it == '_' || it == '.');
        if is_placeholder && NOUNS.contains(&word.as_str()) {
            let from = text[..start].rfind('"').map_or(0, |quote| quote + 1);
            let to = after.find('"').map_or(text.len(), |quote| end + 2 + quote);
            found.push(text[from..to].to_owned());
        }
    }
    found
}

#[test]
fn a_count_in_a_message_agrees_with_its_noun() {
    let mut wrong = Vec::new();
    for folder in ["shared", "functions", "halogard"] {
        for file in sources(&root().join(folder)) {
            let shown = file.strip_prefix(root()).unwrap().to_owned();
            let is_product = shown.components().any(|part| part.as_os_str() == "src")
                && !shown.starts_with("shared/simulator");
            if !is_product {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            // What only tests say may be any English.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let said = counts_before_plurals(text).into_iter();
            let said = said.filter(|said| !NEVER_ONE.iter().any(|(part, _)| said.contains(part)));
            wrong.extend(said.map(|said| format!("{}: {said:?}", shown.display())));
        }
    }
    assert!(
        wrong.is_empty(),
        "say these with `halogard_domain::words::counted`:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_count_before_a_plural_is_found() {
    for (text, found) in [
        (r#"format!("{} pairs wait")"#, 1),
        (r#"format!("{count} journal entries")"#, 0),
        (r#"format!("{count} entries of {}")"#, 1),
        (r#"format!("{} ({})", pairs)"#, 0),
        ("let Some(x) = y else { return } pairs", 0),
    ] {
        assert_eq!(counts_before_plurals(text).len(), found, "{text}");
    }
}
