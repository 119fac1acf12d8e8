//! Every command that opens the store, beside a `serve` in a storm of alerts: none waits long for the store, and
//! nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "the table is what the measurement is for"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use support::{Bench, Config, Ended, Http, LocalVault, SOON, Serve, key, wait_until};

/// What every process logs here, beside its usual lines: how long it waited for the store.
const WAITS: &str = "halogard_sqlite=debug";

/// The longest that a command may wait for the store in all.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Alerts that are in sync before the storm begins: the commands are about them.
const SETTLED: usize = 12;

/// The key for Liongard that is rotated in the storm.
const KEY: &str = "1111aaaa2222bbbb3333";

/// Its secret.
const KEY_SECRET: &str = "planted-secret-of-the-first-key";

/// A command, and the exit codes that are not a failure in a storm.
type Given = (String, &'static [i32]);

/// Nothing needs a person.
const WELL: &[i32] = &[0];

/// Something may need a person, or differ: the storm is under way.
const MAY_DIFFER: &[i32] = &[0, 1];

/// It is not for a store that is in use.
const REFUSED: &[i32] = &[1];

/// The config names no channel of notices.
const NO_CHANNEL: &[i32] = &[2];

/// How a command did.
struct Measured {
    command: String,
    took: Duration,
    waits: Waits,
    queued: u64,
}

/// How often a process waited for another one to write, and how long.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    count: usize,
    longest: Duration,
    all: Duration,
}

impl Waits {
    /// The waits in the log lines of a process.
    fn of(log: &str) -> Self {
        let mut waits = Self::default();
        for line in log.lines() {
            let Some(waited_us) = serde_json::from_str::<Value>(line)
                .ok()
                .and_then(|line| line["waited_us"].as_u64())
            else {
                continue;
            };
            let waited = Duration::from_micros(waited_us);
            waits.count += 1;
            waits.longest = waits.longest.max(waited);
            waits.all += waited;
        }
        waits
    }
}

/// A `serve` in a storm, and the commands beside it.
struct Storm {
    bench: Bench,
    serve: Serve,
    settled: Vec<i64>,
    measured: Vec<Measured>,
}

