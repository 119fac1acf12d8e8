//! HaloPSA behind the ports of credential rotation.

use std::fmt;

use halogard_app::ports::{Clock, ErrorCode, PortError, Refusal, RequestBudget};
use halogard_credentials::rotation::{ApplicationAdmin, WebhookAdmin, WebhookChange};
use halogard_credentials::webhook_auth::WebhookAuthKind;
use halogard_domain::FailureClass;
use halogard_http::Transport;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::client::{Client, Credentials, HaloClientSettings};
use crate::wire::WebhookDetail;

/// What changing a webhook takes, as far as is known: webhooks are an administrator's. No document names a scope, so
/// an application without it tries the daily ones.
pub(crate) const WEBHOOK_SCOPE: &str = "admin";

/// Basic, as a webhook's `authentication_type`.
pub(crate) const BASIC: u8 = 1;

/// HMAC, as a webhook's `authentication_type`.
pub(crate) const HMAC: u8 = 3;

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
        match client.agent_me().await {
            // A token was issued, and HaloPSA knows whose it is: rights to look oneself up are another matter.
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => Ok(()),
            known => Ok(known.map(|_agent| ())?),
        }
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
        if matches!(
            change.kind,
            WebhookAuthKind::Bearer | WebhookAuthKind::ApiKey
        ) {
            return Err(undocumented());
        }
        // A token of its own: the scopes of the daily work may not reach webhooks.
        let client = self.client(HaloClientSettings {
            scopes: WEBHOOK_SCOPE.to_owned(),
            ..self.settings.clone()
        });
        let refused = match change_webhook(&client, tokens, change).await {
            Err(error) if error.code == ErrorCode::HalopsaScope => error,
            changed => return changed,
        };
        let client = self.client(self.settings.clone());
        match change_webhook(&client, tokens, change).await {
            Err(error) if error.refusal == Some(Refusal::Forbidden) => Err(refused),
            changed => changed,
        }
    }
}

/// Changes our webhook as `client` may, and reads it back.
async fn change_webhook<T: Transport, B: RequestBudget, C: Clock>(
    client: &Client<T, B, C>,
    tokens: &[SecretString],
    change: &WebhookChange,
) -> Result<(), PortError> {
    let ours = our_webhook(client, tokens).await?;
    let id = ours.id().map(str::to_owned).ok_or_else(not_there)?;
    let members = members(change, &ours).ok_or_else(not_there)?;
    let write = ours.with(&members);
    let posted = client.post_webhook(&write).await;
    posted.map_err(crate::failure::repeatable)?;
    let shown = client.webhook(&id).await?;
    match write.differences(&shown).as_slice() {
        [] => Ok(()),
        others => Err(changed_otherwise(
            others,
            "; the old and the new value are both accepted until the rotation is finished",
        )),
    }
}

/// The most webhooks that are read one by one because their list does not show their addresses.
pub(crate) const DETAILS_MAX: usize = 20;

/// Our webhook as a whole: the one whose address ends in one of `tokens`. Where the list does not show
/// addresses, each webhook is read, those named like ours first.
async fn our_webhook<T: Transport, B: RequestBudget, C: Clock>(
    client: &Client<T, B, C>,
    tokens: &[SecretString],
) -> Result<WebhookDetail, PortError> {
    let rows = client.webhooks().await?;
    if let Some(ours) = rows.iter().find(|row| is_ours(row.url.as_deref(), tokens)) {
        return Ok(client.webhook(path_segment(&ours.id)?).await?);
    }
    let mut hidden: Vec<_> = rows.iter().filter(|row| row.url.is_none()).collect();
    hidden.sort_by_key(|row| !is_named_like_ours(row.name.as_deref()));
    for row in hidden.into_iter().take(DETAILS_MAX) {
        let whole = client.webhook(path_segment(&row.id)?).await?;
        if is_ours(whole.url(), tokens) {
            return Ok(whole);
        }
    }
    Err(not_there())
}

/// Whether a webhook's name suggests that it is ours.
fn is_named_like_ours(name: Option<&str>) -> bool {
    let name = name.unwrap_or_default().to_lowercase();
    ["halogard", "liongard"]
        .iter()
        .any(|word| name.contains(word))
}

/// `id`, if it is a GUID or a number, and so fits into a path.
pub(crate) fn path_segment(id: &str) -> Result<&str, PortError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_plain = !id.is_empty() && id.chars().all(fits);
    is_plain.then_some(id).ok_or_else(not_there)
}

/// Whether the address `url` ends in one of our tokens.
fn is_ours(url: Option<&str>, tokens: &[SecretString]) -> bool {
    let end = url.and_then(|url| url.trim_end_matches('/').rsplit_once('/'));
    end.is_some_and(|(_, end)| tokens.iter().any(|token| token.expose_secret() == end))
}

/// The members of `webhook` that carry `change`; `None` where they are not known.
fn members(change: &WebhookChange, webhook: &WebhookDetail) -> Option<Vec<(&'static str, Value)>> {
    let value = change.value.expose_secret();
    Some(match change.kind {
        WebhookAuthKind::Hmac => vec![
            ("authentication_type", HMAC.into()),
            ("basic_password", value.into()),
        ],
        WebhookAuthKind::Basic => vec![
            ("authentication_type", BASIC.into()),
            ("basic_username", change.username.as_deref()?.into()),
            ("basic_password", value.into()),
        ],
        WebhookAuthKind::PathToken => {
            let url = webhook.url()?;
            let slash = if url.ends_with('/') { "/" } else { "" };
            let (before, _) = url.trim_end_matches('/').rsplit_once('/')?;
            let url = ("url", format!("{before}/{value}{slash}").into());
            let kept = change.kept.as_ref();
            let kept = kept.map(|kept| ("basic_password", kept.expose_secret().into()));
            std::iter::once(url).chain(kept).collect()
        }
        WebhookAuthKind::Bearer | WebhookAuthKind::ApiKey => return None,
    })
}

/// HaloPSA accepted a change and shows other members changed as well. `meanwhile` ends the sentence.
pub(crate) fn changed_otherwise(members: &[&str], meanwhile: &str) -> PortError {
    PortError::new(FailureClass::Permanent, ErrorCode::HalopsaUnexpected).with_message(format!(
        "after the change HaloPSA shows these members of our webhook otherwise than written: {}; open the \
         webhook in HaloPSA and correct them{meanwhile}",
        members.join(", ")
    ))
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
