//! `serve` between both vendors, as an operator runs it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use support::{Bench, Config, Process, SOON, Signal, wait_until};

/// Long enough for an inspector run of half a minute and what follows.
const INSPECTION: Duration = Duration::from_secs(60);

/// The first environment.
const ALDER_CREEK: i64 = 8801;

/// Waits for the one ticket of `alert` and returns it.
#[track_caller]
fn ticket_of(bench: &Bench, alert: i64) -> Value {
    wait_until("the alert's ticket", SOON, || {
        let mut tickets = bench.sim.tickets_of(alert);
        assert!(tickets.len() < 2, "doubled: {tickets:?}");
        tickets.pop()
    })
}

/// Whether `alert` is closed at Liongard.
fn is_closed(bench: &Bench, alert: i64) -> bool {
    let alerts = bench.sim.look("alerts");
    let mut alerts = alerts.as_array().unwrap().iter();
    alerts.any(|found| found["id"] == alert && found["closed"] == true)
}

/// The problem lines of `ended`, which must have failed.
#[track_caller]
fn one_error(ended: &support::Ended) -> &str {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let mut errors = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "));
    let error = errors.next().unwrap_or_else(|| panic!("{ended:?}"));
    assert_eq!(errors.next(), None, "{ended:?}");
    error
}

#[test]
fn an_alert_becomes_a_ticket_and_its_end_closes_it() {
    let bench = Bench::new();
    let serve = bench.serve();
    let alert = bench.sim.raise(ALDER_CREEK, "Local Admin Added");
    let ticket = ticket_of(&bench, alert);
    assert_eq!(ticket["client_id"], 17);
    assert_eq!(ticket["tickettype_id"], 5);
    assert_eq!(ticket["team"], "Service Desk");
    assert_eq!(ticket["priority_id"], 2);
    assert_eq!(ticket["closed"], false);
    bench.sim.alert(alert, "close");
    wait_until("the ticket to be closed", SOON, || {
        (ticket_of(&bench, alert)["closed"] == true).then_some(())
    });
    assert_eq!(serve.metric(&bench.http, "halogard_dead_letters"), 0);
}

#[test]
fn a_ticket_closed_by_a_technician_starts_an_inspection_within_seconds() {
    let mut bench = Bench::new();
    // A poll would take an hour, so whatever comes of it came from the webhook.
    bench.set("POLL_INTERVAL_SECONDS", "3600");
    let alert = bench.sim.raise(ALDER_CREEK, "Certificate Expires Soon");
    let serve = bench.serve();
    bench.register_webhook(&serve.webhook_url);
    let ticket = ticket_of(&bench, alert)["id"].as_i64().unwrap();
    bench.sim.alert(alert, "clear-condition");
    bench.sim.ticket(ticket, "close");
    wait_until(
        "a run of the HaloPSA inspector",
        Duration::from_secs(10),
        || {
            let runs = bench.sim.look("runs");
            let mut runs = runs.as_array().unwrap().iter();
            runs.any(|run| run["launchpoint_id"] == 500).then_some(())
        },
    );
    wait_until("Liongard to close the alert", INSPECTION, || {
        is_closed(&bench, alert).then_some(())
    });
    let deliveries = serve.metric(&bench.http, "halogard_deliveries_total{status=\"200\"}");
    assert!(deliveries > 0, "no webhook arrived");
}

#[test]
fn a_ticket_that_a_technician_closes_is_seen_without_any_webhook() {
    let bench = Bench::new();
    let alert = bench.sim.raise(ALDER_CREEK, "MFA Disabled");
    let _serve = bench.serve();
    let ticket = ticket_of(&bench, alert)["id"].as_i64().unwrap();
    bench.sim.ticket(ticket, "close");
    wait_until("a run of the HaloPSA inspector", SOON, || {
        let runs = bench.sim.look("runs");
        let mut runs = runs.as_array().unwrap().iter();
        runs.any(|run| run["launchpoint_id"] == 500).then_some(())
    });
}

