#![doc = include_str!("../README.md")]

mod calls;
mod outbound;
mod rotation;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;

use halogard_app::ports::{Clock, RequestBudget};
use halogard_credentials::{CredentialSource, SharedTokens};
use halogard_domain::vendor::Vendor;
use halogard_halopsa::{self as halopsa, Addresses, HaloServiceDesk};
use halogard_http::{BuildError, HttpClient};
use halogard_liongard::{
    self as liongard, AccessKey, Address, LiongardAlertSource, ParsedAccessKey,
};
use halogard_runtime::settings::{HaloSettings, LiongardSettings};

pub use calls::{CallDurations, CallObserver, MeasuredTransport};
pub use outbound::{http_client, trusted_roots};
pub use rotation::{HaloAdmin, HaloWebhooks, LiongardAdmin, credential_admins, halo_webhooks};
pub use settings::VendorSettings;

/// HaloPSA, over the network and under the budget.
pub type HttpServiceDesk<B, C> = HaloServiceDesk<MeasuredTransport<HttpClient, C>, B, C>;

/// Liongard, over the network.
pub type HttpAlertSource<C> = LiongardAlertSource<MeasuredTransport<HttpClient, C>, C>;

/// The clients of both vendors.
pub struct Vendors<B, C> {
    /// HaloPSA.
    pub desk: HttpServiceDesk<B, C>,
    /// Liongard.
    pub source: HttpAlertSource<C>,
    /// What was corrected in the settings, one warning each.
    pub normalizations: Vec<String>,
    /// The addresses that are asked, for messages.
    pub addresses: String,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum VendorsError {
    /// The TLS set-up or the proxy was refused.
    #[error("{0}; check HTTPS_PROXY, if it is set")]
    Transport(#[from] BuildError),
    /// The file with certificates to trust cannot be used.
    #[error(
        "HALOGARD_CA_FILE names {}, which {wrong}; name a PEM file with the certificate of the authority that signed \
         HaloPSA's",
        file.display()
    )]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        wrong: String,
    },
    /// HaloPSA's address is not valid.
    #[error(transparent)]
    HaloPsa(#[from] halopsa::HaloAddressError),
    /// Liongard's address is not valid.
    #[error(transparent)]
    Liongard(#[from] liongard::LiongardAddressError),
    /// Liongard's access key is not valid.
    #[error(transparent)]
    Key(#[from] liongard::AccessKeyError),
}

/// Where the clients take their credentials from, if these rotate.
#[derive(Clone)]
pub struct CredentialSources {
    /// HaloPSA's application.
    pub halo: Arc<dyn CredentialSource<halopsa::Credentials>>,
    /// Liongard's access key.
    pub liongard: Arc<dyn CredentialSource<AccessKey>>,
}

/// Builds the clients of both vendors, by `settings`. The addresses are those of the settings; so are the credentials,
/// unless `keys` gives some that may rotate while they are used. HaloPSA's access token is shared in
/// `tokens`. `calls` is informed of every call.
///
/// # Errors
///
/// [`VendorsError`] names the setting that is wrong, and the remedy.
pub fn build<B: RequestBudget, C: Clock + Clone>(
    settings: &VendorSettings,
    keys: Option<CredentialSources>,
    tokens: Arc<dyn SharedTokens>,
    budget: B,
    clock: &C,
    calls: Arc<dyn CallObserver>,
) -> Result<Vendors<B, C>, VendorsError> {
    let http = outbound::http_client(&settings.outbound)?;
    let transport_to =
        |vendor| MeasuredTransport::new(http.clone(), vendor, Arc::clone(&calls), clock.clone());
    let mut normalizations = Vec::new();
    let desk_settings = halo_settings(&settings.halo, &mut normalizations)?;
    let source_settings = liongard_settings(&settings.liongard, &mut normalizations)?;
    let addresses = format!(
        "HaloPSA at {} and {}, Liongard at {}",
        desk_settings.resource_url, desk_settings.auth_url, source_settings.base
    );
    let mut desk = halopsa::Client::new(
        desk_settings,
        transport_to(Vendor::HaloPsa),
        budget,
        clock.clone(),
    )
    .with_shared_tokens(tokens);
    let mut source = liongard::Client::new(source_settings, transport_to(Vendor::Liongard));
    if let Some(keys) = keys {
        desk = desk.with_source(keys.halo);
        source = source.with_source(keys.liongard);
    }
    Ok(Vendors {
        desk: HaloServiceDesk::new(desk, clock.clone(), settings.halo.client_id.clone()),
        source: LiongardAlertSource::new(source, clock.clone()),
        normalizations,
        addresses,
    })
}

/// What the client of HaloPSA is built from.
fn halo_settings(
    settings: &HaloSettings,
    normalizations: &mut Vec<String>,
) -> Result<halopsa::HaloClientSettings, VendorsError> {
    let addresses = Addresses::read(&settings.resource_url, settings.auth_url.as_deref())?;
    normalizations.extend(addresses.normalizations);
    Ok(halopsa::HaloClientSettings {
        resource_url: addresses.resource,
        auth_url: addresses.auth,
        tenant: settings.tenant.clone(),
        credentials: halopsa::Credentials {
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            idle_client_id: None,
        },
        scopes: settings.scopes.clone(),
    })
}

/// What the client of Liongard is built from.
fn liongard_settings(
    settings: &LiongardSettings,
    normalizations: &mut Vec<String>,
) -> Result<liongard::LiongardClientSettings, VendorsError> {
    let address = Address::read(&settings.url)?;
    normalizations.extend(address.normalizations);
    let read = ParsedAccessKey::read(&settings.access_key_id, &settings.access_key_secret)?;
    normalizations.extend(read.normalizations);
    Ok(liongard::LiongardClientSettings {
        base: address.origin,
        key: read.key,
    })
}
