//! HaloPSA over HTTP: one method per endpoint used, named as the vendor names it.
//!
//! Every request goes through one private function, `send`, which takes a permit from the request
//! budget first: tokens, later pages and repeats included. Nothing is retried, but for one repeat
//! with a fresh token after a 401. Many processes may share one token, see `shared_token`.

mod customers;
mod observing;
mod pages;
mod query;
mod reference;
mod request;
mod sealing;
mod settings;
mod shared_token;
mod tickets;
mod token;
mod webhooks;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use halogard_app::ports::{BudgetError, Clock, PermitOutcome, RequestBudget};
use halogard_credentials::{CredentialSource, SharedTokens, StaticCredential};
use halogard_domain::Timestamp;
use halogard_domain::budget::RateRefusal;
use halogard_domain::time::BothClocks;
use halogard_http::Transport;
use halogard_wire::{body, date_in, replace_broken_characters, retry_after};
use http::header::{AUTHORIZATION, DATE};
use http::{HeaderValue, Response, StatusCode};
use serde::de::DeserializeSeed;
use tokio::sync::{Mutex, Semaphore};
use url::Url;

pub(crate) use observing::JsonAnswer;
pub use pages::{Listing, Page};
pub use query::{ClientQuery, TicketDetail, TicketQuery, TicketState, TicketTypeChoice};
pub use settings::{Credentials, HaloClientSettings};

use crate::error::Error;
use crate::route::{self, HaloRoute};
use crate::stated_limit::stated_limit;
use crate::vendor_message::VendorMessage;
use request::HaloRequest;
use shared_token::SharedTokenCache;
use token::{BearerToken, LoginState};

/// The header in which some tenants say how many requests are left.
const REMAINING: &str = "x-ratelimit-remaining";

/// How long no request is sent when none is left and HaloPSA names no pause.
const USED_UP_PAUSE: Duration = Duration::from_secs(5);

/// No wait is longer than this; one that would be was written under another clock.
const USED_UP_MAX: Duration = Duration::from_secs(300);

/// HaloPSA has not said yet what its clock shows.
const NO_OFFSET: i64 = i64::MIN;

/// A clock that is further off is an odd value of one ticket, not HaloPSA's clock.
const OFFSET_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Requests that only begin work and are under way at the same time. Where a limit is not known yet, those under way
/// are refused with the first one that exceeds it.
const BEGINNING_MAX: usize = 16;

/// A HaloPSA tenant. One per process, shared by reference: it holds the token.
///
/// Each method spends one request of the budget per page, and one more when a token is due (about once
/// an hour among all that share it). Reads may be repeated; writes may not, unless the method says so:
/// check [`Error::class`] first.
pub struct Client<T, B, C> {
    /// The network; only `send` uses it.
    transport: T,
    /// Places of requests that only begin work.
    beginning: Semaphore,
    /// What allows each request.
    budget: B,
    /// Says when a token runs out and how far away a `Retry-After` date is.
    clock: C,
    /// Ends in `/api`.
    resource_url: Url,
    /// Ends in `/auth`.
    auth_url: Url,
    /// Sent with token requests.
    tenant: Option<String>,
    /// Whether the tenant is named in the form of a token request: it was complained about in the address.
    tenant_in_form: AtomicBool,
    /// Sent with token requests.
    scopes: String,
    /// Who we are.
    login: Mutex<LoginState>,
    /// The token in use, until it was refused or replaced.
    current: RwLock<Option<BearerToken>>,
    /// Whether lists leave closed tickets out unless they are asked for.
    hides_closed: AtomicBool,
    /// Whether it was logged that HaloPSA's times are not UTC.
    has_named_zone: AtomicBool,
    /// Where the token is shared, if it is.
    token_cache: Option<SharedTokenCache>,
    /// The applications we are or were, in small letters.
    applications: RwLock<BTreeSet<String>>,
    /// How far HaloPSA's clock is ahead of ours, in milliseconds, by its last answer; [`NO_OFFSET`] before
    /// one has said so.
    clock_offset_ms: AtomicI64,
    /// Until when HaloPSA has no request left, in milliseconds.
    used_up_until_ms: AtomicI64,
    /// Whether HaloPSA's answers have a date.
    says_its_time: AtomicBool,
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// A client that has not yet asked for a token.
    #[must_use]
    pub fn new(settings: HaloClientSettings, transport: T, budget: B, clock: C) -> Self {
        let HaloClientSettings {
            resource_url,
            auth_url,
            tenant,
            credentials,
            scopes,
        } = settings;
        Self {
            transport,
            beginning: Semaphore::new(BEGINNING_MAX),
            budget,
            clock,
            resource_url,
            auth_url,
            tenant,
            tenant_in_form: AtomicBool::new(false),
            scopes,
            login: Mutex::new(LoginState::new(Arc::new(StaticCredential::new(
                credentials,
            )))),
            current: RwLock::default(),
            hides_closed: AtomicBool::new(false),
            has_named_zone: AtomicBool::new(false),
            token_cache: None,
            applications: RwLock::default(),
            clock_offset_ms: AtomicI64::new(NO_OFFSET),
            used_up_until_ms: AtomicI64::new(0),
            says_its_time: AtomicBool::new(false),
        }
    }

