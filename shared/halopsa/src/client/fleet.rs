//! One token for everybody who uses the same credential: kept sealed in the store, renewed by
//! whoever has the turn. Why it is done so: `docs/adr/0013-one-token-for-the-fleet.md`.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use halogard_app::keyring::{REFUSED_PAUSE, SharedTokens};
use halogard_app::ports::{
    Clock, Leased, PortError, RequestBudget, Revision, SaveError, SealedToken,
};
use halogard_domain::Timestamp;
use halogard_http::Transport;
use http::HeaderValue;
use tracing::{debug, warn};

use super::seal::{Purpose, Seal, Shared};
use super::token::Token;
use super::{Client, Credentials};
use crate::error::{Error, TokenFailure};

/// How long one turn lasts at the most: a call to HaloPSA (30 s), and the store calls around it.
/// Whoever dies with the turn holds up those who have no token for as long as this.
const TURN: Duration = Duration::from_secs(45);

/// When to come back for a token that somebody else asks for: an answer takes half a second.
pub(super) const COME_BACK: Duration = Duration::from_secs(1);

/// How long nobody asks again after HaloPSA issued no token: a fleet that is down asks as often as
/// one process would.
const REST: Duration = Duration::from_secs(5);

/// How soon after a token was replaced because it was refused the next one is not: whatever HaloPSA
/// has against a token that new, another one does not help.
const REPLACED_PAUSE: Duration = Duration::from_secs(60);

/// How often a save is tried when somebody else saves as well.
const SAVES_MAX: usize = 2;

/// Where the token of a fleet is.
pub(super) struct Fleet {
    tokens: Arc<dyn SharedTokens>,
    /// Names this client among all.
    client: String,
    /// Turns this client has asked for.
    turns: AtomicU64,
}

/// Which token is wanted.
#[derive(Clone, Copy)]
pub(super) enum Want<'a> {
    /// A new one in any case: it proves the credential.
    New,
    /// One that is good, other than the one refused last.
    Good {
        /// What was refused last.
        refused: Option<&'a HeaderValue>,
    },
    /// One that is good for longer than this one, which is still good.
    Later(&'a Token),
    /// Another than this one, which was refused.
    Other(&'a Token),
}

/// What is shared under one name.
struct Found {
    shared: Option<Shared>,
    revision: Revision,
}

/// What a look at it came to.
enum Look {
    /// This token is to be used.
    Take(Token),
    /// The token was replaced a moment ago for the same reason; that is not done twice.
    LeaveIt,
    /// The credential was refused a moment ago.
    WrongCredential,
    /// A token must be asked for.
    Ask {
        /// Which write the new one replaces.
        revision: Revision,
        /// Whether what it replaces was refused.
        replaces_refused: bool,
    },
}

/// The record of one credential and purpose.
struct Record<'a> {
    fleet: &'a Fleet,
    seal: Seal,
}

impl Fleet {
    /// The fleet that shares its token in `tokens`.
    pub(super) fn new(tokens: Arc<dyn SharedTokens>) -> Self {
        Self {
            tokens,
            client: format!("{:016x}", RandomState::new().hash_one(())),
            turns: AtomicU64::new(0),
        }
    }

    /// A name for the holder of one turn: after a failure the same client has to wait like others.
    fn holder(&self) -> String {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        format!("{}-{turn:x}", self.client)
    }
}

impl Record<'_> {
    async fn load(&self) -> Result<Found, PortError> {
        let stored = self.fleet.tokens.shared_token(self.seal.name()).await?;
        let shared = stored.value.and_then(|token| {
            let shared = self.seal.open(&token.sealed);
            if shared.is_none() {
                warn!(
                    outcome = "unsealed",
                    "the shared token cannot be opened; it counts as none"
                );
            }
            shared
        });
        Ok(Found {
            shared,
            revision: stored.revision,
        })
    }

    async fn save(&self, shared: &Shared, revision: Revision) -> Result<(), SaveError> {
        let Some(sealed) = self.seal.close(shared) else {
            debug!("the token cannot be sealed, so nobody else gets it");
            return Ok(());
        };
        let until = match shared {
            Shared::Token { token, .. } => token.use_until,
            Shared::Refused { at } => at.plus(REFUSED_PAUSE),
        };
        let token = SealedToken { sealed, until };
        let name = self.seal.name();
        let saved = self.fleet.tokens.share_token(name, &token, revision).await;
        saved.map(|_revision| ())
    }

    /// The right to ask for a token.
    fn turn(&self) -> String {
        format!("halopsa_token:{}", self.seal.name())
    }

    /// Takes the turn, or makes it end at `until`.
    async fn take_turn(&self, holder: &str, until: Timestamp) -> Result<Leased, PortError> {
        let turn = self.turn();
        self.fleet.tokens.take_turn(&turn, holder, until).await
    }

    /// Lets the next one ask.
    async fn end_turn(&self, holder: &str) {
        if let Err(error) = self.fleet.tokens.end_turn(&self.turn(), holder).await {
            turn_left_to_run_out(&error);
        }
    }
}

