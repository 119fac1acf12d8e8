//! The program as a process: its lines as they come, its end, and no survivor after the test.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halogard_runtime::settings::{SETTINGS, SettingValues};

use super::wait_until;

/// A signal to a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What a supervisor sends.
    Terminate,
    /// What the system sends when a terminal is closed.
    HangUp,
}

/// Names another program than the one built with the tests, such as that of a release.
const TESTED: &str = "TESTED_HALOGARD";

/// The program that was named instead of the one built with the tests.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test is run, no setting of the program"
)]
pub fn tested_program() -> Option<String> {
    std::env::var(TESTED).ok()
}

/// The program in `folder`, without the settings of the person who runs the tests and without
/// variables that the program would take for a mistyped setting.
pub fn program(folder: &Path) -> Command {
    let tested = tested_program();
    let mut command = Command::new(tested.as_deref().unwrap_or(env!("CARGO_BIN_EXE_halogard")));
    command.current_dir(folder).stdin(Stdio::null());
    for info in SETTINGS {
        command.env_remove(info.name);
    }
    for name in SettingValues::unknown_variables() {
        command.env_remove(name);
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
        command.env_remove(name);
    }
    command
}

/// A running process; killed when dropped.
pub struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Process {
    /// Starts `command` and reads along.
    pub fn start(mut command: Command) -> Self {
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Lines::read_along(child.stdout.take().unwrap());
        let stderr = Lines::read_along(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Runs `command` to its end.
    #[track_caller]
    pub fn run(mut command: Command) -> Ended {
        let ended = Self::spawn(&mut command).ended(Duration::from_secs(60));
        super::schemas::check(&command, &ended.stdout);
        ended
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// The first line of standard output that holds `part`; fails when the process ends without.
    #[track_caller]
    pub fn line_with(&mut self, part: &str) -> String {
        wait_until(
            &format!("a line with {part:?}"),
            Duration::from_secs(30),
            || {
                // With --log-json the log has it.
                let found = self.stdout.find(part).or_else(|| self.stderr.find(part));
                if found.is_none() && self.has_ended() && self.stdout.are_complete() {
                    let said = self.stderr.all();
                    panic!(
                        "the process ended without a line with {part:?}; standard error:\n{said}"
                    );
                }
                found
            },
        )
    }

    /// Whether it is over.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal. By the shell, as an operator would; only this very process is meant.
    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
            Signal::HangUp => "HUP",
        };
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name])
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success(), "the signal was not sent");
    }

    /// What the system says of it: the number of bytes in the line `name` of its status.
    pub fn memory(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.unwrap().trim_matches([':', ' ', '\t', 'k', 'B']);
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// Kills it without warning.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended(Duration::from_secs(10))
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(mut self, patience: Duration) -> Ended {
        let status = wait_until("the end of the process", patience, || {
            self.child.try_wait().unwrap()
        });
        Ended {
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Over already, or killed now; either way there is nothing left to do about it.
        if self.child.kill().is_ok() {
            self.child.wait().map(drop).unwrap_or_default();
        }
        if std::thread::panicking() {
            eprintln!("--- standard error of a process:\n{}", self.stderr.so_far());
        }
    }
}

/// Text that is read while it is written.
struct Lines {
    text: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Lines {
    /// Reads `from` on a thread of its own.
    fn read_along(from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
                written
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    /// The text so far.
    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Whether nothing more will come.
    fn are_complete(&self) -> bool {
        self.reader
            .as_ref()
            .is_none_or(|reader| reader.is_finished())
    }

    /// The text, once its writer is gone.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }

    /// The first whole line that holds `part`.
    fn find(&self, part: &str) -> Option<String> {
        let text = self.so_far();
        let mut whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .find(|line| line.contains(part))
            .map(|line| line.trim_end().to_owned())
    }
}
