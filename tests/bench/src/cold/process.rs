//! One process of a function: started as Lambda starts it, measured through `/proc`, ended by its id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::stopwatch;

/// A running function.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// When it was asked to start.
    pub started: Instant,
}

impl Process {
    /// Starts `program` with exactly `environment`; what it prints goes to the file `log`.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(
        program: &Path,
        environment: &[(String, String)],
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let file = File::create(&log)?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let started = stopwatch::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            child,
            log,
            started,
        })
    }

    /// Most memory it has held so far, in MB of 10⁶ bytes.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn peak_memory(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no VmHWM in /proc; this needs Linux")?;
        Ok(kib.trim().parse::<f64>()? * 1024.0 / 1e6)
    }

    /// CPU time it has used so far in all its threads, user and system together: the sum the kernel
    /// also shows as `utime + stime`, in nanoseconds instead of hundredths of a second.
    ///
    /// # Errors
    ///
    /// It has ended, or the kernel keeps no such account.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let account = fs::read_to_string(task?.path().join("schedstat"))
                .context("no schedstat in /proc; the kernel keeps no account of CPU time")?;
            let used = account.split(' ').next().unwrap_or_default();
            nanos += used.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Adds the last output of the process to an error.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let printed = fs::read_to_string(&self.log).unwrap_or_default();
        let from = printed.len().saturating_sub(2000);
        let tail = printed.get(from..).unwrap_or(&printed);
        error.context(format!("it printed: {tail}"))
    }

    /// Fails if it has ended by itself.
    ///
    /// # Errors
    ///
    /// It has.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the process ended with {status}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ending a process that has ended fails, and nothing is to be done about it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
