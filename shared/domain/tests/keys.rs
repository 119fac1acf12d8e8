//! The key of a ticket: how it is written, read and proven.

mod support;

use halogard_domain::ids::{AlertId, STORABLE_MAX};
use halogard_domain::key::{Installation, InstallationId, KeySecret, Reference, UnverifiedKey};
use halogard_domain::policy::{Mode, Policy};
use halogard_domain::render::{marked_summary, referenced_details_html};
use halogard_domain::{Alert, LinkKey, Timestamp, render};
use proptest::prelude::*;
use support::{alert, at};

fn key(recurrence: u32) -> LinkKey {
    LinkKey {
        prefix: "LG".into(),
        alert: AlertId::new(7586),
        recurrence,
    }
}

fn secret() -> KeySecret {
    KeySecret::new([7; 32])
}

#[test]
fn our_prefixes_are_the_present_one_and_each_former_one_once() {
    let mut policy = Policy::empty(Mode::Managed);
    policy.key_prefix = "ACME".to_owned();
    policy.former_prefixes = ["LG", "ACME", "OLD"].map(str::to_owned).into();
    let prefixes: Vec<&str> = policy.prefixes().collect();
    assert_eq!(prefixes, ["ACME", "LG", "OLD"]);
}

#[test]
fn a_key_is_found_exactly_or_not_at_all() {
    let rows = [
        ("[LG-7586] Disk", Some(key(1))),
        ("Re: [LG-7586-2] Disk", Some(key(2))),
        ("[LG-7586.k3f9xw] Disk", Some(key(1))),
        ("[LG-7586-2.k3f9xw] Disk", Some(key(2))),
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
        ("[LG-7586.]", None),
        ("[LG-7586.k3f9x]", None),
        ("[LG-7586.k3f9xwy]", None),
        ("[LG-7586.k3f9x%]", None),
        ("[LG-7586.k3f9xw.2]", None),
        ("[XX-7586]", None),
        ("", None),
    ];
    for (title, expected) in rows {
        assert_eq!(LinkKey::find_in(title, "LG"), expected, "{title}");
    }
}

#[test]
fn a_title_holds_no_number_that_a_store_does_not_take() {
    for number in [
        "9223372036854775808",
        "18446744073709551615",
        "1e9",
        "9".repeat(40).as_str(),
    ] {
        let title = format!("[LG-{number}] hello");
        assert_eq!(LinkKey::find_in(&title, "LG"), None, "{title}");
    }
    let largest = LinkKey::find_in("[LG-9223372036854775807]", "LG").unwrap();
    assert_eq!(largest.alert.get(), STORABLE_MAX);
    assert_eq!(LinkKey::find_in("[LG-1-4294967296]", "LG"), None);
}

#[test]
fn a_proof_belongs_to_one_key_and_one_secret() {
    let signed = secret().sign(key(1));
    assert!(secret().verifies(&signed.unverified()));
    let with = |change: fn(&mut UnverifiedKey)| {
        let mut marked = signed.unverified();
        change(&mut marked);
        marked
    };
    let forged = [
        with(|marked| marked.proof = None),
        with(|marked| marked.proof = Some("000000".into())),
        with(|marked| marked.key.alert = AlertId::new(7587)),
        with(|marked| marked.key.recurrence = 2),
        with(|marked| marked.key.prefix = "LH".into()),
    ];
    for marked in forged {
        assert!(!secret().verifies(&marked), "{marked:?}");
    }
    let other = KeySecret::new([8; 32]);
    assert!(!other.verifies(&signed.unverified()));
}

/// Proofs are in titles that outlive many versions of this program.
#[test]
fn the_proof_of_a_key_is_the_same_in_every_build() {
    let keys = [
        key(1),
        key(2),
        LinkKey {
            prefix: "ACME".into(),
            ..key(1)
        },
    ];
    let signed = keys.map(|key| secret().sign(key).to_string());
    assert_eq!(signed, EXPECTED);
}

/// Computed by another implementation of HMAC.
const EXPECTED: [&str; 3] = ["LG-7586.qy07nh", "LG-7586-2.d8ypjv", "ACME-7586.c03w6g"];

#[test]
fn a_key_has_no_character_that_searches_or_encodings_change() {
    for recurrence in 1..200 {
        let text = secret().sign(key(recurrence)).to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        assert!(text.chars().all(plain), "{text}");
    }
}

#[test]
fn a_title_in_other_letters_or_in_a_reply_still_proves_its_key() {
    let marker = secret().sign(key(2)).marker();
    let titles = [
        format!("RE: FW: {marker} Disk"),
        marker.to_uppercase(),
        format!("[LG-1] [LG-2.abcdef] {marker}"),
    ];
    for title in titles {
        let marked = secret().choose_in(&title, ["LG"]).unwrap();
        assert_eq!(marked.key, key(2), "{title}");
        assert!(secret().verifies(&marked), "{title}");
    }
    let none = secret().choose_in("[LG-1] [LG-2]", ["LG"]).unwrap();
    assert_eq!(none.key.alert, AlertId::new(1));
    assert_eq!(secret().choose_in("Printer jams", ["LG"]), None);
}

