//! An operator's commands on this machine's store, beside a running `serve` and without one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use halogard_app::ports::{Lane, WorkQueue as _, WorkSink as _};
use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_runtime::SystemClock;
use halogard_sqlite::{Store, StoreKey};
use serde_json::Value;

use support::{Bench, Config, Ended, SOON, wait_until};

/// Longer than the pause after which paused work is checked again.
const AFTER_A_PAUSE: Duration = Duration::from_secs(150);

/// The store in the data folder, as another process opens it.
fn store(bench: &Bench) -> Store<SystemClock> {
    let key = StoreKey::load_or_create(&bench.path("data/halogard.key")).unwrap();
    Store::open_existing(&bench.path("data/halogard.db"), key, SystemClock).unwrap()
}

/// Waits until `count` pairs are in sync and nothing is queued.
#[track_caller]
fn wait_in_sync(bench: &Bench, count: u64) {
    wait_until("pairs in sync and empty queues", SOON, || {
        let status = bench.ask("status");
        let queues = status["queues"].as_array().unwrap();
        let is_empty = queues.iter().all(|queue| queue["depth"] == 0);
        (status["pairs"]["in_sync"] == count && is_empty).then_some(())
    });
}

/// Puts a message about `alert` into the dead letters, as a worker would.
fn dead_letter(bench: &Bench, alert: u64, reason: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = store(bench);
        let message = Message::reconcile_alert(AlertId::new(alert), Cause::Poll);
        store.send(Lane::Bulk, &[message.into()]).await.unwrap();
        let hidden = Duration::from_secs(60);
        let taken = store.receive(Lane::Bulk, 1, hidden).await.unwrap();
        store
            .dead_letter(Lane::Bulk, &taken[0].receipt, reason)
            .await
            .unwrap();
    });
}

#[track_caller]
fn assert_code(ended: &Ended, code: i32) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
}

#[test]
fn status_answers_beside_serve_and_without_one() {
    let bench = Bench::new();
    let none = bench.operate("status");
    assert_code(&none, 2);
    assert!(
        none.stderr.contains("start `halogard serve` once"),
        "{none:?}"
    );
    assert_eq!(none.stdout, "");

    let serve = bench.serve();
    bench.sim.raise(8801, "Stale Accounts");
    wait_in_sync(&bench, 1);
    let ended = bench.operate("status");
    assert_code(&ended, 0);
    assert_eq!(ended.stdout.matches("connected").count(), 2, "{ended:?}");
    assert!(!ended.stdout.contains('\u{1b}'), "{ended:?}");
    serve.process.kill();
    let answer = bench.ask("status");
    assert_eq!(answer["format_version"], 1);
    assert_eq!(answer["pairs"]["in_sync"], 1, "{answer}");
    assert_eq!(answer["problems"][0]["cause"], "serve_stopped", "{answer}");
    assert_code(&bench.operate("status"), 1);
}

#[test]
fn an_alert_that_waits_is_listed_and_explained_with_its_remedy() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let _serve = bench.serve();
    let mapped = bench.sim.raise(8801, "Stale Accounts");
    let unmapped = bench.sim.raise(8802, "Stale Accounts");
    wait_until("one pair in sync, one that waits", SOON, || {
        let pairs = &bench.ask("status")["pairs"];
        (pairs["in_sync"] == 1 && pairs["waiting"] == 1).then_some(())
    });
    let status = bench.operate("status");
    assert_code(&status, 1);
    assert!(
        status.stdout.contains("environment not mapped"),
        "{status:?}"
    );

    let waiting = bench.operate("status waiting");
    assert_code(&waiting, 1);
    assert!(
        waiting.stdout.contains("map environment 8802"),
        "{waiting:?}"
    );

    let why = bench.operate(&format!("explain LG-{unmapped}"));
    assert_code(&why, 0);
    assert!(why.stdout.contains("maps environment 8802"), "{why:?}");
    assert!(why.stdout.contains("halogard map"), "{why:?}");

    let ticket = bench.sim.tickets_of(mapped)[0]["id"].as_i64().unwrap();
    for subject in [
        format!("#{ticket}"),
        format!("ticket {ticket}"),
        mapped.to_string(),
    ] {
        let story = bench.ask(&format!("explain {subject}"));
        let story = &story["stories"][0];
        assert_eq!(story["alert"], mapped, "{story}");
        assert_eq!(story["ticket"], ticket, "{story}");
        let events = story["events"].as_array().unwrap();
        let words: Vec<&str> = events
            .iter()
            .map(|it| it["event"].as_str().unwrap())
            .collect();
        assert_eq!(words, ["raised", "opened"], "{story}");
        assert_eq!(story["decision"]["client"], 17, "{story}");
    }
    let strange = bench.operate("explain #99999999");
    assert_code(&strange, 1);
    assert!(
        strange.stdout.contains("belongs to no alert"),
        "{strange:?}"
    );
}

