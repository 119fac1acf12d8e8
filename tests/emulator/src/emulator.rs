//! A running MiniStack.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::OnceCell;

use crate::error::EmulatorError;
use crate::python::{python, target_folder};
use crate::wire::ask;

/// The region every account is used in.
pub const REGION: &str = "us-east-1";

/// The secret that goes with every account's key.
pub const SECRET_ACCESS_KEY: &str = "test";

/// The program that runs MiniStack as long as we live.
const LAUNCHER: &str = include_str!("../python/launch.py");

/// Time for one start. It takes half a second; many starts at once on a small machine take longer.
const START_MAX: Duration = Duration::from_secs(60);

/// Between two checks whether it is up.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Starts until one finds its port still free.
const STARTS_MAX: u32 = 4;

/// Logs of earlier starts are kept this long.
const LOG_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// How an emulator is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether policies are enforced and signatures checked (`AUTH=true`).
    pub auth: bool,
}

/// A running MiniStack on loopback. It ends when this is dropped, and when this process ends,
/// however that happens.
#[derive(Debug)]
pub struct Emulator {
    launcher: Child,
    port: u16,
    log: PathBuf,
    accounts: AtomicU64,
}

impl Emulator {
    /// The one emulator of this process, without authorisation; started by the first who asks.
    ///
    /// # Panics
    ///
    /// When there is none to be had; the panic says why and what to do.
    #[expect(
        clippy::panic,
        reason = "made for tests: without an emulator nothing that was asked for can go on"
    )]
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Emulator> = OnceCell::const_new();
        match SHARED
            .get_or_try_init(|| Self::start(Options::default()))
            .await
        {
            Ok(emulator) => emulator,
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts an emulator with a life of its own.
    ///
    /// # Errors
    ///
    /// Python or its packages are missing, or the emulator does not come up.
    pub async fn start(options: Options) -> Result<Self, EmulatorError> {
        tokio::task::spawn_blocking(move || start(options))
            .await
            .map_err(|_| EmulatorError::CutOff)?
    }

    /// Where it listens, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// An unused account: twelve digits, which are its access key id as well. A caller that signs with
    /// another account's key sees nothing of it.
    #[must_use]
    pub fn account(&self) -> String {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        format!("{:012}", 100_000_000_001 + number)
    }

    /// Where it writes what it does.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The process to which the emulator, and every function it runs, belongs.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.launcher.id()
    }

    /// From now on it is `millis` (since 1970) in the queues of `account`, until it is said anew.
    /// Waiting for a message ends at once there. Other accounts and other services keep the world's
    /// time.
    ///
    /// # Errors
    ///
    /// The emulator does not answer.
    pub async fn set_queue_time(&self, account: &str, millis: i64) -> Result<(), EmulatorError> {
        let path = format!("/_halogard/clock?account={account}&millis={millis}");
        let port = self.port;
        let asked = tokio::task::spawn_blocking(move || ask(port, "POST", &path))
            .await
            .map_err(|_| EmulatorError::CutOff)?;
        asked.map(drop).map_err(|error| EmulatorError::Clock {
            account: account.to_owned(),
            reason: error.to_string(),
            log: self.log.clone(),
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Its standard input closes with it, which is what it waits for.
        drop(self.launcher.stdin.take());
        // Failing means that it is gone already.
        if self.launcher.wait().is_err() {
            drop(self.launcher.kill());
        }
    }
}

/// Starts an emulator on a free port.
fn start(options: Options) -> Result<Emulator, EmulatorError> {
    let interpreter = python()?;
    let folder = target_folder().join("emulator");
    fs::create_dir_all(&folder).map_err(EmulatorError::file(&folder))?;
    forget_old_logs(&folder);
    let mut starts = 1;
    loop {
        match start_on(&interpreter, &folder, free_port()?, options) {
            // Another process may take a free port before the emulator binds it.
            Err(EmulatorError::NotUp { .. }) if starts < STARTS_MAX => starts += 1,
            outcome => return outcome,
        }
    }
}

/// Starts an emulator on `port`, and returns when it answers there.
fn start_on(
    interpreter: &Path,
    folder: &Path,
    port: u16,
    options: Options,
) -> Result<Emulator, EmulatorError> {
    let instance = format!("{}-{port}", std::process::id());
    let log = folder.join(format!("{instance}.log"));
    let temporary = folder.join(format!("{instance}.tmp"));
    fs::create_dir_all(&temporary).map_err(EmulatorError::file(&temporary))?;
    let output = File::create(&log).map_err(EmulatorError::file(&log))?;
    let errors = output.try_clone().map_err(EmulatorError::file(&log))?;
    let mut command = Command::new(interpreter);
    command
        .args(["-u", "-c", LAUNCHER])
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors);
    set_environment(&mut command, port, options, &temporary, &instance);
    // A group of its own: the launcher ends the group, and a key pressed at the terminal does not.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let launcher = command.spawn().map_err(EmulatorError::file(interpreter))?;
    let mut emulator = Emulator {
        launcher,
        port,
        log,
        accounts: AtomicU64::new(0),
    };
    emulator.wait_until_up(&instance)?;
    Ok(emulator)
}

/// Says everything that MiniStack reads from its environment.
fn set_environment(
    command: &mut Command,
    port: u16,
    options: Options,
    temporary: &Path,
    instance: &str,
) {
    command
        // By default it listens on every interface.
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // Brokers of which the first would listen on every interface.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // Only this very word switches it on.
        .env("AUTH", if options.auth { "true" } else { "false" })
        // What the functions it runs inherit to call back.
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_REGION", REGION)
        .env("MINISTACK_REGION", REGION)
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE")
        .env_remove("MINISTACK_HOST")
        .env_remove("USE_SSL")
        .env_remove("SERVICES")
        .env("PERSIST_STATE", "0")
        .env("S3_PERSIST", "0")
        // Code of functions, the process id file, and everything else it puts down.
        .env("TMPDIR", temporary)
        .env("STATE_DIR", temporary.join("state"))
        .env("S3_DATA_DIR", temporary.join("s3"))
        .env("HALOGARD_INSTANCE", instance);
}

impl Emulator {
    /// Waits until the emulator answers as the start named `instance`.
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for a real process, whatever time the test plays with"
    )]
    fn wait_until_up(&mut self, instance: &str) -> Result<(), EmulatorError> {
        let started = std::time::Instant::now();
        while started.elapsed() < START_MAX {
            if let Ok(Some(status)) = self.launcher.try_wait() {
                return Err(self.not_up(format!("ended at its start, {status}")));
            }
            match ask(self.port, "GET", "/_halogard/instance") {
                Ok(answered) if answered == instance => return Ok(()),
                Ok(_) => return Err(self.not_up("found its port taken".to_owned())),
                Err(_) => thread::sleep(POLL_INTERVAL),
            }
        }
        Err(self.not_up(format!("did not answer within {} s", START_MAX.as_secs())))
    }

    fn not_up(&self, what: String) -> EmulatorError {
        EmulatorError::NotUp {
            what,
            log: self.log.clone(),
        }
    }
}

/// A port on loopback that is free at this moment.
fn free_port() -> Result<u16, EmulatorError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EmulatorError::file("127.0.0.1:0"))
}

/// Removes what starts of other days have left. What cannot be removed stays: nothing depends on it.
fn forget_old_logs(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let changed = path.metadata().and_then(|about| about.modified());
        let age = changed.map(|changed| SystemTime::elapsed(&changed).unwrap_or_default());
        if age.is_ok_and(|age| age > LOG_RETENTION) {
            drop(if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            });
        }
    }
}
