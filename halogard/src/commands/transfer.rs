//! `export` and `import`: an installation moves between this machine and a stack.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::pause::PauseScope;
use halogard_domain::words::counted;
use halogard_operations::audit::{self, AuditedAnswer};
use halogard_operations::pausing;
use halogard_operations::transfer::{self, Transferred};
use halogard_runtime::SystemClock;

use crate::confirm::{ChangeOptions, confirm, operator};
use crate::opened_store::{self, MissingStore, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};
use crate::written_file::{self, DraftFile, Readers};

/// Options of `export`.
#[derive(Clone, Debug, Args)]
pub struct ExportOptions {
    /// The new file. It holds texts of alerts and the secret of the tickets' keys: keep it as safe as a backup.
    pub file: PathBuf,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportOptions {
    /// The file that `export` wrote.
    pub file: PathBuf,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Writes everything that the installation knows to a file.
pub async fn export(options: &ExportOptions) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(&options.store, WriteExport(&options.file)).await?;
    page::print(&answer, options.store.json, |answer, page| {
        write("exported", answer, page);
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads such a file into an empty store.
pub async fn import(options: &ImportOptions) -> anyhow::Result<ExitCode> {
    let question = format!(
        "Import {}? Everything is paused until `halogard resume`.",
        options.file.display()
    );
    if !confirm(&options.change, &question)? {
        output::remark("nothing was done");
        return Ok(ExitCode::SUCCESS);
    }
    let command = ReadExport(options);
    let answer = opened_store::run_where(&options.store, MissingStore::Created, command).await?;
    page::print(&answer, options.store.json, |answer, page| {
        write("imported", answer, page);
        page.line(
            "everything is paused: stop the former installation, check for differences with `halogard verify`, then \
             `halogard resume`",
        );
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes an export.
struct WriteExport<'a>(&'a Path);

impl StoreCommand for WriteExport<'_> {
    type Output = Transferred;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Transferred> {
        warn_of_workers(&opened).await?;
        let refused = |error| written_file::refusal(self.0, &error);
        let mut draft = DraftFile::begin_new(self.0, Readers::Owner).map_err(refused)?;
        let mut writer = BufWriter::new(draft.file());
        let done = transfer::export(&opened.store, &mut writer, SystemClock.now()).await?;
        drop(writer);
        draft.finish_new().map_err(refused)?;
        Ok(done)
    }
}

/// Warns where workers may change the store during an export.
async fn warn_of_workers<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
) -> anyhow::Result<()> {
    let pauses = pausing::list(&opened.store, SystemClock.now())
        .await?
        .pauses;
    let are_paused = pauses
        .iter()
        .any(|it| it.scope == PauseScope::All && it.from.is_none());
    if opened.serve_runs() != Some(false) && !are_paused {
        output::caution(
            "workers run meanwhile, and what they change after the export is not in the file: to move the \
             installation, stop them or run `halogard pause`, and export again",
        );
    }
    Ok(())
}

/// Reads an export.
struct ReadExport<'a>(&'a ImportOptions);

impl StoreCommand for ReadExport<'_> {
    type Output = Transferred;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Transferred> {
        let (options, now) = (self.0, SystemClock.now());
        let path = &options.file;
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let done = transfer::import(&opened.store, BufReader::new(file), now).await?;
        let operator = operator(options.change.reason.as_ref());
        let subject = path.display().to_string();
        let text = format!("{} imported", counted(done.pairs, "pair"));
        let done_in_words = AuditedAnswer::of(text, &done);
        audit::record(
            &opened.store,
            &operator,
            "import",
            &subject,
            done_in_words,
            now,
        )
        .await?;
        Ok(done)
    }
}

/// Puts what was moved on a page.
pub fn write(did: &str, answer: &Transferred, page: &mut TextPage) {
    let Transferred {
        pairs,
        entries,
        records,
        lines,
        ..
    } = answer;
    page.line(Cell::new(
        format!(
            "{did}: {}, {}, {}, in {}",
            counted(*pairs, "pair"),
            counted(*entries, "journal entry"),
            counted(*records, "record"),
            counted(*lines, "line")
        ),
        Mood::Good,
    ));
}
