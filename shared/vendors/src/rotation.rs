//! The vendors' administration of credentials, for rotations.

use std::sync::Arc;

use halogard_app::ports::{Clock, PortError, RequestBudget};
use halogard_credentials::rotation::{
    AccessKeyAdmin, ApplicationAdmin, KeyInfo, KeyPair, NewKey, WebhookAdmin, WebhookChange,
};
use halogard_halopsa::HaloCredentialAdmin;
use halogard_http::{HttpClient, HttpClientSettings, Transport};
use halogard_liongard as liongard;
use halogard_runtime::settings::{HaloSettings, LiongardSettings};
use secrecy::SecretString;

use crate::{VendorsError, halo_settings, liongard_settings};

/// The administration of credentials at both vendors.
pub struct VendorAdmin<T, B, C> {
    halo: HaloCredentialAdmin<T, B, C>,
    liongard: Arc<liongard::Client<T>>,
}

impl<T, B, C> VendorAdmin<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    /// Combines both vendors.
    #[must_use]
    pub fn new(halo: HaloCredentialAdmin<T, B, C>, liongard: liongard::Client<T>) -> Self {
        Self {
            halo,
            liongard: Arc::new(liongard),
        }
    }
}

/// Both vendors over the network, from the current settings.
///
/// # Errors
///
/// [`VendorsError`] names the setting that is wrong, and the remedy.
pub fn vendor_admin<B, C>(
    halo: &HaloSettings,
    liongard: &LiongardSettings,
    budget: B,
    clock: &C,
) -> Result<VendorAdmin<HttpClient, B, C>, VendorsError>
where
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    let transport = HttpClient::with_web_roots(&HttpClientSettings::default())?;
    let mut normalizations = Vec::new();
    let halo = halo_settings(halo, &mut normalizations)?;
    let liongard = liongard_settings(liongard, &mut normalizations)?;
    Ok(VendorAdmin::new(
        HaloCredentialAdmin::new(halo, transport.clone(), budget, clock.clone()),
        liongard::Client::new(liongard, transport),
    ))
}

impl<T, B, C> ApplicationAdmin for VendorAdmin<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    async fn verify(&self, client_id: &str, client_secret: &SecretString) -> Result<(), PortError> {
        self.halo.verify(client_id, client_secret).await
    }
}

impl<T, B, C> WebhookAdmin for VendorAdmin<T, B, C>
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

impl<T, B, C> AccessKeyAdmin for VendorAdmin<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    async fn list(&self, with: &KeyPair) -> Result<Vec<KeyInfo>, PortError> {
        self.liongard.list(with).await
    }

    async fn create(&self, with: &KeyPair, life_days: Option<u16>) -> Result<NewKey, PortError> {
        self.liongard.create(with, life_days).await
    }

    async fn verify(&self, key: &KeyPair) -> Result<(), PortError> {
        self.liongard.verify(key).await
    }

    async fn delete(&self, with: &KeyPair, id: &str) -> Result<(), PortError> {
        self.liongard.delete(with, id).await
    }
}
