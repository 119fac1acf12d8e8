//! What strangers, floods and other programs can do at the addresses of `serve`.
//!
//! Prints what it measures. To measure a release, once it is built:
//!
//! ```text
//! TESTED_HALOGARD=$PWD/target/release/halogard \
//!     cargo nextest run -p halogard --no-capture -E 'binary(address) and test(/memory|idle/)'
//! ```
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tokio::time::Instant;

use support::{
    Answer, Bench, Http, Process, SOON, Serve, Signal, WEBHOOK_SECRET, signature, wait_until,
};

/// A million bytes.
const MB: u64 = 1_000_000;

/// A body like any other.
const BODY: &str = r#"{"id":"d-1","event":"Ticket Updated","object_id":"77"}"#;

/// A bench whose `serve` polls but once.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.set("POLL_INTERVAL_SECONDS", "3600");
    bench
}

/// Delivers `body`, signed.
#[track_caller]
fn deliver(bench: &Bench, serve: &Serve, body: &str) -> Answer {
    let signed = signature(WEBHOOK_SECRET, body.as_bytes());
    let headers = [("X-Halo-Signature", signed.as_str())];
    bench.http.post(&serve.webhook_url, &headers, body)
}

/// A new connection to `serve`.
fn connect(serve: &Serve) -> TcpStream {
    let address = serve.base_url.strip_prefix("http://").unwrap();
    TcpStream::connect(address).unwrap()
}

#[test]
fn bodies_with_a_wrong_token_are_not_taken_into_memory() {
    const SENDERS: usize = 150;
    let bench = bench();
    let serve = bench.serve();
    let before = serve.process.memory("VmRSS");
    let began = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let mut stream = connect(&serve);
            std::thread::spawn(move || {
                stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
                let head = "POST /webhooks/halopsa/guess HTTP/1.1\r\nhost: x\r\ncontent-length: 6000000\r\n\r\n";
                stream.write_all(head.as_bytes()).unwrap();
                let chunk = [b' '; 64 * 1024];
                // All but the end, or until the connection is closed.
                let sent = (0..90).take_while(|_| stream.write_all(&chunk).is_ok()).count();
                let mut answer = [0; 12];
                let answered = stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 401";
                (sent * chunk.len(), answered)
            })
        })
        .collect();
    let sent: Vec<(usize, bool)> = senders
        .into_iter()
        .map(|sender| sender.join().unwrap())
        .collect();
    let took = began.elapsed();
    let most = serve.process.memory("VmHWM");
    let bytes: usize = sent.iter().map(|(bytes, _)| bytes).sum();
    let answered = sent.iter().filter(|(_, answered)| *answered).count();
    println!(
        "{SENDERS} senders, {} MB sent, {answered} read their 401, {took:?}: {} MB before, {} MB at most",
        bytes as u64 / MB,
        before / MB,
        most / MB
    );
    // With the 20 MB or less of a release build, below 40 MB.
    assert!(most - before < 20 * MB, "{} MB", most / MB);
    if support::tested_program().is_some() {
        assert!(most < 40 * MB, "{} MB", most / MB);
    }
    assert_eq!(deliver(&bench, &serve, BODY).status, 200);
}

/// Sends the head of a delivery and `bytes` of its body on each of `senders` connections, and holds them.
fn hold_bodies(serve: &Serve, senders: usize, head: &str, bytes: usize) -> Vec<TcpStream> {
    let sending: Vec<_> = (0..senders)
        .map(|_| {
            let mut stream = connect(serve);
            let head = head.to_owned();
            std::thread::spawn(move || {
                stream
                    .set_write_timeout(Some(Duration::from_secs(2)))
                    .unwrap();
                // Whatever the other side lets it send.
                stream.write_all(head.as_bytes()).unwrap_or_default();
                let chunk = [b' '; 64 * 1024];
                let chunked = head.contains("chunked");
                let mut left = bytes;
                while left > 0 {
                    let part = left.min(chunk.len());
                    let size = if chunked {
                        format!("{part:x}\r\n")
                    } else {
                        String::new()
                    };
                    let end = if chunked { "\r\n" } else { "" };
                    let whole = [size.as_bytes(), &chunk[..part], end.as_bytes()].concat();
                    if stream.write_all(&whole).is_err() {
                        break;
                    }
                    left -= part;
                }
                stream
            })
        })
        .collect();
    sending
        .into_iter()
        .map(|sender| sender.join().unwrap())
        .collect()
}