    /// Both clocks now: ours, and HaloPSA's by what its last answer said.
    #[must_use]
    pub fn both_clocks(&self) -> BothClocks {
        let ours = self.clock.now();
        let theirs = match self.clock_offset_ms.load(Ordering::Relaxed) {
            NO_OFFSET => None,
            ahead => Some(Timestamp::from_millis(
                ours.as_millis().saturating_add(ahead),
            )),
        };
        BothClocks { ours, theirs }
    }

    /// Learns HaloPSA's clock from an answer to a request that was sent at `sent_at`. The answer's date was
    /// written between then and now; the smallest difference that fits is taken.
    fn learn_clock(&self, response: &Response<Bytes>, sent_at: Timestamp) {
        if let Some(date) = date_in(response.headers(), &DATE) {
            self.says_its_time.store(true, Ordering::Relaxed);
            self.learn_offset(date, sent_at);
        }
    }

    /// Learns HaloPSA's clock from the time that it gave a ticket opened by a request that was sent at
    /// `sent_at`, where its answers have no date.
    fn learn_clock_from_opening(&self, opened_at: Timestamp, sent_at: Timestamp) {
        let apart = opened_at.since(sent_at).max(sent_at.since(opened_at));
        if apart < OFFSET_MAX && !self.says_its_time.load(Ordering::Relaxed) {
            self.learn_offset(opened_at, sent_at);
        }
    }

    /// HaloPSA's clock showed `date` at a moment between `sent_at` and now.
    fn learn_offset(&self, date: Timestamp, sent_at: Timestamp) {
        let (date, sent, now) = (
            date.as_millis(),
            sent_at.as_millis(),
            self.clock.now().as_millis(),
        );
        let ahead = if date > now {
            date.saturating_sub(now)
        } else {
            // A date has no parts of seconds.
            date.saturating_add(1_000).saturating_sub(sent).min(0)
        };
        self.clock_offset_ms.store(ahead, Ordering::Relaxed);
    }

    /// Takes the credentials from `source` from now on: where they rotate, they are not those of
    /// the settings permanently.
    #[must_use]
    pub fn with_source(mut self, source: Arc<dyn CredentialSource<Credentials>>) -> Self {
        self.login = Mutex::new(LoginState::new(source));
        self
    }

    /// Uses the token that others share in `tokens`, and shares what it gets there, sealed: only
    /// who has the same credentials can open it.
    #[must_use]
    pub fn with_shared_tokens(mut self, tokens: Arc<dyn SharedTokens>) -> Self {
        self.token_cache = Some(SharedTokenCache::new(tokens));
        self
    }

    /// Whether `client_id` is an application this client has signed in as, or the other one of a
    /// rotating pair.
    #[must_use]
    pub fn is_our_application(&self, client_id: &str) -> bool {
        let known = self.applications.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.contains(&client_id.to_ascii_lowercase())
    }

    /// Notes which applications are ours.
    fn remember_application(&self, credentials: &Credentials) {
        let ids = [
            Some(&credentials.client_id),
            credentials.idle_client_id.as_ref(),
        ];
        let known = self.applications.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.extend(ids.into_iter().flatten().map(|id| id.to_ascii_lowercase()));
    }

