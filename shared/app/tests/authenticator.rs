//! Who may deliver, and what becomes of a delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use halogard_app::intake::{
    Authenticator, BODY_BYTES_MAX, NotJson, Rejection, WebhookCredential, WebhookRequest,
    accept_delivery,
};
use halogard_app::ports::{Lane, WorkQueue};
use halogard_domain::FailureClass;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use secrecy::SecretString;
use sha2::Sha256;
use support::{Bench, failing};

const PATH: &str = "kB3vQ9xT7mZp2LwA";
const BODY: &[u8] = br#"{"event":"ticket updated","object_id":4242}"#;
const SECRET: &str = "s3cret-planted";

/// Names and values, as they came.
type Headers = Vec<(String, Vec<u8>)>;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn signature_of(body: &[u8], with: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(with.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn hmac_with(secret_text: &str) -> WebhookCredential {
    WebhookCredential::Hmac {
        header: "X-Halo-Signature".into(),
        secret: secret(secret_text),
    }
}

fn basic() -> WebhookCredential {
    WebhookCredential::Basic {
        username: "halo".into(),
        password: secret("pass:word€"),
    }
}

fn bearer() -> WebhookCredential {
    WebhookCredential::Bearer {
        token: secret("t0ken-planted"),
    }
}

fn api_key() -> WebhookCredential {
    WebhookCredential::ApiKey {
        header: "X-Api-Key".into(),
        key: secret("k3y-planted"),
    }
}

/// Each kind of credential, the header that carries it, and the right value for [`BODY`].
fn kinds() -> [(WebhookCredential, &'static str, String); 4] {
    [
        (
            hmac_with(SECRET),
            "X-Halo-Signature",
            signature_of(BODY, SECRET),
        ),
        (
            basic(),
            "Authorization",
            format!("Basic {}", STANDARD.encode("halo:pass:word€")),
        ),
        (bearer(), "Authorization", "Bearer t0ken-planted".into()),
        (api_key(), "X-Api-Key", "k3y-planted".into()),
    ]
}

fn one(name: &str, value: impl AsRef<[u8]>) -> Headers {
    vec![(name.to_owned(), value.as_ref().to_vec())]
}

/// Whether `door` opens for a delivery of `body` to `path` with `headers`.
fn opens(door: &Authenticator, path: &str, headers: &Headers, body: &[u8]) -> bool {
    let header = |name: &str| {
        let of_name = headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.clone()).collect()
    };
    door.verify(&WebhookRequest {
        path_token: path,
        header: &header,
        body,
    })
}

fn door(credentials: &[WebhookCredential]) -> Authenticator {
    Authenticator::new(&[secret(PATH)], credentials)
}

#[test]
fn each_kind_of_credential_opens_with_the_right_path() {
    for (credential, name, value) in kinds() {
        assert!(
            opens(&door(&[credential]), PATH, &one(name, value), BODY),
            "{name}"
        );
    }
}

#[test]
fn a_right_credential_does_not_open_a_wrong_path() {
    for (credential, name, value) in kinds() {
        let door = door(&[credential]);
        for path in [
            "",
            "kB3vQ9xT7mZp2Lw",
            "kB3vQ9xT7mZp2LwAA",
            "kb3vq9xt7mzp2lwa",
            " kB3vQ9xT7mZp2LwA",
            "other",
        ] {
            assert!(
                !opens(&door, path, &one(name, &value), BODY),
                "{name} {path}"
            );
        }
    }
}

#[test]
fn a_right_path_does_not_open_for_a_wrong_credential_or_none() {
    for (credential, name, _) in kinds() {
        let door = door(&[credential]);
        assert!(!opens(&door, PATH, &Vec::new(), BODY), "{name}");
        assert!(!opens(&door, PATH, &one(name, ""), BODY), "{name}");
        assert!(!opens(&door, PATH, &one(name, "wrong"), BODY), "{name}");
    }
}

#[test]
fn the_credential_of_one_kind_does_not_open_for_another_kind() {
    for (index, (credential, ..)) in kinds().into_iter().enumerate() {
        let door = door(&[credential]);
        for (other, (_, name, value)) in kinds().into_iter().enumerate() {
            assert_eq!(
                opens(&door, PATH, &one(name, value), BODY),
                index == other,
                "{index} {other}"
            );
        }
    }
}

#[test]
fn any_one_of_several_kinds_opens() {
    let all: Vec<WebhookCredential> = kinds()
        .into_iter()
        .map(|(credential, ..)| credential)
        .collect();
    let door = door(&all);
    for (_, name, value) in kinds() {
        assert!(opens(&door, PATH, &one(name, &value), BODY), "{name}");
        // A wrong one beside it takes nothing away.
        let mut both = one(name, value);
        let beside = if name == "X-Api-Key" {
            "X-Halo-Signature"
        } else {
            "X-Api-Key"
        };
        both.extend(one(beside, "wrong"));
        assert!(opens(&door, PATH, &both, BODY), "{name} beside a wrong one");
    }
    assert!(!opens(&door, PATH, &Vec::new(), BODY));
}

#[test]
fn without_a_credential_configured_the_path_alone_opens() {
    let door = door(&[]);
    assert!(opens(&door, PATH, &Vec::new(), BODY));
    assert!(opens(
        &door,
        PATH,
        &one("Authorization", "Bearer whatever"),
        BODY
    ));
    assert!(!opens(&door, "other", &Vec::new(), BODY));
}

#[test]
fn a_door_without_a_path_opens_for_nobody() {
    for credentials in [vec![], vec![api_key()]] {
        let door = Authenticator::new(&[], &credentials);
        for path in ["", PATH] {
            assert!(!opens(&door, path, &one("X-Api-Key", "k3y-planted"), BODY));
        }
    }
}

#[test]
fn old_and_new_open_side_by_side_during_an_overlap() {
    let door = Authenticator::new(
        &[secret(PATH), secret("next-path")],
        &[hmac_with(SECRET), hmac_with("next-secret")],
    );
    for path in [PATH, "next-path"] {
        for key in [SECRET, "next-secret"] {
            let headers = one("X-Halo-Signature", signature_of(BODY, key));
            assert!(opens(&door, path, &headers, BODY), "{path} {key}");
        }
        let headers = one("X-Halo-Signature", signature_of(BODY, "last-but-one"));
        assert!(!opens(&door, path, &headers, BODY));
    }
    let headers = one("X-Halo-Signature", signature_of(BODY, SECRET));
    assert!(!opens(&door, "next-pat", &headers, BODY));
}

#[test]
fn names_of_headers_and_schemes_have_no_case() {
    let encoded = STANDARD.encode("halo:pass:word€");
    let rows = [
        (
            hmac_with(SECRET),
            "x-halo-signature",
            signature_of(BODY, SECRET),
        ),
        (
            hmac_with(SECRET),
            "X-HALO-SIGNATURE",
            signature_of(BODY, SECRET),
        ),
        (basic(), "authorization", format!("basic {encoded}")),
        (basic(), "AUTHORIZATION", format!("BASIC {encoded}")),
        (bearer(), "authorization", "bEaReR t0ken-planted".into()),
        (api_key(), "x-api-key", "k3y-planted".into()),
    ];
    for (credential, name, value) in rows {
        assert!(
            opens(&door(&[credential]), PATH, &one(name, &value), BODY),
            "{name}: {value}"
        );
    }
}

/// What a stranger might try: which kind, in which header, with which value.
fn mutations() -> Vec<(&'static str, WebhookCredential, &'static str, Vec<u8>)> {
    let right = signature_of(BODY, SECRET);
    let digest = STANDARD.decode(&right).unwrap();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = |what, value: String| {
        (
            what,
            hmac_with(SECRET),
            "X-Halo-Signature",
            value.into_bytes(),
        )
    };
    let pair = |what, value: String| (what, basic(), "Authorization", value.into_bytes());
    let token = |what, value: &str| (what, bearer(), "Authorization", value.as_bytes().to_vec());
    let key = |what, value: &str| (what, api_key(), "X-Api-Key", value.as_bytes().to_vec());
    let basic_of = |text: &str| format!("Basic {}", STANDARD.encode(text));
    vec![
        signature("empty", String::new()),
        signature("one character short", right[..right.len() - 1].into()),
        signature("without padding", STANDARD_NO_PAD.encode(&digest)),
        signature("one byte short", STANDARD.encode(&digest[..31])),
        signature(
            "one byte long",
            STANDARD.encode([digest.as_slice(), &[0]].concat()),
        ),
        signature("twice", right.repeat(2)),
        signature("a blank before", format!(" {right}")),
        signature("a blank after", format!("{right} ")),
        signature("a line end after", format!("{right}\n")),
        signature("in capitals", right.to_uppercase()),
        signature("v1 before", format!("v1,{right}")),
        signature("sha256 before", format!("sha256={right}")),
        signature("as hexadecimal", hex.clone()),
        signature("as capital hexadecimal", hex.to_uppercase()),
        signature("in quotes", format!("\"{right}\"")),
        signature("two in one", format!("{right}, {right}")),
        signature("encoded twice", STANDARD.encode(&right)),
        signature("of another body", signature_of(b"{}", SECRET)),
        signature(
            "of the body and a line end",
            signature_of(&[BODY, b"\n"].concat(), SECRET),
        ),
        signature("with another secret", signature_of(BODY, "s3cret-plantee")),
        signature("with an empty secret", signature_of(BODY, "")),
        signature("of the path", signature_of(PATH.as_bytes(), SECRET)),
        signature("the secret itself", SECRET.into()),
        signature(
            "a letter that only looks the same",
            right.replacen(['A', 'a', 'e', 'o', 'E'], "а", 1),
        ),
        signature("zero bytes", STANDARD.encode([0; 32])),
        (
            "no text",
            hmac_with(SECRET),
            "X-Halo-Signature",
            vec![0xff; 44],
        ),
        pair("no scheme", STANDARD.encode("halo:pass:word€")),
        pair(
            "another scheme",
            format!("Bearer {}", STANDARD.encode("halo:pass:word€")),
        ),
        pair(
            "two blanks",
            format!("Basic  {}", STANDARD.encode("halo:pass:word€")),
        ),
        pair(
            "a tab",
            format!("Basic\t{}", STANDARD.encode("halo:pass:word€")),
        ),
        pair(
            "no blank",
            format!("Basic{}", STANDARD.encode("halo:pass:word€")),
        ),
        pair("not encoded", "Basic halo:pass:word€".into()),
        pair(
            "another alphabet",
            format!("Basic {}", URL_SAFE.encode("halo:pass:word?>€")),
        ),
        pair("the user in capitals", basic_of("HALO:pass:word€")),
        pair("the password in capitals", basic_of("halo:PASS:WORD€")),
        pair("no password", basic_of("halo:")),
        pair("no colon", basic_of("halo")),
        pair("no user", basic_of(":pass:word€")),
        pair("half the password", basic_of("halo:pass")),
        pair("a line end after", basic_of("halo:pass:word€\n")),
        pair(
            "the password decomposed",
            basic_of("halo:pass:word\u{20ac}\u{301}"),
        ),
        pair("the scheme alone", "Basic ".into()),
        token("no scheme", "t0ken-planted"),
        token("another scheme", "Basic t0ken-planted"),
        token("the token in capitals", "Bearer T0KEN-PLANTED"),
        token("one character short", "Bearer t0ken-plante"),
        token("one character long", "Bearer t0ken-planted0"),
        token("a blank after", "Bearer t0ken-planted "),
        token("two blanks", "Bearer  t0ken-planted"),
        token("the scheme twice", "Bearer Bearer t0ken-planted"),
        token("the scheme alone", "Bearer"),
        token("an empty token", "Bearer "),
        key("empty", ""),
        key("in capitals", "K3Y-PLANTED"),
        key("one character short", "k3y-plante"),
        key("one character long", "k3y-planted0"),
        key("a blank before", " k3y-planted"),
        key("with a scheme", "Bearer k3y-planted"),
        key("a null after", "k3y-planted\0"),
        (
            "in another header",
            api_key(),
            "X-Api-Keys",
            b"k3y-planted".to_vec(),
        ),
        (
            "as a bearer token",
            api_key(),
            "Authorization",
            b"Bearer k3y-planted".to_vec(),
        ),
    ]
}

#[test]
fn no_mutation_of_a_credential_opens() {
    let all = mutations();
    assert!(all.len() >= 40);
    for (what, credential, name, value) in all {
        let refused = !opens(&door(&[credential]), PATH, &one(name, &value), BODY);
        assert!(
            refused,
            "{name}: {what}: {}",
            String::from_utf8_lossy(&value)
        );
    }
}

#[test]
fn a_header_that_comes_twice_does_not_open() {
    for (credential, name, value) in kinds() {
        let door = door(&[credential]);
        for second in [value.as_str(), "wrong", ""] {
            let mut twice = one(name, &value);
            twice.extend(one(name, second));
            assert!(!opens(&door, PATH, &twice, BODY), "{name}");
            twice.reverse();
            assert!(!opens(&door, PATH, &twice, BODY), "{name}");
        }
    }
}

#[test]
fn a_signature_is_of_the_bytes_as_they_came() {
    let door = door(&[hmac_with(SECRET)]);
    for body in [
        b"".as_slice(),
        b"\xff\xfe\x00",
        b"{ }",
        "{\"ä\":1}\r\n".as_bytes(),
    ] {
        let right = one("X-Halo-Signature", signature_of(body, SECRET));
        assert!(opens(&door, PATH, &right, body));
        assert!(!opens(&door, PATH, &right, &[body, b" "].concat()));
    }
}

proptest! {
    /// The part that proves something: all of a value but the scheme before it.
    #[test]
    fn no_credential_with_another_byte_opens(
        kind in 0..4_usize,
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        change in 0..3_u8,
    ) {
        let (credential, name, value) = kinds().into_iter().nth(kind).unwrap();
        let start = value.find(' ').map_or(0, |blank| blank + 1);
        let mut mutated = value.clone().into_bytes();
        let at = start + place.index(value.len() - start);
        match change {
            0 => mutated[at] = byte,
            1 => mutated.insert(at, byte),
            _ => { mutated.remove(at); }
        }
        prop_assume!(mutated != value.as_bytes());
        prop_assert!(!opens(&door(&[credential]), PATH, &one(name, mutated), BODY));
    }

    #[test]
    fn no_arbitrary_value_opens(kind in 0..4_usize, value in any::<Vec<u8>>(), path in any::<String>()) {
        let (credential, name, right) = kinds().into_iter().nth(kind).unwrap();
        let door = door(&[credential]);
        prop_assert!(!opens(&door, PATH, &one(name, &value), BODY));
        prop_assert!(!opens(&door, &path, &one(name, right), BODY));
    }

    #[test]
    fn a_body_with_another_byte_does_not_open(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let right = one("X-Halo-Signature", signature_of(BODY, SECRET));
        let mut body = BODY.to_vec();
        let at = place.index(body.len());
        prop_assume!(body[at] != byte);
        body[at] = byte;
        prop_assert!(!opens(&door(&[hmac_with(SECRET)]), PATH, &right, &body));
    }
}

/// The messages a body of these tests leads to: one for each byte `t`.
fn read(body: &[u8]) -> Result<Vec<Message>, NotJson> {
    if body.starts_with(b"not json") {
        return Err(NotJson);
    }
    let look = |_| Message::reconcile_ticket(TicketId::new(4242), Cause::Sweep);
    Ok(body
        .iter()
        .filter(|byte| **byte == b't')
        .map(look)
        .collect())
}

/// Takes in `body` at `path` of a door that asks for an API key, which is `key`.
async fn taken_in(bench: &Bench, path: &str, key: &str, body: &[u8]) -> Result<usize, Rejection> {
    let header = |name: &str| match name {
        "X-Api-Key" => vec![key.as_bytes().to_vec()],
        _ => Vec::new(),
    };
    let request = WebhookRequest {
        path_token: path,
        header: &header,
        body,
    };
    accept_delivery(&bench.reconciler.store, &door(&[api_key()]), &request, read).await
}

#[tokio::test]
async fn a_delivery_is_queued_in_the_urgent_lane_and_counted() {
    let bench = Bench::new();
    assert!(matches!(
        taken_in(&bench, PATH, "k3y-planted", b"ttt").await,
        Ok(3)
    ));
    assert_eq!(bench.sent_to(Lane::Urgent).len(), 3);
    assert_eq!(
        bench.reconciler.store.sending.asked(),
        1,
        "all in one write"
    );
}

#[tokio::test]
async fn a_delivery_that_leads_to_nothing_is_accepted_and_writes_nothing() {
    let bench = Bench::new();
    assert!(matches!(
        taken_in(&bench, PATH, "k3y-planted", b"[]").await,
        Ok(0)
    ));
    assert_eq!(bench.reconciler.store.sending.asked(), 0);
}

#[tokio::test]
async fn what_is_not_authentic_is_refused_before_it_is_read() {
    let bench = Bench::new();
    for (path, key) in [
        ("other", "k3y-planted"),
        (PATH, "wrong"),
        ("other", "wrong"),
    ] {
        for body in [b"t".as_slice(), b"not json"] {
            let turned = taken_in(&bench, path, key, body).await.unwrap_err();
            assert!(matches!(turned, Rejection::NotAuthentic), "{turned}");
            assert_eq!(turned.to_string(), "the delivery is not authentic");
        }
    }
    assert_eq!(bench.reconciler.store.sending.asked(), 0);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_told_to_whoever_is_authentic() {
    let bench = Bench::new();
    let turned = taken_in(&bench, PATH, "k3y-planted", b"not json")
        .await
        .unwrap_err();
    assert!(matches!(turned, Rejection::NotJson), "{turned}");
    assert_eq!(bench.reconciler.store.sending.asked(), 0);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_anything_is_computed_over_it() {
    let bench = Bench::new();
    let mut body = vec![b' '; BODY_BYTES_MAX];
    body[0] = b't';
    assert!(matches!(
        taken_in(&bench, PATH, "k3y-planted", &body).await,
        Ok(1)
    ));
    body.push(b' ');
    for (path, key) in [(PATH, "k3y-planted"), ("other", "wrong")] {
        let turned = taken_in(&bench, path, key, &body).await.unwrap_err();
        assert!(matches!(turned, Rejection::TooLarge), "{turned}");
    }
    assert_eq!(bench.sent_to(Lane::Urgent).len(), 1);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_queued_is_not_accepted() {
    let bench = Bench::new();
    bench
        .reconciler
        .store
        .sending
        .fail(failing(FailureClass::Transient, "store.failed"));
    let turned = taken_in(&bench, PATH, "k3y-planted", b"t")
        .await
        .unwrap_err();
    let Rejection::NotQueued(error) = turned else {
        panic!("{turned}")
    };
    assert_eq!(error.error_type, "store.failed");
    assert_eq!(bench.reconciler.store.depth(Lane::Urgent).await.unwrap(), 0);

    bench.reconciler.store.sending.mend();
    assert!(matches!(
        taken_in(&bench, PATH, "k3y-planted", b"t").await,
        Ok(1)
    ));
    assert_eq!(bench.reconciler.store.depth(Lane::Urgent).await.unwrap(), 1);
}

#[test]
fn the_answer_waits_for_the_queue() {
    let bench = Bench::new();
    *bench.reconciler.store.slow.lock().unwrap() = 1;
    let mut taking = pin!(taken_in(&bench, PATH, "k3y-planted", b"t"));
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        taking.as_mut().poll(&mut context).is_pending(),
        "answered before it was queued"
    );
    assert!(bench.sent_to(Lane::Urgent).is_empty());
    assert!(matches!(
        taking.as_mut().poll(&mut context),
        Poll::Ready(Ok(1))
    ));
    assert_eq!(bench.sent_to(Lane::Urgent).len(), 1);
}

#[test]
fn a_door_does_not_show_its_secrets() {
    for (credential, ..) in kinds() {
        let shown = format!("{credential:?}");
        for planted in ["planted", "pass:word"] {
            assert!(!shown.contains(planted), "{shown}");
        }
    }
}