#[test]
fn senders_with_the_right_token_and_no_right_credential_cost_little_memory_and_keep_no_delivery_out()
 {
    let bench = bench();
    let wrong = signature("another-key", b"another body");
    let signed = format!("X-Halo-Signature: {wrong}\r\n");
    let length = |bytes: usize| format!("content-length: {bytes}\r\n");
    let chunked = "transfer-encoding: chunked\r\n".to_owned();
    let variants = [
        (
            "no credential",
            150,
            String::new(),
            length(6_000_000),
            5_900_000,
        ),
        (
            "no credential, chunked",
            150,
            String::new(),
            chunked.clone(),
            5_900_000,
        ),
        (
            "no credential, too large",
            150,
            String::new(),
            length(7_000_000),
            6_900_000,
        ),
        (
            "a wrong signature",
            150,
            signed.clone(),
            length(6_000_000),
            5_900_000,
        ),
        (
            "a wrong signature, chunked",
            150,
            signed.clone(),
            chunked,
            5_900_000,
        ),
        (
            "a wrong signature, too large",
            150,
            signed.clone(),
            length(7_000_000),
            6_900_000,
        ),
        (
            "a wrong signature, small bodies",
            600,
            signed.clone(),
            length(30_000),
            29_000,
        ),
        (
            "a wrong signature, heads alone",
            600,
            signed,
            length(6_000_000),
            0,
        ),
    ];
    for (what, senders, credential, size, sent) in &variants {
        let serve = bench.serve();
        let path = serve.webhook_url.strip_prefix(&serve.base_url).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{credential}{size}\r\n");
        let before = serve.process.memory("VmRSS");
        let held = hold_bodies(&serve, *senders, &head, *sent);
        let answer = deliver(&bench, &serve, BODY);
        let most = serve.process.memory("VmHWM");
        println!(
            "{senders} × {what}: {} MB before, {} MB at most",
            before / MB,
            most / MB
        );
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        // A debug build needs more for each connection.
        assert!(most - before < 26 * MB, "{what}: {} MB", most / MB);
        if support::tested_program().is_some() {
            assert!(most < 40 * MB, "{what}: {} MB", most / MB);
        }
        drop(held);
    }
    println!("{} variants", variants.len());
}

