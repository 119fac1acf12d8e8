//! Credentials change while `serve` runs: its own key for Liongard by itself, the others by command.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halogard_app::ports::Stage;
use serde_json::{Value, json};
use tokio::time::Instant;

use support::{
    Bench, Ended, HOUR_MS, Http, LocalVault, Process, SOON, Serve, TOKEN, key, now_ms, program,
    signature, wait_until,
};

/// The key in the vault at the beginning.
const FIRST_KEY: &str = "1111aaaa2222bbbb3333";

/// Its secret.
const FIRST_SECRET: &str = "planted-secret-of-the-first-key";

/// The webhook's signature before it is rotated.
const OLD: &str = "planted-old-webhook-secret";

/// A body like any other.
const BODY: &str = r#"{"id":"d-1","event":"Site Updated","object_id":"77"}"#;

const SIGNATURE: &str = "X-Halo-Signature";

/// The metric that counts readings of the webhook's secret.
const REFRESHES: &str = "halogard_webhook_secret_refreshes_total";

/// A bench whose key for Liongard lies in the vault, has this many days left and these further
/// members, and is read every second.
fn bench_with_key(days: u64, more: &Value) -> Bench {
    let mut bench = Bench::new();
    bench.unset("LIONGARD_ACCESS_KEY_ID");
    bench.unset("LIONGARD_ACCESS_KEY_SECRET");
    bench.set("LIONGARD_KEY_CHECK_SECONDS", "1");
    make_key(&bench, FIRST_KEY, days);
    let mut value = key(FIRST_KEY, FIRST_SECRET);
    let more = more.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(more);
    vault(&bench).put("liongard", "v1", &value);
    bench
}

/// Creates a key in Liongard.
fn make_key(bench: &Bench, id: &str, days: u64) {
    let made = json!({ "id": id, "secret": FIRST_SECRET, "days": days });
    bench.sim.post("access-keys", &made);
}

/// The store in the data folder, opened beside `serve` or without one.
fn vault(bench: &Bench) -> LocalVault {
    LocalVault::open(&bench.path("data"))
}

/// The keys in force at Liongard, besides the sample's own.
fn keys(bench: &Bench) -> Vec<String> {
    let keys: Vec<String> = serde_json::from_value(bench.sim.look("access-keys")).unwrap();
    let sample = bench.sim.settings["LIONGARD_ACCESS_KEY_ID"].as_str();
    keys.into_iter().filter(|key| key != sample).collect()
}

/// How often Liongard was asked for its keys.
fn checks(bench: &Bench) -> u64 {
    let stats = bench.sim.look("stats");
    let checks = &stats["liongard"]["by_route"]["GET /access-keys"];
    checks.as_u64().unwrap_or(0)
}

/// Waits until `serve` has checked its key this many times more.
#[track_caller]
fn wait_for_checks(bench: &Bench, more: u64) {
    let before = checks(bench);
    wait_until("further checks of the key", SOON, || {
        (checks(bench) >= before + more).then_some(())
    });
}

/// An alert is raised and becomes a ticket.
#[track_caller]
fn an_alert_becomes_a_ticket(bench: &Bench) {
    let alert = bench.sim.raise(8801, "Local Admin Added");
    wait_until("the alert's ticket", SOON, || {
        (bench.sim.tickets_of(alert).len() == 1).then_some(())
    });
}

/// No work was given up, and no round broke off.
#[track_caller]
fn nothing_failed(bench: &Bench, serve: &Serve) {
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
    let rounds = bench
        .http
        .get(&format!("{}/metrics", serve.private_url))
        .body;
    assert!(!rounds.contains("end=\"failed\""), "{rounds}");
}

/// Runs `halogard rotate`, beside a `serve` or without one.
#[track_caller]
fn rotate(bench: &Bench, arguments: &[&str]) -> Ended {
    rotate_with(bench, arguments, "")
}