#[test]
fn dead_letters_are_listed_shown_redriven_and_dropped_by_filter() {
    let bench = Bench::new();
    let serve = bench.serve();
    let alert = bench.sim.raise(8801, "Stale Accounts");
    wait_in_sync(&bench, 1);
    serve.process.kill();
    let alert = u64::try_from(alert).unwrap();
    dead_letter(&bench, alert, "a mandatory field is missing");
    dead_letter(&bench, 1, "HaloPSA does not answer");
    let status = bench.operate("status");
    assert_code(&status, 1);
    assert!(status.stdout.contains("2 dead letters"), "{status:?}");

    let list = bench.ask("dlq list --reason-contains MANDATORY");
    assert_eq!(list["total"], 2, "{list}");
    let letters = list["letters"].as_array().unwrap();
    assert_eq!(letters.len(), 1, "{list}");
    assert_eq!(letters[0]["alert"], alert, "{list}");
    let id = letters[0]["id"].as_str().unwrap();
    let shown = bench.ask(&format!("dlq show {id}"));
    assert_eq!(shown["message"]["type"], "reconcile_alert", "{shown}");

    // Without a terminal there is no question, and nothing is done.
    let refused = bench.operate("dlq drop --reason-contains answer");
    assert_code(&refused, 1);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    assert_eq!(bench.ask("dlq list")["total"], 2);
    let dropped = bench.ask("dlq drop --reason-contains answer --yes --reason seen");
    assert_eq!(dropped["done"], 1, "{dropped}");
    let unasked = bench.operate(&format!("dlq drop {id}"));
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    // As `resync` of one alert: no question.
    let redriven = bench.ask(&format!("dlq redrive {id}"));
    assert_eq!(redriven["done"], 1, "{redriven}");
    assert_eq!(bench.ask("dlq list")["total"], 0);
    let _serve = bench.serve();
    wait_in_sync(&bench, 1);

    let audit = bench.ask("audit list");
    assert_eq!(audit["intact"], true);
    let entries = audit["entries"].as_array().unwrap();
    let commands: Vec<&Value> = entries.iter().map(|it| &it["command"]).collect();
    assert_eq!(commands, ["dlq drop", "dlq redrive"], "{audit}");
    assert_eq!(entries[0]["reason"], "seen", "{audit}");
}

#[test]
fn replay_of_finished_work_writes_nothing_and_resync_reads_both_sides_anew() {
    let bench = Bench::new();
    let _serve = bench.serve();
    let open = bench.sim.raise(8801, "Stale Accounts");
    let closed = bench.sim.raise(8802, "Stale Accounts");
    wait_in_sync(&bench, 2);
    bench.sim.alert(closed, "close");
    wait_until("both closed", SOON, || {
        let story = bench.ask(&format!("explain {closed}"));
        let state = story["stories"][0]["state"].as_str().unwrap().to_owned();
        (state == "in sync: alert and ticket are closed").then_some(())
    });
    wait_in_sync(&bench, 2);
    let writes = || {
        let stats = bench.sim.look("stats");
        let routes = stats["halopsa"]["by_route"].as_object().unwrap();
        let posts = routes.iter().filter(|(route, _)| {
            route.starts_with("POST") && !route.to_lowercase().contains("token")
        });
        posts.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>()
    };
    let before = writes();
    let refused = bench.operate("replay --all");
    assert_code(&refused, 1);
    assert!(
        refused.stderr.contains("Process again 2 pairs?"),
        "{refused:?}"
    );
    let replayed = bench.ask("replay --all --yes");
    assert_eq!(replayed["pairs"], 2, "{replayed}");
    assert_eq!(replayed["messages"], 4, "{replayed}");
    wait_in_sync(&bench, 2);
    let resynced = bench.ask(&format!("resync LG-{open}"));
    assert_eq!(resynced["pairs"], 1, "{resynced}");
    assert_eq!(resynced["lane"], "urgent", "{resynced}");
    wait_in_sync(&bench, 2);
    assert_eq!(writes(), before);
    let story = bench.ask(&format!("explain {open}"));
    let events = story["stories"][0]["events"].as_array().unwrap();
    assert!(
        events.iter().any(|it| it["event"] == "resync_requested"),
        "{story}"
    );

    let nothing = bench.operate("resync --status refused --yes");
    assert_code(&nothing, 0);
    assert!(nothing.stdout.contains("no pair matches"), "{nothing:?}");
    let usage = bench.operate("resync --yes");
    assert_code(&usage, 2);
}

