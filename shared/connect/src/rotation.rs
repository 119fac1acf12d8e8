//! Both vendors, as far as their credentials go: what a rotation asks.

use std::sync::Arc;

use halogard_app::ports::{Clock, PortError, RequestBudget};
use halogard_app::rotate::{
    AccessKeys, Applications, KeyInfo, KeyPair, NewKey, WebhookChange, Webhooks,
};
use halogard_halopsa::Exchange;
use halogard_http::{HttpClient, HttpClientSettings, Transport};
use halogard_liongard as liongard;
use halogard_runtime::settings::{HaloSettings, LiongardSettings};
use secrecy::SecretString;

use crate::{ConnectError, halo_settings, liongard_settings};

/// Both vendors, as far as their credentials go.
pub struct Issuers<T, B, C> {
    halo: Exchange<T, B, C>,
    liongard: Arc<liongard::Client<T>>,
}

impl<T, B, C> Issuers<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    /// Both vendors.
    #[must_use]
    pub fn new(halo: Exchange<T, B, C>, liongard: liongard::Client<T>) -> Self {
        Self {
            halo,
            liongard: Arc::new(liongard),
        }
    }
}

/// Both vendors over the network, from the settings in force.
///
/// # Errors
///
/// [`ConnectError`] names the setting that is wrong, and the remedy.
pub fn issuers<B, C>(
    halo: &HaloSettings,
    liongard: &LiongardSettings,
    budget: B,
    clock: &C,
) -> Result<Issuers<HttpClient, B, C>, ConnectError>
where
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    let transport = HttpClient::with_web_roots(&HttpClientSettings::default())?;
    let mut forgiven = Vec::new();
    let halo = halo_settings(halo, &mut forgiven)?;
    let liongard = liongard_settings(liongard, &mut forgiven)?;
    Ok(Issuers::new(
        Exchange::new(halo, transport.clone(), budget, clock.clone()),
        liongard::Client::new(liongard, transport),
    ))
}

impl<T, B, C> Applications for Issuers<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    async fn prove(&self, client_id: &str, client_secret: &SecretString) -> Result<(), PortError> {
        self.halo.prove(client_id, client_secret).await
    }
}

impl<T, B, C> Webhooks for Issuers<T, B, C>
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
        self.halo.change(tokens, change).await
    }
}

impl<T, B, C> AccessKeys for Issuers<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    async fn list(&self, with: &KeyPair) -> Result<Vec<KeyInfo>, PortError> {
        self.liongard.list(with).await
    }

    async fn mint(&self, with: &KeyPair, life_days: Option<u16>) -> Result<NewKey, PortError> {
        self.liongard.mint(with, life_days).await
    }

    async fn prove(&self, key: &KeyPair) -> Result<(), PortError> {
        self.liongard.prove(key).await
    }

    async fn delete(&self, with: &KeyPair, id: &str) -> Result<(), PortError> {
        self.liongard.delete(with, id).await
    }
}
