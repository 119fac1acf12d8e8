//! Text that people read and searches find: keys, titles, HTML, truncation, slugs.

mod support;

use halogard_domain::key::KeySecret;
use halogard_domain::render::{
    DETAILS_CHARS_MAX, SUMMARY_CHARS_MAX, TRUNCATION_MARK, details_html, escape_html,
    marked_summary, plain_text, reopen_note_html, summary, truncate,
};
use halogard_domain::{Alert, AlertState, LinkKey, Slug};
use proptest::prelude::*;
use support::alert;

#[test]
fn the_text_of_our_own_html_is_what_a_person_reads() {
    let rows = [
        ("<p>full</p><p>Halogard LG-1</p>", "full\nHalogard LG-1"),
        ("<p>a<br>b</p>", "a\nb"),
        (
            "<table><tr><td>Rule</td><td>x &amp; y</td></tr><tr><td>System</td><td>z</td></tr></table>",
            "Rule: x & y\nSystem: z",
        ),
        ("<p><a href=\"https://x\">Open</a></p>", "Open"),
        (
            "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2 &quot;&#39;</p>",
            "1 ‹ 2 && 3 › 2 \"'",
        ),
        // Escaped once, not twice.
        ("<p>&amp;lt;b&amp;gt;</p>", "&lt;b&gt;"),
        ("plain", "plain"),
        ("", ""),
        ("broken <p", "broken"),
    ];
    for (html, text) in rows {
        assert_eq!(plain_text(html), text, "{html}");
    }
    let odd = Alert {
        description: "<script>alert(1)</script>".into(),
        ..alert()
    };
    assert!(plain_text(&details_html(&odd)).starts_with("‹script›alert(1)‹/script›\nCustomer: "));
    assert!(plain_text(&reopen_note_html(&odd)).ends_with("‹script›alert(1)‹/script›"));
}

#[test]
fn statuses_mean_open_closed_or_unknown() {
    let rows = [
        ("New", AlertState::Open),
        ("new", AlertState::Open),
        ("Open", AlertState::Open),
        ("In Progress", AlertState::Open),
        ("in-progress", AlertState::Open),
        ("Closed - Complete", AlertState::Closed),
        ("closed", AlertState::Closed),
        ("Completed", AlertState::Closed),
        ("Resolved", AlertState::Closed),
        ("Cancelled", AlertState::Closed),
        ("Canceled", AlertState::Closed),
        ("Dismissed", AlertState::Closed),
        ("Not Closed", AlertState::Unknown),
        ("", AlertState::Unknown),
        ("Enclosed", AlertState::Unknown),
        ("Closed - Incomplete", AlertState::Closed),
        ("Cancel requested", AlertState::Unknown),
        ("Resolved, pending approval", AlertState::Unknown),
        ("Complete with errors", AlertState::Unknown),
        ("Closed, awaiting review", AlertState::Unknown),
        ("Dismissed (undo)", AlertState::Unknown),
        ("New York", AlertState::Unknown),
    ];
    for (status, expected) in rows {
        assert_eq!(AlertState::of(&Slug::new(status)), expected, "{status}");
    }
}

#[test]
fn markup_from_liongard_reaches_no_ticket() {
    let hostile = Alert {
        name: "<img src=x onerror=alert(1)>".into(),
        description: "<script>alert('x')</script> & \"quoted\"\nline".into(),
        page: Some("javascript:alert(1)".into()),
        ..alert()
    };
    let html = details_html(&hostile);
    assert!(
        !html.contains("<script") && !html.contains("<img") && !html.contains("javascript:"),
        "{html}"
    );
    assert!(
        html.contains(
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quoted&quot;<br>line"
        ),
        "{html}"
    );
}

#[test]
fn a_title_pattern_is_filled_in_on_one_line() {
    let alert = Alert {
        rule: Some("Stale\n  accounts".into()),
        ..alert()
    };
    assert_eq!(
        summary(
            "{inspector}: {rule} ({environment}, {priority}) {number}",
            &alert
        ),
        "Active Directory: Stale accounts (Northwind Dental, critical) T20260105.00001",
    );
}

#[test]
fn long_text_is_truncated_with_a_mark() {
    let alert = Alert {
        name: "ä".repeat(1000),
        description: "ß".repeat(100_000),
        ..alert()
    };
    let key = KeySecret::new([7; 32]).sign(LinkKey {
        prefix: "LG".into(),
        alert: alert.id,
        recurrence: 1,
    });
    let title = marked_summary(&key, &summary("{name}", &alert));
    assert_eq!(title.chars().count(), SUMMARY_CHARS_MAX);
    assert!(title.ends_with(TRUNCATION_MARK));
    let html = details_html(&alert);
    assert_eq!(
        html.matches('ß').count(),
        DETAILS_CHARS_MAX - TRUNCATION_MARK.chars().count()
    );
}

proptest! {
    #[test]
    fn truncation_keeps_the_limit_and_never_splits_a_character(text in "\\PC{0,60}", max in 0..50_usize) {
        let short = truncate(&text, max);
        prop_assert!(short.chars().count() <= max.max(text.chars().count().min(max)));
        if text.chars().count() <= max { prop_assert_eq!(short, text); }
    }

    #[test]
    fn escaped_text_holds_no_markup_of_its_own(text in "\\PC{0,60}") {
        let safe = escape_html(&text).replace("<br>", "");
        prop_assert!(!safe.contains(['<', '>', '"', '\'']), "{safe}");
    }
}