#[test]
fn a_paused_customer_gets_no_ticket_across_restarts_until_it_is_resumed() {
    let bench = Bench::new();
    bench.serve().process.kill();
    let paused = bench.ask("pause --customer 8801 --until 7d --reason maintenance");
    assert_eq!(paused["pauses"][0]["reason"], "maintenance", "{paused}");
    let serve = bench.serve();
    let held = bench.sim.raise(8801, "Stale Accounts");
    let free = bench.sim.raise(8802, "Stale Accounts");
    wait_until("the ticket of the other customer", SOON, || {
        (!bench.sim.tickets_of(free).is_empty()).then_some(())
    });
    wait_until("the report of the paused customer", SOON, || {
        let story = bench.ask(&format!("explain {held}"));
        story["stories"][0]["paused"].is_string().then_some(())
    });
    assert!(bench.sim.tickets_of(held).is_empty());
    serve.process.kill();
    let _serve = bench.serve();
    assert_eq!(bench.ask("status")["paused"][0]["reason"], "maintenance");
    let resumed = bench.operate("resume --customer 8801");
    assert_code(&resumed, 0);
    wait_until("the ticket of the resumed customer", AFTER_A_PAUSE, || {
        (!bench.sim.tickets_of(held).is_empty()).then_some(())
    });
}

#[test]
fn while_everything_is_paused_no_vendor_is_asked() {
    let bench = Bench::new();
    bench.serve().process.kill();
    let refused = bench.operate("pause");
    assert_code(&refused, 1);
    assert!(refused.stderr.contains("Pause everything?"), "{refused:?}");
    assert_eq!(bench.ask("status")["paused"], Value::Array(Vec::new()));
    assert_code(&bench.operate("pause --yes"), 0);
    let serve = bench.serve();
    let alert = bench.sim.raise(8801, "Stale Accounts");
    let polls = || {
        let stats = bench.sim.look("stats");
        stats["liongard"]["requests"].as_u64().unwrap()
    };
    let cycles = || serve.metric(&bench.http, "halogard_sync_cycle_duration_seconds_count");
    let cycles_from = |began: u64| {
        wait_until("more cycles", SOON, || (cycles() >= began).then_some(()));
    };
    // The start has checked both vendors by then.
    cycles_from(1);
    let before = polls();
    cycles_from(cycles() + 3);
    assert_eq!(polls(), before);
    assert!(bench.sim.tickets_of(alert).is_empty());
    assert_code(&bench.operate("resume"), 0);
    wait_until("the ticket", AFTER_A_PAUSE, || {
        (!bench.sim.tickets_of(alert).is_empty()).then_some(())
    });
}

#[test]
fn every_answer_fits_the_width_that_is_named() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let _serve = bench.serve();
    let alert = bench.sim.raise(8802, "Stale Accounts");
    wait_until("an alert that waits", SOON, || {
        (bench.ask("status")["pairs"]["waiting"] == 1).then_some(())
    });
    dead_letter(
        &bench,
        1,
        "a mandatory field is missing: which one is not known",
    );
    let snoozed = bench.operate(&format!("snooze {alert} --until 2h --reason tests"));
    assert_code(&snoozed, 0);
    for command in [
        "status",
        "status waiting",
        "dlq list",
        "audit list",
        &format!("explain {alert}"),
        &format!("explain {alert} --full"),
    ] {
        for width in [60, 100, 160] {
            let ended = bench.operate_with(command, &[("COLUMNS", &width.to_string())]);
            assert!(!ended.stdout.is_empty(), "{command}: {ended:?}");
            for line in ended.stdout.lines() {
                let length = line.chars().count();
                assert!(length <= width, "{command} at {width}: {length}: {line}");
            }
        }
    }
}

