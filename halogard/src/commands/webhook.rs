//! `webhook`: HaloPSA's webhook, which reports changes of tickets: its address, and its setting up.

mod pages;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use halogard_app::Store;
use halogard_app::ports::{Clock as _, NewWebhook, WebhookAuthentication};
use halogard_credentials::webhook_auth::{SIGNATURE_HEADER, WebhookAuthKind, WebhookCredentials};
use halogard_credentials::{SecretFields, members};
use halogard_operations::audit::{self, Operator};
use halogard_operations::webhook_samples::{WebhookLog, webhook_log};
use halogard_operations::webhooks::{
    self, ActedOn, DeliveryLine, WEBHOOK_MENU, WEBHOOK_NAME, WebhookAnswer, WebhookState,
    new_delivery,
};
use halogard_runtime::SystemClock;
use pages::write_steps;
pub use pages::{write_answer, write_log, write_status, write_test};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::confirm::{ChangeOptions, confirm, operator};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions, WebhookTarget};
use crate::output;
use crate::page;

/// The commands for the webhook.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhookCommand {
    /// Print the address to paste into HaloPSA, with its secret token.
    Url(StoreOptions),
    /// Create the webhook in HaloPSA, and bind it to the events that Halogard needs.
    ///
    /// Needs an API application with the scope `admin`. Without it, prints what to click.
    Install {
        /// Whether and why.
        #[command(flatten)]
        change: ChangeOptions,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Show the webhook in HaloPSA: whether it exists, is active and is bound, and its last deliveries.
    ///
    /// Exit code 1 if something is missing.
    Status(StoreOptions),
    /// Ask HaloPSA to send a test, and wait until its log shows the response.
    Test(StoreOptions),
    /// Show which webhooks arrived here, and the deliveries that HaloPSA recorded, the newest first.
    Log(LogOptions),
}

