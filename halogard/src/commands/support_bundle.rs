//! `support-bundle`: an archive for a vendor's support.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use halogard_app::Store;
use halogard_domain::vendor::Vendor;
use halogard_domain::words::counted;
use halogard_operations::bundle::{self, BundleQuestion, SupportBundle};
use halogard_operations::doctor::DoctorReport;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::doctor::examine;
use super::pause::vendor_parser;
use super::status::status_question;
use crate::failure::{FailureKind, Refused};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};
use crate::written_file::{self, Readers};

/// Options of `support-bundle`.
#[derive(Clone, Debug, Args)]
pub struct BundleOptions {
    /// The new file, a zip archive.
    pub file: PathBuf,
    /// Replace the file, if there is one.
    #[arg(long)]
    pub replace: bool,
    /// Whose support gets the archive.
    #[arg(long = "for", value_parser = vendor_parser(), value_name = "VENDOR")]
    pub recipient: Option<Vendor>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// How long the checks of doctor may take; without them the archive is written all the same.
const DOCTOR_MAX: Duration = Duration::from_secs(120);

/// Writes the archive; says what went in and what was masked. Sends nothing.
pub async fn run(options: &BundleOptions) -> anyhow::Result<ExitCode> {
    let path = &options.file;
    if !options.replace && path.exists() {
        // Before both vendors are asked for anything.
        return Err(refusal(path, &io::ErrorKind::AlreadyExists.into()).into());
    }
    let answer = opened_store::run(&options.store, Collect(options)).await?;
    let refused = |error| refusal(path, &error);
    let mut draft = written_file::begin(path, Readers::Owner, options.replace).map_err(refused)?;
    let mut archive = ZipWriter::new(draft.file());
    for (name, content) in &answer.files {
        archive.start_file(name, SimpleFileOptions::default())?;
        archive.write_all(content.as_bytes())?;
    }
    archive.finish()?;
    match options.replace {
        true => draft.finish(),
        false => draft.finish_new(),
    }
    .map_err(refused)?;
    page::print(&answer, options.store.json, write)?;
    Ok(ExitCode::SUCCESS)
}

/// Why the archive was not written.
fn refusal(path: &Path, error: &io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Refused::new(
            FailureKind::InvalidFile,
            format!("{} already exists", path.display()),
            "name another file, or add --replace",
        ),
        _ => written_file::refusal(path, error),
    }
}

/// Collects what goes into the archive.
struct Collect<'a>(&'a BundleOptions);

impl StoreCommand for Collect<'_> {
    type Output = SupportBundle;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<SupportBundle> {
        let examined = examine(&opened, None, DoctorReport::default());
        let doctor = match tokio::time::timeout(DOCTOR_MAX, Box::pin(examined)).await {
            Ok(Ok((mut report, _))) => {
                report.complete();
                Some(report)
            }
            Ok(Err(error)) => {
                output::caution(&format!("the archive has no report of doctor: {error:#}"));
                None
            }
            Err(_) => {
                output::caution("the archive has no report of doctor: its checks took too long");
                None
            }
        };
        let question = BundleQuestion {
            status: status_question(&opened).await,
            recipient: self.0.recipient,
            secrets: opened.known_secrets().await,
            doctor,
        };
        Ok(bundle::bundle(&opened.store, question).await?)
    }
}

/// Puts what went in on a page.
pub fn write(answer: &SupportBundle, page: &mut TextPage) {
    page.line(Cell::new("wrote, and sent nothing:", Mood::Good));
    let rows = answer
        .files
        .iter()
        .map(|(name, content)| vec![Cell::from(name), counted(content.len(), "byte").into()]);
    page.rows(&[], rows.collect());
    let masked: Vec<String> = answer
        .masked
        .iter()
        .map(|(kind, count)| format!("{} ({})", kind.words(), counted(*count, "time")))
        .collect();
    page.line(if masked.is_empty() {
        "nothing had to be masked".to_owned()
    } else {
        format!("masked: {}", masked.join(", "))
    });
}