#[test]
fn verify_shows_what_differs_and_has_it_repaired() {
    let bench = Bench::new();
    let serve = bench.serve();
    let alert = bench.sim.raise(8801, "Stale Accounts");
    let other = bench.sim.raise(8802, "Stale Accounts");
    wait_in_sync(&bench, 2);
    let same = bench.ask("verify --all");
    assert_eq!(same["counts"], serde_json::json!({ "=": 2 }), "{same}");
    assert_eq!(same["records"].as_array().unwrap().len(), 2, "{same}");
    assert_code(&bench.operate("verify"), 0);

    serve.process.kill();
    bench.sim.alert(alert, "close");
    let differs = bench.operate("verify");
    assert_code(&differs, 1);
    assert!(
        differs
            .stdout
            .contains("the alert is closed, the ticket is open"),
        "{differs:?}"
    );
    let unasked = bench.operate("verify --repair");
    assert!(
        unasked.stderr.contains("Reconcile 1 pair again?"),
        "{unasked:?}"
    );
    // One document, although the command compares and repairs.
    let repaired = bench.ask("verify --repair --yes");
    assert_eq!(repaired["differences"], 1, "{repaired}");
    assert_eq!(repaired["repair"]["pairs"], 1, "{repaired}");
    // The question is not the only way: an alert that changed while nothing ran differs in a field.
    bench.sim.post(
        &format!("alerts/{other}/update"),
        &serde_json::json!({"description": "3 accounts"}),
    );
    let changed = bench.ask("verify");
    assert_eq!(changed["differences"], 2, "{changed}");
    let records = changed["records"].as_array().unwrap();
    let of_other = records.iter().find(|it| it["alert"] == other).unwrap();
    assert_eq!(of_other["fields"][0]["cause"], "not_written", "{changed}");
    let _serve = bench.serve();
    wait_until("no difference", SOON, || {
        (bench.ask("verify")["differences"] == 0).then_some(())
    });
    let duplicates = bench.ask("verify --duplicates");
    assert_eq!(duplicates["tickets"], 2, "{duplicates}");
    assert_eq!(duplicates["groups"], serde_json::json!([]), "{duplicates}");
}

#[test]
fn a_ticket_is_unlinked_and_linked_again_and_no_other_is_opened_while_the_alert_is_snoozed() {
    let bench = Bench::new();
    let serve = bench.serve();
    let alert = bench.sim.raise(8801, "Stale Accounts");
    wait_in_sync(&bench, 1);
    let ticket = bench.sim.tickets_of(alert)[0]["id"].as_i64().unwrap();
    serve.process.kill();
    let snoozed = bench.operate(&format!("snooze {alert} --until 7d --reason tests"));
    assert_code(&snoozed, 0);
    let unlinked = bench.ask(&format!("unlink #{ticket} --yes"));
    assert_eq!(unlinked["before"], ticket, "{unlinked}");
    let linked = bench.ask(&format!("link LG-{alert} #{ticket}"));
    assert_eq!(linked["ticket"], ticket, "{linked}");
    assert_code(&bench.operate(&format!("resume {alert}")), 0);
    let _serve = bench.serve();
    wait_in_sync(&bench, 1);
    let story = bench.ask(&format!("explain {alert}"));
    assert_eq!(story["stories"][0]["ticket"], ticket, "{story}");
    assert_eq!(bench.sim.tickets_of(alert).len(), 1);
    bench.sim.alert(alert, "close");
    wait_until("the linked ticket is closed", SOON, || {
        let story = bench.ask(&format!("explain {alert}"));
        let state = story["stories"][0]["state"].as_str().unwrap().to_owned();
        (state == "in sync: alert and ticket are closed").then_some(())
    });
}

