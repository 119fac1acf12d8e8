//! The webhook's doors, kept in step with the secret they are made from.
//!
//! One set of rules for whoever receives webhooks. Where the secret lies is a [`SecretReader`], how
//! a value becomes doors a [`AuthenticatorFactory`]; when to read again, who waits for whom and how often
//! strangers may cause it stands here.

use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_domain::{FailureClass, Timestamp};
use secrecy::SecretString;
use tracing::{info, warn};

use crate::intake::{Authenticator, WebhookRequest};
use crate::ports::{Clock, PortError, SecretInfo, Stage, Vault};

/// Least time between two readings because of deliveries that were turned away, where only reading
/// tells whether there is something new: what strangers can make us do is one reading a minute.
pub const MISMATCH_PAUSE: Duration = Duration::from_secs(60);

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

    /// Which versions there are, where telling that costs next to nothing: then a delivery that was
    /// turned away has the secret read again if, and only if, something changed. `None` where only
    /// reading tells.
    fn versions(&self) -> impl Future<Output = Option<SecretInfo>> + Send {
        ready(None)
    }
}

/// Makes doors of a secret's versions.
pub trait AuthenticatorFactory: Send + Sync {
    /// The doors that open at `now`.
    ///
    /// # Errors
    ///
    /// What is wrong with the current version. Another one that cannot be used is logged and left
    /// out.
    fn make(&self, versions: &SecretVersions, now: Timestamp) -> Result<Authenticators, PortError>;
}

/// The versions of a secret, as the vault has them.
#[derive(Clone, Debug)]
pub struct SecretVersions {
    /// The one in use.
    pub current: SecretString,
    /// The one before.
    pub previous: Option<SecretString>,
    /// The next one: HaloPSA is told it before it becomes the current one.
    pub pending: Option<SecretString>,
}

/// Whom deliveries are taken from.
pub struct Authenticators {
    /// Opens for the address and any one of the credentials.
    pub delivery: Authenticator,
    /// Opens for the address alone.
    pub address: Authenticator,
    /// When the version before ceases to count, if it counts and that is known.
    pub overlap_end: Option<Timestamp>,
}

impl Authenticators {
    /// Whether `token` is the end of our address.
    #[must_use]
    pub fn matches_path(&self, token: &str) -> bool {
        self.address.verify(&WebhookRequest {
            path_token: token,
            header: &|_| Vec::new(),
            body: &[],
        })
    }
}

/// What a delivery that was turned away did not fit.
///
/// They are counted apart: an address that strangers know leads to noise all day, and that noise
/// must not use up the reading that a delivery signed with a new secret needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The address.
    Address,
    /// The credential; the address was right, and nobody guesses that.
    Credential,
}

/// Opens for what the webhook's secret says, in each of its versions. The secret is read when first
/// needed, kept for a while, and renewed by one at a time.
pub struct RotatingAuthenticator<R, M, C> {
    reader: R,
    maker: M,
    clock: C,
    life: Duration,
    known: Mutex<Known>,
    /// Held by whoever reads.
    reading: futures_util::lock::Mutex<()>,
}

/// What is known.
#[derive(Clone, Default)]
struct Known {
    /// The doors, what they were made from, and when that was read.
    made: Option<Arc<Made>>,
    /// When a reading was last begun.
    tried_at: Option<Timestamp>,
    /// When one last failed.
    failed_at: Option<Timestamp>,
    /// When one was last begun because of an address.
    address_at: Option<Timestamp>,
    /// When one was last begun because of a credential.
    credential_at: Option<Timestamp>,
    /// How often doubt led to a reading.
    refreshes: u64,
    /// Whether there was a pending version when one was last looked for.
    rotates: bool,
}

/// Authenticators, and what they were made from.
struct Made {
    doors: Arc<Authenticators>,
    versions: Arc<SecretVersions>,
    /// Which versions there were, where the reader can tell.
    info: Option<SecretInfo>,
    read_at: Timestamp,
}

