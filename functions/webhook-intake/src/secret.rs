//! The webhook's secret: read when first needed, kept for a while, renewed by one at a time.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::{Clock, PortError, Stage};
use halogard_domain::{FailureClass, Timestamp};
use secrecy::SecretString;
use tracing::warn;

use crate::{Gate, Versions};

/// A secret younger than this is not read again because a delivery was refused. Bounds what
/// strangers can make us do to one reading a minute.
const DOUBT_AFTER: Duration = Duration::from_secs(60);

/// After a failure, the old secret is used for this long before another reading is tried.
const RENEW_PAUSE: Duration = Duration::from_secs(10);

/// After a failure with no secret at hand, nobody tries again for this long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Reads the versions of the one secret.
pub trait SecretReader: Send + Sync {
    /// The version in `stage`; `None` when there is none. Safe to repeat.
    fn read(
        &self,
        stage: Stage,
    ) -> impl Future<Output = Result<Option<SecretString>, PortError>> + Send;
}

/// The secret as last read.
pub struct Secret<R, C> {
    reader: R,
    clock: C,
    life: Duration,
    plain: Vec<(&'static str, String)>,
    known: Mutex<Known>,
    /// Held by whoever reads.
    reading: tokio::sync::Mutex<()>,
}

/// What is known.
#[derive(Clone, Default)]
struct Known {
    /// The gate, and when it was read.
    gate: Option<(Arc<Gate>, Timestamp)>,
    /// When a reading was last begun.
    tried_at: Option<Timestamp>,
    /// Whether there was a pending version when one was last looked for.
    rotates: bool,
}

/// How thoroughly the secret is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The versions in force; the pending one too while a rotation is known to be under way.
    Usual,
    /// All versions: a delivery may have been made under one that we do not know yet.
    Thorough,
}

impl Known {
    /// Whether a reading was begun less than `pause` before `now`.
    fn tried_within(&self, pause: Duration, now: Timestamp) -> bool {
        self.tried_at.is_some_and(|at| now.since(at) < pause)
    }
}

impl<R: SecretReader, C: Clock> Secret<R, C> {
    /// The secret that `reader` reads and that is used for `life` before it is read again; `plain`
    /// are settings that stand beside it.
    pub fn new(reader: R, clock: C, life: Duration, plain: Vec<(&'static str, String)>) -> Self {
        Self {
            reader,
            clock,
            life,
            plain,
            known: Mutex::default(),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    /// The gate. One that ran out stays in use while it is renewed, and when that fails.
    ///
    /// # Errors
    ///
    /// When there has never been one and none can be had.
    pub(crate) async fn gate(&self) -> Result<Arc<Gate>, PortError> {
        let now = self.clock.now();
        let known = self.known();
        if let Some((gate, read_at)) = known.gate.clone() {
            if now.since(read_at) < self.life || known.tried_within(RENEW_PAUSE, now) {
                return Ok(gate);
            }
            // Somebody else is at it: theirs comes soon enough.
            let Ok(_turn) = self.reading.try_lock() else {
                return Ok(gate);
            };
            return Ok(self.renewed(Look::Usual).await.unwrap_or(gate));
        }
        let _turn = self.reading.lock().await;
        let known = self.known();
        match known.gate {
            Some((gate, _)) => Ok(gate),
            None if known.tried_within(FIRST_PAUSE, self.clock.now()) => Err(PortError::new(
                FailureClass::Transient,
                "secret.unavailable",
            )
            .saying("it could not be read a moment ago")),
            None => self.read(Look::Usual).await,
        }
    }

    /// A gate newer than `refusing`, which turned a delivery away: the secret may have been changed
    /// since. `None` when it is too fresh for that, or nothing newer can be had.
    pub(crate) async fn newer_than(&self, refusing: &Arc<Gate>) -> Option<Arc<Gate>> {
        let _turn = self.reading.lock().await;
        let now = self.clock.now();
        let known = self.known();
        let (gate, read_at) = known.gate.clone()?;
        if !Arc::ptr_eq(&gate, refusing) {
            return Some(gate);
        }
        if now.since(read_at) < DOUBT_AFTER || known.tried_within(DOUBT_AFTER, now) {
            return None;
        }
        self.renewed(Look::Thorough).await
    }

    /// Reads the secret again; `None`, and a warning, when that fails.
    async fn renewed(&self, look: Look) -> Option<Arc<Gate>> {
        match self.read(look).await {
            Ok(gate) => Some(gate),
            Err(error) => {
                warn!(
                    error_type = error.error_type,
                    reason = error.chain(),
                    "the webhook secret could not be renewed; the old one stays in use"
                );
                None
            }
        }
    }

    /// Reads the versions and keeps what they make. Whoever calls holds the turn.
    async fn read(&self, look: Look) -> Result<Arc<Gate>, PortError> {
        let now = self.clock.now();
        let all = {
            let mut known = self.known_mut();
            known.tried_at = Some(now);
            known.rotates || look == Look::Thorough
        };
        let current = self.reader.read(Stage::Current).await?.ok_or_else(|| {
            PortError::new(FailureClass::Permanent, "secret.missing")
                .saying("the webhook secret has no current version; write one")
        })?;
        let previous = self.reader.read(Stage::Previous).await?;
        let pending = if all {
            self.reader.read(Stage::Pending).await?
        } else {
            None
        };
        let versions = Versions {
            current,
            previous,
            pending,
        };
        let (gate, forgiven) = Gate::new(&versions, &self.plain, now).map_err(|error| {
            PortError::new(FailureClass::Permanent, "secret.unusable").caused_by(error)
        })?;
        for remark in forgiven {
            warn!(reason = %remark, "a setting in the webhook secret is not quite right");
        }
        let gate = Arc::new(gate);
        let mut known = self.known_mut();
        known.gate = Some((Arc::clone(&gate), now));
        known.rotates = versions.pending.is_some();
        Ok(gate)
    }

    fn known(&self) -> Known {
        self.known_mut().clone()
    }

    fn known_mut(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
