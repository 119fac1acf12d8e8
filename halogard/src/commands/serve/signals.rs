//! The signals that a process receives from its terminal and from its operator.

/// Keeps the process alive when its terminal is closed, or when an operator asks it to read its config again,
/// which it does by itself.
pub(super) async fn survive_hang_up() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::hangup()) {
            Ok(mut hang_up) => {
                while hang_up.recv().await.is_some() {
                    tracing::info!(
                        "SIGHUP changes nothing: the config file is read again by every sync cycle, settings only at a start"
                    );
                }
            }
            Err(error) => log_missing_signal(&error),
        }
    }
    std::future::pending::<()>().await;
}

/// A signal that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndingSignal {
    /// Ctrl-C.
    Interrupted,
    /// A supervisor ends the process.
    Terminated,
}

impl EndingSignal {
    /// The exit code that a shell reports for a process which the signal has ended: 128 and its number.
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// Completes when the process receives Ctrl-C or a termination signal. Signals are caught from this call
/// on, not only from the first poll.
pub fn shutdown_signal() -> impl Future<Output = ()> {
    let ended = ending_signal();
    async move {
        ended.await;
    }
}

/// The same, and says which signal it was.
pub fn ending_signal() -> impl Future<Output = EndingSignal> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).inspect_err(log_missing_signal).ok();
        let interrupted = listen(SignalKind::interrupt());
        let terminated = listen(SignalKind::terminate());
        async move {
            let received = async |signal: Option<tokio::signal::unix::Signal>| match signal {
                Some(mut signal) => signal.recv().await,
                None => std::future::pending().await,
            };
            tokio::select! {
                _ = received(interrupted) => EndingSignal::Interrupted,
                _ = received(terminated) => EndingSignal::Terminated,
            }
        }
    }
    #[cfg(not(unix))]
    async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            log_missing_signal(&error);
            std::future::pending::<()>().await;
        }
        EndingSignal::Interrupted
    }
}

/// A process without a signal handler continues; killing it loses nothing.
fn log_missing_signal(error: &std::io::Error) {
    tracing::warn!(%error, "the handler of a termination signal cannot be installed");
}
