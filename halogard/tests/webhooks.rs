//! What HaloPSA's deliveries meet at `serve`'s address.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use support::{Answer, Bench, SOON, Serve, TOKEN, WEBHOOK_SECRET, signature, wait_until};

/// The largest body that is taken in.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

const USERNAME: &str = "halopsa";
const PASSWORD: &str = "planted-password:with-a-colon";
const BEARER: &str = "planted-bearer-5e1f";
const API_KEY: &str = "planted-api-key-9a2c";
const FORMER_SECRET: &str = "planted-former-secret-1d";

const SIGNATURE: &str = "X-Halo-Signature";
const AUTHORIZATION: &str = "Authorization";
const KEY_HEADER: &str = "X-Api-Key";

/// A body like any other.
const BODY: &str = r#"{"id":"d-1","event":"Ticket Updated","object_id":"77"}"#;

/// A bench whose `serve` knows every kind of credential and polls but once.
fn bench() -> Bench {
    let mut bench = Bench::new();
    for (name, value) in [
        ("POLL_INTERVAL_SECONDS", "3600"),
        ("HALOPSA_WEBHOOK_SECRET_PREVIOUS", FORMER_SECRET),
        ("HALOPSA_WEBHOOK_USERNAME", USERNAME),
        ("HALOPSA_WEBHOOK_PASSWORD", PASSWORD),
        ("HALOPSA_WEBHOOK_BEARER", BEARER),
        ("HALOPSA_WEBHOOK_API_KEY", API_KEY),
    ] {
        bench.set(name, value);
    }
    bench
}

/// `Basic` for a user name and password.
fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// Delivers `body` with the right signature.
#[track_caller]
fn deliver(bench: &Bench, serve: &Serve, body: &[u8]) -> Answer {
    let signed = signature(WEBHOOK_SECRET, body);
    bench
        .http
        .post(&serve.webhook_url, &[(SIGNATURE, signed.as_str())], body)
}

/// Notifications of `kind` that were worked off.
fn notifications(bench: &Bench, serve: &Serve, kind: &str) -> u64 {
    let line = format!("halogard_notifications_total{{kind=\"{kind}\"}}");
    serve.metric(&bench.http, &line)
}

/// Waits until everything that was taken in has been worked off.
#[track_caller]
fn settle(bench: &Bench, serve: &Serve) {
    wait_until("the deliveries to be worked off", SOON, || {
        let line = "halogard_queue_depth{lane=\"urgent\"}";
        (serve.metric(&bench.http, line) == 0).then_some(())
    });
}

#[test]
fn each_kind_of_credential_lets_a_delivery_in() {
    let bench = bench();
    let serve = bench.serve();
    let lower = |text: String| text.replace("Basic", "basic");
    let cases: &[(&str, &str, String)] = &[
        (
            "a signature",
            SIGNATURE,
            signature(WEBHOOK_SECRET, BODY.as_bytes()),
        ),
        (
            "the former secret",
            SIGNATURE,
            signature(FORMER_SECRET, BODY.as_bytes()),
        ),
        (
            "a header in lower case",
            "x-halo-signature",
            signature(WEBHOOK_SECRET, BODY.as_bytes()),
        ),
        ("basic", AUTHORIZATION, basic(USERNAME, PASSWORD)),
        // Schemes are compared without regard to case, as HTTP has it.
        (
            "basic in lower case",
            AUTHORIZATION,
            lower(basic(USERNAME, PASSWORD)),
        ),
        ("bearer", AUTHORIZATION, format!("Bearer {BEARER}")),
        (
            "bearer in upper case",
            AUTHORIZATION,
            format!("BEARER {BEARER}"),
        ),
        ("a key", KEY_HEADER, API_KEY.to_owned()),
    ];
    for (case, name, value) in cases {
        let answer = bench.http.post(&serve.webhook_url, &[(name, value)], BODY);
        assert_eq!(answer.status, 200, "{case}: {answer:?}");
    }
    let right = (KEY_HEADER, API_KEY);
    let beside = [right, (AUTHORIZATION, "Bearer wrong"), (SIGNATURE, "AAAA")];
    let answer = bench.http.post(&serve.webhook_url, &beside, BODY);
    assert_eq!(
        answer.status, 200,
        "one right credential suffices: {answer:?}"
    );
}

