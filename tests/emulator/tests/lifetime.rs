//! Nothing of an emulator outlives the process that started it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use halogard_emulator::{Emulator, Options};

/// Marks the process that the test kills.
const TO_BE_KILLED: &str = "HALOGARD_EMULATOR_TEST_TO_BE_KILLED";

/// Looks until something must be gone: ten seconds' worth.
const POLLS_MAX: u32 = 200;

/// Not a test by itself: the process that is killed.
#[tokio::test]
async fn a_process_holds_an_emulator_until_it_is_killed() {
    if std::env::var_os(TO_BE_KILLED).is_none() {
        return;
    }
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let mut stdout = std::io::stdout();
    let line = format!("up {} {}\n", emulator.process_id(), emulator.endpoint());
    stdout.write_all(line.as_bytes()).unwrap();
    stdout.flush().unwrap();
    loop {
        thread::park();
    }
}

/// The emulator of another process.
struct Other {
    process: Child,
    launcher: u32,
    address: String,
}

impl Other {
    /// Starts this test program again, as the process to be killed.
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "a_process_holds_an_emulator_until_it_is_killed",
                "--nocapture",
            ])
            .env(TO_BE_KILLED, "yes")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.map(Result::unwrap).find(|line| line.contains("up "));
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').rev().take(2).collect();
        Self {
            process,
            launcher: words[1].parse().unwrap(),
            address: words[0].strip_prefix("http://").unwrap().to_owned(),
        }
    }
}

/// Whether a process with this id lives. One that has ended and waits to be noticed does not.
fn lives(id: u32) -> bool {
    let state = Command::new("ps")
        .args(["-o", "stat=", "-p", &id.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.trim_start().starts_with('Z')
}

/// Whether a process listens at `address`.
fn listens(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

/// Waits until the emulator is gone, and fails if it stays.
fn assert_gone(launcher: u32, address: &str) {
    for _ in 0..POLLS_MAX {
        if !lives(launcher) && !listens(address) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the emulator {launcher} lives on at {address}");
}

#[test]
fn an_emulator_ends_with_a_process_that_is_killed() {
    let mut other = Other::start();
    assert!(lives(other.launcher) && listens(&other.address), "it is up");

    // A process cannot catch this signal: no destructor runs.
    other.process.kill().unwrap();
    other.process.wait().unwrap();

    assert_gone(other.launcher, &other.address);
}

#[tokio::test]
async fn an_emulator_that_is_dropped_is_gone_with_its_files_and_leaves_its_log() {
    let emulator = Emulator::start(Options { auth: true }).await.unwrap();
    let (launcher, log) = (emulator.process_id(), emulator.log().to_owned());
    let address = emulator
        .endpoint()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let temporary = log.with_extension("tmp");
    assert!(temporary.is_dir());

    drop(emulator);

    assert_gone(launcher, &address);
    assert!(!temporary.exists(), "what functions and buckets put down");
    assert!(std::fs::read_to_string(&log).unwrap().contains("Ready"));
}

#[tokio::test]
async fn there_is_one_shared_emulator_and_each_account_is_new() {
    let (first, second) = tokio::join!(Emulator::shared(), Emulator::shared());
    assert_eq!(first.endpoint(), second.endpoint());
    assert!(listens(first.endpoint().strip_prefix("http://").unwrap()));

    let accounts = [first.account(), second.account()];
    assert_ne!(accounts[0], accounts[1]);
    for account in accounts {
        assert!(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
        first
            .set_queue_time(&account, 1_767_600_000_007)
            .await
            .unwrap();
    }
}

#[test]
fn the_environment_has_an_interpreter_that_knows_every_package() {
    let python = halogard_emulator::python().unwrap();
    assert!(python.ends_with(Path::new("python/bin/python")));
    let script = "import ministack, samtranslator, boto3, cfnlint, cryptography; print('all')";
    let output = Command::new(python).args(["-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "all");
}