#[test]
fn a_restored_backup_opens_no_second_ticket_and_verify_finds_no_difference() {
    let bench = Bench::new();
    let serve = bench.serve();
    let before = bench.sim.raise(8801, "Stale Accounts");
    wait_in_sync(&bench, 1);
    assert_code(&bench.operate("backup copy.db --with-key"), 0);
    let again = bench.operate("backup copy.db");
    assert_code(&again, 1);
    assert!(again.stderr.contains("already exists"), "{again:?}");
    // What the backup does not know.
    let after = bench.sim.raise(8802, "Stale Accounts");
    wait_in_sync(&bench, 2);
    let busy = bench.operate("restore copy.db --replace --yes");
    assert_code(&busy, 1);
    assert!(busy.stderr.contains("already runs"), "{busy:?}");
    serve.process.kill();
    let refused = bench.operate("restore copy.db");
    assert_code(&refused, 1);
    assert!(refused.stderr.contains("--replace"), "{refused:?}");
    let unanswered = bench.operate("restore copy.db --replace");
    assert!(unanswered.stderr.contains("pass --yes"), "{unanswered:?}");
    assert_eq!(bench.ask("status")["pairs"]["total"], 2, "nothing was done");
    let restored = bench.operate("restore copy.db --replace --yes --reason disk");
    assert_code(&restored, 0);
    let audit = bench.ask("audit list");
    let last = audit["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["command"], &last["reason"]),
        (&"restore".into(), &"disk".into()),
        "{audit}"
    );
    assert_eq!(bench.ask("status")["pairs"]["total"], 1);
    let _serve = bench.serve();
    wait_in_sync(&bench, 2);
    for alert in [before, after] {
        assert_eq!(bench.sim.tickets_of(alert).len(), 1, "alert {alert}");
    }
    assert_code(&bench.operate("verify"), 0);

    // On another machine, with the key of the backup.
    let mut elsewhere = Bench::new();
    std::fs::copy(bench.path("copy.db"), elsewhere.path("copy.db")).unwrap();
    std::fs::copy(bench.path("copy.db.key"), elsewhere.path("copy.db.key")).unwrap();
    elsewhere.set("HALOGARD_DATA_DIR", "moved");
    assert_code(
        &elsewhere.operate("restore copy.db --yes --reason moved"),
        0,
    );
    assert_eq!(elsewhere.ask("status")["pairs"]["total"], 1);
}

#[test]
fn an_exported_installation_is_imported_paused_and_goes_on_without_a_second_ticket() {
    let bench = Bench::new();
    let serve = bench.serve();
    let open = bench.sim.raise(8801, "Stale Accounts");
    let closed = bench.sim.raise(8802, "Stale Accounts");
    wait_in_sync(&bench, 2);
    bench.sim.alert(closed, "close");
    wait_until("both closed", SOON, || {
        let story = bench.ask(&format!("explain {closed}"));
        let state = story["stories"][0]["state"].as_str().unwrap().to_owned();
        (state == "in sync: alert and ticket are closed").then_some(())
    });
    let beside = bench.operate("export beside.jsonl");
    assert_code(&beside, 0);
    assert!(
        beside.stderr.contains("workers run meanwhile"),
        "{beside:?}"
    );
    assert_code(&bench.operate("pause --yes"), 0);
    let paused = bench.operate("export paused.jsonl");
    assert!(!paused.stderr.contains("workers run"), "{paused:?}");
    assert_code(&bench.operate("resume"), 0);
    let again = bench.operate("resume --vendor liongard");
    let said = "there is no pause of all requests to Liongard";
    assert!(again.stderr.contains(said), "{again:?}");
    serve.process.kill();
    let exported = bench.ask("export moved.jsonl");
    assert_eq!(exported["pairs"], 2, "{exported}");
    assert_code(&bench.operate("export moved.jsonl"), 1);

    std::fs::remove_dir_all(bench.path("data")).unwrap();
    // This one changes while nothing knows the pairs.
    bench.sim.alert(open, "close");
    let unasked = bench.operate("import moved.jsonl");
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    let imported = bench.ask("import moved.jsonl --yes --reason moved");
    assert_eq!(imported["pairs"], 2, "{imported}");
    // The change is seen, and explained: everything is paused.
    let compared = bench.ask("verify");
    assert_eq!(compared["differences"], 0, "{compared}");
    let explained = &compared["records"][0]["explained"];
    assert_eq!(explained, "everything is paused", "{compared}");
    let status = bench.ask("status");
    assert_eq!(status["paused"][0]["what"], "everything", "{status}");
    let audit = bench.ask("audit list");
    let newest = audit["entries"].as_array().unwrap().last().unwrap();
    assert_eq!(newest["command"], "import", "{audit}");
    // A second import does not begin.
    let again = bench.operate("import moved.jsonl --yes");
    assert!(
        again.stderr.contains("an installation already"),
        "{again:?}"
    );

    let _serve = bench.serve();
    assert_code(&bench.operate("resume"), 0);
    wait_until("no difference", AFTER_A_PAUSE, || {
        (bench.ask("verify")["differences"] == 0).then_some(())
    });
    for alert in [open, closed] {
        assert_eq!(bench.sim.tickets_of(alert).len(), 1);
    }
}

