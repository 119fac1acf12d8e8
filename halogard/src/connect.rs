//! From settings to the real parts: addresses forgiven, clients built, the store opened.

use std::path::Path;

use anyhow::Context as _;
use halogard_embedded::{Budget, Store, StoreKey};
use halogard_halopsa::{self as halopsa, Addresses, Desk};
use halogard_liongard::{self as liongard, Address, ReadKey, Source};
use halogard_runtime::settings::{HaloSettings, LiongardSettings, Settings};
use halogard_transport::{HttpTransport, TransportSettings};

use crate::pace::Pace;

/// HaloPSA, over the network and under the budget.
pub type RealDesk<C> = Desk<HttpTransport, Budget<C>, C>;

/// Liongard, over the network.
pub type RealSource<C> = Source<HttpTransport, C>;

/// The parts of a bundle that talk to somebody.
pub struct Parts<C> {
    /// HaloPSA.
    pub desk: RealDesk<C>,
    /// Liongard.
    pub source: RealSource<C>,
    /// What was forgiven in the settings, one remark each.
    pub forgiven: Vec<String>,
}

/// Opens the store in `folder`, with its key beside it.
pub fn open_store<C: Pace>(folder: &Path, clock: C) -> anyhow::Result<Store<C>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
    let key = StoreKey::load_or_create(&folder.join("halogard.key"))?;
    Ok(Store::open(&folder.join("halogard.db"), key, clock)?)
}

/// Builds both clients. Asks nobody anything yet.
pub fn build<C: Pace>(
    settings: &Settings,
    budget: Budget<C>,
    clock: &C,
) -> anyhow::Result<Parts<C>> {
    let transport = HttpTransport::new(&TransportSettings::default())?;
    let mut forgiven = Vec::new();
    let desk = build_desk(
        &settings.halo,
        transport.clone(),
        budget,
        clock,
        &mut forgiven,
    )?;
    let source = build_source(&settings.liongard, transport, clock, &mut forgiven)?;
    Ok(Parts {
        desk,
        source,
        forgiven,
    })
}

/// The client of HaloPSA.
fn build_desk<C: Pace>(
    settings: &HaloSettings,
    transport: HttpTransport,
    budget: Budget<C>,
    clock: &C,
    forgiven: &mut Vec<String>,
) -> anyhow::Result<RealDesk<C>> {
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
fn build_source<C: Pace>(
    settings: &LiongardSettings,
    transport: HttpTransport,
    clock: &C,
    forgiven: &mut Vec<String>,
) -> anyhow::Result<RealSource<C>> {
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

/// The bundle over real parts.
pub type RealBundle<C> = halogard_app::Bundle<RealDesk<C>, RealSource<C>, Store<C>, C>;