impl Found {
    /// What follows for whoever wants `want` at `now`.
    fn judge(&self, want: Want<'_>, now: Timestamp) -> Look {
        let ask = |replaces_refused| Look::Ask {
            revision: self.revision,
            replaces_refused,
        };
        let (token, replaced_at) = match (&self.shared, want) {
            (_, Want::New) | (None, _) => return ask(false),
            (Some(Shared::Refused { at }), _) if within(*at, REFUSED_PAUSE, now) => {
                return Look::WrongCredential;
            }
            (Some(Shared::Refused { .. }), _) => return ask(false),
            (Some(Shared::Token { token, replaced_at }), _) => (token, *replaced_at),
        };
        let is_good = now < token.use_until;
        match want {
            Want::Good { refused } if refused == Some(&token.bearer) => ask(is_good),
            Want::Other(refused) if refused.bearer == token.bearer => match replaced_at {
                Some(at) if within(at, REPLACED_PAUSE, now) => Look::LeaveIt,
                _ => ask(true),
            },
            Want::Later(at_hand) if at_hand.bearer == token.bearer => ask(false),
            Want::Later(_) if now >= token.renew_from => ask(false),
            _ if is_good => Look::Take(token.clone()),
            _ => ask(false),
        }
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// A token of `credentials` as it is wanted: the one that is shared, or a new one, which is
    /// shared from then on. `None` where nothing is to be done about the one at hand.
    pub(super) async fn token_of_fleet(
        &self,
        fleet: &Fleet,
        credentials: &Credentials,
        want: Want<'_>,
    ) -> Result<Option<Token>, Error> {
        let purpose = Purpose {
            auth_url: &self.auth_url,
            tenant: self.tenant.as_deref(),
            scopes: &self.scopes,
        };
        let Some(seal) = Seal::of(credentials, &purpose) else {
            return self.post_token(credentials).await.map(Some);
        };
        let record = Record { fleet, seal };
        if matches!(want, Want::New) {
            let token = self.post_token(credentials).await?;
            self.share_proof(&record, &token).await;
            return Ok(Some(token));
        }
        match record.load().await {
            Ok(found) => match found.judge(want, self.clock.now()) {
                Look::Ask { .. } => self.take_turn(&record, credentials, want).await,
                look => settled(look),
            },
            Err(error) => self.token_alone(credentials, want, &error).await,
        }
    }

    /// Asks for a token in turn, unless somebody has brought one meanwhile.
    async fn take_turn(
        &self,
        record: &Record<'_>,
        credentials: &Credentials,
        want: Want<'_>,
    ) -> Result<Option<Token>, Error> {
        let holder = record.fleet.holder();
        let now = self.clock.now();
        match record.take_turn(&holder, now.plus(TURN)).await {
            Ok(Leased::Ours) => {}
            Ok(Leased::Theirs { .. }) => {
                let until = now.plus(COME_BACK);
                return Err(Error::TokenUnderway { until });
            }
            Err(error) => return self.token_alone(credentials, want, &error).await,
        }
        // The one before us may have ended between our look and our turn.
        let outcome = match record.load().await {
            Ok(found) => match found.judge(want, self.clock.now()) {
                Look::Ask {
                    revision,
                    replaces_refused,
                } => {
                    self.ask_for_all(record, credentials, want, revision, replaces_refused)
                        .await
                }
                look => settled(look),
            },
            Err(error) => self.token_alone(credentials, want, &error).await,
        };
        match &outcome {
            Err(error) if concerns_everybody(error) => {
                let until = self.clock.now().plus(REST);
                if let Err(error) = record.take_turn(&holder, until).await {
                    turn_left_to_run_out(&error);
                }
            }
            _ => record.end_turn(&holder).await,
        }
        outcome
    }

    /// Asks for a token and shares what came of it.
    async fn ask_for_all(
        &self,
        record: &Record<'_>,
        credentials: &Credentials,
        want: Want<'_>,
        revision: Revision,
        replaces_refused: bool,
    ) -> Result<Option<Token>, Error> {
        let asked = self.post_token(credentials).await;
        let now = self.clock.now();
        match asked {
            Ok(token) => {
                debug!(replaces_refused, "a token was asked for, for everybody");
                let replaced_at = replaces_refused.then_some(now);
                let shared = self.share(record, want, token, replaced_at, revision);
                Ok(Some(shared.await))
            }
            Err(error) => {
                if error.is_wrong_credential()
                    && let Err(unsaved) = record.save(&Shared::Refused { at: now }, revision).await
                {
                    not_shared(&unsaved);
                }
                Err(error)
            }
        }
    }

    /// Shares `token`. Brings the one of somebody else who was faster: two cost no more than one.
    async fn share(
        &self,
        record: &Record<'_>,
        want: Want<'_>,
        token: Token,
        replaced_at: Option<Timestamp>,
        mut revision: Revision,
    ) -> Token {
        let shared = Shared::Token {
            token: token.clone(),
            replaced_at,
        };
        for _ in 0..SAVES_MAX {
            match record.save(&shared, revision).await {
                Ok(()) => return token,
                Err(SaveError::Conflict) => {}
                Err(unsaved) => {
                    not_shared(&unsaved);
                    return token;
                }
            }
            match record.load().await {
                Ok(found) => match found.judge(want, self.clock.now()) {
                    Look::Take(theirs) => return theirs,
                    _ => revision = found.revision,
                },
                Err(error) => {
                    not_shared(&error.into());
                    return token;
                }
            }
        }
        token
    }

    /// Shares a token that was asked for without a turn. If somebody else saves now, theirs stays.
    async fn share_proof(&self, record: &Record<'_>, token: &Token) {
        let shared = Shared::Token {
            token: token.clone(),
            replaced_at: None,
        };
        let saved = match record.load().await {
            Ok(found) => record.save(&shared, found.revision).await,
            Err(error) => Err(error.into()),
        };
        if let Err(unsaved) = saved {
            not_shared(&unsaved);
        }
    }

    /// What is done without the store: it must never be what keeps tickets from being written.
    async fn token_alone(
        &self,
        credentials: &Credentials,
        want: Want<'_>,
        error: &PortError,
    ) -> Result<Option<Token>, Error> {
        warn!(
            error_type = error.error_type,
            reason = error.chain(),
            "the store of the shared token does not answer; we go on with a token of our own"
        );
        match want {
            Want::Later(_) => Ok(None),
            _ => self.post_token(credentials).await.map(Some),
        }
    }
}

/// The answer of a look after which nothing is asked for.
fn settled(look: Look) -> Result<Option<Token>, Error> {
    match look {
        Look::Take(token) => Ok(Some(token)),
        Look::LeaveIt | Look::Ask { .. } => Ok(None),
        Look::WrongCredential => Err(Error::Token {
            kind: TokenFailure::InvalidClient,
            said: None,
        }),
    }
}

/// Whether HaloPSA was asked, and has issued no token for a reason that is not the credential's:
/// whoever asks next gets the same answer.
fn concerns_everybody(error: &Error) -> bool {
    match error {
        Error::Token { .. } => !error.is_wrong_credential(),
        Error::Status { .. }
        | Error::Redirected { .. }
        | Error::Transport { .. }
        | Error::Body { .. } => true,
        _ => false,
    }
}

/// Whether `at` is less than `pause` before `now`. A clock that was set back forgets.
pub(super) fn within(at: Timestamp, pause: Duration, now: Timestamp) -> bool {
    now >= at && now.since(at) < pause
}

/// Drops the failure to give a turn back: it runs out by itself.
fn turn_left_to_run_out(error: &PortError) {
    debug!(%error, "the turn to ask for a token was left to run out");
}

/// Drops the failure to share. What is lost: others ask for a token of their own.
fn not_shared(error: &SaveError) {
    match error {
        SaveError::Conflict => debug!("somebody else shared a token at the same time"),
        SaveError::Store(error) => warn!(
            error_type = error.error_type,
            reason = error.chain(),
            "a token could not be shared"
        ),
    }
}
