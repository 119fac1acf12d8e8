//! One secret, kept for a while, with its other versions at hand for the moment of a rotation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::lock::Mutex;
use halogard_domain::Timestamp;
use tracing::{info, warn};

use super::source::{Asked, CredentialSource, FromFields, Held, KeyringError};
use super::{Fields, MissingField};
use crate::ports::{Clock, Stage, Vault, VaultError};

/// How long a secret is used before the vault is asked again. Source: the default of the vendor's
/// own caching agent, 300 s. A refusal asks at once, so this only bounds how long an old version
/// that still works stays in use.
pub const LIFE: Duration = Duration::from_secs(300);

/// How long a refused version is not tried again: one try a minute, no storm on a token address.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// The order in which versions are tried. The previous one comes last: where two credentials take
/// turns it still works, and elsewhere it costs one refused request.
const ORDER: [Stage; 3] = [Stage::Current, Stage::Pending, Stage::Previous];

/// A secret of `vault`, as one process uses it. Shared by reference; whoever asks while another
/// reads the vault waits for that answer.
pub struct Keyring<V, C> {
    vault: V,
    clock: C,
    name: String,
    life: Duration,
    state: Mutex<State>,
}

/// What is known of the secret.
#[derive(Default)]
struct State {
    /// The usable versions, in the order of trial.
    ring: Vec<Kept>,
    /// What is wrong with those that are not usable.
    unusable: Option<String>,
    /// When the vault was last asked.
    read_at: Option<Timestamp>,
    /// When it was last asked because of a refusal.
    refreshed_at: Option<Timestamp>,
    /// The version handed out last.
    in_use: Option<String>,
    /// When which version was refused.
    refused: BTreeMap<String, Timestamp>,
    /// How often a refusal made the vault be asked.
    refreshes: u64,
}

/// One version.
#[derive(Clone)]
struct Kept {
    stage: Stage,
    version: String,
    fields: Fields,
}

impl<V: Vault, C: Clock> Keyring<V, C> {
    /// The secret `name` of `vault`, not yet read.
    #[must_use]
    pub fn new(vault: V, clock: C, name: impl Into<String>) -> Self {
        Self {
            vault,
            clock,
            name: name.into(),
            life: LIFE,
            state: Mutex::default(),
        }
    }

    /// The same, read again after `life`.
    #[must_use]
    pub const fn living(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// The members of the version in use, for what else stands in the secret.
    ///
    /// # Errors
    ///
    /// As any use of it.
    pub async fn fields(&self) -> Result<Fields, KeyringError> {
        self.held::<Fields>().await.map(|held| held.key)
    }

    /// How often a refusal made the vault be read, so far.
    pub async fn refreshes(&self) -> u64 {
        self.state.lock().await.refreshes
    }

    /// A version to use.
    async fn held<K: FromFields>(&self) -> Result<Held<K>, KeyringError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let stale = state
            .read_at
            .is_none_or(|at| now.since(at) >= self.life || now < at);
        if stale {
            let wanted = state.wanted();
            self.load(&mut state, wanted).await?;
        }
        if let Some(held) = state.choose(now) {
            return Ok(held);
        }
        // Nothing that may be used: perhaps there is by now. Asked once a pause.
        let asked_lately = state
            .read_at
            .is_some_and(|at| now.since(at) < REFUSED_PAUSE);
        if !asked_lately {
            state.refreshes += 1;
            self.load(&mut state, &ORDER).await?;
        }
        state.choose(now).ok_or_else(|| self.nothing(&state, now))
    }