#[test]
fn an_alert_of_an_unmapped_environment_waits_until_the_config_names_it() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let serve = bench.serve();
    let parked = bench.sim.raise(8802, "Backup Older Than 48 Hours");
    let mapped = bench.sim.raise(ALDER_CREEK, "Backup Older Than 48 Hours");
    ticket_of(&bench, mapped);
    wait_until("the alert to be parked", SOON, || {
        let metrics = bench.http.get(&format!("{}/metrics", serve.private_url));
        metrics.body.contains("outcome=\"parked\"").then_some(())
    });
    assert!(bench.sim.tickets_of(parked).is_empty());
    // A mistake on the way changes nothing.
    std::fs::write(bench.path("halogard.toml"), "mode = \n").unwrap();
    wait_until("the log line about the mistake", SOON, || {
        serve.process.stderr().contains("is invalid").then_some(())
    });
    bench.write_config(&Config::of_customers(2));
    let ticket = ticket_of(&bench, parked);
    assert_eq!(ticket["client_id"], 18);
}

#[test]
fn a_check_says_that_all_is_well_and_stops() {
    let bench = Bench::new();
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("fit together"), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("ok: HaloPSA answers as \"Halogard API\""),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("ok: Liongard has its HaloPSA inspector"),
        "{ended:?}"
    );
    assert!(
        !ended.stderr.contains("may ask for"),
        "every ticket has a summary: {ended:?}"
    );
    assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
    assert!(!ended.stderr.contains("problem"), "{ended:?}");
    let tickets = bench.sim.look("tickets");
    assert_eq!(
        tickets.as_array().unwrap().len(),
        0,
        "a check writes nothing"
    );
}

#[test]
fn a_restart_reads_the_lists_of_halopsa_again_only_when_the_config_is_another() {
    let bench = Bench::new();
    let lists = || {
        bench.serve().process.kill();
        let stats = bench.sim.look("stats");
        stats["halopsa"]["by_route"]["GET /Status"]
            .as_u64()
            .unwrap()
    };
    let first = lists();
    assert_eq!(lists(), first);
    bench.write_config(&Config::of_customers(5));
    assert_eq!(lists(), 2 * first, "once more, and no more than that");
}

#[test]
fn a_signal_stops_it_in_good_order() {
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let bench = Bench::new();
        let serve = bench.serve();
        let alert = bench.sim.raise(ALDER_CREEK, "Firewall Rule Any-Any");
        ticket_of(&bench, alert);
        serve.process.signal(signal);
        let ended = serve.process.ended(Duration::from_secs(10));
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.contains("stopping"), "{ended:?}");
        // What it left behind can be taken up again.
        let _next = bench.serve();
        assert_eq!(bench.sim.tickets_of(alert).len(), 1);
    }
}

#[test]
fn a_signal_stops_it_while_halopsa_answers_slowly_and_nothing_is_lost() {
    let bench = Bench::new();
    let serve = bench.serve();
    let over = bench.sim.raise(ALDER_CREEK, "Firewall Rule Any-Any");
    let ticket = ticket_of(&bench, over)["id"].as_i64().unwrap();
    // The work that follows needs several requests, and each takes eight seconds.
    let slow = json!({ "kind": "delay", "milliseconds": 8_000 });
    let slow = json!([{ "fault": slow, "probability": 1.0 }]);
    let faults = |random: &Value| json!({ "vendor": "halopsa", "random": random });
    let asked = bench.sim.halo_requests();
    bench.sim.post("faults", &faults(&slow));
    let raised: Vec<i64> = (0..5)
        .map(|_| bench.sim.raise(ALDER_CREEK, "Stale Accounts"))
        .collect();
    bench.sim.alert(over, "close");
    wait_until("a request under way", SOON, || {
        (bench.sim.halo_requests() > asked).then_some(())
    });
    serve.process.signal(Signal::Terminate);
    // One request, and ten seconds; then as much for a busy machine.
    let ended = serve.process.ended(Duration::from_secs(36));
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");

    bench.sim.post("faults", &faults(&json!([])));
    let _next = bench.serve();
    wait_until("the closed ticket", INSPECTION, || {
        let tickets = bench.sim.tickets_of(over);
        let closed = tickets
            .iter()
            .filter(|it| it["id"] == ticket && it["closed"] == true);
        (closed.count() == 1).then_some(())
    });
    for alert in raised {
        ticket_of(&bench, alert);
    }
}