#[test]
fn whatever_is_wrong_with_a_credential_gets_one_and_the_same_answer() {
    let bench = bench();
    let serve = bench.serve();
    let good = signature(WEBHOOK_SECRET, BODY.as_bytes());
    let of_other_body = signature(WEBHOOK_SECRET, b"{}");
    let of_other_secret = signature("another", BODY.as_bytes());
    let truncated = &good[..good.len() - 4];
    let doubled = format!("{good},{good}");
    let swapped_case: String = good
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let wrong_password = basic(USERNAME, "guess");
    let wrong_username = basic("HaloPSA", PASSWORD);
    let no_password = basic(USERNAME, "");
    let cut_basic = basic(USERNAME, PASSWORD);
    let cut_basic = &cut_basic[..cut_basic.len() - 5];
    let right_basic = basic(USERNAME, PASSWORD);
    let right_bearer = format!("Bearer {BEARER}");
    let bearer_as_basic = format!("Basic {BEARER}");
    let bare_basic = right_basic.trim_start_matches("Basic ").to_owned();
    let two_blanks = format!("Bearer  {BEARER}");
    let digest_scheme = right_basic.replace("Basic", "Digest");
    let long_bearer = format!("{right_bearer}x");
    let lower_bearer = format!("Bearer {}", BEARER.to_uppercase());
    let short_key = &API_KEY[..API_KEY.len() - 1];
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("no header", &[]),
        ("an empty signature", &[(SIGNATURE, "")]),
        (
            "a signature of another body",
            &[(SIGNATURE, &of_other_body)],
        ),
        (
            "a signature with another secret",
            &[(SIGNATURE, &of_other_secret)],
        ),
        ("a truncated signature", &[(SIGNATURE, truncated)]),
        (
            "a signature in the other case",
            &[(SIGNATURE, &swapped_case)],
        ),
        ("two signatures in one header", &[(SIGNATURE, &doubled)]),
        (
            "two signature headers, both right",
            &[(SIGNATURE, &good), (SIGNATURE, &good)],
        ),
        ("a signature that is not base64", &[(SIGNATURE, "%%%%")]),
        (
            "a signature in another header",
            &[("X-Hub-Signature", &good)],
        ),
        ("the secret itself", &[(SIGNATURE, WEBHOOK_SECRET)]),
        ("a wrong password", &[(AUTHORIZATION, &wrong_password)]),
        ("a wrong user name", &[(AUTHORIZATION, &wrong_username)]),
        ("no password", &[(AUTHORIZATION, &no_password)]),
        ("half of a basic credential", &[(AUTHORIZATION, cut_basic)]),
        ("basic without its scheme", &[(AUTHORIZATION, &bare_basic)]),
        (
            "basic under another scheme",
            &[(AUTHORIZATION, &digest_scheme)],
        ),
        ("a scheme alone", &[(AUTHORIZATION, "Basic")]),
        ("a wrong bearer", &[(AUTHORIZATION, "Bearer guess")]),
        (
            "a bearer with more at its end",
            &[(AUTHORIZATION, &long_bearer)],
        ),
        ("a bearer in upper case", &[(AUTHORIZATION, &lower_bearer)]),
        ("a bearer after two blanks", &[(AUTHORIZATION, &two_blanks)]),
        ("a bearer under basic", &[(AUTHORIZATION, &bearer_as_basic)]),
        (
            "two authorizations",
            &[
                (AUTHORIZATION, &right_basic),
                (AUTHORIZATION, &right_bearer),
            ],
        ),
        ("a wrong key", &[(KEY_HEADER, "guess")]),
        ("a key without its end", &[(KEY_HEADER, short_key)]),
        ("two keys", &[(KEY_HEADER, API_KEY), (KEY_HEADER, API_KEY)]),
        ("a key where the signature belongs", &[(SIGNATURE, API_KEY)]),
    ];
    let refusal = bench.http.post(&serve.webhook_url, &[], BODY);
    assert_eq!(refusal.status, 401, "{refusal:?}");
    for (case, headers) in cases {
        let answer = bench.http.post(&serve.webhook_url, headers, BODY);
        assert_eq!(answer, refusal, "{case}");
    }
    let right = [(SIGNATURE, good.as_str())];
    let all_but_one = &TOKEN[..TOKEN.len() - 1];
    let longer = format!("{TOKEN}x");
    let upper = TOKEN.to_uppercase();
    for token in [
        "guess",
        all_but_one,
        &longer,
        &upper,
        "%00",
        "%ff",
        "a%2Fb",
        "*",
        "{token}",
    ] {
        let url = format!("{}/webhooks/halopsa/{token}", serve.base_url);
        let answer = bench.http.post(&url, &right, BODY);
        assert_eq!(answer, refusal, "the path token {token:?}");
        let url = format!("{}/webhooks/liongard/{token}", serve.base_url);
        let answer = bench.http.post(&url, &right, BODY);
        assert_eq!(answer, refusal, "the path token {token:?} of the wake-up");
    }
    // The body reveals nothing to an unauthenticated sender.
    for body in ["", "not json", "{", "[]"] {
        let answer = bench.http.post(&serve.webhook_url, &[], body);
        assert_eq!(answer, refusal, "the body {body:?}");
    }
    let line = "halogard_deliveries_total{status=\"200\"}";
    assert_eq!(serve.metric(&bench.http, line), 0);
    settle(&bench, &serve);
    assert_eq!(notifications(&bench, &serve, "ticket_changed"), 0);
}

