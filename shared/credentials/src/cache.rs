//! A secret as one process uses it: cached, with the other versions for the time of a rotation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::lock::Mutex;
use halogard_domain::Timestamp;
use tracing::{info, warn};

use super::source::{BoxFuture, CredentialError, CredentialSource, FromSecret, Versioned};
use super::{MissingMember, SecretFields};
use halogard_app::ports::{Clock, SecretVersion, Stage, Vault, VaultError};

/// How long a secret is used before it is read again. Source: the default of the AWS caching agent,
/// 300 s. A refusal causes a read at once, so this only limits how long an old version that still works
/// stays in use.
pub const TTL: Duration = Duration::from_secs(300);

/// How long a refused version is not tried again: one attempt a minute spares the token endpoint.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// The order in which versions are tried. The previous version comes last: where two credentials
/// alternate it still works, and elsewhere it costs one refused request.
const ORDER: [Stage; 3] = Stage::ALL;

/// A secret of `vault`, as one process uses it. Shared by reference; a caller that arrives while another
/// reads the vault waits for that read.
pub struct CredentialCache<V, C> {
    vault: V,
    clock: C,
    name: String,
    state: Mutex<CacheState>,
}

/// What is known of the secret.
#[derive(Default)]
struct CacheState {
    /// The usable versions, in the order in which they are tried.
    versions: Vec<CachedVersion>,
    /// What is wrong with those that are not usable.
    unusable: Option<String>,
    /// When the vault was last read.
    read_at: Option<Timestamp>,
    /// When it was last read because of a refusal.
    refreshed_at: Option<Timestamp>,
    /// The version that was returned last.
    in_use: Option<String>,
    /// When which version was refused.
    refused: BTreeMap<String, Timestamp>,
    /// How often a refusal caused a read.
    refreshes: u64,
}

/// One version.
#[derive(Clone)]
struct CachedVersion {
    stage: Stage,
    version: String,
    fields: SecretFields,
}

impl<V: Vault, C: Clock> CredentialCache<V, C> {
    /// The secret `name` of `vault`, not yet read.
    #[must_use]
    pub fn new(vault: V, clock: C, name: impl Into<String>) -> Self {
        Self {
            vault,
            clock,
            name: name.into(),
            state: Mutex::default(),
        }
    }

    /// The same, with the current version already read at `read_at`, so that a start reads it once.
    #[must_use]
    pub fn with_current(mut self, found: &SecretVersion, read_at: Timestamp) -> Self {
        if let Ok(fields) = SecretFields::parse(&found.value) {
            let state = self.state.get_mut();
            state.read_at = Some(read_at);
            state.versions.push(CachedVersion {
                stage: Stage::Current,
                version: found.version.clone(),
                fields,
            });
        }
        self
    }

    /// The members of the version in use, for those besides the credential.
    ///
    /// # Errors
    ///
    /// As any use of it.
    pub async fn fields(&self) -> Result<SecretFields, CredentialError> {
        self.current_version::<SecretFields>()
            .await
            .map(|current| current.key)
    }

    /// How often a refusal made the vault be read, so far.
    pub async fn refreshes(&self) -> u64 {
        self.state.lock().await.refreshes
    }

