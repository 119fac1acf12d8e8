//! HaloPSA behind the ports of credential rotation.

use std::fmt;

use halogard_app::ports::{Clock, ErrorCode, PortError, Refusal, RequestBudget};
use halogard_credentials::rotation::{ApplicationAdmin, WebhookAdmin, WebhookChange};
use halogard_credentials::webhook_auth::WebhookAuthKind;
use halogard_domain::FailureClass;
use halogard_http::Transport;
use secrecy::{ExposeSecret, SecretString};

use crate::client::{Client, Credentials, HaloClientSettings};
use crate::wire::{WebhookRow, WebhookWrite};

/// What changing a webhook takes. Source: none is documented; webhooks are an administrator's.
const WEBHOOK_SCOPE: &str = "admin";

/// Basic, as a webhook's `authentication_type`.
const BASIC: u8 = 1;

/// HMAC, as a webhook's `authentication_type`.
const HMAC: u8 = 3;

/// Administers a tenant's credentials. Every check signs in again with an unshared token, so that it
/// verifies the credential and not a token that is still valid.
pub struct HaloCredentialAdmin<T, B, C> {
    settings: HaloClientSettings,
    transport: T,
    budget: B,
    clock: C,
}

impl<T, B, C> HaloCredentialAdmin<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    /// The tenant of `settings`, whose credentials are those in use.
    #[must_use]
    pub const fn new(settings: HaloClientSettings, transport: T, budget: B, clock: C) -> Self {
        Self {
            settings,
            transport,
            budget,
            clock,
        }
    }

    /// A client that has asked for nothing yet, and shares nothing. In a box, or the future of
    /// every step would hold it.
    fn client(&self, settings: HaloClientSettings) -> Box<Client<T, B, C>> {
        let (transport, budget) = (self.transport.clone(), self.budget.clone());
        let client = Client::new(settings, transport, budget, self.clock.clone());
        Box::new(client)
    }
}

impl<T, B, C> ApplicationAdmin for HaloCredentialAdmin<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    async fn verify(&self, client_id: &str, client_secret: &SecretString) -> Result<(), PortError> {
        let client = self.client(HaloClientSettings {
            credentials: Credentials {
                client_id: client_id.to_owned(),
                client_secret: client_secret.clone(),
                idle_client_id: None,
            },
            ..self.settings.clone()
        });
        client.sign_in().await?;
        client.agent_me().await?;
        Ok(())
    }
}

impl<T, B, C> WebhookAdmin for HaloCredentialAdmin<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    async fn change(
        &self,
        tokens: &[SecretString],
        change: &WebhookChange,
    ) -> Result<(), PortError> {
        let Some(fields) = fields(change) else {
            return Err(undocumented());
        };
        // A token of its own: the scopes of the daily work do not reach webhooks.
        let client = self.client(HaloClientSettings {
            scopes: WEBHOOK_SCOPE.to_owned(),
            ..self.settings.clone()
        });
        let rows = client.webhooks().await?;
        let ours = rows.into_iter().find(|row| is_ours(row, tokens));
        let ours = ours.ok_or_else(not_there)?;
        let write = write(&ours, fields).ok_or_else(not_there)?;
        client
            .post_webhook(&write)
            .await
            .map(|_row| ())
            .map_err(crate::failure::repeatable)
    }
}

/// Whether the webhook's address ends in one of our tokens.
fn is_ours(row: &WebhookRow, tokens: &[SecretString]) -> bool {
    let end = row.url.as_deref().and_then(last_segment);
    end.is_some_and(|end| tokens.iter().any(|token| token.expose_secret() == end))
}

/// What follows the last slash of an address.
fn last_segment(url: &str) -> Option<&str> {
    url.rsplit_once('/').map(|(_, end)| end)
}

/// What HaloPSA's API changes at a webhook.
enum WebhookFields {
    /// How deliveries authenticate.
    Authentication(Box<WebhookWrite>),
    /// The end of the address.
    Token(SecretString),
}

/// The members that carry `change`. `None` where HaloPSA does not document which number stands for the
/// kind.
fn fields(change: &WebhookChange) -> Option<WebhookFields> {
    let (number, username) = match change.kind {
        WebhookAuthKind::Hmac => (HMAC, None),
        WebhookAuthKind::Basic => (BASIC, Some(change.username.clone()?)),
        WebhookAuthKind::PathToken => return Some(WebhookFields::Token(change.value.clone())),
        WebhookAuthKind::Bearer | WebhookAuthKind::ApiKey => return None,
    };
    Some(WebhookFields::Authentication(Box::new(WebhookWrite {
        authentication_type: Some(number),
        basic_username: username,
        basic_password: Some(change.value.clone()),
        ..WebhookWrite::default()
    })))
}

/// The write to the webhook `row`. `None` where it has no address to put a token on.
fn write(row: &WebhookRow, fields: WebhookFields) -> Option<WebhookWrite> {
    let id = Some(row.id.clone());
    Some(match fields {
        WebhookFields::Authentication(write) => WebhookWrite { id, ..*write },
        WebhookFields::Token(token) => {
            let (before, _) = row.url.as_deref()?.rsplit_once('/')?;
            WebhookWrite {
                id,
                url: Some(format!("{before}/{}", token.expose_secret())),
                ..WebhookWrite::default()
            }
        }
    })
}

/// HaloPSA's API has no documented way to change this kind of value.
fn undocumented() -> PortError {
    let mut error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaNoWebhook)
        .with_message("HaloPSA documents no way to change this kind of value by API");
    error.refusal = Some(Refusal::Forbidden);
    error
}

/// HaloPSA has no webhook with our address.
fn not_there() -> PortError {
    let mut error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaNoWebhook)
        .with_message("HaloPSA lists no webhook whose address ends in our token");
    error.refusal = Some(Refusal::NotFound);
    error
}

impl<T, B, C> fmt::Debug for HaloCredentialAdmin<T, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HaloCredentialAdmin")
            .finish_non_exhaustive()
    }
}
