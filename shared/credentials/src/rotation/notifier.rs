//! Notices to people about rotations.

use std::future::Future;

use super::{RotateError, RotationStep};
use halogard_app::ports::PortError;

/// Sends notices to people: through a topic on AWS, on the terminal or in the log on one machine.
pub trait Notifier: Send + Sync {
    /// Sends `notice`. A repeated step may send it again.
    fn notify(&self, notice: &Notice) -> impl Future<Output = Result<(), PortError>> + Send;
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