    /// A version to use.
    async fn current_version<K: FromSecret>(&self) -> Result<Versioned<K>, CredentialError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let stale = state
            .read_at
            .is_none_or(|at| now.since(at) >= TTL || now < at);
        if stale {
            let wanted = state.wanted();
            self.load(&mut state, wanted).await?;
        }
        if let Some(chosen) = state.choose(now) {
            return Ok(chosen);
        }
        // No usable version: there may be one by now. Read at most once per pause.
        let read_lately = state
            .read_at
            .is_some_and(|at| now.is_within(REFUSED_PAUSE, at));
        if !read_lately {
            state.refreshes += 1;
            self.load(&mut state, &ORDER).await?;
        }
        state.choose(now).ok_or_else(|| self.nothing(&state, now))
    }

    /// Another version than the refused one.
    async fn other_version<K: FromSecret>(&self, version: &str) -> Option<Versioned<K>> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if state.in_use.as_deref() != Some(version) {
            // Another caller had the same refusal first, and has read the vault.
            return state.choose(now);
        }
        state.refused.insert(version.to_owned(), now);
        let lately = state
            .refreshed_at
            .is_some_and(|at| now.is_within(REFUSED_PAUSE, at));
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
                "a credential was refused; another version of it is used"
            ),
            None => warn!(
                secret = self.name,
                "a credential was refused, and there is no other version; work waits"
            ),
        }
        other
    }

    /// Reads the versions in `stages` from the vault. If the vault is unavailable, the versions that
    /// were read before stay in use: they are still valid.
    async fn load(&self, state: &mut CacheState, stages: &[Stage]) -> Result<(), CredentialError> {
        let now = self.clock.now();
        match self.read(stages).await {
            Ok((versions, unusable)) => {
                state.versions = versions;
                state.unusable = unusable;
                state.read_at = Some(now);
                let CacheState {
                    versions, refused, ..
                } = state;
                refused
                    .retain(|version, _| versions.iter().any(|cached| cached.version == *version));
                Ok(())
            }
            Err(error) if !state.versions.is_empty() => {
                warn!(secret = self.name, %error, "the vault is unavailable; the cached secret stays in use");
                let ago = TTL.saturating_sub(REFUSED_PAUSE);
                state.read_at = Some(now.minus(ago));
                Ok(())
            }
            Err(source) => Err(CredentialError::Vault {
                name: self.name.clone(),
                source: Box::new(source),
            }),
        }
    }

    /// The versions in `stages`, and what is wrong with those that cannot be used.
    async fn read(
        &self,
        stages: &[Stage],
    ) -> Result<(Vec<CachedVersion>, Option<String>), VaultError> {
        let (mut versions, mut unusable) = (Vec::new(), None);
        for stage in stages {
            let Some(found) = self.vault.read(&self.name, *stage).await? else {
                continue;
            };
            match SecretFields::parse(&found.value) {
                Ok(fields) => versions.push(CachedVersion {
                    stage: *stage,
                    version: found.version,
                    fields,
                }),
                Err(error) => unusable = Some(error.to_string()),
            }
        }
        Ok((versions, unusable))
    }

    /// Why there is nothing to use.
    fn nothing(&self, state: &CacheState, now: Timestamp) -> CredentialError {
        let name = self.name.clone();
        let refused = state.refused.values().min();
        match refused {
            Some(first) => CredentialError::Refused {
                name,
                until: first.plus(REFUSED_PAUSE).max(now),
            },
            None => CredentialError::Unusable {
                name,
                why: state
                    .unusable
                    .clone()
                    .unwrap_or_else(|| "it has no version in use".to_owned()),
            },
        }
    }
}

impl CacheState {
    /// The stages worth reading: the others only while the current version is not the one in use.
    fn wanted(&self) -> &'static [Stage] {
        let current = self
            .versions
            .iter()
            .find(|cached| cached.stage == Stage::Current);
        let is_settled = match (current, &self.in_use) {
            (Some(current), Some(in_use)) => {
                current.version == *in_use && !self.refused.contains_key(in_use)
            }
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if is_settled { &ORDER[..1] } else { &ORDER }
    }

    /// The first version that was never refused, else the first whose refusal is long enough ago.
    fn choose<K: FromSecret>(&mut self, now: Timestamp) -> Option<Versioned<K>> {
        let rested = |version: &String| match self.refused.get(version) {
            None => Some(false),
            Some(at) if !now.is_within(REFUSED_PAUSE, *at) => Some(true),
            Some(_) => None,
        };
        let mut candidates: Vec<(bool, Versioned<K>)> = Vec::new();
        for cached in &self.versions {
            let Some(was_refused) = rested(&cached.version) else {
                continue;
            };
            match K::from_secret(&cached.fields) {
                Ok(key) => {
                    let version = cached.version.clone();
                    candidates.push((was_refused, Versioned { version, key }));
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

impl FromSecret for SecretFields {
    fn from_secret(fields: &SecretFields) -> Result<Self, MissingMember> {
        Ok(fields.clone())
    }
}

impl<V, C, K> CredentialSource<K> for CredentialCache<V, C>
where
    V: Vault,
    C: Clock,
    K: FromSecret + Send + 'static,
{
    fn current(&self) -> BoxFuture<'_, Result<Versioned<K>, CredentialError>> {
        Box::pin(self.current_version())
    }

    fn refused<'a>(&'a self, version: &'a str) -> BoxFuture<'a, Option<Versioned<K>>> {
        Box::pin(self.other_version(version))
    }
}

impl<V, C> fmt::Debug for CredentialCache<V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