#[test]
fn an_authentic_body_that_is_not_json_is_refused_with_400() {
    let bench = bench();
    let serve = bench.serve();
    let cases: &[&[u8]] = &[
        b"",
        b" ",
        b"not json",
        b"{",
        b"{\"a\":1}x",
        b"{\"a\":1",
        b"{'a':1}",
        b"[1,]",
        b"<html></html>",
        b"a=1&b=2",
        b"NaN",
        b"\xff\xfe{}",
        b"\x00",
    ];
    for body in cases {
        let answer = deliver(&bench, &serve, body);
        assert_eq!(
            answer.status,
            400,
            "{:?}: {answer:?}",
            body.escape_ascii().to_string()
        );
    }
}

#[test]
fn a_body_of_six_megabytes_is_taken_in_and_a_longer_one_refused_with_413() {
    let bench = bench();
    let serve = bench.serve();
    let body_of = |bytes: usize| {
        let (head, tail) = ("{\"event\":\"", "\"}");
        let filling = bytes - head.len() - tail.len();
        format!("{head}{}{tail}", "x".repeat(filling)).into_bytes()
    };
    for bytes in [5_900_000, BODY_BYTES_MAX] {
        let answer = deliver(&bench, &serve, &body_of(bytes));
        assert_eq!(answer.status, 200, "{bytes}: {answer:?}");
    }
    for bytes in [BODY_BYTES_MAX + 1, BODY_BYTES_MAX + 2, 3 * BODY_BYTES_MAX] {
        let answer = deliver(&bench, &serve, &body_of(bytes));
        assert_eq!(answer.status, 413, "{bytes}: {answer:?}");
    }
    wait_until("both to be counted", SOON, || {
        (notifications(&bench, &serve, "unknown") == 2).then_some(())
    });
}

#[test]
fn json_of_any_shape_is_taken_in_and_counted() {
    let bench = bench();
    let serve = bench.serve();
    let deep_lists = "[".repeat(10_000) + &"]".repeat(10_000);
    let deep_objects = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let many_digits = "9".repeat(5000);
    // Each body, and how many notifications are in it.
    let cases: &[(&str, u64)] = &[
        ("[]", 0),
        ("{}", 1),
        ("\"text\"", 1),
        ("42", 1),
        ("null", 1),
        ("true", 1),
        ("-0.0", 1),
        ("[[],{\"b\":1},null,\"x\"]", 4),
        (&deep_lists, 1),
        (&deep_objects, 1),
        (&many_digits, 1),
        ("1e999999", 1),
        ("{\"object_id\":1e400,\"event\":7}", 1),
        ("\"\\ud800\"", 1),
        ("{\"event\":\"\\udfff\",\"id\":\"\\ud800\"}", 1),
        ("{\"\":{\"\":[]}}", 1),
        ("{\"a\":1,\"a\":2}", 1),
        ("\u{feff}{\"with\":\"a byte order mark\"}", 1),
        ("{\"event\":\"Asset Updated\",\"object_id\":\"9\"}", 1),
    ];
    for (body, _) in cases {
        let answer = deliver(&bench, &serve, body.as_bytes());
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answer.status, 200, "{shown}: {answer:?}");
    }
    let expected: u64 = cases.iter().map(|(_, count)| count).sum();
    // One of them says the same as another one does, and counts once: `null`.
    wait_until("all to be counted", SOON, || {
        (notifications(&bench, &serve, "unknown") == expected - 1).then_some(())
    });
    let line = "halogard_deliveries_total{status=\"200\"}";
    assert_eq!(
        serve.metric(&bench.http, line),
        u64::try_from(cases.len()).unwrap()
    );
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
}