#[test]
fn a_title_full_of_keys_is_read_to_a_limit() {
    let title: String = (1..1000).map(|number| format!("[LG-{number}]")).collect();
    assert_eq!(UnverifiedKey::all_in(&title, "LG").len(), 8);
}

#[test]
fn a_secret_is_stored_and_never_shown() {
    let installation = Installation {
        key_secret: Some(secret()),
        born_at: at(7),
    };
    let stored = serde_json::to_string(&installation).unwrap();
    assert_eq!(
        serde_json::from_str::<Installation>(&stored).unwrap(),
        installation
    );
    assert_eq!(format!("{:?}", secret()), "KeySecret(…)");
    for spoiled in ["\"07\"", "7", "\"zz\""] {
        let text = format!("{{\"key_secret\":{spoiled},\"born_at\":7}}");
        serde_json::from_str::<Installation>(&text).unwrap_err();
    }
}

#[test]
fn the_text_of_a_ticket_ends_with_its_key() {
    let signed = secret().sign(key(1));
    let installation = InstallationId::of(at(7), &secret());
    let html = referenced_details_html(&signed, &installation, "<p>full</p>");
    let expected = format!("<p>full</p><p>Halogard {signed}/{installation}</p>");
    assert_eq!(html, expected);
    let reference = Reference {
        key: signed.unverified(),
        installation: Some(installation),
    };
    assert_eq!(Reference::all_in(&html, "LG"), [reference]);
}

#[test]
fn what_ends_a_text_is_read_as_far_as_it_is_a_reference() {
    let plain = |alert: u64, recurrence: u32| Reference {
        key: UnverifiedKey {
            key: LinkKey {
                prefix: "LG".into(),
                alert: AlertId::new(alert),
                recurrence,
            },
            proof: None,
        },
        installation: None,
    };
    let proven = |reference: Reference| Reference {
        key: UnverifiedKey {
            proof: Some("k3f9xw".into()),
            ..reference.key
        },
        ..reference
    };
    let rows = [
        ("Halogard LG-7586", vec![plain(7586, 1)]),
        (
            "<p>Halogard LG-7586-2.K3F9XW</p>",
            vec![proven(plain(7586, 2))],
        ),
        (
            "Halogard LG-7586.k3f9xw/short, and",
            vec![proven(plain(7586, 1))],
        ),
        (
            "Halogard LG-1 Halogard LG-2",
            vec![plain(1, 1), plain(2, 1)],
        ),
        ("Halogard LG-7586 9edfe0b3cb4255e9", vec![plain(7586, 1)]),
        ("halogard LG-7586", vec![]),
        ("Halogard LG-x", vec![]),
        ("Halogard LG-7586.toolong", vec![]),
        ("Halogard ACME-7586", vec![]),
        ("", vec![]),
    ];
    for (text, expected) in rows {
        assert_eq!(Reference::all_in(text, "LG"), expected, "{text}");
    }
}

#[test]
fn the_older_installation_has_the_smaller_id() {
    let other = KeySecret::new([9; KeySecret::BYTES]);
    let of = |millis: i64, secret: &KeySecret| {
        InstallationId::of(Timestamp::from_millis(millis), secret)
    };
    for millis in [0, 1, 31, 32, 1_795_000_000_000] {
        for one in [&secret(), &other] {
            for next in [&secret(), &other] {
                assert!(of(millis, one) < of(millis + 1, next));
            }
            let id = of(millis, one);
            assert_eq!(InstallationId::parse(id.as_str()), Some(id));
        }
        assert_ne!(of(millis, &secret()), of(millis, &other));
    }
    for text in [
        "",
        "0k3j4h5g6f7",
        "0K3J4H5G6F7D",
        "0k3j4h5g6f7dd",
        "0k3j4h5g6f7l",
    ] {
        assert_eq!(InstallationId::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn every_key_is_found_and_proven_in_the_title_it_makes(
        alert_id in 0..=STORABLE_MAX, recurrence in 1..=u32::MAX, name in "\\PC{0,300}", bytes in any::<[u8; 32]>()
    ) {
        let secret = KeySecret::new(bytes);
        let key = LinkKey { prefix: "LG".into(), alert: AlertId::new(alert_id), recurrence };
        let signed = secret.sign(key.clone());
        let summary = render::summary("{name}", &Alert { name, ..alert() });
        let title = marked_summary(&signed, &summary);
        prop_assert_eq!(LinkKey::find_in(&title, "LG"), Some(key));
        prop_assert!(secret.verifies(&secret.choose_in(&title, ["LG"]).unwrap()));
    }

    #[test]
    fn no_title_is_too_odd_to_be_read(title in "(\\[?LG-[0-9.\\-\\]\\[a-z]{0,30}|\\PC){0,20}") {
        for marked in UnverifiedKey::all_in(&title, "LG") {
            prop_assert!(marked.key.alert.get() <= STORABLE_MAX);
            prop_assert!(!secret().verifies(&marked));
        }
    }
}
