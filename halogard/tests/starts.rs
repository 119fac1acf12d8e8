//! How `serve` starts when something is missing, and what a changed config does to it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use support::{Bench, Config, SOON, Signal, WEBHOOK_SECRET, signature, wait_until};

/// The first environment.
const ALDER_CREEK: i64 = 8801;

/// The second one.
const BRIGHT_HARBOUR: i64 = 8802;

/// Waits for the one ticket of `alert`.
#[track_caller]
fn ticket_of(bench: &Bench, alert: i64) -> Value {
    wait_until("the alert's ticket", SOON, || {
        bench.sim.tickets_of(alert).pop()
    })
}

/// Two customers, the second one with a template of its own.
fn two_templates(team: &str) -> Config {
    let mut config = Config::of_customers(2);
    let second = "template = \"default\"\n";
    let at = config.rest.rfind(second).unwrap();
    config.rest.replace_range(at.., "template = \"own\"\n");
    let own = config.template.replace("Service Desk", team);
    config.rest.push_str(&format!("[templates.own]\n{own}"));
    config
}

/// Passes connections to `address` on to `to`, for as long as the test runs.
fn forward(address: &str, to: String) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(&to).unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                // One that breaks off is closed for the other side too.
                std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut to).unwrap_or_default();
                    to.shutdown(std::net::Shutdown::Both).unwrap_or_default();
                });
            }
        }
    });
}

#[test]
fn a_start_while_a_vendor_is_away_waits_and_queues_deliveries() {
    for setting in ["HALOPSA_RESOURCE_URL", "LIONGARD_URL"] {
        let mut bench = Bench::new();
        let real = bench
            .get(setting)
            .strip_prefix("http://")
            .unwrap()
            .to_owned();
        let real = real.split('/').next().unwrap().to_owned();
        let away = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = away.local_addr().unwrap().to_string();
        drop(away);
        bench.set(setting, &format!("http://{address}"));
        let alert = bench.sim.raise(ALDER_CREEK, "Local Admin Added");
        let mut serve = bench.serve();
        wait_until("the line about waiting", SOON, || {
            serve
                .process
                .stderr()
                .contains("the start waits")
                .then_some(())
        });
        let body = r#"{"id":"d-1","event":"Site Updated","object_id":"5"}"#;
        let signed = signature(WEBHOOK_SECRET, body.as_bytes());
        let headers = [("X-Halo-Signature", signed.as_str())];
        let answer = bench.http.post(&serve.webhook_url, &headers, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let health = bench.http.get(&format!("{}/healthz", serve.base_url));
        assert_eq!(health.status, 503);
        assert!(health.body.contains("starting: "), "{health:?}");
        let ready = bench.http.get(&format!("{}/readyz", serve.private_url));
        assert_eq!(ready.status, 503, "{ready:?}");
        forward(&address, real);
        ticket_of(&bench, alert);
        wait_until("the delivery to be counted", SOON, || {
            let line = "halogard_notifications_total{kind=\"site_updated\"}";
            (serve.metric(&bench.http, line) == 1).then_some(())
        });
        let health = bench.http.get(&format!("{}/healthz", serve.base_url));
        assert_eq!(health.status, 200, "{health:?}");
        assert!(!serve.process.has_ended());
    }
}

#[test]
fn a_start_while_both_vendors_hang_listens_and_queues_deliveries() {
    let mut bench = Bench::new();
    // Connections are accepted, and nothing is ever answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    for setting in ["HALOPSA_RESOURCE_URL", "LIONGARD_URL"] {
        bench.set(setting, &address);
    }
    // Before any request has timed out.
    let serve = bench.serve();
    let body = r#"{"id":"d-1","event":"Site Updated","object_id":"5"}"#;
    let signed = signature(WEBHOOK_SECRET, body.as_bytes());
    let headers = [("X-Halo-Signature", signed.as_str())];
    let answer = bench.http.post(&serve.webhook_url, &headers, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let health = bench.http.get(&format!("{}/healthz", serve.base_url));
    assert_eq!(health.status, 503);
    assert!(health.body.contains("starting: "), "{health:?}");
}

#[test]
fn a_start_that_waits_for_a_vendor_stops_on_a_signal() {
    let mut bench = Bench::new();
    bench.set("LIONGARD_URL", "http://127.0.0.1:9");
    let mut process = bench.start(&[]);
    process.line_with("listening on");
    wait_until("the line about waiting", SOON, || {
        process.stderr().contains("the start waits").then_some(())
    });
    process.signal(Signal::Terminate);
    let ended = process.ended(SOON);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    // Which address was really asked.
    let said = "Liongard at http://127.0.0.1:9";
    assert!(ended.stderr.contains(said), "{ended:?}");
}

#[test]
fn a_mistake_in_the_mapping_of_one_customer_leaves_the_others_in_sync() {
    let wrong_client = Config::of_customers(2).with("client = 18", "client = 918");
    for (mistake, said) in [
        (two_templates("Renamed Team"), "Renamed Team"),
        (wrong_client, "client 918"),
    ] {
        let bench = Bench::new();
        bench.write_config(&mistake);
        let serve = bench.serve();
        let waits = bench.sim.raise(BRIGHT_HARBOUR, "MFA Disabled");
        let works = bench.sim.raise(ALDER_CREEK, "MFA Disabled");
        ticket_of(&bench, works);
        wait_until("the alert to be parked", SOON, || {
            let metrics = bench.http.get(&format!("{}/metrics", serve.private_url));
            metrics.body.contains("outcome=\"parked\"").then_some(())
        });
        assert!(bench.sim.tickets_of(waits).is_empty());
        let stderr = serve.process.stderr();
        assert!(
            stderr.contains("problem: ") && stderr.contains(said),
            "{stderr}"
        );
        // Mended in the file, it is released without a restart.
        bench.write_config(&Config::of_customers(2));
        let ticket = ticket_of(&bench, waits);
        assert_eq!(ticket["client_id"], 18);
    }
}

#[test]
fn a_config_that_leaves_nothing_to_synchronise_is_refused() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(2).with("Service Desk", "Renamed Team"));
    let ended = bench.start(&[]).ended(SOON);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("Renamed Team"), "{ended:?}");
}

