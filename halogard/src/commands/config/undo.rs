//! `config undo`: an earlier config, in force again.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use halogard_app::Store;
use halogard_app::dialect::ProbeWhen;
use halogard_domain::config_history::VersionOrigin;
use halogard_operations::config_changes::{self, ConfigCandidate, UndoTarget};

use super::apply::{MakeChange, Planning, refuse_unfit, write_made};
use super::plan::{MakePlan, write_change};
use crate::confirm::{ChangeOptions, confirm, operator};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page;

/// Options of `config undo`.
#[derive(Clone, Debug, Args)]
pub struct UndoOptions {
    /// Restore this version; the one before the version in force when not given.
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Restore it even if the check finds problems, or checks cannot be made.
    #[arg(long)]
    pub anyway: bool,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Brings an earlier version back.
pub async fn undo(options: &UndoOptions) -> anyhow::Result<ExitCode> {
    let find = FindVersion(options.to);
    let (target, text) = opened_store::run(&options.store, find).await?;
    let number = match target {
        UndoTarget::Restore(number) | UndoTarget::Restored { former: number, .. } => number,
    };
    let name = format!("version {number}");
    let config = halogard_config::parse(&name, &text)
        .context("the version cannot be read by this version of the program")?;
    let candidate = ConfigCandidate::from(config);
    let mut unchecked = Vec::new();
    if let UndoTarget::Restored { former, current } = target {
        output::caution(&format!(
            "version {former} was restored already, as version {current}; a second undo goes no further back: name a \
             version with --to, `halogard config history` lists them"
        ));
    } else {
        let command = MakePlan {
            candidate: &candidate,
            when: ProbeWhen::Outdated,
        };
        let planned = opened_store::run(&options.store, command).await?;
        page::print_plan(|page| write_change(&planned.plan, page));
        refuse_unfit(&planned.plan, "restored", options.anyway)?;
        unchecked = planned.plan.unchecked;
        let question = format!("Restore version {number}?");
        if !confirm(&options.change, &question)? {
            output::remark("nothing was done");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let change = MakeChange {
        candidate: &candidate,
        planned: Planning::Now(unchecked),
        origin: VersionOrigin::Restored(number),
        anyway: options.anyway,
        operator: operator(options.change.reason.as_ref()),
    };
    let made = opened_store::run(&options.store, change).await?;
    page::print(&made, options.store.json, write_made)?;
    Ok(ExitCode::SUCCESS)
}

/// Finds the version to bring back, and reads its text, or that of the one that has been brought back.
struct FindVersion(Option<u64>);

impl StoreCommand for FindVersion {
    type Output = (UndoTarget, String);

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<(UndoTarget, String)> {
        let store = &opened.store;
        let target = config_changes::undo_target(store, self.0).await?;
        let number = match target {
            UndoTarget::Restore(number) => Some(number),
            UndoTarget::Restored { .. } => None,
        };
        let text = config_changes::text_of(store, number).await?;
        Ok((target, text.unwrap_or_default()))
    }
}