/// How thoroughly the secret is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The versions in force; the pending one too while a rotation is known to be under way.
    Usual,
    /// All versions: a delivery may have been made under one that is not known yet.
    Thorough,
}

/// Whether `at` is less than `pause` before `now`. A clock that was set back forgets.
fn within(at: Option<Timestamp>, pause: Duration, now: Timestamp) -> bool {
    at.is_some_and(|at| now >= at && now.since(at) < pause)
}

impl Known {
    /// Whether `doubt` may lead to a reading. One because of an address waits for either kind, and
    /// twice as long after one because of a credential: whoever causes both kinds on purpose gets
    /// no more than one a minute as well, but for the first pair.
    fn allows(&self, doubt: Mismatch, now: Timestamp) -> bool {
        match doubt {
            Mismatch::Credential => !within(self.credential_at, MISMATCH_PAUSE, now),
            Mismatch::Address => {
                !within(self.address_at, MISMATCH_PAUSE, now)
                    && !within(self.credential_at, 2 * MISMATCH_PAUSE, now)
            }
        }
    }

    /// A reading because of `doubt` begins.
    fn refreshes_for(&mut self, doubt: Mismatch, now: Timestamp) {
        self.refreshes += 1;
        match doubt {
            Mismatch::Credential => self.credential_at = Some(now),
            Mismatch::Address => self.address_at = Some(now),
        }
    }
}

impl<R: SecretReader, M: AuthenticatorFactory, C: Clock> RotatingAuthenticator<R, M, C> {
    /// A gate by the secret that `reader` reads and that is used for `life` before it is read
    /// again. Reads nothing yet.
    pub fn new(reader: R, maker: M, clock: C, life: Duration) -> Self {
        Self {
            reader,
            maker,
            clock,
            life,
            known: Mutex::default(),
            reading: futures_util::lock::Mutex::new(()),
        }
    }

    /// The doors. Those that ran out stay in use while they are renewed, and when that fails; but
    /// the version before ceases to count when its overlap ends, whatever happens.
    ///
    /// # Errors
    ///
    /// When there have never been any and none can be had.
    pub async fn doors(&self) -> Result<Arc<Authenticators>, PortError> {
        let now = self.clock.now();
        let known = self.known();
        if let Some(made) = known.made {
            let doors = self.in_force(&made, now);
            let fresh = within(Some(made.read_at), self.life, now);
            if fresh || within(known.tried_at, RENEW_PAUSE, now) {
                return Ok(doors);
            }
            // Somebody else is at it: theirs comes soon enough.
            let Some(_turn) = self.reading.try_lock() else {
                return Ok(doors);
            };
            return Ok(self.renewed(Look::Usual).await.unwrap_or(doors));
        }
        let _turn = self.reading.lock().await;
        let known = self.known();
        match known.made {
            Some(made) => Ok(Arc::clone(&made.doors)),
            None if within(known.tried_at, FIRST_PAUSE, self.clock.now()) => Err(PortError::new(
                FailureClass::Transient,
                "secret.unavailable",
            )
            .with_message("it could not be read a moment ago")),
            None => self.read(Look::Usual).await,
        }
    }

    /// Authenticators newer than `refusing`, which turned a delivery away: the secret may have been changed
    /// since. `None` when that cannot be, when it was looked at for this reason a moment ago, or
    /// when nothing newer can be had.
    pub async fn refreshed(
        &self,
        refusing: &Arc<Authenticators>,
        doubt: Mismatch,
    ) -> Option<Arc<Authenticators>> {
        let _turn = self.reading.lock().await;
        let now = self.clock.now();
        let known = self.known();
        let made = known.made.as_ref()?;
        if !Arc::ptr_eq(&made.doors, refusing) {
            return Some(Arc::clone(&made.doors));
        }
        let allowed = match self.reader.versions().await {
            Some(info) => {
                let changed = made.info.as_ref() != Some(&info);
                changed && !within(known.failed_at, RENEW_PAUSE, now)
            }
            None => known.allows(doubt, now),
        };
        if !allowed {
            return None;
        }
        self.known_mut().refreshes_for(doubt, now);
        let renewed = self.renewed(Look::Thorough).await;
        if renewed.is_some() {
            info!(
                outcome = "refreshed",
                "read the webhook's secret again for a delivery that did not fit"
            );
        }
        renewed
    }

