//! What people paste, and what HaloPSA says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use halogard_halopsa::{Addresses, HaloAddressError, VendorMessage};

fn message(body: &str) -> String {
    VendorMessage::read(body.as_bytes())
        .map(|message| message.to_string())
        .unwrap_or_default()
}

fn addresses(resource: &str, auth: Option<&str>) -> (String, String) {
    let addresses = Addresses::read(resource, auth).unwrap();
    (addresses.resource.to_string(), addresses.auth.to_string())
}

#[test]
fn every_usual_way_to_paste_an_address_leads_to_the_same_two() {
    let pasted = [
        "acme.halopsa.com",
        "  acme.halopsa.com  ",
        "\u{a0}acme.halopsa.com\u{200b}\n",
        "\"https://acme.halopsa.com\"",
        "<https://acme.halopsa.com/>",
        "https://acme.halopsa.com",
        "HTTPS://ACME.HaloPSA.com/API",
        "https://acme.halopsa.com/api",
        "https://acme.halopsa.com/api/",
        "https://acme.halopsa.com//api//",
        "https://acme.halopsa.com/auth",
        "https://acme.halopsa.com/auth/token",
        "https://acme.halopsa.com/auth/token?tenant=acme",
        "https://acme.halopsa.com/api/authinfo",
        "https://https://acme.halopsa.com/api",
        "https://http://acme.halopsa.com/api",
        "https:/acme.halopsa.com",
        "https:\\\\acme.halopsa.com",
    ];
    let expected = (
        "https://acme.halopsa.com/api".to_owned(),
        "https://acme.halopsa.com/auth".to_owned(),
    );
    for text in pasted {
        assert_eq!(addresses(text, None), expected, "{text:?}");
        assert_eq!(
            addresses("acme.halopsa.com", Some(text)),
            expected,
            "{text:?} as the second"
        );
    }
    assert_eq!(addresses("acme.halopsa.com", Some("  ")), expected);
}

#[test]
fn an_address_of_their_own_is_kept() {
    assert_eq!(
        addresses("https://desk.msp.example:8443/halo/api", None),
        (
            "https://desk.msp.example:8443/halo/api".into(),
            "https://desk.msp.example:8443/halo/auth".into()
        )
    );
    assert_eq!(
        addresses("api.msp.example", Some("login.msp.example/auth")),
        (
            "https://api.msp.example/api".into(),
            "https://login.msp.example/auth".into()
        )
    );
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for host in [
        "127.0.0.1:8080",
        "127.9.9.9",
        "localhost:8080",
        "[::1]:8080",
    ] {
        let (resource, auth) = addresses(&format!("http://{host}"), None);
        assert_eq!(resource, format!("http://{host}/api"));
        assert_eq!(auth, format!("http://{host}/auth"));
    }
    for host in [
        "acme.halopsa.com",
        "10.0.0.5",
        "128.0.0.1",
        "localhost.example",
        "[::2]",
    ] {
        let error = Addresses::read(&format!("http://{host}"), None).unwrap_err();
        assert_eq!(
            error,
            HaloAddressError::NotEncrypted {
                setting: "HALOPSA_RESOURCE_URL"
            }
        );
    }
}

#[test]
fn an_invalid_address_is_an_error_that_names_the_setting() {
    use HaloAddressError::{Empty, NotAnAddress, OtherScheme, WithCredentials};
    let setting = "HALOPSA_RESOURCE_URL";
    for (text, expected) in [
        ("", Empty { setting }),
        (" \"\" ", Empty { setting }),
        ("https://", NotAnAddress { setting }),
        ("not an address", NotAnAddress { setting }),
        ("ftp://acme.halopsa.com", OtherScheme { setting }),
        (
            "https://me:pw@acme.halopsa.com",
            WithCredentials { setting },
        ),
    ] {
        assert_eq!(
            Addresses::read(text, None).unwrap_err(),
            expected,
            "{text:?}"
        );
    }
    let error = Addresses::read("acme.halopsa.com", Some("http://acme.halopsa.com")).unwrap_err();
    assert_eq!(
        error,
        HaloAddressError::NotEncrypted {
            setting: "HALOPSA_AUTH_URL"
        }
    );
    assert!(error.to_string().contains("write https://"));
}

