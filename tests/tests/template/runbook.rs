//! The runbook: one section for each alarm, found from the alarm and back.

use std::collections::BTreeMap;

use crate::expanded::root;

/// The sections of the runbook by anchor, each with the alarms it names.
pub fn sections() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let sections = text.split("\n## ").skip(1);
    sections
        .map(|section| {
            let title = section.lines().next().unwrap_or_default();
            let paragraphs = section
                .split("\n\n")
                .filter_map(|text| text.strip_prefix("Alarms: "));
            let alarms = paragraphs.flat_map(|text| text.split('`').skip(1).step_by(2));
            (anchor(title), alarms.map(str::to_owned).collect())
        })
        .collect()
}

/// The anchor of a title, as it is made where Markdown is shown.
fn anchor(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    })
    .collect()
}

#[test]
fn an_anchor_is_the_title_in_lower_case_with_dashes() {
    assert_eq!(
        anchor("Messages are dead-lettered"),
        "messages-are-dead-lettered"
    );
    assert_eq!(anchor("What's next?"), "whats-next");
}

#[test]
fn every_link_to_a_section_of_the_runbook_finds_one() {
    let sections = sections();
    let mut links = 0;
    for (file, mark) in [
        ("docs/runbook.md", "](#"),
        ("docs/rotation.md", "](runbook.md#"),
        ("README.md", "](docs/runbook.md#"),
    ] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for link in text.split(mark).skip(1) {
            let anchor = link.split(')').next().unwrap_or_default();
            assert!(
                sections.contains_key(anchor),
                "{file} links #{anchor}, which is not a section of the runbook"
            );
            links += 1;
        }
    }
    assert!(links > sections.len(), "links are lost: {links}");
    println!("links: {links} find their sections");
}