#[test]
fn a_support_bundle_is_an_archive_without_names_and_secrets() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let serve = bench.serve();
    bench.sim.raise(8801, "Stale Accounts");
    let unmapped = bench.sim.raise(8802, "Stale Accounts");
    wait_until("one pair in sync, one that waits", SOON, || {
        let pairs = &bench.ask("status")["pairs"];
        (pairs["in_sync"] == 1 && pairs["waiting"] == 1).then_some(())
    });
    serve.process.kill();
    let made = bench.operate("support-bundle bundle.zip --for liongard");
    assert_code(&made, 0);
    assert!(made.stdout.contains("waiting.json"), "{made:?}");
    assert_code(&bench.operate("support-bundle bundle.zip"), 1);

    let file = std::fs::File::open(bench.path("bundle.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut all = String::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        std::io::Read::read_to_string(&mut file, &mut all).unwrap();
    }
    assert!(all.contains(&format!("\"alert\": {unmapped}")), "{all}");
    let mut private: Vec<&str> = vec![support::TOKEN, support::WEBHOOK_SECRET, "Stale Accounts"];
    private.extend(["HALOPSA_CLIENT_SECRET", "LIONGARD_ACCESS_KEY_SECRET"].map(|it| bench.get(it)));
    for private in private {
        assert!(!all.contains(private), "{private:?} is in {all}");
    }
}

#[test]
fn reports_list_pairs_as_csv_and_an_incident_as_json() {
    let bench = Bench::new();
    bench.write_config(&Config::of_customers(1));
    let serve = bench.serve();
    let mapped = bench.sim.raise(8801, "Stale Accounts");
    bench.sim.raise(8802, "Stale Accounts");
    wait_until("one pair in sync, one that waits", SOON, || {
        let pairs = &bench.ask("status")["pairs"];
        (pairs["in_sync"] == 1 && pairs["waiting"] == 1).then_some(())
    });
    serve.process.kill();

    let csv = bench.operate("report pairs --csv");
    assert_code(&csv, 0);
    assert_eq!(csv.stdout.lines().count(), 3, "{csv:?}");
    assert!(csv.stdout.contains(&format!("\n{mapped},8801,")), "{csv:?}");
    let incident = bench.ask("report incident --since 1h");
    assert_eq!(incident["events"]["opened"], 1, "{incident}");
    assert_code(&bench.operate("report incident --since 1h"), 0);
    assert_code(&bench.operate("report pairs"), 0);
}

/// An incoming webhook that takes one message, and what it was sent.
fn chat() -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/hooks/secret-part",
        listener.local_addr().unwrap()
    );
    let posted = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = String::new();
        let mut buffer = [0; 4096];
        while !sent.contains("notice-") {
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "{sent}");
            sent.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        stream.write_all(answer).unwrap();
        sent
    });
    (url, posted)
}

#[test]
fn notices_are_tried_by_a_ticket_and_a_chat_and_an_inspection_is_requested() {
    let bench = Bench::new();
    let _serve = bench.serve();
    let none = bench.operate("notify test");
    assert_code(&none, 2);
    assert!(none.stdout.contains("[notify]"), "{none:?}");

    let mut config = Config::of_customers(1);
    config.rest.push_str(
        "[notify]\nchat = \"slack\"\n[notify.ticket]\nclient = 17\nticket_type = 5\nstatus = 1\npriority = 3\n",
    );
    bench.write_config(&config);
    let without = bench.operate("notify test");
    assert_code(&without, 1);
    assert!(
        without.stdout.contains("notify set chat-url"),
        "{without:?}"
    );
    let (url, posted) = chat();
    let tested = bench.operate_with("notify test", &[("HALOGARD_CHAT_URL", &url)]);
    assert_code(&tested, 0);
    assert!(!tested.stdout.contains("secret-part"), "{tested:?}");
    assert!(posted.join().unwrap().contains("a test of its notices"));
    let tickets = bench.sim.look("tickets");
    let tickets = tickets.as_array().unwrap().iter();
    let notices = tickets.filter(|ticket| {
        let summary = ticket["summary"].as_str().unwrap();
        summary.starts_with("Halogard: a test of its notices (notice-")
    });
    assert_eq!(notices.count(), 2, "one for each test");

    let requested = bench.ask("inspect halopsa");
    assert_eq!(requested["runs"][0]["target"], "halopsa");
    wait_until("a worker starts the inspection", SOON, || {
        let activity = &bench.ask("status")["activity"];
        (!activity["last_inspector_run"].is_null()).then_some(())
    });
    let commands = bench.operate("audit list");
    assert!(commands.stdout.contains("inspect"), "{commands:?}");
}

