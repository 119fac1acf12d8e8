//! What people paste for an address and for a key.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

use halogard_domain::ids::EnvironmentId;
use halogard_liongard::{
    AccessKeyError, Address, LiongardAddressError, ParsedAccessKey, environment_page,
};
use secrecy::{ExposeSecret, SecretString};

/// The origin of most tests.
const US1: &str = "https://us1.app.liongard.com/";

/// The origin that `pasted` leads to, and whether something was put right.
fn read(pasted: &str) -> (String, bool) {
    let address = Address::read(pasted).unwrap_or_else(|error| panic!("{pasted}: {error}"));
    (
        address.origin.to_string(),
        !address.normalizations.is_empty(),
    )
}

#[test]
fn what_people_paste_leads_to_the_origin() {
    let table = [
        ("https://us1.app.liongard.com/", US1, false),
        ("https://us1.app.liongard.com", US1, false),
        ("https://us1.app.liongard.com///", US1, false),
        ("HTTPS://US1.App.Liongard.com", US1, false),
        ("us1", US1, true),
        ("US1", US1, true),
        ("us1/", US1, true),
        ("us1/api/v1", US1, true),
        ("https://us1", US1, true),
        ("https://us1/api", US1, true),
        ("us1.app.liongard.com", US1, true),
        ("us1.app.liongard.com/", US1, true),
        ("https://us1.app.liongard.com/api", US1, true),
        ("https://us1.app.liongard.com/api/v1", US1, true),
        ("https://us1.app.liongard.com/api/v1/", US1, true),
        (
            "https://us1.app.liongard.com/api/v2/environments/",
            US1,
            true,
        ),
        (
            "https://us1.app.liongard.com/environments/8801?tab=1#x",
            US1,
            true,
        ),
        ("https://https://us1.app.liongard.com", US1, true),
        ("http://https://us1.app.liongard.com", US1, true),
        ("https:/us1.app.liongard.com", US1, false),
        ("https://api.us1.app.liongard.com/v2", US1, true),
        ("api.us1.app.liongard.com", US1, true),
        ("  https://us1.app.liongard.com \n", US1, true),
        ("\"https://us1.app.liongard.com\"", US1, true),
        ("<https://us1.app.liongard.com>", US1, true),
        ("\u{a0}us1\u{200b}", US1, true),
        ("my-msp", "https://my-msp.app.liongard.com/", true),
        (
            "https://liongard.example.net",
            "https://liongard.example.net/",
            false,
        ),
        (
            "https://liongard.example.net:8443/api",
            "https://liongard.example.net:8443/",
            true,
        ),
        ("us1:8443", "https://us1:8443/", true),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", false),
        (
            "http://127.0.0.1:8080/api/v1",
            "http://127.0.0.1:8080/",
            true,
        ),
        ("http://[::1]:8080", "http://[::1]:8080/", false),
        ("http://localhost:8080/", "http://localhost:8080/", false),
        ("https://localhost:8443", "https://localhost:8443/", false),
        ("localhost:8080", "http://localhost:8080/", true),
        ("localhost", "http://localhost/", true),
    ];
    for (pasted, origin, is_forgiven) in table {
        assert_eq!(read(pasted), (origin.to_owned(), is_forgiven), "{pasted}");
    }
}

#[test]
fn an_invalid_address_is_an_error_with_setting_and_remedy() {
    let table = [
        ("", LiongardAddressError::Empty),
        ("  ", LiongardAddressError::Empty),
        ("https://", LiongardAddressError::NotAnAddress),
        ("https://us 1", LiongardAddressError::NotAnAddress),
        (
            "https://us1.app.liongard.com:port",
            LiongardAddressError::NotAnAddress,
        ),
        (
            "ftp://us1.app.liongard.com",
            LiongardAddressError::OtherScheme,
        ),
        (
            "http://us1.app.liongard.com",
            LiongardAddressError::NotEncrypted,
        ),
        ("http://us1", LiongardAddressError::NotEncrypted),
        (
            "http://192.168.1.10:8080",
            LiongardAddressError::NotEncrypted,
        ),
        (
            "http://localhost.example.net",
            LiongardAddressError::NotEncrypted,
        ),
        (
            "https://me:pw@us1.app.liongard.com",
            LiongardAddressError::WithCredentials,
        ),
        ("me@example.net", LiongardAddressError::WithCredentials),
        ("https://app.liongard.com", LiongardAddressError::NoInstance),
        ("www.liongard.com", LiongardAddressError::NoInstance),
    ];
    for (pasted, expected) in table {
        assert_eq!(Address::read(pasted), Err(expected), "{pasted}");
        let sentence = expected.to_string();
        assert!(sentence.starts_with("LIONGARD_URL "), "{sentence}");
    }
}

#[test]
fn the_page_of_a_customer_is_below_the_origin() {
    let address = Address::read("us1").unwrap();
    let page = environment_page(&address.origin, EnvironmentId::new(8801));
    assert_eq!(
        page.as_str(),
        "https://us1.app.liongard.com/environments/8801"
    );
}

#[test]
fn blanks_around_a_key_are_removed_and_noted() {
    let read = ParsedAccessKey::read(" id1\n", &SecretString::from("\"s3cret\" ")).unwrap();
    assert_eq!(read.key.id, "id1");
    assert_eq!(read.key.secret.expose_secret(), "s3cret");
    assert_eq!(
        read.normalizations,
        [
            "LIONGARD_ACCESS_KEY_ID: removed blanks or quotes around it",
            "LIONGARD_ACCESS_KEY_SECRET: removed blanks or quotes around it",
        ]
    );
    assert!(!format!("{read:?}").contains("s3cret"));
}

#[test]
fn a_clean_key_is_taken_as_it_is() {
    let read = ParsedAccessKey::read("id1", &SecretString::from("s3:cret")).unwrap();
    assert_eq!(read.key.secret.expose_secret(), "s3:cret");
    assert!(read.normalizations.is_empty());
}

#[test]
fn what_is_no_key_is_explained_and_not_shown() {
    let id = "LIONGARD_ACCESS_KEY_ID";
    let secret = "LIONGARD_ACCESS_KEY_SECRET";
    let table = [
        ("", "s3cret", AccessKeyError::Empty { setting: id }),
        ("id1", " ", AccessKeyError::Empty { setting: secret }),
        (
            "Basic aWQ6cw==",
            "s3cret",
            AccessKeyError::HeaderValue { setting: id },
        ),
        (
            "id1",
            "basic aWQ6cw==",
            AccessKeyError::HeaderValue { setting: secret },
        ),
        ("id1:s3cret", "s3cret", AccessKeyError::IdAndSecretInOne),
        (
            "id1",
            "s3c\nret",
            AccessKeyError::ContainsWhitespace { setting: secret },
        ),
    ];
    for (id, secret, expected) in table {
        let error = ParsedAccessKey::read(id, &SecretString::from(secret)).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("s3c"));
    }
}
