//! `config history | show`: the configs that were in force.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use halogard_app::Store;
use halogard_operations::config_changes::{self, ConfigHistory};
use serde::Serialize;

use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, TextPage};

/// Options of `config history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `config show`.
#[derive(Clone, Debug, Args)]
pub struct ShowOptions {
    /// Print this version; the one in force when not given.
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Where.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Prints the versions that were in force.
pub async fn history(options: &HistoryOptions) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(&options.store, ReadHistory).await?;
    page::print(&answer, options.store.json, write_history)?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the versions on a page.
pub fn write_history(answer: &ConfigHistory, page: &mut TextPage) {
    if answer.versions.is_empty() {
        page.line("no config was applied yet");
    }
    let rows = answer.versions.iter().map(|it| {
        let optional = |text: &Option<String>| Cell::from(text.clone().unwrap_or_default());
        vec![
            it.number.to_string().into(),
            it.applied_at.to_string().into(),
            it.origin.clone().into(),
            optional(&it.actor),
            optional(&it.reason),
        ]
    });
    page.rows(
        &["version", "since", "how", "by", "why"],
        rows.collect::<Vec<_>>(),
    );
}

/// Prints the text of a version.
pub async fn show(options: &ShowOptions) -> anyhow::Result<ExitCode> {
    let text = opened_store::run(&options.store, ReadText(options.version)).await?;
    let Some(shown) = text else {
        bail!("no config was applied yet; start with `halogard config plan`");
    };
    if options.store.json {
        output::result(&page::json(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text = &shown.text;
    // Line for line what was applied: the printing ends the last one.
    output::result(text.strip_suffix('\n').unwrap_or(text));
    Ok(ExitCode::SUCCESS)
}

/// Reads the history.
struct ReadHistory;

impl StoreCommand for ReadHistory {
    type Output = ConfigHistory;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        Ok(config_changes::history(&opened.store).await?)
    }
}

/// The answer of `config show`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShownConfig {
    /// Its number.
    pub version: Option<u64>,
    /// The text, as it was applied.
    pub text: String,
}

/// Reads the text of a version.
struct ReadText(Option<u64>);

impl StoreCommand for ReadText {
    type Output = Option<ShownConfig>;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        let store = &opened.store;
        let in_force = config_changes::in_force(store).await?;
        let version = self.0.or_else(|| in_force.current().map(|it| it.number));
        let text = config_changes::text_of(store, self.0).await?;
        Ok(text.map(|text| ShownConfig { version, text }))
    }
}
