//! What the process says to the supervisor that started it: systemd (`Type=notify`), or another one that speaks
//! its protocol. Without one nothing is sent.

/// Deliveries are accepted from now on.
pub fn ready() {
    say(State::Ready);
}

/// The process finishes its work and ends.
pub fn stopping() {
    say(State::Stopping);
}

/// How far the process is.
#[derive(Clone, Copy, Debug)]
enum State {
    Ready,
    Stopping,
}

#[cfg(unix)]
fn say(state: State) {
    let said = match state {
        State::Ready => sd_notify::NotifyState::Ready,
        State::Stopping => sd_notify::NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[said]) {
        tracing::warn!(%error, "the supervisor could not be notified");
    }
}

/// Windows' services have another protocol.
#[cfg(not(unix))]
fn say(_: State) {}
