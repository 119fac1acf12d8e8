//! Commands that write files, secrets or things at a vendor, killed at moments from their start to their end: given
//! again, each ends in the same state. What commands do to the store is stopped at every single write in
//! `tests/tests/faults/commands.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "the number of kills belongs in the test's output"
)]

mod support;

use std::path::Path;
use std::process::Stdio;

use halogard_app::ports::Stage;
use serde_json::{Value, json};
use tokio::time::Instant;

use support::{Bench, Config, Ended, LocalVault, Process, SOON, key, program, wait_until};

/// Kills of each command, from its start to when it ended without one.
const KILLS: u32 = 10;

/// Gives `command` with `input` as its standard input.
fn started(bench: &Bench, command: &str, input: Option<&Path>) -> Process {
    let mut started = program(&bench.path(""));
    started.args(command.split(' ')).envs(&bench.settings);
    if let Some(input) = input {
        started.stdin(Stdio::from(std::fs::File::open(input).unwrap()));
    }
    Process::start(started)
}

/// Kills `command` at each moment, each time after `reset`, and gives it again; `state` must be the same each time.
fn kill_at_every_moment<B: AsRef<Bench>>(
    command: &str,
    input: Option<&str>,
    reset: impl Fn() -> B,
    state: impl Fn(&Bench) -> Value,
) {
    let run = |bench: &Bench| {
        let input = input.map(|name| bench.path(name));
        started(bench, command, input.as_deref())
    };
    let peace = reset();
    let began = Instant::now();
    let ended = run(peace.as_ref()).ended(SOON);
    assert_eq!(ended.status.code(), Some(0), "{command}: {ended:?}");
    let took = began.elapsed();
    let expected = state(peace.as_ref());
    for moment in 0..KILLS {
        let bench = reset();
        let killed = run(bench.as_ref());
        std::thread::sleep(took * moment / KILLS);
        killed.kill();
        let again = run(bench.as_ref()).ended(SOON);
        // It may say that there is nothing left to do.
        assert!(
            matches!(again.status.code(), Some(0 | 1)),
            "{command}: {again:?}"
        );
        let found = state(bench.as_ref());
        assert_eq!(found, expected, "{command} killed at {moment}: {again:?}");
    }
    println!("{command}: {KILLS} kills within {took:?}");
}

/// A bench that is the same for each kill.
struct Kept<'a>(&'a Bench);

impl AsRef<Bench> for Kept<'_> {
    fn as_ref(&self) -> &Bench {
        self.0
    }
}

/// A bench of its own for each kill.
struct Fresh(Bench);

impl AsRef<Bench> for Fresh {
    fn as_ref(&self) -> &Bench {
        &self.0
    }
}

/// A bench whose `serve` was stopped with two pairs in sync.
fn used() -> Bench {
    let bench = Bench::new();
    let serve = bench.serve();
    for environment in [8801, 8802] {
        bench.sim.raise(environment, "Stale Accounts");
    }
    wait_until("two pairs in sync", SOON, || {
        (bench.ask("status")["pairs"]["in_sync"] == 2).then_some(())
    });
    serve.process.kill();
    bench
}

/// Runs `command` on the store in `folder`.
fn on(bench: &Bench, folder: &str, command: &str) -> Ended {
    bench.operate_with(command, &[("HALOGARD_DATA_DIR", folder)])
}

/// The answer of `command` on the store in `folder`.
fn answer_on(bench: &Bench, folder: &str, command: &str) -> Value {
    let ended = on(bench, folder, &format!("{command} --json"));
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// What the store in `folder` holds, and how often the audit names `command`.
fn held(bench: &Bench, folder: &str, command: &str) -> Value {
    let status = answer_on(bench, folder, "status");
    let audit = answer_on(bench, folder, "audit list");
    let entries = audit["entries"].as_array().unwrap();
    let given = entries.iter().filter(|it| it["command"] == command).count();
    json!({ "pairs": status["pairs"]["total"], "given": given > 0, "left": drafts(bench) })
}

/// Drafts that are left in the bench's own folder.
fn drafts(bench: &Bench) -> Vec<String> {
    let names = std::fs::read_dir(bench.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".part")).collect()
}

