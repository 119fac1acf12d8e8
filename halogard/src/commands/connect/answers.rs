//! What an operator gives: by options, by existing settings, or by answers at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stdin};

use anyhow::{Context as _, bail};
use halogard_domain::policy::Mode;
use halogard_halopsa::Addresses;
use halogard_liongard::Address;
use halogard_operations::connect::tenant_of;
use halogard_operations::doctor::scopes_needed;
use halogard_runtime::settings::{self, SETTINGS, SettingValues};
use halogard_vendors::VendorSettings;
use secrecy::{ExposeSecret as _, SecretString};

use super::ConnectOptions;
use crate::commands::rotate::prompt;

/// Where HaloPSA's application shows its id and secret.
const APPLICATION: &str =
    "HaloPSA → Configuration → Integrations → HaloPSA API → View Applications";

/// Where Liongard shows an access key.
const ACCESS_TOKENS: &str = "Liongard → your profile → Account Settings → Access Tokens";

/// What standard input must contain.
const SECRETS_STDIN: &str = "with --secrets-stdin the first line of standard input is the Client Secret, and the second \
                             the Access Key Secret";

/// Everything that a connection needs.
#[derive(Clone)]
pub(super) struct GivenAnswers {
    halopsa: String,
    halopsa_auth: Option<String>,
    tenant: Option<String>,
    liongard: String,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) key_id: String,
    pub(super) key_secret: SecretString,
    /// The other existing settings.
    others: Vec<(String, String)>,
}

impl GivenAnswers {
    /// Takes what `options` say, then what `environment` has, and asks for the rest. Without a terminal nothing is
    /// asked: what is missing is named with its option.
    pub(super) fn collect(
        options: &ConnectOptions,
        environment: &SettingValues,
    ) -> anyhow::Result<Self> {
        let known = |name: &str| environment.get(name).map(|(value, _)| value.to_owned());
        let halopsa = options.halopsa.clone().or(known("HALOPSA_RESOURCE_URL"));
        let halopsa = given(
            halopsa,
            "--halopsa",
            "HaloPSA's address",
            "as acme.halopsa.com",
        )?;
        let halopsa_auth = options.halopsa_auth.clone().or(known("HALOPSA_AUTH_URL"));
        let tenant = match options.on_premises {
            true => None,
            false => options
                .tenant
                .clone()
                .or(known("HALOPSA_TENANT"))
                .or_else(|| hosted_tenant(&halopsa)),
        };
        let client_id = options.client_id.clone().or(known("HALOPSA_CLIENT_ID"));
        let client_id = given(
            client_id,
            "--client-id",
            "HaloPSA's Client ID",
            &format!("from {APPLICATION}"),
        )?;
        let client_secret = secret("Client Secret", known("HALOPSA_CLIENT_SECRET"), options)?;
        let liongard = options.liongard.clone().or(known("LIONGARD_URL"));
        let liongard = given(
            liongard,
            "--liongard",
            "Liongard's address",
            "as us1.app.liongard.com",
        )?;
        let key_id = options.key_id.clone().or(known("LIONGARD_ACCESS_KEY_ID"));
        let key_id = given(
            key_id,
            "--key-id",
            "Liongard's Access Key ID",
            &format!("from {ACCESS_TOKENS}"),
        )?;
        let key_secret = known("LIONGARD_ACCESS_KEY_SECRET");
        let key_secret = secret("Access Key Secret", key_secret, options)?;
        let others = SETTINGS
            .iter()
            .filter_map(|info| Some((info.name.to_owned(), known(info.name)?)))
            .collect();
        Ok(Self {
            halopsa,
            halopsa_auth,
            tenant,
            liongard,
            client_id,
            client_secret,
            key_id,
            key_secret,
            others,
        })
    }