    /// Another version than the refused one.
    async fn other<K: FromFields>(&self, version: &str) -> Option<Held<K>> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if state.in_use.as_deref() != Some(version) {
            // Somebody else met the same refusal first, and has read the vault.
            return state.choose(now);
        }
        state.refused.insert(version.to_owned(), now);
        let lately = state
            .refreshed_at
            .is_some_and(|at| now.since(at) < REFUSED_PAUSE);
        if !lately {
            state.refreshed_at = Some(now);
            state.refreshes += 1;
            if let Err(error) = self.load(&mut state, &ORDER).await {
                warn!(secret = self.name, %error, "a refused secret could not be read again");
            }
        }
        let other = state.choose(now);
        match &other {
            Some(_) => info!(
                secret = self.name,
                outcome = "another_version",
                "a credential was refused; another version of it is used"
            ),
            None => warn!(
                secret = self.name,
                outcome = "refused",
                "a credential was refused, and there is no other version; work waits"
            ),
        }
        other
    }

    /// Reads the versions in `stages` from the vault. What was read before stays in use when the
    /// vault is away: a secret does not end because nobody can look it up.
    async fn load(&self, state: &mut State, stages: &[Stage]) -> Result<(), KeyringError> {
        let now = self.clock.now();
        match self.read(stages).await {
            Ok((ring, unusable)) => {
                state.ring = ring;
                state.unusable = unusable;
                state.read_at = Some(now);
                let State { ring, refused, .. } = state;
                refused.retain(|version, _| ring.iter().any(|kept| kept.version == *version));
                Ok(())
            }
            Err(error) if !state.ring.is_empty() => {
                warn!(secret = self.name, %error, "the vault is away; the secret read before is used");
                let ago = self.life.saturating_sub(REFUSED_PAUSE);
                state.read_at = Some(now.minus(ago));
                Ok(())
            }
            Err(source) => Err(KeyringError::Vault {
                name: self.name.clone(),
                source: Box::new(source),
            }),
        }
    }

    /// The versions in `stages`, and what is wrong with those that cannot be used.
    async fn read(&self, stages: &[Stage]) -> Result<(Vec<Kept>, Option<String>), VaultError> {
        let (mut ring, mut unusable) = (Vec::new(), None);
        for stage in stages {
            let Some(found) = self.vault.read(&self.name, *stage).await? else {
                continue;
            };
            match Fields::read(&found.value) {
                Ok(fields) => ring.push(Kept {
                    stage: *stage,
                    version: found.version,
                    fields,
                }),
                Err(error) => unusable = Some(error.to_string()),
            }
        }
        Ok((ring, unusable))
    }

    /// Why there is nothing to use.
    fn nothing(&self, state: &State, now: Timestamp) -> KeyringError {
        let name = self.name.clone();
        let refused = state.refused.values().min();
        match refused {
            Some(first) => KeyringError::Refused {
                name,
                until: first.plus(REFUSED_PAUSE).max(now),
            },
            None => KeyringError::Unusable {
                name,
                why: state
                    .unusable
                    .clone()
                    .unwrap_or_else(|| "it has no version in use".to_owned()),
            },
        }
    }
}

impl State {
    /// The stages worth reading: the others only while the current version is not the one in use.
    fn wanted(&self) -> &'static [Stage] {
        let current = self.ring.iter().find(|kept| kept.stage == Stage::Current);
        let settled = match (current, &self.in_use) {
            (Some(current), Some(in_use)) => {
                current.version == *in_use && !self.refused.contains_key(in_use)
            }
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if settled { &ORDER[..1] } else { &ORDER }
    }

    /// The first version that was never refused, else the first whose refusal is long enough ago.
    fn choose<K: FromFields>(&mut self, now: Timestamp) -> Option<Held<K>> {
        let rested = |version: &String| match self.refused.get(version) {
            None => Some(false),
            Some(at) if now.since(*at) >= REFUSED_PAUSE => Some(true),
            Some(_) => None,
        };
        let mut candidates: Vec<(bool, Held<K>)> = Vec::new();
        for kept in &self.ring {
            let Some(was_refused) = rested(&kept.version) else {
                continue;
            };
            match K::from_fields(&kept.fields) {
                Ok(key) => {
                    let version = kept.version.clone();
                    candidates.push((was_refused, Held { version, key }));
                }
                Err(error) => self.unusable = Some(error.to_string()),
            }
        }
        let first = candidates
            .iter()
            .position(|(was_refused, _)| !was_refused)
            .unwrap_or(0);
        let (_, chosen) = candidates.into_iter().nth(first)?;
        self.in_use = Some(chosen.version.clone());
        Some(chosen)
    }
}

impl FromFields for Fields {
    fn from_fields(fields: &Fields) -> Result<Self, MissingField> {
        Ok(fields.clone())
    }
}

impl<V, C, K> CredentialSource<K> for Keyring<V, C>
where
    V: Vault,
    C: Clock,
    K: FromFields + Send + 'static,
{
    fn current(&self) -> Asked<'_, Result<Held<K>, KeyringError>> {
        Box::pin(self.held())
    }

    fn refused<'a>(&'a self, version: &'a str) -> Asked<'a, Option<Held<K>>> {
        Box::pin(self.other(version))
    }
}

impl<V, C> fmt::Debug for Keyring<V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
