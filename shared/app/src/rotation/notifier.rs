//! What a person is told about rotations.

use std::future::Future;

use super::{RotateError, Step};
use crate::ports::PortError;

/// Tells people. On AWS a topic, on one machine the log.
pub trait Notifier: Send + Sync {
    /// Tells `notice`. May be told again when a step is repeated.
    fn notify(&self, notice: &Notice) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// One thing to tell. Holds no value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The secret.
    pub secret: String,
    /// What happened and what to do, in whole sentences.
    pub text: String,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A rotation goes on when a person has done something.
    ActionRequired,
    /// A rotation failed; it is tried again by itself.
    Failed,
    /// A credential runs out soon.
    ExpiresSoon,
    /// A replaced credential is still used somewhere.
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
    /// What is told when `step` failed.
    #[must_use]
    pub fn from_failure(step: Step, secret: &str, error: &RotateError) -> Self {
        let kind = if error.requires_action() {
            NoticeKind::ActionRequired
        } else {
            NoticeKind::Failed
        };
        let text = format!(
            "The rotation of secret {secret} stopped at {}: {}. Synchronising goes on with the \
             credentials that are valid.",
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