    /// How to reach both vendors with these answers. Where no scopes are set, those of an installation that
    /// creates tickets are asked for.
    pub(super) fn settings(&self) -> anyhow::Result<VendorSettings> {
        let mut values = vec![
            ("HALOPSA_RESOURCE_URL", self.halopsa.clone()),
            ("HALOPSA_CLIENT_ID", self.client_id.clone()),
            (
                "HALOPSA_CLIENT_SECRET",
                self.client_secret.expose_secret().to_owned(),
            ),
            ("LIONGARD_URL", self.liongard.clone()),
            ("LIONGARD_ACCESS_KEY_ID", self.key_id.clone()),
            (
                "LIONGARD_ACCESS_KEY_SECRET",
                self.key_secret.expose_secret().to_owned(),
            ),
        ];
        let optional = [
            ("HALOPSA_AUTH_URL", &self.halopsa_auth),
            ("HALOPSA_TENANT", &self.tenant),
        ];
        values.extend(optional.map(|(name, value)| (name, value.clone().unwrap_or_default())));
        let scopes = [("HALOPSA_SCOPES", scopes_needed(Mode::Managed))];
        let not_asked = |(name, _): &&(String, String)| {
            !["HALOPSA_TENANT", "HALOPSA_AUTH_URL"].contains(&name.as_str())
        };
        let others = self.others.iter().filter(not_asked).cloned();
        let environment = SettingValues::of(values).or(others).or(scopes);
        let (settings, _) = settings::read::<VendorSettings>(&environment)?;
        Ok(settings)
    }

    /// The same with id and secret of a vendor in each other's place.
    pub(super) fn exchanged(&self, halopsa: bool, liongard: bool) -> Self {
        let mut answers = self.clone();
        if halopsa {
            answers.client_id = self.client_secret.expose_secret().to_owned();
            answers.client_secret = SecretString::from(self.client_id.clone());
        }
        if liongard {
            answers.key_id = self.key_secret.expose_secret().to_owned();
            answers.key_secret = SecretString::from(self.key_id.clone());
        }
        answers
    }

    /// The same addresses in each other's place, and nothing secret: one vendor must not get the other's credential.
    pub(super) fn addresses_exchanged_without_secrets(&self) -> Self {
        let none = || "none".to_owned();
        Self {
            halopsa: self.liongard.clone(),
            halopsa_auth: None,
            tenant: None,
            liongard: self.halopsa.clone(),
            client_id: none(),
            client_secret: SecretString::from(none()),
            key_id: none(),
            key_secret: SecretString::from(none()),
            others: self.others.clone(),
        }
    }

    /// What belongs into `[settings]` of the config file, as it was understood.
    pub(super) fn for_the_config_file(&self, public_url: Option<&str>) -> Vec<(String, String)> {
        let addresses = Addresses::read(&self.halopsa, self.halopsa_auth.as_deref()).ok();
        let resource = addresses.as_ref().map(|it| it.resource.to_string());
        let auth = addresses.filter(|_| self.halopsa_auth.is_some());
        let liongard = Address::read(&self.liongard).ok();
        let values = [
            ("halopsa_resource_url", resource),
            ("halopsa_auth_url", auth.map(|it| it.auth.to_string())),
            ("halopsa_tenant", self.tenant.clone()),
            ("liongard_url", liongard.map(|it| it.origin.to_string())),
            ("halogard_public_url", public_url.map(str::to_owned)),
        ];
        let values = values.into_iter();
        values
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// The tenant that the host of a hosted HaloPSA names.
fn hosted_tenant(halopsa: &str) -> Option<String> {
    let address = Addresses::read(halopsa, None).ok()?;
    tenant_of(address.resource.host_str()?)
}

/// What is known, or the answer to a question; `hint` says how it looks or where it is found.
fn given(known: Option<String>, option: &str, what: &str, hint: &str) -> anyhow::Result<String> {
    if let Some(known) = known {
        return Ok(known);
    }
    if !stdin().is_terminal() {
        bail!("{what} is missing; give it with {option}, {hint}");
    }
    let mut output = anstream::stderr();
    write!(output, "{what}, {hint}: ")?;
    output.flush()?;
    let mut answer = String::new();
    stdin()
        .lock()
        .read_line(&mut answer)
        .context("the terminal cannot be read")?;
    match answer.trim() {
        "" => bail!("{what} is missing; give it with {option}, {hint}"),
        answer => Ok(answer.to_owned()),
    }
}

/// A secret: a line of standard input where the option says so, else what is known, else an answer at the terminal.
fn secret(
    what: &str,
    known: Option<String>,
    options: &ConnectOptions,
) -> anyhow::Result<SecretString> {
    match known.filter(|_| !options.secrets_stdin) {
        Some(known) => Ok(SecretString::from(known)),
        None if options.secrets_stdin || stdin().is_terminal() => {
            let remedy = match options.secrets_stdin {
                true => SECRETS_STDIN,
                false => "type it, or pass both secrets with --secrets-stdin",
            };
            prompt::secret_or(what, options.secrets_stdin, remedy)
        }
        None => {
            bail!("the {what} is missing; give both secrets with --secrets-stdin, or as settings")
        }
    }
}
