//! From settings to the clients of both vendors: pasted addresses forgiven, one HTTP client for
//! both. Asks nobody anything yet.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_halopsa::{self as halopsa, Addresses, Desk};
use halogard_liongard::{self as liongard, Address, ReadKey, Source};
use halogard_runtime::settings::{HaloSettings, LiongardSettings};
use halogard_transport::{BuildError, HttpTransport, TransportSettings};

/// HaloPSA, over the network and under the budget.
pub type HttpDesk<B, C> = Desk<HttpTransport, B, C>;

/// Liongard, over the network.
pub type HttpSource<C> = Source<HttpTransport, C>;

/// The parts of a bundle that talk to a vendor.
pub struct Vendors<B, C> {
    /// HaloPSA.
    pub desk: HttpDesk<B, C>,
    /// Liongard.
    pub source: HttpSource<C>,
    /// What was forgiven in the settings, one remark each.
    pub forgiven: Vec<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The TLS set-up was refused.
    #[error(transparent)]
    Transport(#[from] BuildError),
    /// HaloPSA's address is none.
    #[error(transparent)]
    HaloPsa(#[from] halopsa::AddressError),
    /// Liongard's address is none.
    #[error(transparent)]
    Liongard(#[from] liongard::AddressError),
    /// Liongard's access key is none.
    #[error(transparent)]
    Key(#[from] liongard::KeyError),
}

/// Builds the clients of both vendors.
///
/// # Errors
///
/// [`ConnectError`] names the setting that is wrong, and the remedy.
pub fn build<B: RequestBudget, C: Clock + Clone>(
    halo: &HaloSettings,
    liongard: &LiongardSettings,
    budget: B,
    clock: &C,
) -> Result<Vendors<B, C>, ConnectError> {
    let transport = HttpTransport::new(&TransportSettings::default())?;
    let mut forgiven = Vec::new();
    let desk = build_desk(halo, transport.clone(), budget, clock, &mut forgiven)?;
    let source = build_source(liongard, transport, clock, &mut forgiven)?;
    Ok(Vendors {
        desk,
        source,
        forgiven,
    })
}

/// The client of HaloPSA.
fn build_desk<B: RequestBudget, C: Clock + Clone>(
    settings: &HaloSettings,
    transport: HttpTransport,
    budget: B,
    clock: &C,
    forgiven: &mut Vec<String>,
) -> Result<HttpDesk<B, C>, ConnectError> {
    let addresses = Addresses::read(&settings.resource_url, settings.auth_url.as_deref())?;
    forgiven.extend(addresses.forgiven);
    let client_settings = halopsa::ClientSettings {
        resource_url: addresses.resource,
        auth_url: addresses.auth,
        tenant: settings.tenant.clone(),
        credentials: halopsa::Credentials {
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
        },
        scopes: settings.scopes.clone(),
    };
    let client = halopsa::Client::new(client_settings, transport, budget, clock.clone());
    Ok(Desk::new(client, clock.clone(), settings.client_id.clone()))
}

/// The client of Liongard.
fn build_source<C: Clock + Clone>(
    settings: &LiongardSettings,
    transport: HttpTransport,
    clock: &C,
    forgiven: &mut Vec<String>,
) -> Result<HttpSource<C>, ConnectError> {
    let address = Address::read(&settings.url)?;
    forgiven.extend(address.forgiven);
    let read = ReadKey::read(&settings.access_key_id, &settings.access_key_secret)?;
    forgiven.extend(read.forgiven);
    let client_settings = liongard::ClientSettings {
        base: address.origin,
        key: read.key,
    };
    let client = liongard::Client::new(client_settings, transport);
    Ok(Source::new(client, clock.clone()))
}