/// Options of `webhook log`.
#[derive(Clone, Debug, Args)]
pub struct LogOptions {
    /// Maximum number to print.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// How often HaloPSA's log is read for the delivery of a test.
const TEST_READS: u32 = 15;

/// Time between two such reads.
const TEST_PAUSE: Duration = Duration::from_secs(4);

/// How many deliveries `status` shows.
const STATUS_DELIVERIES: u32 = 5;

/// Runs the command.
pub async fn run(command: &WebhookCommand) -> anyhow::Result<ExitCode> {
    match command {
        WebhookCommand::Url(store) => {
            let target = opened_store::run(store, ReadTarget).await?;
            let answer = UrlAnswer {
                url: target.url.expose_secret().to_owned(),
            };
            if store.json {
                page::print(&answer, true, |_, _| {})?;
            } else {
                output::result(&answer.url);
            }
            Ok(ExitCode::SUCCESS)
        }
        WebhookCommand::Install { change, store } => install(change, store).await,
        WebhookCommand::Status(store) => {
            let (target, answer) = opened_store::run(store, AskStatus).await?;
            page::print(&answer, store.json, |answer, page| {
                write_status(answer, &target, page);
            })?;
            Ok(exit_code(&answer.webhook))
        }
        WebhookCommand::Test(store) => {
            let delivery = opened_store::run(store, SendTest).await?;
            let accepted = delivery.was_accepted();
            page::print(&delivery, store.json, write_test)?;
            Ok(if accepted {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        WebhookCommand::Log(options) => {
            let log = opened_store::run(&options.store, ReadLog(options.limit)).await?;
            page::print(&log, options.store.json, write_log)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Shows what would be done, asks, and does it.
async fn install(change: &ChangeOptions, store: &StoreOptions) -> anyhow::Result<ExitCode> {
    let (target, before) = opened_store::run(store, ExamineWebhook(STATUS_DELIVERIES)).await?;
    if before.missing.is_empty() || before.state == WebhookState::Forbidden {
        page::print(&before, store.json, |answer, page| {
            write_answer(answer, &target, page);
        })?;
        return Ok(exit_code(&before));
    }
    if !target.is_public {
        output::caution(
            "HALOGARD_PUBLIC_URL is not set: the webhook will send to the address where `serve` listens, which HaloPSA \
             reaches only if it runs on the same network",
        );
    }
    page::print_plan(|page| write_steps("to be done:", &before.missing, page));
    if !confirm(change, "Do this in HaloPSA?")? {
        output::remark("nothing was done");
        return Ok(ExitCode::SUCCESS);
    }
    let install = Install {
        target: &target,
        operator: operator(change.reason.as_ref()),
    };
    let answer = opened_store::run(store, install).await?;
    page::print(&answer, store.json, |answer, page| {
        write_answer(answer, &target, page);
    })?;
    Ok(exit_code(&answer))
}

/// 0 when nothing is missing.
fn exit_code(answer: &WebhookAnswer) -> ExitCode {
    match (&answer.state, answer.missing.is_empty()) {
        (WebhookState::Present { .. }, true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The answer of `webhook url`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UrlAnswer {
    /// The address, with its secret token.
    pub url: String,
}

/// The answer of `webhook status`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatusAnswer {
    #[serde(flatten)]
    pub webhook: WebhookAnswer,
    /// What announced the changes that were acted on.
    pub acted_on: ActedOn,
}

/// The answer of `webhook log`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BothLogs {
    /// What came here.
    #[serde(flatten)]
    pub here: WebhookLog,
    /// The deliveries by HaloPSA's own log, the newest first; `None` where it shows none.
    pub deliveries: Option<Vec<DeliveryLine>>,
}

/// Reads where the webhook leads.
struct ReadTarget;

impl StoreCommand for ReadTarget {
    type Output = WebhookTarget;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<WebhookTarget> {
        opened.webhook().await
    }
}

/// Examines the webhook and this many of its deliveries.
struct ExamineWebhook(u32);

impl StoreCommand for ExamineWebhook {
    type Output = (WebhookTarget, WebhookAnswer);

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        let target = opened.webhook().await?;
        let desk = opened.halo_webhooks().await?;
        let answer = webhooks::status(&desk, target.token.expose_secret(), self.0).await?;
        Ok((target, answer))
    }
}

/// Examines the webhook, and what announced the changes of the last days.
struct AskStatus;

impl StoreCommand for AskStatus {
    type Output = (WebhookTarget, StatusAnswer);

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        let acted_on = webhooks::acted_on(&opened.store, SystemClock.now()).await?;
        let (target, webhook) = ExamineWebhook(STATUS_DELIVERIES).run(opened).await?;
        Ok((target, StatusAnswer { webhook, acted_on }))
    }
}

/// Reads which webhooks arrived here, and this many deliveries of HaloPSA's log.
struct ReadLog(u32);

impl StoreCommand for ReadLog {
    type Output = BothLogs;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<BothLogs> {
        let here = webhook_log(&opened.store, SystemClock.now()).await?;
        let target = opened.webhook().await?;
        let desk = opened.halo_webhooks().await?;
        let answer = webhooks::status(&desk, target.token.expose_secret(), self.0).await?;
        Ok(BothLogs {
            here,
            deliveries: answer.deliveries,
        })
    }
}

/// Makes what is missing.
struct Install<'a> {
    target: &'a WebhookTarget,
    operator: Operator,
}

impl StoreCommand for Install<'_> {
    type Output = WebhookAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<WebhookAnswer> {
        let target = self.target;
        let new = NewWebhook {
            name: WEBHOOK_NAME.to_owned(),
            url: target.url.clone(),
            authentication: authentication(&target.members)?,
        };
        let desk = opened.halo_webhooks().await?;
        let answer = webhooks::install(&desk, target.token.expose_secret(), &new).await?;
        let (command, now) = ("webhook install", SystemClock.now());
        let (store, operator) = (&opened.store, &self.operator);
        audit::record(store, operator, command, WEBHOOK_NAME, "installed", now).await?;
        Ok(answer)
    }
}

/// Has a test sent, and waits for its record.
struct SendTest;

impl StoreCommand for SendTest {
    type Output = DeliveryLine;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<DeliveryLine> {
        let target = opened.webhook().await?;
        let token = target.token.expose_secret();
        let desk = opened.halo_webhooks().await?;
        let before = webhooks::status(&desk, token, STATUS_DELIVERIES).await?;
        let before = before.deliveries.unwrap_or_default();
        webhooks::send_test(&desk, token).await?;
        output::remark(
            "HaloPSA was asked for a test; its log of deliveries is read until it shows the answer",
        );
        for _ in 0..TEST_READS {
            let answer = webhooks::status(&desk, token, STATUS_DELIVERIES).await?;
            let Some(deliveries) = answer.deliveries else {
                bail!(
                    "HaloPSA accepted the request for a test and does not show its log of deliveries; check {WEBHOOK_MENU}"
                );
            };
            if let Some(delivery) = new_delivery(&before, &deliveries) {
                return Ok(delivery.clone());
            }
            tokio::time::sleep(TEST_PAUSE).await;
        }
        bail!(
            "HaloPSA's log shows no delivery after {} s; HaloPSA queues deliveries: check again with `halogard webhook log`",
            (TEST_PAUSE * TEST_READS).as_secs()
        )
    }
}

/// How deliveries are authenticated, by the members of the webhook's secret.
fn authentication(fields: &SecretFields) -> anyhow::Result<WebhookAuthentication> {
    Ok(match WebhookCredentials::kind_of(fields) {
        WebhookAuthKind::Hmac => WebhookAuthentication::Hmac {
            header: fields
                .text(members::WEBHOOK_SIGNATURE_HEADER)
                .unwrap_or(SIGNATURE_HEADER)
                .to_owned(),
            key: fields
                .secret(members::WEBHOOK_HMAC_KEY)
                .context("the webhook has no key")?,
        },
        WebhookAuthKind::Basic => WebhookAuthentication::Basic {
            username: fields
                .text(members::WEBHOOK_USERNAME)
                .context(
                    "the webhook has a password and no user name; set HALOPSA_WEBHOOK_USERNAME",
                )?
                .to_owned(),
            password: fields
                .secret(members::WEBHOOK_PASSWORD)
                .context("the webhook has no password")?,
        },
        WebhookAuthKind::PathToken => WebhookAuthentication::TokenOnly,
        WebhookAuthKind::Bearer => return Err(not_settable("a bearer token")),
        WebhookAuthKind::ApiKey => return Err(not_settable("a header with a key")),
    })
}

/// HaloPSA's API has no documented way to set `credential` at a webhook.
fn not_settable(credential: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "HaloPSA documents no way to set {credential} by API; create the webhook by hand under {WEBHOOK_MENU}, or use \
         Basic authentication"
    )
}
