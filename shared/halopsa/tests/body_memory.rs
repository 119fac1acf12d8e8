//! The memory that a webhook's body needs: in proportion to its size, whatever is in it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use halogard_app::intake::BODY_BYTES_MAX;
use halogard_domain::Timestamp;
use halogard_halopsa::webhook::parse;

/// The peak of this process's memory since the last reset, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// As many of `item` as fit between `head` and `tail` in the largest body.
fn filled(head: &str, item: &str, tail: &str) -> Vec<u8> {
    let room = BODY_BYTES_MAX - head.len() - tail.len();
    let items = item.repeat(room / item.len());
    format!("{head}{}{tail}", items.trim_end_matches(',')).into_bytes()
}

// One test: it measures the whole process.
#[test]
fn the_largest_body_needs_memory_in_proportion_to_its_size_whatever_is_in_it() {
    let event = r#""event":"ticket updated","object_id":4242"#;
    let ticket = format!(r#"{{{event},"ticket":{{"id":4242,"a":["#);
    let bodies = [
        (
            "small objects in a member",
            filled(r#"{"object_id":1,"a":["#, r#"{"b":0},"#, "]}"),
        ),
        (
            "small objects in the ticket",
            filled(&ticket, r#"{"b":0},"#, "]}}"),
        ),
        (
            "small members",
            filled(&format!("{{{event},"), r#""a":0,"#, "}"),
        ),
        ("a batch of numbers", filled("[", "0,", "]")),
        ("a batch of small objects", filled("[", r#"{"b":0},"#, "]")),
        (
            "a batch of events",
            filled("[", &format!("{{{event}}},"), "]"),
        ),
        (
            "a long event",
            filled(r#"{"object_id":1,"event":""#, "x", "\"}"),
        ),
        (
            "escapes",
            filled(r#"{"object_id":1,"event":""#, r"\u00e9", "\"}"),
        ),
        ("deep lists", filled("", "[", "")),
        ("a long number", filled(r#"{"object_id":"#, "9", "}")),
        ("no JSON", filled("[", "0 0,", "]")),
    ];
    for (what, body) in bodies {
        // Begins to measure anew.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = peak();
        let messages = parse(&body, Timestamp::EPOCH).map(|messages| messages.len());
        let needed = peak().saturating_sub(before);
        println!(
            "{what}: {} bytes, {messages:?} messages, {} KB more",
            body.len(),
            needed / 1024
        );
        assert!(needed < 3 * BODY_BYTES_MAX, "{what}: {needed} bytes");
    }
}
