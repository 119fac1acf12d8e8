//! The vendors' administration of credentials and webhooks.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_halopsa::{HaloCredentialAdmin, HaloWebhookSetup};
use halogard_http::HttpClient;
use halogard_liongard as liongard;

use crate::outbound::http_client;
use crate::{VendorSettings, VendorsError, halo_settings, liongard_settings};

/// HaloPSA's administration of credentials over the network.
pub type HaloAdmin<B, C> = HaloCredentialAdmin<HttpClient, B, C>;

/// HaloPSA's webhooks over the network.
pub type HaloWebhooks<B, C> = HaloWebhookSetup<HttpClient, B, C>;

/// Liongard's administration of access keys over the network.
pub type LiongardAdmin = liongard::Client<HttpClient>;

/// Both vendors' administration of credentials, from the current settings.
///
/// # Errors
///
/// [`VendorsError`] names the setting that is wrong, and the remedy.
pub fn credential_admins<B, C>(
    settings: &VendorSettings,
    budget: B,
    clock: &C,
) -> Result<(HaloAdmin<B, C>, LiongardAdmin), VendorsError>
where
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    let transport = http_client(&settings.outbound)?;
    let mut normalizations = Vec::new();
    let halo = halo_settings(&settings.halo, &mut normalizations)?;
    let liongard = liongard_settings(&settings.liongard, &mut normalizations)?;
    Ok((
        HaloCredentialAdmin::new(halo, transport.clone(), budget, clock.clone()),
        liongard::Client::new(liongard, transport),
    ))
}

/// HaloPSA's webhooks, from the current settings.
///
/// # Errors
///
/// [`VendorsError`] names the setting that is wrong, and the remedy.
pub fn halo_webhooks<B, C>(
    settings: &VendorSettings,
    budget: B,
    clock: &C,
) -> Result<HaloWebhooks<B, C>, VendorsError>
where
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    let transport = http_client(&settings.outbound)?;
    let halo = halo_settings(&settings.halo, &mut Vec::new())?;
    Ok(HaloWebhookSetup::new(
        halo,
        transport,
        budget,
        clock.clone(),
    ))
}
