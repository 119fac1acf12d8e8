//! The vendors' settings, from plain settings and secrets.

use halogard_app::ports::{Stage, Vault};
use halogard_credentials::SecretFields;
use halogard_domain::budget::Limit;
use halogard_runtime::settings::{self, Environment, SETTINGS, SettingsError};
use halogard_vendors::VendorSettings;

use crate::platform::SecretName;
use crate::setup::{SetUpError, SetUpFault};

/// Reads both vendors' settings: the members of `secrets` win over the plain settings.
pub(crate) async fn read<V: Vault>(
    vault: &V,
    secrets: &[SecretName],
    plain: &Environment,
) -> Result<VendorSettings, SetUpError> {
    let mut faults = Vec::new();
    let mut values = Vec::new();
    for secret in secrets {
        match members_of(vault, secret).await {
            Ok(members) => values.extend(settings_in(secret, &members, &mut faults)),
            Err(fault) => faults.push(fault),
        }
    }
    match settings::read::<VendorSettings>(&over(values, plain)) {
        Ok((vendors, warnings)) if faults.is_empty() => {
            for remark in warnings {
                tracing::warn!(%remark, "a setting works, though not as it was written");
            }
            Ok(vendors)
        }
        Ok(_) => Err(SetUpError::of(faults)),
        Err(wrong) => {
            faults.extend(faults_of(&wrong));
            Err(SetUpError::of(faults))
        }
    }
}

/// The limit of the request budget, from the plain settings.
pub(crate) fn limit(plain: &Environment) -> Result<Limit, Vec<SetUpFault>> {
    settings::read::<Limit>(plain)
        .map(|(limit, _)| limit)
        .map_err(|wrong| faults_of(&wrong).collect())
}

/// What is wrong with settings, one fault each.
fn faults_of(wrong: &SettingsError) -> impl Iterator<Item = SetUpFault> {
    wrong.faults().iter().cloned().map(SetUpFault::Setting)
}

/// The members of a secret.
async fn members_of<V: Vault>(vault: &V, secret: &SecretName) -> Result<SecretFields, SetUpFault> {
    let variable = secret.variable;
    let version = vault
        .read(&secret.name, Stage::Current)
        .await
        .map_err(|source| SetUpFault::Vault { variable, source })?
        .ok_or(SetUpFault::NoSecret { variable })?;
    SecretFields::parse(&version.value)
        .map_err(|source| SetUpFault::NotJsonObject { variable, source })
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
fn over(values: Vec<(&'static str, String)>, plain: &Environment) -> Environment {
    let plain = SETTINGS.iter().filter_map(|info| {
        let (value, _) = plain.get(info.name)?;
        Some((info.name, value.to_owned()))
    });
    Environment::of(values.into_iter().chain(plain))
}
