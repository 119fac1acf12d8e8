//! What comes along when people copy.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use halogard_wire::input::{is_loopback, split_schemes, trimmed};

#[test]
fn blanks_quotes_and_brackets_around_a_text_are_taken_away() {
    let table = [
        ("us1", "us1"),
        ("  us1 \n", "us1"),
        ("\u{a0}us1\u{200b}\u{feff}", "us1"),
        ("\"us1\"", "us1"),
        ("<'us1'>", "us1"),
        ("`a \"b\" c`", "a \"b\" c"),
        (" \"\" ", ""),
    ];
    for (pasted, expected) in table {
        assert_eq!(trimmed(pasted), expected, "{pasted:?}");
    }
}

#[test]
fn every_leading_scheme_is_split_off() {
    let table: [(&str, &[&str], &str); 9] = [
        ("acme.example/api", &[], "acme.example/api"),
        ("https://acme.example", &["https"], "acme.example"),
        ("HTTPS:/acme.example", &["https"], "acme.example"),
        ("http:\\\\acme.example", &["http"], "acme.example"),
        ("https://http://a", &["https", "http"], "a"),
        ("https://", &["https"], ""),
        ("ftp://a", &[], "ftp://a"),
        ("http:8080", &[], "http:8080"),
        ("ä", &[], "ä"),
    ];
    for (pasted, schemes, rest) in table {
        assert_eq!(split_schemes(pasted), (schemes.to_vec(), rest));
    }
}

#[test]
fn this_machine_is_known_by_its_loopback_names_only() {
    let table = [
        ("http://127.0.0.1:8080", true),
        ("http://127.9.9.9", true),
        ("http://localhost:8080", true),
        ("http://[::1]:8080", true),
        ("http://10.0.0.5", false),
        ("http://128.0.0.1", false),
        ("http://localhost.example", false),
        ("http://[::2]", false),
        ("data:localhost", false),
    ];
    for (url, expected) in table {
        assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
    }
}
