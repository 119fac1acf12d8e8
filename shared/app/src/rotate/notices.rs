//! What a person is told about rotations.

use std::future::Future;

use super::{RotateError, Step};
use crate::ports::PortError;

/// Tells people. On AWS a topic, on one machine the log.
pub trait Notices: Send + Sync {
    /// Tells `notice`. May be told again when a step is repeated.
    fn tell(&self, notice: &Notice) -> impl Future<Output = Result<(), PortError>> + Send;
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
    PersonNeeded,
    /// A rotation failed; it is tried again by itself.
    Failed,
    /// A credential runs out soon.
    ExpiresSoon,
    /// A replaced credential is still used somewhere.
    OldStillUsed,
}

impl NoticeKind {
    /// A stable word, for subjects and filters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PersonNeeded => "rotation-needs-you",
            Self::Failed => "rotation-failed",
            Self::ExpiresSoon => "access-key-expires",
            Self::OldStillUsed => "old-key-still-used",
        }
    }
}

impl Notice {
    /// What is told when `step` failed.
    #[must_use]
    pub fn of_failure(step: Step, secret: &str, error: &RotateError) -> Self {
        let kind = if error.needs_person() {
            NoticeKind::PersonNeeded
        } else {
            NoticeKind::Failed
        };
        let text = format!(
            "The rotation of secret {secret} stopped at {}: {}. Synchronising goes on with the \
             credentials that are valid.",
            step.word(),
            error.chain()
        );
        Self {
            kind,
            secret: secret.to_owned(),
            text,
        }
    }
}