fn remove_folder(path: &Path) {
    if path.exists() {
        std::fs::remove_dir_all(path).unwrap();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    remove_folder(to);
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn remove_file(path: &Path) {
    if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn copies_of_the_store_are_whole_however_the_commands_are_killed() {
    let mut bench = used();
    let name = |name: &str| bench.path(name);
    kill_at_every_moment(
        "backup copy.db --with-key",
        None,
        || {
            remove_file(&name("copy.db"));
            remove_file(&name("copy.db.key"));
            Kept(&bench)
        },
        |bench| {
            remove_folder(&bench.path("tried"));
            let tried = on(bench, "tried", "restore copy.db --yes");
            assert_eq!(tried.status.code(), Some(0), "{tried:?}");
            held(bench, "tried", "restore")
        },
    );
    kill_at_every_moment(
        "export all.jsonl",
        None,
        || {
            remove_file(&name("all.jsonl"));
            Kept(&bench)
        },
        |bench| {
            remove_folder(&bench.path("tried"));
            let tried = on(bench, "tried", "import all.jsonl --yes");
            assert_eq!(tried.status.code(), Some(0), "{tried:?}");
            held(bench, "tried", "import")
        },
    );
    copy_folder(&name("data"), &name("kept"));
    bench.set("HALOGARD_DATA_DIR", "restored");
    let name = |name: &str| bench.path(name);
    kill_at_every_moment(
        "restore copy.db --replace --yes",
        None,
        || {
            copy_folder(&name("kept"), &name("restored"));
            Kept(&bench)
        },
        |bench| held(bench, "restored", "restore"),
    );
    for command in ["restore copy.db --yes", "import all.jsonl --yes"] {
        let given = command.split(' ').next().unwrap();
        kill_at_every_moment(
            command,
            None,
            || {
                remove_folder(&name("restored"));
                Kept(&bench)
            },
            |bench| held(bench, "restored", given),
        );
    }
}

#[test]
fn the_config_file_is_whole_however_the_commands_are_killed() {
    let mut bench = used();
    let file = bench.path("halogard.toml");
    kill_at_every_moment(
        "map --accept-above 0.95 --write --template default",
        None,
        || {
            bench.write_config(&Config::of_customers(1));
            Kept(&bench)
        },
        |_| json!(std::fs::read_to_string(&file).unwrap()),
    );
    let secrets = ["HALOPSA_CLIENT_SECRET", "LIONGARD_ACCESS_KEY_SECRET"];
    let secrets = secrets.map(|name| bench.get(name).to_owned()).join("\n");
    std::fs::write(bench.path("secrets"), format!("{secrets}\n")).unwrap();
    let connect = format!(
        "connect --secrets-stdin --halopsa {} --tenant {} --client-id {} --liongard {} --key-id {}",
        bench.get("HALOPSA_RESOURCE_URL"),
        bench.get("HALOPSA_TENANT"),
        bench.get("HALOPSA_CLIENT_ID"),
        bench.get("LIONGARD_URL"),
        bench.get("LIONGARD_ACCESS_KEY_ID"),
    );
    // As in a new folder: nothing but the options names a vendor.
    bench.settings.retain(|name, _| name == "HALOGARD_DATA_DIR");
    kill_at_every_moment(
        &connect,
        Some("secrets"),
        || {
            remove_file(&file);
            remove_folder(&bench.path("data"));
            Kept(&bench)
        },
        |bench| {
            let vault = LocalVault::open(&bench.path("data"));
            let stored = ["halopsa", "liongard"].map(|name| {
                let members = vault.members(name, Stage::Current);
                members.unwrap_or_else(|| panic!("{name} is not stored"))
            });
            let text = std::fs::read_to_string(&file).unwrap();
            json!({ "config": text, "stored": stored, "left": drafts(bench) })
        },
    );
}

#[test]
fn nothing_is_left_at_a_vendor_however_the_commands_are_killed() {
    kill_at_every_moment(
        "webhook install --yes",
        None,
        || {
            let mut bench = Bench::new();
            bench.set("HALOGARD_PUBLIC_URL", "https://halogard.example.com");
            // Makes the store.
            assert_eq!(bench.webhook_url().status.code(), Some(0));
            Fresh(bench)
        },
        |bench| {
            let status = bench.ask("webhook status");
            json!({ "state": status["state"], "missing": status["missing"] })
        },
    );
    kill_at_every_moment(
        "rotate liongard",
        None,
        || {
            let mut bench = Bench::new();
            bench.unset("LIONGARD_ACCESS_KEY_ID");
            bench.unset("LIONGARD_ACCESS_KEY_SECRET");
            let made = json!({ "id": "1111aaaa2222bbbb3333", "secret": "planted-secret-of-the-first-key", "days": 90 });
            bench.sim.post("access-keys", &made);
            let value = key("1111aaaa2222bbbb3333", "planted-secret-of-the-first-key");
            LocalVault::open(&bench.path("data")).put("liongard", "v1", &value);
            Fresh(bench)
        },
        |bench| {
            let keys = bench.sim.look("access-keys");
            let checked = bench.operate("doctor --only liongard.credential");
            json!({ "keys": keys.as_array().unwrap().len(), "works": checked.status.code() })
        },
    );
}
