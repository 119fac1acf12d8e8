//! An address that leads to the other product: people paste one into the place of the other.

use halogard_app::Store;
use halogard_app::ports::{AlertSource as _, DialectProbe as _, Refusal};
use halogard_halopsa::Addresses;
use halogard_liongard::Address;
use halogard_operations::connect::product_of;
use halogard_operations::doctor::{CheckId, DoctorReport};
use halogard_vendors::VendorSettings;
use secrecy::SecretString;
use url::Url;

use crate::opened_store::OpenedStore;

/// What a credential is given as where none is sent.
const NONE: &str = "none";

/// Says of a vendor that cannot be used that the other one answers at its address, where that is so. No credential is
/// sent to find out.
pub(super) async fn name_exchanged<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    report: &mut DoctorReport,
) -> anyhow::Result<()> {
    let settings = opened.vendor_settings().await?;
    let halo = Addresses::read(&settings.halo.resource_url, None).map(|it| it.resource);
    let liongard = Address::read(&settings.liongard.url).map(|it| it.origin);
    let is_named = |address: Option<&Url>, product| {
        address.and_then(Url::host_str).and_then(product_of) == Some(product)
    };
    let crossed = opened
        .vendors_of(&exchanged_without_secrets(&settings))
        .ok();
    let (mut liongard_there, mut halopsa_there) = (
        is_named(halo.as_ref().ok(), "Liongard"),
        is_named(liongard.as_ref().ok(), "HaloPSA"),
    );
    if let Some(crossed) = crossed {
        halopsa_there |= crossed.desk.build().await.is_some();
        let own = opened.vendors_of(&settings)?;
        if !liongard_there && own.desk.build().await.is_none() {
            let refused = crossed.source.environments().await.err();
            let refused = refused.and_then(|error| error.refusal);
            liongard_there = matches!(refused, Some(Refusal::Unauthorised));
        }
    }
    if liongard_there {
        let address = halo.map_or_else(|_| String::new(), |it| it.to_string());
        report.explain(
            CheckId::HaloPsaCredential,
            &format!("not HaloPSA, but Liongard answers at {address}"),
            "set HALOPSA_RESOURCE_URL to the address at which you sign in to HaloPSA; perhaps it and LIONGARD_URL are swapped",
        );
    }
    if halopsa_there {
        let address = liongard.map_or_else(|_| String::new(), |it| it.to_string());
        report.explain(
            CheckId::LiongardCredential,
            &format!("not Liongard, but HaloPSA answers at {address}"),
            "set LIONGARD_URL to the address at which you sign in to Liongard; perhaps it and HALOPSA_RESOURCE_URL are swapped",
        );
    }
    Ok(())
}

/// Each address in the place of the other, without a credential.
fn exchanged_without_secrets(settings: &VendorSettings) -> VendorSettings {
    let mut crossed = settings.clone();
    crossed.halo.resource_url.clone_from(&settings.liongard.url);
    crossed.halo.auth_url = None;
    crossed.halo.tenant = None;
    crossed.halo.client_id = NONE.to_owned();
    crossed.halo.client_secret = SecretString::from(NONE);
    crossed.liongard.url.clone_from(&settings.halo.resource_url);
    crossed.liongard.access_key_id = NONE.to_owned();
    crossed.liongard.access_key_secret = SecretString::from(NONE);
    crossed
}
