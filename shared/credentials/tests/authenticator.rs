//! Which deliveries are authenticated.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::cell::RefCell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use futures_util::FutureExt as _;
use halogard_app::ports::{Clock, ErrorCode, PortError, Stage};
use halogard_credentials::SecretFields;
use halogard_credentials::webhook_auth::{
    AuthError, Authenticator, EXPLAINED_BYTES_MAX, HeadVerdict, SecretReader, TOKEN_ONLY_REFUSED,
    WebhookCredentials, WebhookRequest, WebhookSecretVersions,
};
use halogard_domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use secrecy::SecretString;
use sha2::{Sha256, Sha512};

const PATH: &str = "kB3vQ9xT7mZp2LwA";
const BODY: &[u8] = br#"{"event":"ticket updated","object_id":4242}"#;
const SECRET: &str = "s3cret-planted-0123";

/// Names and values, as they came.
type Headers = Vec<(String, Vec<u8>)>;

fn signature_of(body: &[u8], with: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(with.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Members of a secret, without its path token.
type Members = Vec<(&'static str, String)>;

fn hmac_with(secret_text: &str) -> Members {
    vec![("halopsa_webhook_secret", secret_text.into())]
}

fn basic() -> Members {
    vec![
        ("halopsa_webhook_username", "halo".into()),
        ("halopsa_webhook_password", "pass:word€-012345".into()),
    ]
}

fn bearer() -> Members {
    vec![("halopsa_webhook_bearer", "t0ken-planted-0123".into())]
}

fn api_key() -> Members {
    vec![("halopsa_webhook_api_key", "k3y-planted-012345".into())]
}

/// Each kind of credential, the header that carries it, and the right value for [`BODY`].
fn kinds() -> [(Members, &'static str, String); 4] {
    [
        (
            hmac_with(SECRET),
            "X-Halo-Signature",
            signature_of(BODY, SECRET),
        ),
        (
            basic(),
            "Authorization",
            format!("Basic {}", STANDARD.encode("halo:pass:word€-012345")),
        ),
        (
            bearer(),
            "Authorization",
            "Bearer t0ken-planted-0123".into(),
        ),
        (api_key(), "X-Api-Key", "k3y-planted-012345".into()),
    ]
}

fn one(name: &str, value: impl AsRef<[u8]>) -> Headers {
    vec![(name.to_owned(), value.as_ref().to_vec())]
}

/// The members that a test gives; nothing else is ever read.
struct FixedSecret(SecretFields);

impl SecretReader for FixedSecret {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        Ok((stage == Stage::Current).then(|| self.0.to_secret()))
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_276_800_000)
    }
}

type FixedAuthenticator = Authenticator<FixedSecret, StoppedClock>;

/// An authenticator for exactly these members.
fn of_members(members: &[(&'static str, String)]) -> FixedAuthenticator {
    let fields = members
        .iter()
        .fold(SecretFields::default(), |fields, (name, value)| {
            fields.with(name, value)
        });
    Authenticator::new(FixedSecret(fields), StoppedClock, Duration::MAX).allowing_token_only()
}

/// An authenticator for [`PATH`] and these members.
fn authenticator(members: &[(&'static str, String)]) -> FixedAuthenticator {
    let path = ("halopsa_webhook_token", PATH.to_owned());
    of_members(&[&[path], members].concat())
}

/// Whether `authenticator` accepts a delivery of `body` to `path` with `headers`.
fn accepts<C: Clock>(
    authenticator: &Authenticator<FixedSecret, C>,
    path: &str,
    headers: &Headers,
    body: &[u8],
) -> bool {
    let header = |name: &str| {
        let of_name = headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.clone()).collect()
    };
    let request = WebhookRequest {
        header: &header,
        header_names: &|| headers.iter().map(|(name, _)| (*name).to_owned()).collect(),
        body,
    };
    let checked = async {
        let path = authenticator.verify_path(path).await?;
        let verdict = authenticator.judge_head(&path, &header).await;
        let verified = authenticator.verify(&path, &request).await;
        let agrees = match verdict {
            HeadVerdict::Authentic => verified.is_ok(),
            HeadVerdict::BodyDecides => true,
            HeadVerdict::NotAuthentic => verified.is_err(),
        };
        assert!(agrees, "{verdict:?}, and then {verified:?}");
        verified
    };
    match checked.now_or_never().unwrap() {
        Ok(verified) => {
            assert_eq!(verified.body, body);
            true
        }
        Err(AuthError::NotAuthentic) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_headers_of_a_request_decide_wherever_they_can() {
    use HeadVerdict::{Authentic, BodyDecides, NotAuthentic};
    let [signed, basic, bearer, api_key] = kinds();
    let nothing = || one("Content-Type", "application/json");
    let other_body = signature_of(b"another body", "another-key-012345");
    let rows = [
        (&signed.0, one(signed.1, &signed.2), BodyDecides),
        (&signed.0, one(signed.1, other_body), BodyDecides),
        (&signed.0, one(signed.1, "not a signature"), NotAuthentic),
        (&signed.0, one("X-Other", &signed.2), NotAuthentic),
        (&signed.0, nothing(), NotAuthentic),
        (&basic.0, one(basic.1, &basic.2), Authentic),
        (
            &basic.0,
            one(basic.1, "Basic aGFsbzp3cm9uZw=="),
            NotAuthentic,
        ),
        (&bearer.0, one(bearer.1, &bearer.2), Authentic),
        (&bearer.0, nothing(), NotAuthentic),
        (&api_key.0, one(api_key.1, &api_key.2), Authentic),
        (&api_key.0, one(api_key.1, "another key"), NotAuthentic),
        (&Members::new(), nothing(), Authentic),
    ];
    for (members, headers, expected) in rows {
        let header = |name: &str| {
            let of_name = headers
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name));
            of_name.map(|(_, value)| value.clone()).collect()
        };
        let authenticator = authenticator(members);
        let judged = async {
            let path = authenticator
                .verify_path(PATH)
                .await
                .expect("the right path");
            authenticator.judge_head(&path, &header).await
        };
        assert_eq!(
            judged.now_or_never().unwrap(),
            expected,
            "{members:?} {headers:?}"
        );
    }
}

/// A clock that a test sets, in milliseconds.
#[derive(Clone, Default)]
struct SetClock(Arc<AtomicI64>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_276_800_000 + self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn explaining_deliveries_that_are_not_authentic_takes_a_small_share_of_the_time() {
    let header = "X-Halo-Signature";
    let wrong = || one(header, signature_of(b"another body", SECRET));
    let in_clear = || one(header, SECRET);
    let twice = || [in_clear(), in_clear()].concat();
    let small = EXPLAINED_BYTES_MAX / 2;
    // When, how large a body, the headers, and what is said if anything is.
    let steps = [
        (
            0,
            10 * EXPLAINED_BYTES_MAX,
            wrong(),
            Some("compare the keys"),
        ),
        (5_000, small, in_clear(), None),
        (9_900, small, in_clear(), Some("the key itself")),
        (9_900, small, twice(), Some("more than once")),
        (9_900, small, Headers::new(), None),
        (
            10_200,
            100 * EXPLAINED_BYTES_MAX,
            Headers::new(),
            Some("no header carries"),
        ),
        (
            59_000,
            small,
            one("X-Other", signature_of(&vec![b' '; small], SECRET)),
            None,
        ),
        (
            61_000,
            small,
            one("X-Other", signature_of(&vec![b' '; small], SECRET)),
            Some("X-Other"),
        ),
    ];
    let fields = SecretFields::default()
        .with("halopsa_webhook_token", PATH)
        .with("halopsa_webhook_secret", SECRET);
    let clock = SetClock::default();
    let authenticator = Authenticator::new(FixedSecret(fields), clock.clone(), Duration::MAX);
    for (number, (millis, bytes, headers, said)) in steps.into_iter().enumerate() {
        clock.0.store(millis, Ordering::Relaxed);
        let body = vec![b' '; bytes];
        let lines = logged(|| assert!(!accepts(&authenticator, PATH, &headers, &body)));
        assert_eq!(lines.is_empty(), said.is_none(), "step {number}: {lines}");
        assert!(
            lines.contains(said.unwrap_or_default()),
            "step {number}: {lines}"
        );
    }
}

#[test]
fn each_kind_of_credential_is_accepted_at_the_right_path() {
    for (credential, name, value) in kinds() {
        assert!(
            accepts(&authenticator(&credential), PATH, &one(name, value), BODY),
            "{name}"
        );
    }
}

#[test]
fn a_right_credential_is_rejected_at_a_wrong_path() {
    for (credential, name, value) in kinds() {
        let auth = authenticator(&credential);
        for path in [
            "",
            "kB3vQ9xT7mZp2Lw",
            "kB3vQ9xT7mZp2LwAA",
            "kb3vq9xt7mzp2lwa",
            " kB3vQ9xT7mZp2LwA",
            "other",
        ] {
            assert!(
                !accepts(&auth, path, &one(name, &value), BODY),
                "{name} {path}"
            );
        }
    }
}

#[test]
fn a_wrong_or_missing_credential_is_rejected_at_the_right_path() {
    for (credential, name, _) in kinds() {
        let auth = authenticator(&credential);
        assert!(!accepts(&auth, PATH, &Vec::new(), BODY), "{name}");
        assert!(!accepts(&auth, PATH, &one(name, ""), BODY), "{name}");
        assert!(!accepts(&auth, PATH, &one(name, "wrong"), BODY), "{name}");
    }
}

#[test]
fn the_credential_of_one_kind_is_rejected_where_another_is_required() {
    for (index, (credential, ..)) in kinds().into_iter().enumerate() {
        let auth = authenticator(&credential);
        for (other, (_, name, value)) in kinds().into_iter().enumerate() {
            assert_eq!(
                accepts(&auth, PATH, &one(name, value), BODY),
                index == other,
                "{index} {other}"
            );
        }
    }
}

#[test]
fn any_one_of_several_kinds_is_accepted() {
    let all: Members = kinds()
        .into_iter()
        .flat_map(|(credential, ..)| credential)
        .collect();
    let auth = authenticator(&all);
    for (_, name, value) in kinds() {
        assert!(accepts(&auth, PATH, &one(name, &value), BODY), "{name}");
        // A wrong one beside it takes nothing away.
        let mut both = one(name, value);
        let beside = if name == "X-Api-Key" {
            "X-Halo-Signature"
        } else {
            "X-Api-Key"
        };
        both.extend(one(beside, "wrong"));
        assert!(
            accepts(&auth, PATH, &both, BODY),
            "{name} beside a wrong one"
        );
    }
    assert!(!accepts(&auth, PATH, &Vec::new(), BODY));
}

#[test]
fn without_a_credential_configured_the_path_token_alone_is_accepted() {
    let auth = authenticator(&[]);
    assert!(accepts(&auth, PATH, &Vec::new(), BODY));
    assert!(accepts(
        &auth,
        PATH,
        &one("Authorization", "Bearer whatever"),
        BODY
    ));
    assert!(!accepts(&auth, "other", &Vec::new(), BODY));
}

#[test]
fn a_secret_without_a_path_token_is_refused() {
    for credentials in [vec![], api_key()] {
        let path = of_members(&credentials).verify_path(PATH).now_or_never();
        let Err(AuthError::Unavailable(error)) = path.unwrap() else {
            panic!("accepted")
        };
        assert_eq!(error.code, ErrorCode::SecretUnusable);
        assert!(error.chain().contains("halopsa_webhook_token"), "{error}");
    }
}

#[test]
fn the_current_and_the_previous_value_are_both_accepted() {
    let previous = [
        (
            "halopsa_webhook_token_previous",
            "next-path-0123456".to_owned(),
        ),
        (
            "halopsa_webhook_secret_previous",
            "next-secret-0123456".to_owned(),
        ),
    ];
    let auth = authenticator(&[hmac_with(SECRET).as_slice(), &previous].concat());
    for path in [PATH, "next-path-0123456"] {
        for key in [SECRET, "next-secret-0123456"] {
            let headers = one("X-Halo-Signature", signature_of(BODY, key));
            assert!(accepts(&auth, path, &headers, BODY), "{path} {key}");
        }
        let headers = one(
            "X-Halo-Signature",
            signature_of(BODY, "last-but-one-012345"),
        );
        assert!(!accepts(&auth, path, &headers, BODY));
    }
    let headers = one("X-Halo-Signature", signature_of(BODY, SECRET));
    assert!(!accepts(&auth, "next-path-012345", &headers, BODY));
}

#[test]
fn names_of_headers_and_schemes_are_case_insensitive() {
    let encoded = STANDARD.encode("halo:pass:word€-012345");
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
        (
            bearer(),
            "authorization",
            "bEaReR t0ken-planted-0123".into(),
        ),
        (api_key(), "x-api-key", "k3y-planted-012345".into()),
    ];
    for (credential, name, value) in rows {
        assert!(
            accepts(&authenticator(&credential), PATH, &one(name, &value), BODY),
            "{name}: {value}"
        );
    }
}

#[test]
fn a_signature_is_accepted_in_every_form_in_which_services_write_it() {
    let right = signature_of(BODY, SECRET);
    let digest = STANDARD.decode(&right).unwrap();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        right.clone(),
        STANDARD_NO_PAD.encode(&digest),
        URL_SAFE.encode(&digest),
        hex.clone(),
        hex.to_uppercase(),
    ];
    for form in forms {
        for value in [
            form.clone(),
            format!("sha256={form}"),
            format!("SHA256={form}"),
            format!("hmac-sha256={form}"),
            format!("sha256 {form}"),
            format!("sha256: {form}"),
            format!(" {form} "),
        ] {
            let headers = one("X-Halo-Signature", &value);
            assert!(
                accepts(&authenticator(&hmac_with(SECRET)), PATH, &headers, BODY),
                "{value:?}"
            );
        }
    }
}

thread_local! {
    /// What this thread has logged.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The lines that `work` logs. One subscriber serves all threads: with one for each, a line that another test
/// reaches first without a subscriber may stay switched off.
fn logged(work: impl FnOnce()) -> String {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let writer = || LinesOfThisThread;
        tracing_subscriber::fmt()
            .with_writer(writer)
            .with_ansi(false)
            .init();
    });
    LOGGED.take();
    work();
    String::from_utf8(LOGGED.take()).unwrap()
}

struct LinesOfThisThread;

impl std::io::Write for LinesOfThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_near_miss_says_once_which_form_was_nearly_right() {
    let right = || signature_of(BODY, SECRET);
    let hex_key = "00112233445566778899aabbccddeeff";
    let by_bytes = {
        let mut mac = Hmac::<Sha256>::new_from_slice(&[
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
            0xee, 0xff,
        ])
        .unwrap();
        mac.update(BODY);
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let sha512 = {
        let mut mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(BODY);
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let base64 = STANDARD.encode("halo:pass:word€-012345");
    let rows = [
        (
            hmac_with(SECRET),
            one("X-Other", right()),
            "in the header X-Other",
        ),
        (
            hmac_with(SECRET),
            one("X-Halo-Signature", SECRET),
            "the key itself",
        ),
        (
            hmac_with(hex_key),
            one("X-Halo-Signature", by_bytes),
            "from hexadecimal",
        ),
        (
            hmac_with(SECRET),
            one("X-Halo-Signature", sha512),
            "SHA-512",
        ),
        (
            hmac_with(SECRET),
            one(
                "X-Halo-Signature",
                signature_of(&[BODY, b"\n"].concat(), SECRET),
            ),
            "a line break at its end",
        ),
        (
            hmac_with(SECRET),
            one("X-Halo-Signature", signature_of(BODY, "another key")),
            "another key made",
        ),
        (
            hmac_with(SECRET),
            [
                one("Content-Type", "application/json"),
                one("X-Custom", "value-planted"),
            ]
            .concat(),
            "the headers that came: Content-Type, X-Custom",
        ),
        (
            basic(),
            one("Authorization", &base64),
            "its scheme is missing",
        ),
        (
            basic(),
            one(
                "Authorization",
                format!("Basic {}", STANDARD.encode("other:pass:word€-012345")),
            ),
            "the user name is another one",
        ),
        (
            basic(),
            one("Authorization", "Basic bm8="),
            "the credential is another one",
        ),
        (
            bearer(),
            one("Authorization", "t0ken-planted-0123"),
            "its scheme is missing",
        ),
        (
            bearer(),
            one("X-Api-Key", "value-planted"),
            "the headers that came: X-Api-Key",
        ),
    ];
    for (members, headers, expected) in rows {
        let authenticator = authenticator(&members);
        let log = logged(|| {
            for _ in 0..3 {
                assert!(!accepts(&authenticator, PATH, &headers, BODY));
            }
            // Who does not know the address learns nothing, and writes nothing.
            assert!(!accepts(&authenticator, "another path", &headers, BODY));
        });
        assert_eq!(
            log.matches("is not authentic").count(),
            1,
            "{expected}: {log}"
        );
        assert!(log.contains(expected), "{expected}: {log}");
        for secret in [
            SECRET,
            hex_key,
            "pass:word",
            "t0ken-planted",
            "value-planted",
            &right(),
        ] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

/// What an attacker might try: which kind, in which header, with which value.
fn mutations() -> Vec<(&'static str, Members, &'static str, Vec<u8>)> {
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
        signature("two characters short", right[..right.len() - 2].into()),
        signature("hexadecimal, one digit short", hex[1..].into()),
        signature("one byte short", STANDARD.encode(&digest[..31])),
        signature(
            "one byte long",
            STANDARD.encode([digest.as_slice(), &[0]].concat()),
        ),
        signature("twice", right.repeat(2)),
        signature("in capitals", right.to_uppercase()),
        signature("v1 before", format!("v1,{right}")),
        signature("a signature before", format!("{right}={right}")),
        signature("hexadecimal in base64", STANDARD.encode(&hex)),
        signature("in quotes", format!("\"{right}\"")),
        signature("two in one", format!("{right}, {right}")),
        signature("encoded twice", STANDARD.encode(&right)),
        signature("of another body", signature_of(b"{}", SECRET)),
        signature(
            "of the body and a line end",
            signature_of(&[BODY, b"\n"].concat(), SECRET),
        ),
        signature(
            "with another secret",
            signature_of(BODY, "s3cret-planted-0124"),
        ),
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
        pair("no scheme", STANDARD.encode("halo:pass:word€-012345")),
        pair(
            "another scheme",
            format!("Bearer {}", STANDARD.encode("halo:pass:word€-012345")),
        ),
        pair(
            "two blanks",
            format!("Basic  {}", STANDARD.encode("halo:pass:word€-012345")),
        ),
        pair(
            "a tab",
            format!("Basic\t{}", STANDARD.encode("halo:pass:word€-012345")),
        ),
        pair(
            "no blank",
            format!("Basic{}", STANDARD.encode("halo:pass:word€-012345")),
        ),
        pair("not encoded", "Basic halo:pass:word€-012345".into()),
        pair(
            "another alphabet",
            format!("Basic {}", URL_SAFE.encode("halo:pass:word?>€")),
        ),
        pair("the user in capitals", basic_of("HALO:pass:word€-012345")),
        pair(
            "the password in capitals",
            basic_of("halo:PASS:WORD€-012345"),
        ),
        pair("no password", basic_of("halo:")),
        pair("no colon", basic_of("halo")),
        pair("no user", basic_of(":pass:word€-012345")),
        pair("half the password", basic_of("halo:pass")),
        pair("a line end after", basic_of("halo:pass:word€-012345\n")),
        pair(
            "the password decomposed",
            basic_of("halo:pass:word\u{20ac}\u{301}"),
        ),
        pair("the scheme alone", "Basic ".into()),
        token("no scheme", "t0ken-planted-0123"),
        token("another scheme", "Basic t0ken-planted-0123"),
        token("the token in capitals", "Bearer T0KEN-PLANTED-0123"),
        token("one character short", "Bearer t0ken-planted-012"),
        token("one character long", "Bearer t0ken-planted-01230"),
        token("a blank after", "Bearer t0ken-planted-0123 "),
        token("two blanks", "Bearer  t0ken-planted-0123"),
        token("the scheme twice", "Bearer Bearer t0ken-planted-0123"),
        token("the scheme alone", "Bearer"),
        token("an empty token", "Bearer "),
        key("empty", ""),
        key("in capitals", "K3Y-PLANTED-012345"),
        key("one character short", "k3y-planted-01234"),
        key("one character long", "k3y-planted-0123450"),
        key("a blank before", " k3y-planted-012345"),
        key("with a scheme", "Bearer k3y-planted-012345"),
        key("a null after", "k3y-planted-012345\0"),
        (
            "in another header",
            api_key(),
            "X-Api-Keys",
            b"k3y-planted-012345".to_vec(),
        ),
        (
            "as a bearer token",
            api_key(),
            "Authorization",
            b"Bearer k3y-planted-012345".to_vec(),
        ),
    ]
}

#[test]
fn no_mutation_of_a_credential_is_accepted() {
    let all = mutations();
    assert!(all.len() >= 40);
    for (what, credential, name, value) in all {
        let refused = !accepts(&authenticator(&credential), PATH, &one(name, &value), BODY);
        assert!(
            refused,
            "{name}: {what}: {}",
            String::from_utf8_lossy(&value)
        );
    }
}

#[test]
fn a_header_that_occurs_twice_is_rejected() {
    for (credential, name, value) in kinds() {
        let auth = authenticator(&credential);
        for second in [value.as_str(), "wrong", ""] {
            let mut twice = one(name, &value);
            twice.extend(one(name, second));
            assert!(!accepts(&auth, PATH, &twice, BODY), "{name}");
            twice.reverse();
            assert!(!accepts(&auth, PATH, &twice, BODY), "{name}");
        }
    }
}

#[test]
fn a_signature_covers_the_bytes_as_they_were_sent() {
    let auth = authenticator(&hmac_with(SECRET));
    for body in [
        b"".as_slice(),
        b"\xff\xfe\x00",
        b"{ }",
        "{\"ä\":1}\r\n".as_bytes(),
    ] {
        let right = one("X-Halo-Signature", signature_of(body, SECRET));
        assert!(accepts(&auth, PATH, &right, body));
        assert!(!accepts(&auth, PATH, &right, &[body, b" "].concat()));
    }
}

/// A signature in base64 without what only differs between its forms.
fn bare_base64(signature: &[u8]) -> Vec<u8> {
    let digits = signature.trim_ascii().iter();
    let bare = digits.filter(|byte| **byte != b'=').map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    bare.collect()
}

proptest! {
    /// The part that proves something: all of a value but the scheme before it.
    #[test]
    fn no_credential_with_another_byte_is_accepted(
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
        prop_assume!(kind != 0 || bare_base64(&mutated) != bare_base64(value.as_bytes()));
        prop_assert!(!accepts(&authenticator(&credential), PATH, &one(name, mutated), BODY));
    }

    #[test]
    fn no_arbitrary_value_is_accepted(kind in 0..4_usize, value in any::<Vec<u8>>(), path in any::<String>()) {
        let (credential, name, right) = kinds().into_iter().nth(kind).unwrap();
        let auth = authenticator(&credential);
        prop_assert!(!accepts(&auth, PATH, &one(name, &value), BODY));
        prop_assert!(!accepts(&auth, &path, &one(name, right), BODY));
    }

    #[test]
    fn a_body_with_another_byte_is_rejected(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let right = one("X-Halo-Signature", signature_of(BODY, SECRET));
        let mut body = BODY.to_vec();
        let at = place.index(body.len());
        prop_assume!(body[at] != byte);
        body[at] = byte;
        prop_assert!(!accepts(&authenticator(&hmac_with(SECRET)), PATH, &right, &body));
    }
}

#[test]
fn nothing_shows_a_secret() {
    for (credential, ..) in kinds() {
        let auth = authenticator(&credential);
        let fields = credential
            .iter()
            .fold(SecretFields::default(), |fields, (name, value)| {
                fields.with(name, value)
            });
        let shown = format!(
            "{auth:?} {fields:?} {:?}",
            WebhookCredentials::from_members(&fields)
        );
        for planted in ["planted", "pass:word"] {
            assert!(!shown.contains(planted), "{shown}");
        }
    }
}

#[test]
fn the_path_token_alone_is_refused_on_a_public_address_unless_it_is_allowed() {
    let path = ("halopsa_webhook_token", PATH.to_owned());
    let allowed = ("halopsa_webhook_allow_token_only", "true".to_owned());
    // What the secret holds, whether only this machine reaches the address, and whether that will do.
    let cases = [
        (vec![path.clone()], false, false),
        (vec![path.clone()], true, true),
        (vec![path.clone(), allowed], false, true),
        ([vec![path], api_key()].concat(), false, true),
    ];
    for (members, is_local, usable) in cases {
        let fields = members
            .iter()
            .fold(SecretFields::default(), |fields, (name, value)| {
                fields.with(name, value)
            });
        let auth = Authenticator::new(FixedSecret(fields), StoppedClock, Duration::MAX);
        let auth = if is_local {
            auth.allowing_token_only()
        } else {
            auth
        };
        match auth.verify_path(PATH).now_or_never().unwrap() {
            Ok(_) => assert!(usable, "{members:?}"),
            Err(AuthError::Unavailable(error)) => {
                assert!(!usable, "{members:?}");
                assert!(error.chain().contains(TOKEN_ONLY_REFUSED), "{error}");
            }
            Err(AuthError::NotAuthentic) => panic!("{members:?}"),
        }
    }
}

#[test]
fn a_value_that_can_be_guessed_is_refused_with_a_sentence() {
    let short = "fifteen-letters";
    let cases = [
        "halopsa_webhook_token",
        "halopsa_webhook_secret",
        "halopsa_webhook_password",
        "halopsa_webhook_bearer",
        "halopsa_webhook_api_key",
    ];
    for member in cases {
        let fields = SecretFields::default()
            .with("halopsa_webhook_token", PATH)
            .with("halopsa_webhook_username", "halo")
            .with("halopsa_webhook_password", "pass:word-0123456")
            .with(member, short);
        let refused = WebhookCredentials::from_members(&fields)
            .unwrap_err()
            .to_string();
        let expected = format!(
            "the webhook secret cannot be used: {member} has fewer than 16 characters; use 16 random \
             characters or more, or it can be guessed"
        );
        assert_eq!(refused, expected);
        assert!(WebhookCredentials::from_members(&fields.with(member, "sixteen-letters-")).is_ok());
    }
}

#[test]
fn the_word_bearer_does_not_make_a_short_token_long() {
    let fields = SecretFields::default().with("halopsa_webhook_bearer", "Bearer short-token");
    let error = WebhookCredentials::from_members(&fields).unwrap_err();
    assert_eq!(error.faults[0].member, "halopsa_webhook_bearer");
}

/// A version of a secret, signed or not.
fn version(token: &str, signed: bool) -> WebhookCredentials {
    let fields = SecretFields::default().with("halopsa_webhook_token", token);
    let fields = if signed {
        fields.with("halopsa_webhook_secret", SECRET)
    } else {
        fields
    };
    WebhookCredentials::from_members(&fields).unwrap()
}

#[test]
fn the_current_version_decides_whether_a_credential_is_required() {
    // Whether the current and the other version are signed, and how many credentials count.
    let cases = [
        (false, false, 0),
        (false, true, 0),
        (true, false, 1),
        (true, true, 2),
    ];
    for (current, other, credentials) in cases {
        for is_pending in [true, false] {
            let other = Some(version("the-other-path-token", other));
            let versions = WebhookSecretVersions {
                current: version("the-current-path-token", current),
                pending: other.clone().filter(|_| is_pending),
                previous: other.filter(|_| !is_pending),
            };
            let accepted = versions.accepted_at(Timestamp::from_millis(0));
            let found = (accepted.tokens.len(), accepted.credentials.len());
            assert_eq!(found, (2, credentials), "{current} {is_pending}");
        }
    }
}

#[test]
fn the_previous_version_counts_until_its_overlap_ends_or_for_ever_where_no_end_is_known() {
    let current = |members: &[(&str, i64)]| {
        let fields = SecretFields::default().with("halopsa_webhook_token", PATH);
        let with =
            |fields: SecretFields, (name, value): &(&str, i64)| fields.with_number(name, *value);
        WebhookCredentials::from_members(&members.iter().fold(fields, with)).unwrap()
    };
    let hour = [("rotated_at_ms", 1_000), ("overlap_hours", 1)];
    let cases = [
        (current(&[]), i64::MAX, true),
        (current(&hour[..1]), 86_400_999, true),
        (current(&hour[..1]), 86_401_000, false),
        (current(&hour), 3_600_999, true),
        (current(&hour), 3_601_000, false),
    ];
    for (current, now, counts) in cases {
        let versions = WebhookSecretVersions {
            current,
            pending: None,
            previous: Some(version("the-other-path-token", true)),
        };
        let accepted = versions.accepted_at(Timestamp::from_millis(now));
        assert_eq!(accepted.tokens.len(), 1 + usize::from(counts), "at {now}");
    }
}