#[test]
fn normalizations_are_reported() {
    let addresses = Addresses::read(" https://ACME.halopsa.com/auth/token/ ", None).unwrap();
    assert_eq!(
        addresses.normalizations,
        [
            "HALOPSA_RESOURCE_URL: removed blanks or quotes around it",
            "HALOPSA_RESOURCE_URL: wrote the host in lower case",
            "HALOPSA_RESOURCE_URL: replaced its last part by /api",
            "HALOPSA_RESOURCE_URL: removed slashes at its end",
        ]
    );
    let (api, auth) = (
        "https://acme.halopsa.com/api",
        "https://acme.halopsa.com/auth",
    );
    assert!(
        Addresses::read(api, Some(auth))
            .unwrap()
            .normalizations
            .is_empty()
    );
}

#[test]
fn every_form_of_an_error_body_gives_its_sentence() {
    let rows = [
        (
            r#""Please assign this Ticket these before closing it.""#,
            "Please assign this Ticket these before closing it.",
        ),
        (
            r#"{"ClassName":"System.Exception","Message":"A rule failed","HResult":-2146233088}"#,
            "A rule failed",
        ),
        (
            r#"{"[0].outcome_id":["Could not convert string to integer: X. Path '[0].outcome_id'"]}"#,
            "[0].outcome_id: Could not convert string to integer: X. Path '[0].outcome_id'",
        ),
        (
            r#"{"error":"invalid_scope","error_description":"The 'scope' is not valid."}"#,
            "The 'scope' is not valid.",
        ),
        (r#"{"error":"invalid_client"}"#, "invalid_client"),
        (r#"{"resultCode":3,"errorMessage":"too many"}"#, "too many"),
        (r#"{"message":"","Message":"capital"}"#, "capital"),
        (
            "Rate Limit Reached - 300 Requests",
            "Rate Limit Reached - 300 Requests",
        ),
        ("<!DOCTYPE html><html><h1>504</h1></html>", "an HTML page"),
        ("  \n", ""),
        ("two\r\nlines\t\u{7}here", "two lines here"),
        (r#"["first of a list"]"#, "first of a list"),
    ];
    for (body, sentence) in rows {
        assert_eq!(message(body), sentence, "{body}");
    }
    assert_eq!(
        message("{\"a\":1}"),
        "{\"a\":1}",
        "an unknown form is kept as text"
    );
    assert_eq!(VendorMessage::read(b""), None);
    assert!(
        VendorMessage::read(&[0xff, 0xfe, 0x41]).is_some(),
        "text that is not UTF-8 causes no panic"
    );
}

#[test]
fn what_no_log_may_hold_is_taken_out_wherever_the_sentence_stood() {
    for body in [
        "got client_secret=planted",
        r#""got client_secret=planted""#,
        r#"{"Message":"got client_secret=planted"}"#,
    ] {
        assert_eq!(message(body), "got client_secret= [hidden]", "{body}");
    }
}

#[test]
fn the_few_sentences_that_are_acted_upon_are_known() {
    let read = |text: &str| VendorMessage::read(text.as_bytes()).unwrap();
    assert!(
        read(r#""Please assign this Ticket these before closing it.""#)
            .mentions_assign_before_closing()
    );
    assert!(!read(r#""Please close the child tickets first.""#).mentions_assign_before_closing());
    assert!(read(r#""Record not found""#).record_not_found());
    assert!(!read(r#""Outcome not found""#).record_not_found());
}

#[test]
fn missing_fields_are_taken_from_the_message() {
    let rows: [(&str, &[&str]); 9] = [
        (
            "The following fields are required: Details, Category and Impact.",
            &["Details", "Category", "Impact"],
        ),
        ("Missing mandatory fields: Details", &["Details"]),
        (
            "Details and Category are required",
            &["Details", "Category"],
        ),
        ("The 'Category' field is mandatory.", &["Category"]),
        ("An Outcome must be entered for this Action", &["Outcome"]),
        ("Please select a Category.", &["Category"]),
        (
            "A database error occurred (515) - Cannot insert the value NULL into column 'ssitenum', \
             table 'Faults'",
            &["ssitenum"],
        ),
        ("Please contact the administrator", &[]),
        ("Name must be unique", &[]),
    ];
    for (text, names) in rows {
        let message = VendorMessage::read(text.as_bytes()).unwrap();
        assert_eq!(message.names_missing_fields(), names, "{text}");
    }
}
