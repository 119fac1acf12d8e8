//! `notify`: whether notices reach people, and the secrets of their channels.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_credentials::SecretFields;
use halogard_operations::audit;
use halogard_operations::notify::{ChannelTest, NoticeRoutes, NotifyTestAnswer};
use halogard_runtime::SystemClock;

use super::rotate::prompt;
use serde::Serialize;

use crate::confirm::operator;
use crate::opened_store::{
    self, MissingStore, OpenedStore, StoreCommand, StoreLocation, StoreOptions,
};
use crate::page::{self, Cell, Mood, TextPage};
use crate::stored_credentials::{self, NOTIFY};

/// The commands for notices.
#[derive(Clone, Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a test by each channel that the config names.
    ///
    /// Exit code: 0 every channel accepted it, 1 one did not, 2 no channel is configured.
    Test(TestOptions),
    /// Store the secret of a channel: the address of the chat, or the password of the mail account.
    ///
    /// `serve` and the functions of a stack use it from their next notice on.
    Set(SetOptions),
}

/// Options of `notify test`.
#[derive(Clone, Debug, Args)]
pub struct TestOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `notify set`.
#[derive(Clone, Debug, Args)]
pub struct SetOptions {
    /// Which secret.
    #[arg(value_enum)]
    pub secret: ChannelSecret,
    /// Read it from the first line of standard input instead of prompting.
    #[arg(long)]
    pub secret_stdin: bool,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// A secret of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChannelSecret {
    /// The address of the chat's incoming webhook.
    ChatUrl,
    /// The password of the mail account.
    MailPassword,
}

impl ChannelSecret {
    /// Its member in the secret, named like its setting.
    const fn member(self) -> &'static str {
        match self {
            Self::ChatUrl => "halogard_chat_url",
            Self::MailPassword => "halogard_mail_password",
        }
    }

    /// What it is, for prompts and the audit.
    const fn words(self) -> &'static str {
        match self {
            Self::ChatUrl => "address of the chat",
            Self::MailPassword => "password of the mail account",
        }
    }
}

/// The exit code when no channel is configured.
const NO_CHANNEL: u8 = 2;

/// Runs the command.
pub async fn run(command: &NotifyCommand) -> anyhow::Result<ExitCode> {
    match command {
        NotifyCommand::Test(options) => {
            let answer = opened_store::run(&options.store, TestChannels).await?;
            page::print(&answer, options.store.json, write)?;
            Ok(match answer.channels.as_slice() {
                [] => ExitCode::from(NO_CHANNEL),
                channels if channels.iter().all(|it| it.works) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            })
        }
        NotifyCommand::Set(options) => {
            let secret = prompt::secret(options.secret.words(), options.secret_stdin)?;
            let value = SecretFields::default().with_secret(options.secret.member(), &secret);
            let store = StoreSecret {
                which: options.secret,
                value,
            };
            opened_store::run_where(&options.store, MissingStore::Created, store).await?;
            let answer = StoredSecret::of(options.secret);
            page::print(&answer, options.store.json, |_, page| {
                write_stored(options.secret, page);
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The answer of `notify set`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoredSecret {
    /// Which secret, by its member.
    stored: &'static str,
}

impl StoredSecret {
    /// The answer about `secret`.
    pub const fn of(secret: ChannelSecret) -> Self {
        Self {
            stored: secret.member(),
        }
    }
}

/// Puts on a page that `secret` was stored, and what comes next.
pub fn write_stored(secret: ChannelSecret, page: &mut TextPage) {
    let what = secret.words();
    let line = format!("stored the {what}; `halogard notify test` tries it");
    page.line(Cell::new(line, Mood::Good));
}

/// Sends a test by each channel.
struct TestChannels;

impl StoreCommand for TestChannels {
    type Output = NotifyTestAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<NotifyTestAnswer> {
        let policy = opened.configured_policy().await?;
        let messenger = opened.message_sender().await?;
        let vendors = opened.vendors().await?;
        let routes = NoticeRoutes {
            desk: &vendors.desk,
            messenger: &messenger,
        };
        Ok(routes.test(&policy, SystemClock.now()).await)
    }
}

/// Stores a secret.
struct StoreSecret {
    which: ChannelSecret,
    value: SecretFields,
}

impl StoreCommand for StoreSecret {
    type Output = ();

    async fn run<S: Store + Clone + 'static>(self, opened: OpenedStore<S>) -> anyhow::Result<()> {
        let what = self.which.words();
        match &opened.location {
            StoreLocation::Machine(machine) => {
                stored_credentials::store(machine.vault(), NOTIFY, &self.value).await?;
            }
            StoreLocation::Stack(stack) => {
                // The functions read it already, and a rotation keeps what else it holds.
                let secret = stack.output("HaloPsaSecretArn")?;
                stored_credentials::store(&stack.vault(), secret, &self.value).await?;
            }
        }
        let (store, now) = (&opened.store, SystemClock.now());
        audit::record(store, &operator(None), "notify set", what, "stored", now).await?;
        Ok(())
    }
}

/// Puts the test on a page.
pub fn write(answer: &NotifyTestAnswer, page: &mut TextPage) {
    if answer.channels.is_empty() {
        page.line(Cell::new(
            "no channel is configured; `[notify]` in the config file names them",
            Mood::Caution,
        ));
        return;
    }
    let row = |test: &ChannelTest| {
        let (word, mood) = if test.works {
            ("sent", Mood::Good)
        } else {
            ("not sent", Mood::Bad)
        };
        let ticket = test.ticket.map(|ticket| format!("ticket #{ticket}"));
        let more = test.wrong.clone().or(ticket).unwrap_or_default();
        vec![
            test.channel.as_str().into(),
            Cell::new(word, mood),
            more.into(),
        ]
    };
    page.rows(&[], answer.channels.iter().map(row).collect());
}
