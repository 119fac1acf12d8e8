//! What is kept of what a vendor said.

use halogard_wire::{RedactedMessage, Suffix};
use serde_json::Value;

/// What is kept of `text`.
fn said(text: &str) -> String {
    message_hiding(text, &[])
}

/// What is kept of `text`, if it must not show `secrets`.
fn message_hiding(text: &str, secrets: &[&str]) -> String {
    RedactedMessage::of_text(text, secrets)
        .map(|sentence| sentence.to_string())
        .unwrap_or_default()
}

/// What is kept of `body`, if its `message` has a sentence.
fn message_in_body(body: &[u8]) -> Option<RedactedMessage> {
    let message = |json: &Value| Some(json.get("message")?.as_str()?.to_owned());
    RedactedMessage::of_body(body, &["planted"], message)
}

#[test]
fn the_sentence_is_where_the_vendor_puts_it_or_else_the_whole_text() {
    let table = [
        (r#"{"message":"no such thing"}"#, Some("no such thing")),
        ("\u{feff} {\"message\":\"x\"}", Some("x")),
        (r#"{"a":1}"#, Some(r#"{"a":1}"#)),
        ("plain\n  text", Some("plain text")),
        ("<!DOCTYPE html><html>planted</html>", Some("an HTML page")),
        (r#"{"message":"key planted"}"#, Some("key [hidden]")),
        (r#"{"message":"  "}"#, None),
        ("  \n", None),
        ("", None),
    ];
    for (body, expected) in table {
        let sentence = message_in_body(body.as_bytes());
        assert_eq!(
            sentence.as_ref().map(RedactedMessage::as_str),
            expected,
            "{body}"
        );
    }
    assert!(
        message_in_body(&[0xff, 0xfe, 0x41]).is_some(),
        "no text, no panic"
    );
}

#[test]
fn an_html_page_is_distinguished_from_a_message() {
    let is_page = |body: &str| message_in_body(body.as_bytes()).map(|sentence| sentence.is_page());
    assert_eq!(is_page(" <html>"), Some(true));
    assert_eq!(is_page("an error"), Some(false));
}

#[test]
fn a_sentence_stands_on_one_line() {
    assert_eq!(said("two\r\nlines\t\u{7}here "), "two lines here");
}

#[test]
fn a_long_sentence_is_cut_at_a_character_with_a_mark() {
    let sentence = said(&"ä ".repeat(400));
    assert_eq!(sentence.chars().count(), 300);
    assert!(sentence.ends_with('…'));
    let exact = "ä".repeat(300);
    assert_eq!(said(&exact), exact);
}

#[test]
fn what_no_log_may_hold_is_taken_out() {
    let table = [
        ("Ask dana.ito@msp.example about it", "Ask [hidden] about it"),
        (
            "seen eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln bad",
            "seen [hidden] bad",
        ),
        (
            "key 9f86d081884c7d659a2feaa0c55ad015 bad",
            "key [hidden] bad",
        ),
        ("app 6f0a1c3e-90ab-4c11-9a31-77aa01bb23cd.", "app [hidden]"),
        ("see https://acme.halopsa.com/ticket?id=1", "see [hidden]"),
        ("Bearer abc refused", "Bearer [hidden] refused"),
        ("BASIC abc refused", "BASIC [hidden] refused"),
    ];
    for (text, kept) in table {
        assert_eq!(said(text), kept);
    }
}

#[test]
fn everything_after_the_name_of_a_secret_is_removed() {
    let table = [
        ("got client_secret=a b c d", "got client_secret= [hidden]"),
        (
            r#"got "client_secret": "abc""#,
            r#"got "client_secret": [hidden]"#,
        ),
        ("got CLIENT_SECRET%3dabc", "got CLIENT_SECRET%3d [hidden]"),
        ("got password%3Aabc", "got password%3A [hidden]"),
        ("access_token=abc", "access_token= [hidden]"),
        ("AccessKeySecret: abc def", "AccessKeySecret: [hidden]"),
        ("AccessKeyId\n: abc", "AccessKeyId : [hidden]"),
        ("X-ROAR-API-KEY: abc", "X-ROAR-API-KEY: [hidden]"),
        ("Authorization: abc", "Authorization: [hidden]"),
        ("basic_password='abc'", "basic_password= [hidden]"),
    ];
    for (text, kept) in table {
        assert_eq!(said(text), kept);
    }
}

#[test]
fn text_that_is_no_secret_stays() {
    let table = [
        "The 'client_secret' parameter is missing.",
        "column 'seriousness_level' of Faults",
        "Ticket ID: 0004242",
        "Path '[0].outcome_id', line 1, position 139.",
        "Session appears to be invalid",
    ];
    for text in table {
        assert_eq!(said(text), text);
    }
}

#[test]
fn a_given_secret_is_hidden_whatever_it_looks_like() {
    let table = [
        ("is hunter2 right", "is [hidden] right"),
        ("two words here", "[hidden] here"),
        ("xhunter2y", "x[hidden]y"),
    ];
    for (text, kept) in table {
        assert_eq!(message_hiding(text, &["", "hunter2", "two words"]), kept);
    }
}

#[test]
fn a_token_at_the_end_of_the_scanned_text_is_hidden() {
    let token = "9f86d081884c7d659a2feaa0c55ad015";
    for blanks in 7_950..8_010 {
        let text = format!("{}{token} end", " ".repeat(blanks));
        assert_eq!(said(&text), "[hidden] end");
        let text = format!("{}hunter2 end", " ".repeat(blanks));
        assert_eq!(message_hiding(&text, &["hunter2"]), "[hidden] end");
    }
}

#[test]
fn a_message_is_appended_or_left_out() {
    let sentence = RedactedMessage::of_text("no", &[]);
    assert_eq!(Suffix(sentence.as_ref()).to_string(), "; it said: no");
    assert_eq!(Suffix::<RedactedMessage>(None).to_string(), "");
}
