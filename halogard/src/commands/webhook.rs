//! `webhook`: the address to which HaloPSA sends its webhooks.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use halogard_app::ports::Vault;
use halogard_runtime::settings::{self, Environment, ServeSettings, WebhookSettings};
use secrecy::ExposeSecret as _;

use crate::commands::serve::token;
use crate::data_folder;
use crate::output;
use crate::stack::Stack;

/// The commands for the webhook.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhookCommand {
    /// Print the address to paste into HaloPSA, with its secret token.
    Url {
        /// The address of a deployed stack, rather than of this machine's `serve`.
        #[arg(long, value_name = "NAME")]
        stack: Option<String>,
        /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(long, value_name = "FILE", conflicts_with = "stack")]
        config: Option<PathBuf>,
    },
}

/// Runs the command.
pub async fn run(command: &WebhookCommand) -> anyhow::Result<ExitCode> {
    match command {
        WebhookCommand::Url {
            stack: Some(stack), ..
        } => output::result(&Stack::find(stack).await?.webhook_url().await?),
        WebhookCommand::Url {
            stack: None,
            config,
        } => output::result(&local_url(config.as_ref()).await?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The address of this machine's `serve`, whether it runs or not.
async fn local_url(config: Option<&PathBuf>) -> anyhow::Result<String> {
    let process = Environment::process();
    let path = config.cloned().unwrap_or_else(|| process.config_file());
    let config = halogard_config::load(&path)?;
    let environment = process.or(config.settings);
    let (serve, _) = settings::read::<ServeSettings>(&environment)?;
    let (webhook, _) = settings::read::<WebhookSettings>(&environment)?;
    let store = data_folder::open_existing_store(&serve.data_dir)?;
    let token = current_token(&store, &webhook).await?;
    let base = serve
        .public_url
        .unwrap_or_else(|| format!("http://{}", serve.listen));
    Ok(format!("{base}/webhooks/halopsa/{token}"))
}

/// The token at the end of the address.
async fn current_token(vault: &impl Vault, settings: &WebhookSettings) -> anyhow::Result<String> {
    let shown = token::stored(vault, settings).await?;
    let token = shown.context(
        "there is no webhook token yet; `halogard serve` makes one at its first start, and \
         HALOPSA_WEBHOOK_TOKEN sets one",
    )?;
    Ok(token.expose_secret().to_owned())
}
