//! Notices to people about rotations.

use std::collections::BTreeMap;
use std::future::Future;

use super::{RotateError, RotationStep};
use halogard_app::ports::{Clock, PortError, Records, SaveError};
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::record::Singleton;

/// Sends notices to people: through a topic on AWS, on the terminal or in the log on one machine.
pub trait Notifier: Send + Sync {
    /// Sends `notice`. A repeated step may send it again.
    fn notify(&self, notice: &Notice) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Takes in that nothing of these kinds about `secret` waits for a person any longer. Nothing by default: a message
    /// that was sent is not taken back.
    fn settled(
        &self,
        _secret: &str,
        _kinds: &[NoticeKind],
    ) -> impl Future<Output = Result<(), PortError>> + Send {
        async { Ok(()) }
    }
}

/// Records each notice in the store before it is sent: `status` shows what still waits for a person, and the channels of
/// `[notify]` announce it.
#[derive(Clone, Debug)]
pub struct RecordingNotifier<S, N, C> {
    /// The store.
    pub store: S,
    /// What sends the notices.
    pub notifier: N,
    /// The time.
    pub clock: C,
    /// What people call each secret.
    pub names: BTreeMap<String, &'static str>,
}

impl<S, N, C> RecordingNotifier<S, N, C> {
    /// What people call `secret`.
    fn name_of<'a>(&self, secret: &'a str) -> &'a str
    where
        'static: 'a,
    {
        self.names.get(secret).copied().unwrap_or(secret)
    }
}

impl<S: Records, N: Notifier, C: Clock> Notifier for RecordingNotifier<S, N, C> {
    async fn notify(&self, notice: &Notice) -> Result<(), PortError> {
        let (name, now) = (self.name_of(&notice.secret), self.clock.now());
        let text = notice.text.replace(&notice.secret, name);
        let record = |states: &mut CredentialStates| {
            states.note(name, notice.kind.as_str(), &text, now);
        };
        let recorded = self.store.update_record(&Singleton, record).await;
        self.notifier.notify(notice).await?;
        recorded.map_err(as_port_error)
    }

    async fn settled(&self, secret: &str, kinds: &[NoticeKind]) -> Result<(), PortError> {
        let name = self.name_of(secret);
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let settle = |states: &mut CredentialStates| states.settle(name, &kinds);
        let settled = self.store.update_record(&Singleton, settle).await;
        settled.map_err(as_port_error)?;
        Ok(())
    }
}

/// What kept a record from being saved.
fn as_port_error(error: SaveError) -> PortError {
    match error {
        SaveError::Conflict => PortError::store(SaveError::Conflict),
        SaveError::Store(error) => error,
    }
}

/// A message for a person. Contains no value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The secret.
    pub secret: String,
    /// What happened and what to do, in complete sentences.
    pub text: String,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A rotation waits for a person.
    ActionRequired,
    /// A rotation failed and will be retried.
    Failed,
    /// A credential expires soon.
    ExpiresSoon,
    /// A replaced credential is still in use.
    OldKeyInUse,
}

impl NoticeKind {
    /// A stable word, for subjects and filters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActionRequired => "rotation-action-required",
            Self::Failed => "rotation-failed",
            Self::ExpiresSoon => "access-key-expires",
            Self::OldKeyInUse => "old-key-in-use",
        }
    }
}

impl Notice {
    /// The notice that `step` failed.
    #[must_use]
    pub fn from_failure(step: RotationStep, secret: &str, error: &RotateError) -> Self {
        let kind = if error.requires_action() {
            NoticeKind::ActionRequired
        } else {
            NoticeKind::Failed
        };
        let text = format!(
            "The rotation of secret {secret} stopped at {}: {}. Synchronisation continues with the \
             valid credentials.",
            step.as_str(),
            error.chain()
        );
        Self {
            kind,
            secret: secret.to_owned(),
            text,
        }
    }
}
