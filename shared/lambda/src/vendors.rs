//! The vendors' settings, from plain settings and secrets.

use std::collections::BTreeMap;

use halogard_app::ports::{SecretVersion, Stage, Vault};
use halogard_credentials::SecretFields;
use halogard_domain::budget::Limit;
use halogard_runtime::settings::{self, SETTINGS, SettingValues, SettingsError};
use halogard_vendors::VendorSettings;

use crate::platform::SecretName;
use crate::setup::{SetUpError, SetUpFault};

/// The current versions of secrets, by the variables that name them.
pub(crate) type CurrentVersions = BTreeMap<&'static str, SecretVersion>;

/// Reads both vendors' settings: the members of `secrets` win over the plain settings. Returns the
/// versions that were read as well, so that no one reads them twice.
pub(crate) async fn read<V: Vault>(
    vault: &V,
    secrets: &[SecretName],
    plain: &SettingValues,
) -> Result<(VendorSettings, CurrentVersions), SetUpError> {
    let (values, versions, mut faults) = values_and_faults(vault, secrets, plain).await;
    match settings::read::<VendorSettings>(&values) {
        Ok((vendors, warnings)) if faults.is_empty() => {
            for remark in warnings {
                tracing::warn!(%remark, "a setting was corrected");
            }
            Ok((vendors, versions))
        }
        Ok(_) => Err(SetUpError::of(faults)),
        Err(wrong) => {
            faults.extend(faults_of(&wrong));
            Err(SetUpError::of(faults))
        }
    }
}

/// The plain settings, over them the members of `secrets`; and what is wrong with these.
async fn values_and_faults<V: Vault>(
    vault: &V,
    secrets: &[SecretName],
    plain: &SettingValues,
) -> (SettingValues, CurrentVersions, Vec<SetUpFault>) {
    let mut faults = Vec::new();
    let mut values = Vec::new();
    let mut versions = CurrentVersions::new();
    for secret in secrets {
        match members_of(vault, secret).await {
            Ok((version, members)) => {
                values.extend(settings_in(secret, &members, &mut faults));
                versions.insert(secret.variable, version);
            }
            Err(fault) => faults.push(fault),
        }
    }
    (over(values, plain), versions, faults)
}

/// The plain settings, over them the members of `secrets`.
pub(crate) async fn values_in<V: Vault>(
    vault: &V,
    secrets: &[SecretName],
    plain: &SettingValues,
) -> Result<SettingValues, Vec<SetUpFault>> {
    let (values, _, faults) = values_and_faults(vault, secrets, plain).await;
    if faults.is_empty() {
        Ok(values)
    } else {
        Err(faults)
    }
}

/// The limit of the request budget, from the plain settings.
pub(crate) fn limit(plain: &SettingValues) -> Result<Limit, Vec<SetUpFault>> {
    settings::read::<Limit>(plain)
        .map(|(limit, _)| limit)
        .map_err(|wrong| faults_of(&wrong).collect())
}

/// What is wrong with settings, one fault each.
fn faults_of(wrong: &SettingsError) -> impl Iterator<Item = SetUpFault> {
    wrong.faults().iter().cloned().map(SetUpFault::Setting)
}

/// The current version of a secret, and its members.
async fn members_of<V: Vault>(
    vault: &V,
    secret: &SecretName,
) -> Result<(SecretVersion, SecretFields), SetUpFault> {
    let variable = secret.variable;
    let version = vault
        .read(&secret.name, Stage::Current)
        .await
        .map_err(|source| SetUpFault::Vault { variable, source })?
        .ok_or(SetUpFault::NoSecret { variable })?;
    let members = SecretFields::parse(&version.value)
        .map_err(|source| SetUpFault::NotJsonObject { variable, source })?;
    Ok((version, members))
}

/// The settings among the members of a secret. Other members are left alone, such as those of its
/// rotation.
fn settings_in(
    secret: &SecretName,
    members: &SecretFields,
    faults: &mut Vec<SetUpFault>,
) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    for info in SETTINGS {
        let member = info.key();
        if let Some(value) = members.text(&member) {
            values.push((info.name, value.to_owned()));
        } else if members.has_other_type(&member) {
            faults.push(SetUpFault::NoText {
                variable: secret.variable,
                member,
            });
        }
    }
    values
}

/// `values`, completed by the plain settings.
fn over(values: Vec<(&'static str, String)>, plain: &SettingValues) -> SettingValues {
    let plain = SETTINGS.iter().filter_map(|info| {
        let (value, _) = plain.get(info.name)?;
        Some((info.name, value.to_owned()))
    });
    SettingValues::of(values.into_iter().chain(plain))
}