/// The same, with this on standard input.
#[track_caller]
fn rotate_with(bench: &Bench, arguments: &[&str], input: &str) -> Ended {
    let typed = bench.path("typed");
    std::fs::write(&typed, input).unwrap();
    let mut command: Command = program(&bench.path(""));
    command.arg("rotate").args(arguments).envs(&bench.settings);
    command.stdin(std::fs::File::open(typed).unwrap());
    Process::run(command)
}

#[test]
fn a_key_that_ends_in_a_month_is_replaced_by_itself_and_work_goes_on() {
    let bench = bench_with_key(30, &json!({}));
    let serve = bench.serve();
    let second = wait_until("a successor", SOON, || {
        keys(&bench).into_iter().find(|key| key != FIRST_KEY)
    });
    // The successor has ninety days, so no check makes another one.
    wait_for_checks(&bench, 4);
    assert_eq!(keys(&bench), [FIRST_KEY, &second]);
    an_alert_becomes_a_ticket(&bench);
    nothing_failed(&bench, &serve);
    // From one moment to the next the old one is dead; the vault knows another.
    bench.sim.delete(&format!("access-keys/{FIRST_KEY}"));
    an_alert_becomes_a_ticket(&bench);
    nothing_failed(&bench, &serve);
    let log = serve.process.stderr();
    assert!(log.contains("a credential was refused; another version of it is used"));
    for secret in [FIRST_SECRET, second.as_str()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    serve.process.kill();
    let vault = vault(&bench);
    let id = |stage| vault.members("liongard", stage).unwrap()["liongard_access_key_id"].clone();
    assert_eq!(id(Stage::Current), second.as_str());
    assert_eq!(id(Stage::Previous), FIRST_KEY);
}

#[test]
fn keys_of_thirty_days_are_not_replaced_at_every_check() {
    let bench = bench_with_key(15, &json!({ "liongard_access_key_days": 30 }));
    let _serve = bench.serve();
    wait_until("a successor", SOON, || {
        (keys(&bench).len() == 2).then_some(())
    });
    wait_for_checks(&bench, 5);
    assert_eq!(keys(&bench).len(), 2);
}

#[test]
fn a_key_with_more_than_two_months_left_is_left_alone() {
    let bench = bench_with_key(62, &json!({}));
    let _serve = bench.serve();
    wait_for_checks(&bench, 3);
    assert_eq!(keys(&bench), [FIRST_KEY]);
}

#[test]
fn a_key_that_was_replaced_a_day_ago_is_deleted() {
    const REPLACED: &str = "9999eeee8888ffff7777";
    let since = now_ms() - 25 * HOUR_MS;
    let retiring = json!({ "liongard_retiring_keys": [{ "id": REPLACED, "since_ms": since }] });
    let bench = bench_with_key(90, &retiring);
    make_key(&bench, REPLACED, 10);
    let _serve = bench.serve();
    wait_until("the replaced key to go", SOON, || {
        (keys(&bench) == [FIRST_KEY]).then_some(())
    });
    an_alert_becomes_a_ticket(&bench);
}

#[test]
fn a_key_whose_making_was_not_answered_goes_and_another_takes_its_place() {
    let bench = bench_with_key(30, &json!({}));
    let fault = json!({ "route": "POST /access-keys", "fault": { "kind": "drop_response" } });
    let plan = json!({ "vendor": "liongard", "next": [fault] });
    bench.sim.post("faults", &plan);
    let serve = bench.serve();
    wait_until("the log line about the next check", SOON, || {
        let said = serve.process.stderr();
        said.contains("is repeated later").then_some(())
    });
    wait_until("the rotation", SOON, || {
        let said = serve.process.stderr();
        said.contains("outcome=\"finished\"").then_some(())
    });
    wait_for_checks(&bench, 3);
    assert_eq!(
        keys(&bench).len(),
        2,
        "the key without a known secret is deleted"
    );
    an_alert_becomes_a_ticket(&bench);
    nothing_failed(&bench, &serve);
}

#[test]
fn a_key_that_stands_in_settings_is_left_to_its_owner() {
    let mut bench = Bench::new();
    bench.set("LIONGARD_KEY_CHECK_SECONDS", "1");
    let serve = bench.serve();
    an_alert_becomes_a_ticket(&bench);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(checks(&bench), 0);
    nothing_failed(&bench, &serve);
}

#[test]
fn a_key_is_rotated_by_command_while_serve_runs() {
    let mut bench = bench_with_key(90, &json!({}));
    bench.set("LIONGARD_KEY_CHECK_SECONDS", "3600");
    let serve = bench.serve();
    let ended = rotate(&bench, &["liongard"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("uses it from now on"), "{ended:?}");
    assert_eq!(keys(&bench).len(), 2);
    bench.sim.delete(&format!("access-keys/{FIRST_KEY}"));
    an_alert_becomes_a_ticket(&bench);
    nothing_failed(&bench, &serve);
}

#[test]
fn a_leaked_key_is_ended_at_once_and_keys_that_nothing_holds_are_named() {
    const STRANGE: &str = "7777aaaa8888bbbb9999";
    let mut bench = bench_with_key(90, &json!({}));
    bench.set("LIONGARD_KEY_CHECK_SECONDS", "3600");
    make_key(&bench, STRANGE, 10);
    let serve = bench.serve();
    an_alert_becomes_a_ticket(&bench);
    let ended = rotate(&bench, &["liongard", "--revoke"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("ended the old value"), "{ended:?}");
    assert!(ended.stderr.contains(STRANGE), "{ended:?}");
    assert!(!keys(&bench).contains(&FIRST_KEY.to_owned()));
    an_alert_becomes_a_ticket(&bench);
    nothing_failed(&bench, &serve);
    serve.process.kill();
    let vault = vault(&bench);
    for stage in [Stage::Current, Stage::Previous] {
        let members = vault.members("liongard", stage).unwrap();
        let (id, retiring) = (
            &members["liongard_access_key_id"],
            &members["liongard_retiring_keys"],
        );
        assert_ne!(*id, FIRST_KEY, "{stage:?}");
        assert!(stage == Stage::Previous || retiring.is_null(), "{retiring}");
    }
}

#[test]
fn a_leaked_webhook_secret_lets_nothing_in_once_the_new_one_has_come() {
    let bench = bench_with_webhook(&json!({}));
    let serve = bench.serve();
    let answer = |secret: &str| deliver(&bench.http, &serve.webhook_url, secret);
    assert_eq!(answer(OLD), 200);
    let by_hand = rotate(&bench, &["webhook", "--revoke"]);
    assert_eq!(by_hand.status.code(), Some(3), "{by_hand:?}");
    assert!(by_hand.stderr.contains("--finish --revoke"), "{by_hand:?}");
    let new = pasted(&by_hand);
    assert_eq!(answer(OLD), 200, "it is not finished yet");
    let ended = rotate(&bench, &["webhook", "--finish", "--revoke"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    // An ordinary rotation would accept the old one for a day.
    assert_eq!((answer(&new), answer(OLD)), (200, 401));
}

#[test]
fn the_secret_of_halopsa_is_rotated_by_command_while_serve_runs() {
    let mut bench = Bench::new();
    let id = bench.get("HALOPSA_CLIENT_ID").to_owned();
    let first = rotate(&bench, &["halopsa"]);
    assert_eq!(first.status.code(), Some(3), "{first:?}");
    bench.unset("HALOPSA_CLIENT_ID");
    bench.unset("HALOPSA_CLIENT_SECRET");
    let serve = bench.serve();
    an_alert_becomes_a_ticket(&bench);
    // Save was pressed: the old one is dead, and so are its tokens.
    let new = "planted-second-secret-of-halopsa";
    let saved = json!({ "client_id": id, "client_secret": new });
    bench.sim.post("client-secret", &saved);
    let ended = rotate_with(&bench, &["halopsa", "--secret-stdin"], new);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    bench.sim.delete("tokens");
    an_alert_becomes_a_ticket(&bench);
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
    let said = format!("{}{}{}", ended.stdout, ended.stderr, serve.process.stderr());
    assert!(!said.contains(new), "{said}");
}

/// A bench whose webhook's secret lies in the vault.
fn bench_with_webhook(more: &Value) -> Bench {
    let mut bench = Bench::new();
    bench.set("POLL_INTERVAL_SECONDS", "3600");
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    bench.unset("HALOPSA_WEBHOOK_SECRET");
    vault(&bench).put("webhook", "v1", &webhook(OLD, more));
    bench
}

/// A webhook's secret.
fn webhook(signed_with: &str, more: &Value) -> Value {
    let mut members = json!({
        "strategy": "webhook",
        "halopsa_webhook_token": TOKEN,
        "halopsa_webhook_secret": signed_with,
    });
    let more = more.as_object().unwrap().clone();
    members.as_object_mut().unwrap().extend(more);
    members
}

/// The answer to a delivery signed with `secret`.
#[track_caller]
fn deliver(http: &Http, serve: &str, secret: &str) -> u16 {
    let signed = signature(secret, BODY.as_bytes());
    http.post(serve, &[(SIGNATURE, signed.as_str())], BODY)
        .status
}

/// Deliveries that keep coming, each signed with one of these, and how they were answered.
struct Sender {
    secrets: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    sender: std::thread::JoinHandle<Vec<(String, u16)>>,
}

impl Sender {
    fn to(url: &str, secrets: &[&str]) -> Self {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let secrets = Arc::new(Mutex::new(secrets));
        let over = Arc::new(AtomicBool::new(false));
        let sender = {
            let (url, secrets, over) = (url.to_owned(), Arc::clone(&secrets), Arc::clone(&over));
            std::thread::spawn(move || {
                let http = Http::new();
                let mut answers = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    let now: Vec<String> = secrets.lock().unwrap().clone();
                    for secret in now {
                        let status = deliver(&http, &url, &secret);
                        answers.push((secret, status));
                    }
                }
                answers
            })
        };
        Self {
            secrets,
            over,
            sender,
        }
    }

    /// One more is in use.
    fn also(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// How many were let in and turned away, by secret.
    fn end(self) -> std::collections::BTreeMap<(String, u16), usize> {
        self.over.store(true, Ordering::SeqCst);
        let mut counts = std::collections::BTreeMap::new();
        for answer in self.sender.join().unwrap() {
            *counts.entry(answer).or_default() += 1;
        }
        counts
    }
}

/// The value a person is to paste: the line of 64 hexadecimal digits.
#[track_caller]
fn pasted(ended: &Ended) -> String {
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    let mut lines = ended.stdout.lines();
    let value = lines.find(|line| line.len() == 64).unwrap();
    value.to_owned()
}

#[test]
fn no_delivery_is_refused_while_the_webhooks_secret_rotates_beside_serve() {
    let bench = bench_with_webhook(&json!({}));
    let serve = bench.serve();
    let sender = Sender::to(&serve.webhook_url, &[OLD, "forged"]);
    // Strangers are busy before anything changes, and cause nothing.
    wait_until("some noise", SOON, || {
        let line = "halogard_deliveries_total{status=\"401\"}";
        (serve.metric(&bench.http, line) > 20).then_some(())
    });
    assert_eq!(serve.metric(&bench.http, REFRESHES), 0);
    let new = pasted(&rotate(&bench, &["webhook"]));
    assert_eq!(
        deliver(&bench.http, &serve.webhook_url, &new),
        200,
        "at once"
    );
    sender.also(&new);
    std::thread::sleep(Duration::from_millis(300));
    let finished = rotate(&bench, &["webhook", "--finish"]);
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    std::thread::sleep(Duration::from_secs(1));
    let refreshes = serve.metric(&bench.http, REFRESHES);
    let counts = sender.end();
    println!("deliveries by secret and answer: {counts:?}; readings: {refreshes}");
    for ((secret, status), count) in &counts {
        assert!(*count > 10, "{counts:?}");
        let expected = if secret == "forged" { 401 } else { 200 };
        assert_eq!(*status, expected, "{counts:?}");
    }
    // The pending value came, and it became the current one: two changes, two readings.
    assert!(refreshes <= 2, "{refreshes}");
    let said = serve.process.stderr();
    for secret in [OLD, &new, TOKEN] {
        assert!(!said.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn halopsa_receives_the_new_secret_and_none_of_its_deliveries_is_refused() {
    let mut bench = bench_with_webhook(&json!({}));
    bench.set(
        "HALOPSA_SCOPES",
        "read:tickets edit:tickets read:customers admin",
    );
    let serve = bench.serve();
    let auth = json!({ "kind": "hmac", "header": SIGNATURE, "secret": OLD });
    let webhook = json!({ "url": serve.webhook_url, "auth": auth, "payload": "full" });
    bench.sim.post("webhooks", &webhook);
    let log_ticket = || {
        let ticket =
            json!({ "client_id": 17, "tickettype_id": 5, "summary": "A printer is on fire" });
        bench.sim.post("tickets", &ticket);
    };
    // A delivery that is still on its way two rotations later would rightly be refused.
    let answered = |count: usize| {
        wait_until("every delivery", SOON, || {
            let deliveries = bench.sim.look("deliveries");
            let all = deliveries.as_array().unwrap().clone();
            let answered = |one: &Value| !one["response_status"].is_null();
            (all.len() >= count && all.iter().all(answered)).then_some(all)
        })
    };
    log_ticket();
    let mut deliveries = answered(1);
    for count in 2..=4 {
        let ended = rotate(&bench, &["webhook"]);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        log_ticket();
        deliveries = answered(count);
    }
    for delivery in &deliveries {
        assert_eq!(delivery["response_status"], 200, "{delivery}");
    }
    assert_ne!(
        deliver(&bench.http, &serve.webhook_url, OLD),
        200,
        "two rotations ago"
    );
}

#[test]
fn the_old_secret_lets_nothing_in_once_its_overlap_is_over() {
    let bench = bench_with_webhook(&json!({}));
    // It was replaced nearly a day ago.
    let left_ms = 10_000;
    let rotated_at = now_ms() - 24 * HOUR_MS + left_ms;
    let rotated = webhook(
        "the-new-webhook-secret",
        &json!({ "rotated_at_ms": rotated_at }),
    );
    vault(&bench).put("webhook", "v2", &rotated);
    let serve = bench.serve();
    let answer = |secret| deliver(&bench.http, &serve.webhook_url, secret);
    assert_eq!((answer(OLD), answer("the-new-webhook-secret")), (200, 200));
    wait_until("the end of the overlap", SOON, || {
        (answer(OLD) == 401).then_some(())
    });
    assert!(now_ms() >= rotated_at + 24 * HOUR_MS, "too early");
    assert!(now_ms() < rotated_at + 24 * HOUR_MS + 5_000, "too late");
    assert_eq!((answer(OLD), answer("the-new-webhook-secret")), (401, 200));
}

#[test]
fn a_new_address_counts_at_once_beside_the_old_one() {
    let mut bench = Bench::new();
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    bench.unset("HALOPSA_WEBHOOK_SECRET");
    let serve = bench.serve();
    let status = |url: &str| bench.http.post(url, &[], BODY).status;
    assert_eq!(status(&serve.webhook_url), 200);
    let token = pasted(&rotate(&bench, &["webhook"]));
    let url = |sender: &str| format!("{}/webhooks/{sender}/{token}", serve.base_url);
    for _ in 0..3 {
        assert_eq!(status(&url("liongard")), 200);
        assert_eq!(status(&url("halopsa")), 200);
        assert_eq!(status(&serve.webhook_url), 200);
        assert_eq!(status(&serve.wake_up_url()), 200);
    }
    let finished = rotate(&bench, &["webhook", "--finish"]);
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert_eq!(
        (status(&url("halopsa")), status(&serve.webhook_url)),
        (200, 200)
    );
}

#[test]
fn a_path_of_any_length_to_the_data_folder_serves_both() {
    let mut bench = Bench::new();
    bench.set("HALOGARD_DATA_DIR", &"d".repeat(120));
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    let serve = bench.serve();
    an_alert_becomes_a_ticket(&bench);
    let ended = rotate(&bench, &["webhook"]);
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    nothing_failed(&bench, &serve);
}

#[test]
fn a_rotation_begun_without_serve_is_finished_beside_it() {
    let bench = bench_with_webhook(&json!({}));
    let serve = bench.serve();
    serve.process.kill();
    let ended = rotate(&bench, &["webhook"]);
    assert_eq!(pasted(&ended).len(), 64);
    let serve = bench.serve();
    let ended = rotate(&bench, &["webhook", "--finish"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("uses it from now on"), "{ended:?}");
    drop(serve);
}

#[test]
fn a_first_command_says_that_it_created_the_store() {
    let mut bench = Bench::new();
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    let ended = rotate(&bench, &["webhook"]);
    assert!(ended.stderr.contains("created a new one"), "{ended:?}");
    let again = rotate(&bench, &["webhook"]);
    assert!(!again.stderr.contains("created a new one"), "{again:?}");
}

#[test]
fn a_command_beside_a_busy_serve_is_done_at_once_and_kills_of_either_lose_nothing() {
    const ALERTS: usize = 150;
    let mut bench = bench_with_key(90, &json!({}));
    bench.set("LIONGARD_KEY_CHECK_SECONDS", "3600");
    let serve = bench.serve();
    let raise = |count: usize| -> Vec<i64> {
        let customers = [8801, 8802, 8803, 8804, 8805, 8806].into_iter().cycle();
        let raised = customers.take(count);
        raised
            .map(|customer| bench.sim.raise(customer, "Local Admin Added"))
            .collect()
    };
    let mut alerts = raise(ALERTS);
    let began = Instant::now();
    let ended = rotate(&bench, &["liongard"]);
    println!("beside a busy serve the command took {:?}", began.elapsed());
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    // A command is killed in the middle of its work, and then so is `serve`.
    for pause_ms in [5, 20, 60, 150] {
        let mut command = program(&bench.path(""));
        command.args(["rotate", "liongard"]).envs(&bench.settings);
        let killed = Process::start(command);
        std::thread::sleep(Duration::from_millis(pause_ms));
        killed.kill();
    }
    alerts.extend(raise(20));
    serve.process.kill();
    let serve = bench.serve();
    let ended = rotate(&bench, &["liongard"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    wait_until("every alert's ticket", Duration::from_secs(60), || {
        let tickets = bench.sim.look("tickets").to_string();
        let has_ticket = |alert: &&i64| tickets.contains(&format!("[LG-{alert}."));
        (alerts.iter().filter(has_ticket).count() == alerts.len()).then_some(())
    });
    for alert in &alerts {
        assert_eq!(bench.sim.tickets_of(*alert).len(), 1, "alert {alert}");
    }
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
}

#[test]
fn work_that_another_process_queues_is_taken_soon() {
    let mut bench = Bench::new();
    bench.set("POLL_INTERVAL_SECONDS", "3600");
    let serve = bench.serve();
    // The first poll is over.
    wait_until("an idle process", SOON, || {
        let rounds = bench
            .http
            .get(&format!("{}/metrics", serve.private_url))
            .body;
        rounds.contains("end=\"complete\"").then_some(())
    });
    std::thread::sleep(Duration::from_secs(2));
    let beside = vault(&bench);
    let mut waits = Vec::new();
    for _ in 0..5 {
        let alert = bench.sim.raise(8801, "Local Admin Added");
        beside.queue_alert(alert);
        let began = Instant::now();
        while beside.queued() > 0 {
            assert!(began.elapsed() < SOON, "the message is not taken");
            std::thread::sleep(Duration::from_millis(5));
        }
        waits.push(began.elapsed());
        wait_until("the alert's ticket", SOON, || {
            (bench.sim.tickets_of(alert).len() == 1).then_some(())
        });
        std::thread::sleep(Duration::from_millis(700));
    }
    println!("from queued to done: {waits:?}");
}
