//! Text that people read and searches find: keys, titles, HTML, truncation, slugs.

mod support;

use halogard_domain::ids::AlertId;
use halogard_domain::render::{
    DETAILS_CHARS_MAX, SUMMARY_CHARS_MAX, TRUNCATION_MARK, details_html, escape_html, summary,
    truncate,
};
use halogard_domain::{Alert, AlertState, LinkKey, Slug};
use proptest::prelude::*;
use support::alert;

fn key(recurrence: u32) -> LinkKey {
    LinkKey {
        prefix: "LG".into(),
        alert: AlertId::new(7586),
        recurrence,
    }
}

#[test]
fn a_key_is_found_exactly_or_not_at_all() {
    let rows = [
        ("[LG-7586] Disk", Some(key(1))),
        ("Re: [LG-7586-2] Disk", Some(key(2))),
        (
            "[LG-75861] Disk",
            Some(LinkKey {
                alert: AlertId::new(75861),
                ..key(1)
            }),
        ),
        ("[LG-] [LG-7586]", Some(key(1))),
        ("[LG-7586", None),
        ("LG-7586", None),
        ("[LG--7586]", None),
        ("[LG-7586-0]", None),
        ("[LG-+7586]", None),
        ("[XX-7586]", None),
        ("", None),
    ];
    for (title, expected) in rows {
        assert_eq!(LinkKey::find_in(title, "LG"), expected, "{title}");
    }
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
    let html = details_html(&key(1), &hostile);
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
            &key(1),
            "{inspector}: {rule} ({environment}, {priority}) {number}",
            &alert
        ),
        "[LG-7586] Active Directory: Stale accounts (Northwind Dental, critical) T20260105.00001",
    );
}

#[test]
fn long_text_is_truncated_with_a_mark() {
    let alert = Alert {
        name: "ä".repeat(1000),
        description: "ß".repeat(100_000),
        ..alert()
    };
    let title = summary(&key(1), "{name}", &alert);
    assert_eq!(title.chars().count(), SUMMARY_CHARS_MAX);
    assert!(title.ends_with(TRUNCATION_MARK));
    let html = details_html(&key(1), &alert);
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

    #[test]
    fn every_key_is_found_in_the_title_it_makes(alert_id in any::<u64>(), recurrence in 1..100_u32, name in "\\PC{0,300}") {
        let key = LinkKey { prefix: "LG".into(), alert: AlertId::new(alert_id), recurrence };
        let title = summary(&key, "{name}", &Alert { name, ..alert() });
        prop_assert_eq!(LinkKey::find_in(&title, "LG"), Some(key));
    }
}