#[test]
fn a_wrong_token_is_answered_before_the_body_has_arrived() {
    let bench = bench();
    let serve = bench.serve();
    let mut stream = connect(&serve);
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = "POST /webhooks/halopsa/guess HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    // To the end: the connection is closed.
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[test]
fn idle_connections_keep_no_delivery_out_with_few_descriptors() {
    const IDLE: usize = 1_100;
    rlimit::increase_nofile_limit(8_192).unwrap();
    let bench = bench();
    let mut command = Command::new("sh");
    let program = support::program(&bench.path(""));
    command
        .args(["-c", "ulimit -n 1024; exec \"$0\" serve"])
        .arg(program.get_program())
        .current_dir(bench.path(""))
        .stdin(std::process::Stdio::null())
        .envs(&bench.settings);
    let serve = bench.listening(Process::start(command));
    let idle: Vec<TcpStream> = (0..IDLE)
        .map(|number| {
            let mut stream = connect(&serve);
            if number % 2 == 0 {
                stream
                    .write_all(b"POST /webhooks/halopsa/x HTTP/1.1\r\nho")
                    .unwrap();
            }
            stream
        })
        .collect();
    let began = Instant::now();
    let answer = deliver(&bench, &serve, BODY);
    let took = began.elapsed();
    println!("{IDLE} idle connections: a delivery was answered after {took:?}");
    assert_eq!(answer.status, 200, "{answer:?}");
    // A second on an idle machine; less than the ten after which idle connections are closed anyway.
    assert!(took < Duration::from_secs(5), "{took:?}");
    let stderr = serve.process.stderr();
    assert!(!stderr.contains("could not be accepted"), "{stderr}");
    drop(idle);
}

/// Sends `bytes` on a new connection, and reads what is answered.
fn send_raw(serve: &Serve, bytes: &[u8]) {
    let mut stream = connect(serve);
    stream.set_read_timeout(Some(SOON)).unwrap();
    // The other side may have closed it already.
    stream.write_all(bytes).unwrap_or_default();
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .map(drop)
        .unwrap_or_default();
}

/// The number behind `member` in a line of the log.
fn number_after(line: &str, member: &str) -> usize {
    let (_, rest) = line.split_once(member).unwrap();
    let mut digits = rest.split(|character: char| !character.is_ascii_digit());
    digits.next().unwrap().parse().unwrap()
}

/// Sends `bytes` on a new connection and ends its own side of it. Waits until the other side has closed the
/// connection: what was never accepted is not counted when the process ends.
fn break_off(serve: &Serve, bytes: &[u8]) {
    let mut stream = connect(serve);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
}

#[test]
fn a_flood_of_refusals_costs_one_line_of_each_kind_and_a_count() {
    const TIMES: usize = 150;
    let bench = bench();
    let serve = bench.serve();
    let path = serve.webhook_url.strip_prefix(&serve.base_url).unwrap();
    let not_json = "{\"id\":";
    let signed = signature(WEBHOOK_SECRET, not_json.as_bytes());
    let post = |path: &str, rest: &str| format!("POST {path} HTTP/1.1\r\nhost: x\r\n{rest}");
    let closing = "connection: close\r\ncontent-length: 7\r\n";
    let kinds: [(&str, Vec<u8>); 5] = [
        (
            "not_authentic",
            post(
                "/webhooks/halopsa/guess",
                &format!("{closing}\r\n{{\"a\":1}}"),
            )
            .into_bytes(),
        ),
        (
            "not_json",
            post(
                path,
                &format!("{closing}X-Halo-Signature: {signed}\r\n\r\n{not_json}#")[..],
            )
            .replace("content-length: 7", "content-length: 6")
            .into_bytes(),
        ),
        (
            "too_large",
            post(
                path,
                &format!(
                    "connection: close\r\nX-Halo-Signature: {signed}\r\ncontent-length: 7000000\r\n\r\n"
                ),
            )
            .into_bytes(),
        ),
        // The beginning of a TLS handshake.
        (
            "not_http",
            vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 13, 10, 13, 10],
        ),
        (
            "broken_off",
            post("/webhooks/hal", "content-le").into_bytes(),
        ),
    ];
    for (kind, bytes) in &kinds {
        for _ in 0..TIMES {
            match *kind {
                "too_large" => {
                    // Until the announced end, or it would be a sender that is too slow.
                    let mut whole = bytes.clone();
                    whole.resize(bytes.len() + 7_000_000, b' ');
                    send_raw(&serve, &whole);
                    break;
                }
                "broken_off" => break_off(&serve, bytes),
                _ => send_raw(&serve, bytes),
            }
        }
    }
    serve.process.signal(Signal::Terminate);
    let logs = serve.process.ended(SOON).stderr;
    let first_lines = logs.matches("rejected a delivery").count();
    assert_eq!(first_lines, 3, "one of each kind:\n{logs}");
    let ended = logs
        .matches("a connection ended without a whole request")
        .count();
    assert_eq!(ended, 2, "{logs}");
    for kind in ["not_authentic", "not_json", "not_http", "broken_off"] {
        let counts = logs
            .lines()
            .filter(|line| line.contains("more deliveries or connections") && line.contains(kind));
        let counts: Vec<&str> = counts.collect();
        // One, or more where minutes ended in between: a busy machine may need several.
        let counted = |member: &str| -> usize {
            let numbers = counts.iter().map(|line| number_after(line, member));
            numbers.sum()
        };
        assert_eq!(counted(" count="), TIMES - 1, "{kind}: {logs}");
        assert_eq!(counted(" worst_sender_count="), TIMES - 1, "{kind}: {logs}");
        for line in counts {
            assert!(line.contains("worst_sender=127.0.0.1"), "{line}");
        }
    }
}