/// The error of an answer, as every command prints it with `--json`.
#[track_caller]
fn error_of(ended: &Ended) -> Value {
    let answer: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(answer["format_version"], 1, "{ended:?}");
    let error = answer["error"].clone();
    assert!(!error["message"].as_str().unwrap().is_empty(), "{ended:?}");
    assert_eq!(
        error["exit_code"].as_i64(),
        ended.status.code().map(i64::from),
        "{ended:?}"
    );
    error
}

#[test]
fn a_name_that_no_record_has_is_an_error_that_names_it_and_nothing_is_done() {
    let bench = Bench::new();
    let serve = bench.serve();
    let alert = bench.sim.raise(8801, "Stale Accounts");
    wait_in_sync(&bench, 1);
    serve.process.kill();
    dead_letter(&bench, 1, "planted");
    let commands = [
        ("resync 99999999", "99999999"),
        ("resync #99999999", "99999999"),
        ("resync --customer 9999 --yes", "9999"),
        ("resync --customer Nowhere --yes", "Nowhere"),
        ("replay 99999999", "99999999"),
        ("snooze 99999999 --until 2h --reason tests", "99999999"),
        ("resume 99999999", "99999999"),
        ("unlink 99999999 --yes", "99999999"),
        ("link 99999999 #1", "99999999"),
        ("pause --customer 9999", "9999"),
        ("pause --customer Nowhere", "Nowhere"),
        ("resume --customer 9999", "9999"),
        ("dlq show 999", "999"),
        ("dlq redrive 998 999 --yes", "998, 999"),
        ("dlq drop 999 --yes", "999"),
        ("doctor --only halopsa.agnt", "halopsa.agent"),
        ("config show --version 99", "99"),
        ("config undo --to 99 --yes", "99"),
    ];
    for (command, name) in commands {
        let ended = bench.operate(command);
        assert_code(&ended, 1);
        assert!(ended.stderr.contains(name), "{command}: {ended:?}");
        let error = error_of(&bench.operate(&format!("{command} --json")));
        assert_eq!(error["kind"], "unknown_id", "{command}: {error}");
        let said = format!("{} {}", error["message"], error["remedy"]);
        assert!(said.contains(name), "{command}: {error}");
    }
    println!("{} commands name what is not known", commands.len());
    assert_eq!(bench.ask("audit list")["entries"], Value::Array(Vec::new()));
    assert_eq!(bench.ask("status")["paused"], Value::Array(Vec::new()));

    // What is known is done, and the rest is named.
    let known = bench.ask("dlq list")["letters"][0]["id"].clone();
    let dropped = bench.operate(&format!("dlq drop {} 999 --yes", known.as_str().unwrap()));
    assert_code(&dropped, 1);
    assert!(dropped.stdout.contains("no dead letter 999"), "{dropped:?}");
    assert_eq!(bench.ask("dlq list")["total"], 0);
    // A customer that only the config names may be paused before its first alert.
    for command in [
        "pause --customer 8802 --reason tests".to_owned(),
        format!("snooze {alert} --until 2h --reason tests"),
        format!("resume {alert}"),
        "resume --customer 8802".to_owned(),
    ] {
        assert_code(&bench.operate(&command), 0);
    }
}