#[test]
fn a_signal_stops_it_as_soon_as_it_says_that_it_listens() {
    let mut bench = Bench::new();
    // Nor does it wait for the next poll.
    bench.set("POLL_INTERVAL_SECONDS", "3600");
    for _ in 0..5 {
        let mut process = bench.start(&[]);
        process.line_with("listening");
        process.signal(Signal::Terminate);
        let ended = process.ended(Duration::from_secs(10));
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
}

#[test]
fn senders_that_never_finish_do_not_keep_it_from_stopping() {
    let bench = Bench::new();
    let serve = bench.serve();
    let address = serve.base_url.strip_prefix("http://").unwrap();
    let silent = TcpStream::connect(address).unwrap();
    let mut halting = TcpStream::connect(address).unwrap();
    let path = serve.webhook_url.strip_prefix(&serve.base_url).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n{{");
    halting.write_all(head.as_bytes()).unwrap();
    // Another request is answered, so both of these have been accepted before.
    bench.http.get(&format!("{}/healthz", serve.base_url));
    serve.process.signal(Signal::Terminate);
    let ended = serve.process.ended(Duration::from_secs(15));
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    drop((silent, halting));
}

#[test]
fn a_second_serve_on_the_same_data_folder_is_refused() {
    let bench = Bench::new();
    let _first = bench.serve();
    let ended = bench.start(&[]).ended(SOON);
    let error = one_error(&ended);
    assert!(error.contains("already runs on the store in"), "{error}");
    assert!(error.contains("another data folder"), "{error}");
    assert!(!ended.stdout.contains("listening"), "{ended:?}");
}

#[test]
fn an_address_in_use_is_refused_with_the_setting_that_changes_it() {
    let mut bench = Bench::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bench.set("HALOGARD_LISTEN", &address);
    let ended = bench.start(&[]).ended(SOON);
    let error = one_error(&ended);
    assert!(error.contains(&address), "{error}");
    assert!(error.contains("HALOGARD_LISTEN"), "{error}");
}

#[test]
fn the_url_that_is_printed_lets_deliveries_in_after_a_restart_too() {
    let mut bench = Bench::new();
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    bench.unset("HALOPSA_WEBHOOK_SECRET");
    let path = |bench: &Bench| {
        let serve = bench.serve();
        let answer = bench.http.post(&serve.webhook_url, &[], "{}");
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = bench.http.post(&serve.wake_up_url(), &[], "");
        assert_eq!(answer.status, 200, "{answer:?}");
        let note = serve.process.stderr();
        assert!(note.contains("HALOPSA_WEBHOOK_SECRET"), "{note}");
        serve.webhook_url.replace(&serve.base_url, "")
    };
    let first = path(&bench);
    let token = first.rsplit('/').next().unwrap();
    assert!(token.len() >= 32, "{token} can be guessed");
    assert_eq!(path(&bench), first);
}

#[test]
fn simulated_vendors_stop_on_a_signal_and_stay_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut outside = support::program(folder.path());
    outside.args(["simulate", "--halopsa", "0.0.0.0:0"]);
    let ended = Process::run(outside);
    assert!(one_error(&ended).contains("this machine only"), "{ended:?}");
    let mut command = support::program(folder.path());
    command.arg("simulate");
    for server in ["--halopsa", "--liongard", "--admin"] {
        command.args([server, "127.0.0.1:0"]);
    }
    let mut simulate = Process::start(command);
    simulate.line_with("LIONGARD_ACCESS_KEY_SECRET");
    simulate.signal(Signal::Interrupt);
    let ended = simulate.ended(SOON);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}