#[test]
fn a_sender_that_does_not_finish_is_cut_off() {
    let bench = bench();
    let serve = bench.serve();
    let path = serve.webhook_url.strip_prefix(&serve.base_url).unwrap();
    let silent = connect(&serve);
    let mut head = connect(&serve);
    head.write_all(b"POST /webhooks").unwrap();
    let mut body = connect(&serve);
    let text = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
    body.write_all(text.as_bytes()).unwrap();
    let began = Instant::now();
    for (what, mut stream, expected) in [
        ("no request", silent, ""),
        ("half a head", head, ""),
        ("half a body", body, "HTTP/1.1 408"),
    ] {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        println!("{what}: closed after {:?}", began.elapsed());
        assert!(answer.starts_with(expected), "{what}: {answer}");
        assert_eq!(answer.is_empty(), expected.is_empty(), "{what}: {answer}");
    }
}

#[test]
fn metrics_and_readiness_are_not_on_the_public_address() {
    let mut bench = bench();
    let serve = bench.serve();
    for path in ["metrics", "readyz"] {
        let public = bench.http.get(&format!("{}/{path}", serve.base_url));
        assert_eq!(public.status, 404, "{path}");
        let private = bench.http.get(&format!("{}/{path}", serve.private_url));
        assert_eq!(private.status, 200, "{path}: {private:?}");
    }
    for path in ["healthz", "webhooks/halopsa/x"] {
        let private = bench.http.get(&format!("{}/{path}", serve.private_url));
        assert_eq!(private.status, 404, "{path}");
    }
    drop(serve);
    // One address for both, because the operator says so; or none.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    bench.set("HALOGARD_LISTEN", &address);
    for (value, status) in [(address.as_str(), 200), ("off", 404)] {
        bench.set("HALOGARD_METRICS_LISTEN", value);
        let mut process = bench.start(&[]);
        process.line_with("listening on http://");
        // A client of its own: the other one keeps connections to the address.
        let metrics = Http::new().get(&format!("http://{address}/metrics"));
        assert_eq!(metrics.status, status, "{value}");
    }
}