#[test]
fn a_changed_config_that_does_not_fit_both_vendors_does_not_take_effect() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(2));
    let serve = bench.serve();
    for (from, to, said) in [
        ("Service Desk", "Renamed Team", "Renamed Team"),
        ("client = 18", "client = 918", "client 918"),
        (
            "environment = 8802",
            "environment = 9802",
            "environment 9802",
        ),
    ] {
        bench.write_config(&Config::of_customers(2).with(from, to));
        wait_until("the log line about the mistake", SOON, || {
            let stderr = serve.process.stderr();
            (stderr.contains(said) && stderr.contains("does not fit")).then_some(())
        });
        let alert = bench.sim.raise(BRIGHT_HARBOUR, "Firewall Rule Any-Any");
        let ticket = ticket_of(&bench, alert);
        assert_eq!(ticket["client_id"], 18);
        assert_eq!(ticket["team"], "Service Desk");
    }
}

#[test]
fn a_check_runs_beside_a_running_serve() {
    let mut bench = Bench::new();
    let serve = bench.serve();
    // As an operator has it: fixed addresses, in use.
    let fixed = |url: &str| url.strip_prefix("http://").unwrap().to_owned();
    bench.set("HALOGARD_LISTEN", &fixed(&serve.base_url));
    bench.set("HALOGARD_METRICS_LISTEN", &fixed(&serve.private_url));
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("fit together"), "{ended:?}");
}

#[test]
fn a_lost_key_file_is_reported_with_the_remedy_and_never_replaced_silently() {
    let mut bench = Bench::new();
    bench.unset("HALOPSA_WEBHOOK_TOKEN");
    let first = bench.serve().webhook_url;
    let key = bench.path("data/halogard.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for options in [&[][..], &["--check"]] {
        let ended = bench.start(options).ended(SOON);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        for part in ["halogard.key", "backup", "--forget-secrets"] {
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
        }
        assert!(!key.exists(), "{options:?} made a new key");
    }
    // From a backup.
    std::fs::write(&key, kept).unwrap();
    let mut permissions = std::fs::metadata(&key).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(&key, permissions).unwrap();
    let kept = bench.start(&["--forget-secrets"]).ended(SOON);
    assert_eq!(kept.status.code(), Some(1), "the key is there: {kept:?}");
    let path = |url: &str| url.split_once("/webhooks/").unwrap().1.to_owned();
    assert_eq!(path(&bench.serve().webhook_url), path(&first));
    // For good.
    std::fs::remove_file(&key).unwrap();
    let anew = bench.listening(bench.start(&["--forget-secrets"]));
    assert_ne!(path(&anew.webhook_url), path(&first));
    let answer = bench.http.post(&anew.wake_up_url(), &[], "{}");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_closed_terminal_does_not_end_it() {
    let bench = Bench::new();
    let serve = bench.serve();
    wait_until("the first poll", SOON, || {
        serve.process.stderr().contains("polled").then_some(())
    });
    serve.process.signal(Signal::HangUp);
    wait_until("the log line", SOON, || {
        serve.process.stderr().contains("SIGHUP").then_some(())
    });
    let alert = bench.sim.raise(ALDER_CREEK, "MFA Disabled");
    ticket_of(&bench, alert);
}

#[test]
fn a_variable_that_is_no_setting_is_reported_with_the_nearest_name() {
    let mut bench = Bench::new();
    bench.set("HALOPSA_WEBHOOK_SECRT", "planted-webhook-secret");
    bench.set("HALOGARD_COLOUR", "blue");
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let said = "HALOPSA_WEBHOOK_SECRT is not a known setting and is ignored; did you mean HALOPSA_WEBHOOK_SECRET?";
    assert!(ended.stderr.contains(said), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("HALOGARD_COLOUR is not a known setting"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("planted"), "{ended:?}");
}

#[test]
fn every_line_of_a_json_log_is_json() {
    let mut bench = Bench::new();
    bench.set("HALOGARD_COLOUR", "blue");
    bench.set("HALOPSA_TENANT", " harbourstreet ");
    let tenant = bench.sim.settings["HALOPSA_TENANT"].clone();
    bench.set("HALOPSA_TENANT", &format!(" {tenant} "));
    bench.unset("HALOPSA_WEBHOOK_SECRET");
    let serve = bench.listening(bench.start(&["--log-json"]));
    let alert = bench.sim.raise(ALDER_CREEK, "MFA Disabled");
    ticket_of(&bench, alert);
    serve.process.signal(Signal::Terminate);
    let ended = serve.process.ended(SOON);
    bench.set("HALOPSA_TENANT", "somebodyelse");
    let refused = bench.start(&["--log-json"]).ended(SOON);
    for ended in [ended, refused] {
        assert_eq!(ended.stdout, "", "{ended:?}");
        for line in ended.stderr.lines() {
            let read: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            for member in ["timestamp", "level", "message", "function", "version"] {
                assert!(read[member].is_string(), "{member}: {line}");
            }
        }
    }
}