    /// Requests a new token now and shares it. Verifies the credentials and the scopes.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] says which of them is wrong.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.request_new_token().await
    }

    /// Sends a call with a token and brings the body of a success.
    async fn fetch(&self, call: &HaloRequest) -> Result<Bytes, Error> {
        let token = self.token().await?;
        match self.fetch_with(call, Some(&token.bearer)).await {
            Err(refused) if refused.status() == Some(StatusCode::UNAUTHORIZED) => {
                // HaloPSA refused it unprocessed, so even a write may be sent again. Once.
                match self.token_after(&token).await? {
                    Some(fresh) => self.fetch_with(call, Some(&fresh.bearer)).await,
                    None => Err(refused),
                }
            }
            other => other,
        }
    }

    /// Sends a call unchanged and returns the body of a success.
    async fn fetch_with(
        &self,
        call: &HaloRequest,
        bearer: Option<&HeaderValue>,
    ) -> Result<Bytes, Error> {
        let mut request = call.to_request(&self.resource_url)?;
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let response = self.send(&call.route, request, call.send_before).await?;
        self.body_of_success(&call.route, response)
    }

    /// Sends a call with a token and reads the answer with `seed`.
    async fn read<S, V>(&self, call: &HaloRequest, seed: S) -> Result<V, Error>
    where
        S: for<'de> DeserializeSeed<'de, Value = V>,
    {
        let body = self.fetch(call).await?;
        decode(&call.route, seed, &body)
    }

    /// The only way out: takes a permit, sends unless it is too late for that, settles the permit whatever
    /// came of it.
    async fn send(
        &self,
        route: &HaloRoute,
        request: http::Request<Bytes>,
        send_before: Option<Timestamp>,
    ) -> Result<Response<Bytes>, Error> {
        let _place = if route.begins_work {
            // It is never closed.
            self.beginning.acquire().await.ok()
        } else {
            None
        };
        let used_up_until = Timestamp::from_millis(self.used_up_until_ms.load(Ordering::Relaxed));
        let now = self.clock.now();
        if used_up_until > now && used_up_until <= now.plus(USED_UP_MAX) {
            return Err(BudgetError::Exhausted {
                until: used_up_until,
            }
            .into());
        }
        let permit = if route.begins_work {
            self.budget.take_to_begin().await?
        } else {
            self.budget.take().await?
        };
        let sent_at = self.clock.now();
        if send_before.is_some_and(|latest| sent_at >= latest) {
            if let Err(error) = self.budget.settle(permit, PermitOutcome::Completed).await {
                permit_left_to_expire(&error);
            }
            return Err(Error::TooLate {
                method: route.method.clone(),
                route: route.template,
            });
        }
        let outcome = self.transport.send(request).await;
        if let Ok(response) = &outcome {
            self.learn_clock(response, sent_at);
            self.learn_remaining(response);
        }
        let seen = self.seen(outcome.as_ref().ok());
        if let Err(error) = self.budget.settle(permit, seen).await {
            permit_left_to_expire(&error);
        }
        tracing::debug!(
            operation = %format_args!("{} {}", route.method, route.template),
            status = outcome.as_ref().map_or(0, |response| response.status().as_u16()),
            duration_ms = self.clock.now().since(sent_at).as_millis(),
            "HaloPSA request"
        );
        outcome.map_err(|source| Error::Transport {
            method: route.method.clone(),
            route: route.template,
            source,
        })
    }

    /// Waits before the next request where an answer says that none is left in HaloPSA's window. The budget knows
    /// our requests only, and others may count.
    fn learn_remaining(&self, response: &Response<Bytes>) {
        let header = response.headers().get(REMAINING);
        let remaining = header.and_then(|value| value.to_str().ok());
        if remaining.and_then(|text| text.trim().parse::<u32>().ok()) != Some(0) {
            return;
        }
        let now = self.clock.now();
        let pause = retry_after(response.headers(), Some(now)).unwrap_or(USED_UP_PAUSE);
        let until = now.plus(pause).as_millis();
        self.used_up_until_ms.store(until, Ordering::Relaxed);
        tracing::info!(
            pause_seconds = pause.as_secs(),
            "HaloPSA says that no request is left in its window"
        );
    }

    /// The outcome of a request, as reported to the budget.
    fn seen(&self, response: Option<&Response<Bytes>>) -> PermitOutcome {
        match response {
            Some(refused) if refused.status() == StatusCode::TOO_MANY_REQUESTS => {
                PermitOutcome::RateLimited(RateRefusal {
                    retry_after: retry_after(refused.headers(), Some(self.clock.now())),
                    stated: stated_limit(&String::from_utf8_lossy(refused.body())),
                })
            }
            _ => PermitOutcome::Completed,
        }
    }

    /// The body of a success, or what the answer is instead.
    fn body_of_success(
        &self,
        route: &HaloRoute,
        response: Response<Bytes>,
    ) -> Result<Bytes, Error> {
        let status = response.status();
        if status.is_success() {
            let body = response.into_body();
            return Ok(replace_broken_characters(&body).map_or(body, Bytes::from));
        }
        let method = route.method.clone();
        if status.is_redirection() {
            return Err(Error::Redirected {
                method,
                route: route.template,
            });
        }
        Err(Error::Status {
            method,
            route: route.template,
            status,
            message: VendorMessage::read(response.body()),
            own_form: crate::vendor_message::is_own_form(response.body()),
            retry_after: retry_after(response.headers(), Some(self.clock.now())),
        })
    }
}

/// Reads `body` as what `route` promises.
fn decode<S, V>(route: &HaloRoute, seed: S, body: &[u8]) -> Result<V, Error>
where
    S: for<'de> DeserializeSeed<'de, Value = V>,
{
    body::read_with(seed, body).map_err(|invalid| Error::Body {
        method: route.method.clone(),
        route: route.template,
        path: invalid.path,
        problem: invalid.problem,
    })
}

/// Logs and ignores the failure to settle a permit: the slot stays taken until the budget frees it.
/// Failing the request instead could repeat a write.
fn permit_left_to_expire(error: &BudgetError) {
    tracing::debug!(%error, "a permit of the request budget was left to expire");
}