#[test]
fn a_database_that_another_program_holds_stops_no_answer_and_loses_nothing() {
    let mut bench = bench();
    bench.set("POLL_INTERVAL_SECONDS", "1");
    let serve = bench.serve();
    wait_until("the first poll", SOON, || {
        serve.process.stderr().contains("polled").then_some(())
    });
    let other = Connection::open(bench.path("data/halogard.db")).unwrap();
    other.busy_timeout(SOON).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let alert = bench.sim.raise(8801, "Local Admin Added");
    let health = || bench.http.get(&format!("{}/healthz", serve.base_url));
    assert_eq!(health().status, 200, "held for a moment only");
    let mut named = false;
    for round in 0..20 {
        let began = Instant::now();
        let answer = health();
        let healthy_after = began.elapsed();
        // From memory: the store itself is held for as long as this loop runs.
        println!("health was answered after {healthy_after:?}");
        named |= answer.status == 503 && answer.body.starts_with("store: no success for ");
        if named && round >= 8 {
            break;
        }
        let began = Instant::now();
        let answer = deliver(&bench, &serve, BODY);
        println!(
            "held: health after {healthy_after:?}, a delivery refused after {:?}",
            began.elapsed()
        );
        assert_eq!(answer.status, 503, "round {round}: {answer:?}");
        let guess = format!("{}/webhooks/halopsa/guess", serve.base_url);
        assert_eq!(bench.http.post(&guess, &[], BODY).status, 401);
    }
    assert!(named, "{:?}", health());
    other.execute_batch("ROLLBACK").unwrap();
    wait_until("health to be good again", SOON, || {
        (health().status == 200).then_some(())
    });
    let body = json!({ "id": "d-2", "event": "Site Updated", "object_id": "5" });
    let answer = deliver(&bench, &serve, &body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until("the alert's ticket", SOON, || {
        (bench.sim.tickets_of(alert).len() == 1).then_some(())
    });
    wait_until("the delivery to be counted", SOON, || {
        let line = "halogard_notifications_total{kind=\"site_updated\"}";
        (serve.metric(&bench.http, line) == 1).then_some(())
    });
    let refused = "halogard_notifications_total{kind=\"ticket_changed\"}";
    assert_eq!(
        serve.metric(&bench.http, refused),
        0,
        "503 and yet taken in"
    );
}

#[test]
fn a_full_disk_refuses_deliveries_opens_no_ticket_and_loses_nothing() {
    let bench = Bench::new();
    let serve = bench.serve();
    wait_until("the first poll", SOON, || {
        serve.process.stderr().contains("polled").then_some(())
    });
    let other = Connection::open(bench.path("data/halogard.db")).unwrap();
    other.busy_timeout(SOON).unwrap();
    let mut tables = other
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    // What each write is answered with when no page is left.
    for_each_write(&tables, |table, write| {
        let refuse = format!(
            "CREATE TRIGGER full_{write}_{table} BEFORE {write} ON {table} BEGIN \
             SELECT RAISE(ABORT, 'database or disk is full'); END"
        );
        other.execute_batch(&refuse).unwrap();
    });
    let alerts: Vec<i64> = (0..30)
        .map(|number| bench.sim.raise(8801 + number % 6, "Local Admin Added"))
        .collect();
    wait_until("a poll that cannot be recorded", SOON, || {
        serve
            .process
            .stderr()
            .contains("disk is full")
            .then_some(())
    });
    for _ in 0..3 {
        let answer = deliver(&bench, &serve, BODY);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let opened = |alert: &i64| bench.sim.tickets_of(*alert).len();
    assert_eq!(
        alerts.iter().map(opened).sum::<usize>(),
        0,
        "without a stored claim"
    );
    for_each_write(&tables, |table, write| {
        other
            .execute_batch(&format!("DROP TRIGGER full_{write}_{table}"))
            .unwrap();
    });
    wait_until("every alert's ticket", SOON, || {
        alerts.iter().all(|alert| opened(alert) > 0).then_some(())
    });
    assert!(alerts.iter().all(|alert| opened(alert) == 1));
    assert_eq!(deliver(&bench, &serve, BODY).status, 200);
}

/// Calls `work` with each of `tables` and each way to write into it.
fn for_each_write(tables: &[String], work: impl Fn(&str, &str)) {
    for table in tables {
        for write in ["INSERT", "UPDATE", "DELETE"] {
            work(table, write);
        }
    }
}

#[test]
fn the_largest_body_costs_a_few_times_its_size() {
    let bench = bench();
    let serve = bench.serve();
    let before = serve.process.memory("VmRSS");
    let item = r#"{"b":0},"#;
    let items = item.repeat(6_291_000 / item.len());
    let body = format!(r#"{{"object_id":1,"a":[{}]}}"#, items.trim_end_matches(','));
    for _ in 0..3 {
        assert_eq!(deliver(&bench, &serve, &body).status, 200);
    }
    let most = serve.process.memory("VmHWM");
    println!(
        "three bodies of {} bytes: {} MB before, {} MB at most",
        body.len(),
        before / MB,
        most / MB
    );
    assert!(most - before < 30 * MB, "{} MB", most / MB);
}
