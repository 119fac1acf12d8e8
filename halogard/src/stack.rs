//! A deployed stack, as the operator's commands use it: its resources, settings and store.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_types::SdkConfig;
use halogard_app::ports::{Lane, Stage, Vault as _};
use halogard_aws::{AwsSettings, QueueUrls, SecretsManager, Store, StoreNames};
use halogard_credentials::{PLACEHOLDER, SecretFields, members};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, SETTINGS, SettingValues};
use halogard_vendors::VendorSettings;

use crate::stored_credentials;

/// The store of a stack.
pub type StackStore = Store<SystemClock>;

/// Where a stack's secrets are named among its outputs.
const SECRETS: [&str; 2] = ["HaloPsaSecretArn", "LiongardSecretArn"];

/// A stack that is deployed.
pub struct Stack {
    name: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
    config: SdkConfig,
}

impl Stack {
    /// Asks CloudFormation for the stack `name`.
    pub async fn find(name: &str) -> anyhow::Result<Self> {
        let access = AwsSettings::read(settings::variable).context(
            "no credentials for AWS; set them with \
             `eval \"$(aws configure export-credentials --format env)\"`, and AWS_REGION",
        )?;
        let config = access.sdk_config();
        let client = aws_sdk_cloudformation::Client::new(&config);
        let described = client.describe_stacks().stack_name(name).send().await;
        let described = match described {
            // The code for a name that no stack has, and for one that no stack could have.
            Err(error) if error.code() == Some("ValidationError") => {
                return Err(none(name, &config));
            }
            described => described
                .map_err(aws_sdk_cloudformation::Error::from)
                .with_context(|| format!("the stack {name} cannot be read"))?,
        };
        let Some(stack) = described.stacks().first() else {
            return Err(none(name, &config));
        };
        let pair =
            |key: Option<&str>, value: Option<&str>| Some((key?.to_owned(), value?.to_owned()));
        let outputs = stack.outputs().iter();
        let parameters = stack.parameters().iter();
        Ok(Self {
            name: name.to_owned(),
            outputs: outputs
                .filter_map(|it| pair(it.output_key(), it.output_value()))
                .collect(),
            parameters: parameters
                .filter_map(|it| pair(it.parameter_key(), it.parameter_value()))
                .collect(),
            config,
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One of its outputs.
    pub fn output(&self, key: &str) -> anyhow::Result<&str> {
        self.outputs.get(key).map(String::as_str).with_context(|| {
            format!(
                "the stack {} has no output {key}; deploy it again with this version's template",
                self.name
            )
        })
    }

    /// Its store.
    pub fn store(&self) -> anyhow::Result<StackStore> {
        let mut queues = BTreeMap::new();
        for (lane, word) in [
            (Lane::Urgent, "Urgent"),
            (Lane::Bulk, "Bulk"),
            (Lane::Runs, "Runs"),
        ] {
            let urls = QueueUrls {
                work: self.output(&format!("{word}QueueUrl"))?.to_owned(),
                dead_letters: Some(self.output(&format!("{word}DeadLettersUrl"))?.to_owned()),
            };
            queues.insert(lane, urls);
        }
        let names = StoreNames {
            table: self.output("TableName")?.to_owned(),
            queues,
        };
        Ok(Store::new(&self.config, names, SystemClock))
    }

    /// How the stack's functions reach both vendors: its parameters, and the secrets' current values.
    pub async fn settings(&self) -> anyhow::Result<VendorSettings> {
        for secret in SECRETS {
            self.secret(self.output(secret)?).await?;
        }
        let values = SettingValues::of(self.values().await?);
        let (settings, _) = settings::read::<VendorSettings>(&values)?;
        Ok(settings)
    }

    /// Its parameters, and the secrets' current values as far as a person has put them in.
    pub async fn environment(&self) -> anyhow::Result<SettingValues> {
        let values = self.values().await?.into_iter();
        let filled = values.filter(|(_, value)| value != PLACEHOLDER);
        Ok(SettingValues::of(filled))
    }

    /// Its parameters, and the secrets' current values, placeholders included: a rotation begins with them.
    async fn values(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut values: Vec<(String, String)> = Vec::new();
        for info in SETTINGS {
            if let Some(value) = self.parameters.get(&parameter_of(info.name)) {
                values.push((info.name.to_owned(), value.clone()));
            }
        }
        for secret in SECRETS {
            let arn = self.output(secret)?;
            let found = stored_credentials::fields(&self.vault(), arn, Stage::Current).await?;
            let texts = found.iter().flat_map(|(_, fields)| fields.texts());
            values.extend(
                texts.map(|(member, value)| (member.to_ascii_uppercase(), value.to_owned())),
            );
        }
        Ok(values)
    }

    /// Its secrets.
    pub fn vault(&self) -> SecretsManager {
        SecretsManager::new(&self.config)
    }

    /// The address to paste into HaloPSA, its token included.
    pub async fn webhook_url(&self) -> anyhow::Result<String> {
        if self
            .parameters
            .get("WebhookEndpoint")
            .is_some_and(|it| it == "None")
        {
            bail!(
                "the stack {} has no address for webhooks; sweeps find changes, up to five minutes later. \
                 Deploy it with WebhookEndpoint=FunctionUrl or HttpApi to have one",
                self.name
            );
        }
        let secret = self.webhook_secret().await?;
        let Some(token) = secret.text(members::WEBHOOK_TOKEN) else {
            bail!(
                "the webhook secret of {} holds no halopsa_webhook_token",
                self.name
            );
        };
        Ok(format!("{}{token}", self.output("WebhookUrl")?))
    }

    /// The members of the webhook's secret.
    pub async fn webhook_secret(&self) -> anyhow::Result<SecretFields> {
        self.secret(self.output("WebhookSecretArn")?).await
    }

    /// The members of a secret.
    async fn secret(&self, arn: &str) -> anyhow::Result<SecretFields> {
        let Some(version) = self.vault().read(arn, Stage::Current).await? else {
            bail!(
                "the secret {arn} has no value yet; `aws secretsmanager put-secret-value` stores one"
            );
        };
        SecretFields::parse(&version.value).with_context(|| format!("the secret {arn}"))
    }
}

/// There is no stack `name` where `config` leads.
fn none(name: &str, config: &SdkConfig) -> anyhow::Error {
    let region = config
        .region()
        .map_or("this region", |region| region.as_ref());
    anyhow::anyhow!(
        "there is no stack {name} in {region}; `aws cloudformation list-stacks` names yours, and \
         AWS_REGION sets the region"
    )
}

/// The template's parameter for a setting: `HALOPSA_AUTH_URL` is `HaloPsaAuthUrl`.
fn parameter_of(setting: &str) -> String {
    let mut name = String::with_capacity(setting.len());
    for word in setting.split('_') {
        if word == "HALOPSA" {
            name.push_str("HaloPsa");
            continue;
        }
        let mut letters = word.chars();
        name.extend(letters.next());
        name.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_its_settings_words() {
        for (setting, parameter) in [
            ("HALOPSA_RESOURCE_URL", "HaloPsaResourceUrl"),
            ("HALOPSA_WINDOW_REQUESTS_MAX", "HaloPsaWindowRequestsMax"),
            ("LIONGARD_URL", "LiongardUrl"),
        ] {
            assert_eq!(parameter_of(setting), parameter);
        }
    }
}