    /// How often deliveries that were turned away have had the secret read, so far.
    pub fn refreshes(&self) -> u64 {
        self.known_mut().refreshes
    }

    /// The doors as they are at `now`: without the version before once its overlap is over.
    fn in_force(&self, made: &Made, now: Timestamp) -> Arc<Authenticators> {
        if made.doors.overlap_end.is_none_or(|end| now < end) {
            return Arc::clone(&made.doors);
        }
        let Ok(doors) = self.maker.make(&made.versions, now) else {
            // They were made of the same versions before.
            return Arc::clone(&made.doors);
        };
        let doors = Arc::new(doors);
        let mut known = self.known_mut();
        if let Some(latest) = &known.made
            && Arc::ptr_eq(&latest.doors, &made.doors)
        {
            known.made = Some(Arc::new(Made {
                doors: Arc::clone(&doors),
                versions: Arc::clone(&made.versions),
                info: made.info.clone(),
                read_at: made.read_at,
            }));
        }
        doors
    }

    /// Reads the secret again; `None`, and a warning, when that fails.
    async fn renewed(&self, look: Look) -> Option<Arc<Authenticators>> {
        match self.read(look).await {
            Ok(doors) => Some(doors),
            Err(error) => {
                self.known_mut().failed_at = Some(self.clock.now());
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
    async fn read(&self, look: Look) -> Result<Arc<Authenticators>, PortError> {
        let now = self.clock.now();
        let all = {
            let mut known = self.known_mut();
            known.tried_at = Some(now);
            known.rotates || look == Look::Thorough
        };
        // Before the values: a change in between is then seen as one at the next doubt.
        let info = self.reader.versions().await;
        let all = all || info.is_some();
        let current = self.reader.read(Stage::Current).await?.ok_or_else(|| {
            PortError::new(FailureClass::Permanent, "secret.missing")
                .with_message("the webhook secret has no current version; write one")
        })?;
        let previous = self.reader.read(Stage::Previous).await?;
        let pending = if all {
            self.reader.read(Stage::Pending).await?
        } else {
            None
        };
        let versions = SecretVersions {
            current,
            previous,
            pending,
        };
        let doors = Arc::new(self.maker.make(&versions, now)?);
        let mut known = self.known_mut();
        known.rotates = versions.pending.is_some();
        known.made = Some(Arc::new(Made {
            doors: Arc::clone(&doors),
            versions: Arc::new(versions),
            info,
            read_at: now,
        }));
        Ok(doors)
    }

    fn known(&self) -> Known {
        self.known_mut().clone()
    }

    fn known_mut(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R, M, C> std::fmt::Debug for RotatingAuthenticator<R, M, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RotatingAuthenticator")
            .finish_non_exhaustive()
    }
}

/// One secret of a vault, for whom only reading tells what is new.
#[derive(Clone, Debug)]
pub struct VaultReader<V> {
    vault: V,
    name: String,
}

impl<V> VaultReader<V> {
    /// The secret `name` of `vault`.
    #[must_use]
    pub fn new(vault: V, name: impl Into<String>) -> Self {
        Self {
            vault,
            name: name.into(),
        }
    }
}

impl<V: Vault> SecretReader for VaultReader<V> {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        let found = self.vault.read(&self.name, stage).await;
        let found = found.map_err(|error| {
            PortError::new(FailureClass::Transient, "secret.unavailable").with_source(error)
        })?;
        Ok(found.map(|version| version.value))
    }
}