#[test]
fn bodies_that_are_made_to_break_a_reader_are_answered_and_leave_nothing_behind() {
    let bench = bench();
    let serve = bench.serve();
    let repeated = |text: &str, times: usize| text.repeat(times).into_bytes();
    let batch = format!("[{}]", vec![r#"{"event":"a"}"#; 9_999].join(","));
    // Each body, and whether it is JSON.
    let cases: [(&str, Vec<u8>, bool); 10] = [
        ("open lists", repeated("[", 3_000_000), false),
        ("open objects", repeated("{\"a\":", 1_000_000), false),
        (
            "closed lists",
            [repeated("[", 1_000_000), repeated("]", 1_000_000)].concat(),
            true,
        ),
        ("digits", repeated("9", 100_000), true),
        ("a batch of 9,999", batch.into_bytes(), true),
        (
            "compressed",
            vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
            false,
        ),
        ("NUL at the end", b"{}\0".to_vec(), false),
        ("half a character", br#"{"event":"\ud83d"}"#.to_vec(), true),
        (
            "a number below zero",
            br#"{"event":"ticket updated","object_id":-1}"#.to_vec(),
            true,
        ),
        (
            "a member twice",
            br#"{"object_id":1,"object_id":18446744073709551616}"#.to_vec(),
            true,
        ),
    ];
    for (what, body, is_json) in &cases {
        let answer = deliver(&bench, &serve, body);
        assert_eq!(answer.status, if *is_json { 200 } else { 400 }, "{what}");
    }
    settle(&bench, &serve);
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
}

#[test]
fn addresses_that_are_made_to_leave_their_folder_reach_nothing() {
    let bench = bench();
    let serve = bench.serve();
    let host = serve.base_url.strip_prefix("http://").unwrap();
    for path in [
        "/webhooks/halopsa/..%2f..%2fmetrics",
        "/webhooks/halopsa/%2e%2e/%2e%2e/metrics",
        "/webhooks/halopsa/../../metrics",
        "/webhooks/halopsa/..",
        "/webhooks/halopsa/%ff",
        "/webhooks//halopsa/x",
        "//metrics",
        "/metrics/",
        "/healthz/../metrics",
        "/webhooks/halopsa/x%00",
    ] {
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["401", "404"].contains(&status), "{path}: {answer}");
    }
}

#[test]
fn every_sample_delivery_is_answered_by_whether_it_is_json() {
    let bench = bench();
    let serve = bench.serve();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/halopsa");
    let mut delivered = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let body = std::fs::read(&path).unwrap();
        let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
        let answer = deliver(&bench, &serve, &body);
        let expected = if is_json { 200 } else { 400 };
        assert_eq!(answer.status, expected, "{}", path.display());
        delivered += 1;
    }
    assert!(delivered > 10);
    settle(&bench, &serve);
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
}

#[test]
fn a_batch_counts_each_of_its_notifications_and_a_repeat_none() {
    let bench = bench();
    let serve = bench.serve();
    let made = "2026-09-25T06:41:08.7895915Z";
    let site = |id: &str, object: u32| json!({ "id": id, "event": "Site Updated", "object_id": object.to_string(), "timestamp": made });
    let user = json!({ "event": "User Deleted", "object_id": "5", "timestamp": made });
    let batch = json!([site("d-1", 21), site("d-2", 22), user]);
    for _ in 0..2 {
        let answer = deliver(&bench, &serve, batch.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // The same news under another delivery id, and the same delivery id again.
    for again in [site("d-3", 21), site("d-1", 99)] {
        let answer = deliver(&bench, &serve, again.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // One that is new, to see that everything before it was worked off.
    let last = json!({ "event": "Invoice Created", "object_id": "1" });
    deliver(&bench, &serve, last.to_string().as_bytes());
    wait_until("the last to be counted", SOON, || {
        (notifications(&bench, &serve, "invoice_created") == 1).then_some(())
    });
    assert_eq!(notifications(&bench, &serve, "site_updated"), 2);
    assert_eq!(notifications(&bench, &serve, "user_deleted"), 1);
}

#[test]
fn an_event_without_the_ticket_in_it_has_the_ticket_read() {
    let mut bench = bench();
    bench.set("POLL_INTERVAL_SECONDS", "3600");
    let alert = bench.sim.raise(8801, "Local Admin Added");
    let serve = bench.serve();
    let ticket = wait_until("the ticket", SOON, || {
        bench.sim.tickets_of(alert).first()?["id"].as_i64()
    });
    bench.sim.ticket(ticket, "close");
    let news = json!({ "id": "e-1", "event": "Ticket Updated", "object_id": ticket.to_string() });
    let answer = deliver(&bench, &serve, news.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until("a run of the HaloPSA inspector", SOON, || {
        let runs = bench.sim.look("runs");
        let mut runs = runs.as_array().unwrap().iter();
        runs.any(|run| run["launchpoint_id"] == 500).then_some(())
    });
}

#[test]
fn a_wake_up_from_liongard_brings_the_next_poll_forward() {
    let bench = bench();
    let serve = bench.serve();
    wait_until("the first poll", SOON, || {
        serve.process.stderr().contains("polled").then_some(())
    });
    let alert = bench.sim.raise(8801, "Certificate Expires Soon");
    let answer = bench
        .http
        .post(&serve.wake_up_url(), &[], "anything at all");
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until("the ticket", Duration::from_secs(20), || {
        (bench.sim.tickets_of(alert).len() == 1).then_some(())
    });
}

#[test]
fn other_methods_and_addresses_are_refused_and_health_needs_no_credential() {
    let bench = bench();
    let serve = bench.serve();
    let health = bench.http.get(&format!("{}/healthz", serve.base_url));
    assert_eq!((health.status, health.body.trim()), (200, "ok"));
    for url in [serve.webhook_url.clone(), serve.wake_up_url()] {
        assert_eq!(bench.http.get(&url).status, 405);
    }
    for path in [
        "/webhooks/halopsa",
        "/webhooks/halopsa/",
        "/webhooks",
        "/nothing",
    ] {
        let url = format!("{}{path}", serve.base_url);
        assert_eq!(bench.http.post(&url, &[], "{}").status, 404, "{path}");
    }
}

#[test]
fn neither_token_nor_credential_stands_in_logs_or_metrics() {
    let mut bench = bench();
    bench.set(
        "HALOPSA_WEBHOOK_TOKEN_PREVIOUS",
        "former-path-token-0123456789",
    );
    let mut serve = Some(bench.serve());
    for log in ["info", "trace"] {
        if log == "trace" {
            // What an operator sets to analyse a fault.
            drop(serve.take());
            let process = bench.start(&["--log", "trace", "--log-json"]);
            serve = Some(bench.listening(process));
        }
        let serve = serve.as_ref().unwrap();
        deliver(&bench, serve, BODY.as_bytes());
        deliver(&bench, serve, b"not json");
        bench
            .http
            .post(&serve.webhook_url, &[(SIGNATURE, "AAAA")], BODY);
        bench
            .http
            .post(&serve.webhook_url, &[(KEY_HEADER, API_KEY)], BODY);
        bench.http.post(&serve.wake_up_url(), &[], "");
        settle(&bench, serve);
        let metrics = bench
            .http
            .get(&format!("{}/metrics", serve.private_url))
            .body;
        let logs = serve.process.stderr();
        let basic = basic(USERNAME, PASSWORD);
        let key_id = bench.get("LIONGARD_ACCESS_KEY_ID");
        let key_secret = bench.get("LIONGARD_ACCESS_KEY_SECRET");
        let liongard = STANDARD.encode(format!("{key_id}:{key_secret}"));
        let planted = [
            TOKEN,
            "former-path-token-0123456789",
            WEBHOOK_SECRET,
            FORMER_SECRET,
            PASSWORD,
            &basic["Basic ".len()..],
            BEARER,
            API_KEY,
            bench.get("HALOPSA_CLIENT_SECRET"),
            key_secret,
            &liongard,
        ];
        for secret in planted {
            assert!(
                !logs.contains(secret),
                "{secret} is in the {log} log:\n{logs}"
            );
            assert!(!metrics.contains(secret), "{secret} is in the metrics");
        }
        assert!(logs.contains("rejected a delivery"), "{logs}");
    }
}