impl Storm {
    /// A `serve` with a few pairs in sync, a webhook and a key of its own.
    fn new() -> Self {
        let mut bench = Bench::with(&["--seed", "7"]);
        bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "100000");
        bench.unset("LIONGARD_ACCESS_KEY_ID");
        bench.unset("LIONGARD_ACCESS_KEY_SECRET");
        let made = json!({ "id": KEY, "secret": KEY_SECRET, "days": 200 });
        bench.sim.post("access-keys", &made);
        LocalVault::open(&bench.path("data")).put("liongard", "v1", &key(KEY, KEY_SECRET));
        let started = bench.start(&["--log", &format!("info,{WAITS}"), "--log-json"]);
        let serve = bench.listening(started);
        bench.set("HALOGARD_PUBLIC_URL", &serve.base_url);
        let settled = (0..SETTLED)
            .map(|number| bench.sim.raise(customer(number), "Settled"))
            .collect();
        let storm = Self {
            bench,
            serve,
            settled,
            measured: Vec::new(),
        };
        storm.wait_for_tickets(&storm.settled);
        storm
    }

    /// Waits until work of the storm waits, or was done.
    #[track_caller]
    fn wait_for_its_begin(&mut self) {
        wait_until("the storm to begin", SOON, || {
            let has_begun = self.queued() > 0 || self.tickets().len() > SETTLED;
            has_begun.then_some(())
        });
    }

    /// Waits until each of `alerts` has its ticket.
    #[track_caller]
    fn wait_for_tickets(&self, alerts: &[i64]) {
        wait_until("every ticket", Duration::from_secs(900), || {
            let tickets = self.tickets();
            alerts
                .iter()
                .all(|alert| tickets_of(&tickets, *alert) > 0)
                .then_some(())
        });
    }

    /// The titles of all tickets.
    fn tickets(&self) -> Vec<String> {
        let tickets = self.bench.sim.look("tickets");
        let kept = tickets.as_array().unwrap().iter();
        kept.filter(|ticket| ticket["deleted"] == false)
            .map(|ticket| ticket["summary"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Gives every command once, in order.
    fn give_all(&mut self) {
        for (command, codes) in self.commands() {
            self.give(&command, codes);
        }
        let changed = Config::of_customers(6).with("default = 4", "default = 3");
        std::fs::write(self.bench.path("next.toml"), changed.text()).unwrap();
        let planned = self.give("config plan next.toml --json", &[2]);
        let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
        let digest = plan["digest"].as_str().unwrap();
        self.give(&format!("config apply {digest} next.toml"), WELL);
        self.give("config undo --yes", WELL);
        self.give("config history", WELL);
        self.give("config show", WELL);
    }

    /// The commands that need no answer of another one.
    fn commands(&self) -> Vec<Given> {
        let alert = |place: usize| self.settled[place];
        let ticket = |place: usize| {
            let tickets = self.bench.sim.tickets_of(alert(place));
            tickets[0]["id"].as_i64().unwrap()
        };
        let (kept, moved) = (ticket(0), ticket(1));
        let given: Vec<(String, &'static [i32])> = vec![
            // Before anything queues work about this alert: what has begun is finished.
            (
                format!("snooze {} --until 2h --reason storm", alert(1)),
                WELL,
            ),
            (format!("unlink #{moved} --yes"), WELL),
            (format!("link {} #{moved}", alert(1)), WELL),
            (format!("resume {}", alert(1)), WELL),
            ("status".into(), MAY_DIFFER),
            ("status waiting".into(), MAY_DIFFER),
            (format!("explain {}", alert(0)), WELL),
            (format!("explain #{kept} --full"), WELL),
            ("report pairs --csv".into(), WELL),
            ("report incident --since 1h".into(), WELL),
            ("report lag --csv".into(), WELL),
            ("report health".into(), WELL),
            ("inspect halopsa --reason storm".into(), WELL),
            ("notify test".into(), NO_CHANNEL),
            ("verify".into(), MAY_DIFFER),
            ("verify --repair --yes".into(), MAY_DIFFER),
            ("verify --duplicates".into(), WELL),
            ("export all.jsonl".into(), WELL),
            ("import all.jsonl --yes".into(), REFUSED),
            ("backup copy.db --with-key".into(), WELL),
            ("restore copy.db --replace --yes".into(), REFUSED),
            ("support-bundle bundle.zip".into(), WELL),
            ("doctor".into(), MAY_DIFFER),
            ("serve --check".into(), MAY_DIFFER),
            ("serve --dry-run".into(), WELL),
            ("map".into(), WELL),
            (format!("route --alert {}", alert(0)), WELL),
            (format!("resync {}", alert(2)), WELL),
            ("replay --since 1h --yes".into(), WELL),
            (
                "pause --customer 8806 --until 1h --reason storm --yes".into(),
                WELL,
            ),
            ("resume --customer 8806".into(), WELL),
            ("dlq list".into(), WELL),
            ("dlq redrive --yes".into(), WELL),
            ("dlq drop --reason-contains nothing --yes".into(), WELL),
            ("webhook url".into(), WELL),
            ("webhook install --yes".into(), WELL),
            ("webhook status".into(), WELL),
            ("webhook test".into(), WELL),
            ("webhook log".into(), WELL),
            ("rotate liongard".into(), WELL),
            ("audit list".into(), WELL),
        ];
        given
    }

    /// Gives `command`, which ends with one of `codes`.
    #[track_caller]
    fn give(&mut self, command: &str, codes: &[i32]) -> Ended {
        let queued = self.queued();
        let began = Instant::now();
        let ended = self
            .bench
            .operate(&format!("{command} --log error,{WAITS} --log-json"));
        let took = began.elapsed();
        let code = ended.status.code().unwrap();
        assert!(codes.contains(&code), "{command}: {ended:?}");
        assert!(!ended.stderr.contains("database is locked"), "{ended:?}");
        self.measured.push(Measured {
            command: command.to_owned(),
            took,
            waits: Waits::of(&ended.stderr),
            queued,
        });
        ended
    }

    /// How many messages wait or are in flight.
    #[track_caller]
    fn queued(&mut self) -> u64 {
        let process = &mut self.serve.process;
        assert!(!process.has_ended(), "`serve` ended: {}", process.stderr());
        let status = self.bench.ask("status");
        let queues = status["queues"].as_array().unwrap().iter();
        queues.map(|queue| queue["depth"].as_u64().unwrap()).sum()
    }

    /// Prints what was measured, as Markdown.
    fn print(&self, serve: &Waits) {
        println!(
            "| command | exit after ms | waits for the store | longest, ms | all, ms | messages queued |"
        );
        println!("| --- | --- | --- | --- | --- | --- |");
        for line in &self.measured {
            println!(
                "| `{}` | {} | {} | {:.1} | {:.1} | {} |",
                line.command,
                line.took.as_millis(),
                line.waits.count,
                millis(line.waits.longest),
                millis(line.waits.all),
                line.queued
            );
        }
        println!(
            "| `serve`, all the time | | {} | {:.1} | {:.1} | |",
            serve.count,
            millis(serve.longest),
            millis(serve.all)
        );
    }
}

/// This many milliseconds.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The customer of the alert `number`.
fn customer(number: usize) -> i64 {
    8801 + i64::try_from(number % 6).unwrap()
}

/// How many of the titles `tickets` carry the mark of `alert`.
fn tickets_of(tickets: &[String], alert: i64) -> usize {
    let mark = format!("[LG-{alert}.");
    tickets.iter().filter(|title| title.contains(&mark)).count()
}

/// Raises `alerts` alerts and keeps changing them until `done` is set; their numbers.
fn rage(admin: &str, alerts: usize, done: &AtomicBool) -> Vec<i64> {
    let http = Http::new();
    let mut raised = Vec::new();
    for number in 0..alerts {
        let spec = json!({
            "environment": customer(number),
            "inspector": "active-directory-inspector",
            "rule": format!("Rule {}", number % 40),
            "priority": "High",
            "description": "2 accounts have not signed in for 90 days",
        });
        let alert = http.post_json(&format!("{admin}/alerts"), &spec);
        raised.push(alert["id"].as_i64().unwrap());
    }
    let words = ["Critical", "High", "Medium", "Low"];
    for (alert, word) in raised.iter().cycle().zip(words.iter().cycle()) {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let url = format!("{admin}/alerts/{alert}/update");
        http.post_json(&url, &json!({ "priority": word }));
        std::thread::sleep(Duration::from_millis(20));
    }
    raised
}

/// Runs every command beside a `serve` under a storm of `alerts`, and makes sure that nothing was lost.
fn storm(alerts: usize) -> Storm {
    let mut storm = Storm::new();
    let admin = storm.bench.sim.admin.clone();
    let done = AtomicBool::new(false);
    let raised = std::thread::scope(|scope| {
        let raging = scope.spawn(|| rage(&admin, alerts, &done));
        // The storm ends also when a command fails.
        let given = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            storm.wait_for_its_begin();
            storm.give_all();
        }));
        done.store(true, Ordering::Relaxed);
        let raised = raging.join().unwrap();
        given.unwrap();
        raised
    });
    let all: Vec<i64> = storm.settled.iter().chain(&raised).copied().collect();
    storm.wait_for_tickets(&all);
    // What the storm left in the queue changes nothing any more, and both sides agree.
    wait_until("no difference", Duration::from_secs(300), || {
        let verified = storm.bench.ask("verify");
        (verified["differences"] == 0 && storm.queued() == 0).then_some(())
    });
    let tickets = storm.tickets();
    for alert in all {
        assert_eq!(tickets_of(&tickets, alert), 1, "alert {alert}");
    }
    let audit = storm.bench.ask("audit list");
    assert_eq!(audit["intact"], true, "{audit}");
    let entries = audit["entries"].as_array().unwrap().iter();
    let commands: Vec<&str> = entries.map(|it| it["command"].as_str().unwrap()).collect();
    for command in ["resync", "replay", "snooze", "unlink", "link", "pause"] {
        assert!(commands.contains(&command), "no {command} in {commands:?}");
    }
    assert_eq!(storm.bench.ask("dlq list")["total"], 0);
    storm
}

#[test]
fn every_command_succeeds_beside_a_worker_in_a_storm_and_nothing_is_lost() {
    storm(60);
}

#[test]
#[ignore = "measures for minutes; `cargo test -p halogard --test busy -- --ignored --nocapture` prints the table"]
fn no_command_waits_longer_than_a_second_for_the_store_in_a_storm_of_a_thousand_alerts() {
    let storm = storm(1_000);
    let serve = Waits::of(&storm.serve.process.stderr());
    storm.print(&serve);
    for line in &storm.measured {
        let (waited, command) = (line.waits.all, &line.command);
        assert!(waited < WAIT_MAX, "{command} waited {waited:?}");
    }
}
