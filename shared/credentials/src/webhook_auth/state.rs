//! What an authenticator knows of the secret, and when it may read it again.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::ports::SecretInfo;
use halogard_domain::Timestamp;

use super::secret::WebhookSecretVersions;
use super::verifier::Verifiers;

/// The least time between two reads of the secret because of rejected requests, where only reading
/// says whether the secret changed. It limits what unauthenticated requests cost: one read a minute.
pub const MISMATCH_PAUSE: Duration = Duration::from_secs(60);

/// Why a request was rejected, which decides when the secret may be read again because of it.
///
/// The two reasons are counted apart: anyone can send requests to a wrong path all day, and they must
/// not use up the read that a delivery signed with a new secret needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthMismatch {
    /// The path token.
    Path,
    /// The credential. The path was right, and it cannot be guessed.
    Credential,
}

/// What is known of the secret.
#[derive(Clone, Default)]
pub(super) struct AuthenticatorState {
    /// The secret as it was last read.
    pub(super) loaded: Option<Arc<Loaded>>,
    /// When the last read began.
    pub(super) tried_at: Option<Timestamp>,
    /// When a read last failed.
    pub(super) failed_at: Option<Timestamp>,
    /// When the last read because of a path began.
    pub(super) path_refresh_at: Option<Timestamp>,
    /// When the last read because of a credential began.
    pub(super) credential_refresh_at: Option<Timestamp>,
    /// Until when explanations of deliveries that are not authentic have used up their share of the time.
    pub(super) explained_until: Timestamp,
    /// How often a mismatch caused a read.
    pub(super) refreshes: u64,
    /// Whether there was a pending version at the last read.
    pub(super) rotates: bool,
}

/// The secret as it was read, and the verifiers built from it.
pub(super) struct Loaded {
    pub(super) verifiers: Arc<Verifiers>,
    pub(super) versions: Arc<WebhookSecretVersions>,
    /// Which versions there were, where the reader knows.
    pub(super) info: Option<SecretInfo>,
    pub(super) read_at: Timestamp,
}

/// Whether `at` is less than `pause` before `now`. If the clock was set back, it is not.
pub(super) fn within(at: Option<Timestamp>, pause: Duration, now: Timestamp) -> bool {
    at.is_some_and(|at| now >= at && now.since(at) < pause)
}

impl AuthenticatorState {
    /// Whether `mismatch` may cause a read. One because of a path waits for either kind, and twice as
    /// long after one because of a credential: a sender who causes both kinds on purpose gets one read
    /// a minute, but for the first pair.
    pub(super) fn allows(&self, mismatch: AuthMismatch, now: Timestamp) -> bool {
        match mismatch {
            AuthMismatch::Credential => !within(self.credential_refresh_at, MISMATCH_PAUSE, now),
            AuthMismatch::Path => {
                !within(self.path_refresh_at, MISMATCH_PAUSE, now)
                    && !within(self.credential_refresh_at, 2 * MISMATCH_PAUSE, now)
            }
        }
    }

    /// Counts a read because of `mismatch`.
    pub(super) fn count_refresh(&mut self, mismatch: AuthMismatch, now: Timestamp) {
        self.refreshes += 1;
        match mismatch {
            AuthMismatch::Credential => self.credential_refresh_at = Some(now),
            AuthMismatch::Path => self.path_refresh_at = Some(now),
        }
    }
}