#[test]
fn every_command_fails_in_one_form_with_json() {
    let mut bench = Bench::new();
    let failures = [
        // Before there is a store.
        ("status", "store"),
        ("explain 7586", "store"),
        ("dlq list", "store"),
        ("resync 7586", "store"),
        ("verify", "store"),
        ("audit list", "store"),
        ("webhook url", "store"),
        // What cannot be read.
        ("resync", "usage"),
        ("status --no-such-option", "usage"),
        ("nonsense", "usage"),
        ("serve --json", "usage"),
        ("config plan missing.toml", "invalid_file"),
        ("config test missing.json", "failed"),
        ("map --from missing.csv", "failed"),
        ("route --alert nothing.json", "failed"),
    ];
    for (command, kind) in failures {
        let ended = bench.operate(&format!("{command} --json"));
        let error = error_of(&ended);
        assert_eq!(error["kind"], kind, "{command}: {error}");
        // An answer that is not known is no 1 for a monitor.
        let expected = if kind == "usage" || command == "status" {
            2
        } else {
            1
        };
        assert_code(&ended, expected);
    }
    println!("{} failures as JSON", failures.len());
    // A vendor that refuses.
    bench.set("HALOPSA_CLIENT_SECRET", "another");
    let error = error_of(&bench.operate("map --json"));
    assert_eq!(error["kind"], "port", "{error}");
    assert!(!error["code"].as_str().unwrap().is_empty(), "{error}");
    assert!(
        error["remedy"]
            .as_str()
            .unwrap()
            .contains("HALOPSA_CLIENT_ID"),
        "{error}"
    );
    let shown = bench.operate("map");
    assert!(shown.stderr.contains("fix: "), "{shown:?}");
}

#[test]
fn commands_that_read_leave_no_data_folder_behind() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("alert.json"),
        r#"{"environment": 8801, "rule": "Stale", "priority": "High"}"#,
    )
    .unwrap();
    for command in [
        "doctor",
        "map",
        "config plan",
        "config check",
        "route --alert alert.json",
        "serve --check --json",
        "serve --dry-run --json",
        "status",
    ] {
        bench.operate(command);
        assert!(!bench.path("data").exists(), "{command}");
    }
    let checked = bench.ask("serve --check");
    assert_eq!(checked["problems"], 0, "{checked}");
    let findings = checked["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|it| it["id"] == "halopsa.agent.enabled")
    );
}

#[test]
fn a_store_that_cannot_be_reached_is_named_with_what_to_do() {
    let mut bench = Bench::new();
    // A file in the place of the folder, as a path that this user may not enter.
    std::fs::write(bench.path("no-folder"), "").unwrap();
    bench.set("HALOGARD_DATA_DIR", "no-folder");
    for (command, code) in [("status", 2), ("dlq list", 1), ("map", 1)] {
        let ended = bench.operate(command);
        assert_code(&ended, code);
        assert!(
            ended
                .stderr
                .contains("no-folder/halogard.db cannot be made or opened"),
            "{command}: {ended:?}"
        );
        assert!(
            ended.stderr.contains("HALOGARD_DATA_DIR"),
            "{command}: {ended:?}"
        );
    }
}

#[test]
fn work_that_is_queued_already_is_not_queued_again() {
    let bench = Bench::new();
    let serve = bench.serve();
    for customer in [8801, 8802, 8803] {
        bench.sim.raise(customer, "Stale Accounts");
    }
    wait_in_sync(&bench, 3);
    serve.process.kill();
    let depth = || {
        let status = bench.ask("status");
        let queues = status["queues"].as_array().unwrap().iter();
        queues.filter_map(|it| it["depth"].as_u64()).sum::<u64>()
    };
    let before = depth();
    let first = bench.ask("resync --all --yes");
    assert_eq!(
        (&first["pairs"], &first["queued_before"]),
        (&3.into(), &0.into()),
        "{first}"
    );
    let queued = depth();
    assert!(queued > before, "{queued}");
    for command in ["resync --all --yes", "resync --customer 8801 --yes"] {
        let again = bench.ask(command);
        assert_eq!(again["pairs"], 0, "{command}: {again}");
        assert_ne!(again["queued_before"], 0, "{command}: {again}");
    }
    assert_eq!(depth(), queued);
    // Once it is done, it may be asked for again.
    let serve = bench.serve();
    wait_in_sync(&bench, 3);
    serve.process.kill();
    let later = bench.ask("resync --all --yes");
    assert_eq!(later["pairs"], 3, "{later}");
}
