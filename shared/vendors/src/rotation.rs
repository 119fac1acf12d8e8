//! The vendors' administration of credentials, for rotations.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_halopsa::HaloCredentialAdmin;
use halogard_http::{HttpClient, HttpClientSettings};
use halogard_liongard as liongard;
use halogard_runtime::settings::{HaloSettings, LiongardSettings};

use crate::{VendorsError, halo_settings, liongard_settings};

/// HaloPSA's administration of credentials over the network.
pub type HaloAdmin<B, C> = HaloCredentialAdmin<HttpClient, B, C>;

/// Liongard's administration of access keys over the network.
pub type LiongardAdmin = liongard::Client<HttpClient>;

/// Both vendors' administration of credentials, from the current settings.
///
/// # Errors
///
/// [`VendorsError`] names the setting that is wrong, and the remedy.
pub fn credential_admins<B, C>(
    halo: &HaloSettings,
    liongard: &LiongardSettings,
    budget: B,
    clock: &C,
) -> Result<(HaloAdmin<B, C>, LiongardAdmin), VendorsError>
where
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    let transport = HttpClient::with_web_roots(&HttpClientSettings::default())?;
    let mut normalizations = Vec::new();
    let halo = halo_settings(halo, &mut normalizations)?;
    let liongard = liongard_settings(liongard, &mut normalizations)?;
    Ok((
        HaloCredentialAdmin::new(halo, transport.clone(), budget, clock.clone()),
        liongard::Client::new(liongard, transport),
    ))
}
