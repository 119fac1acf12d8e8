//! Builds the programs, and determines their size and crates.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The workspace and where it is built.
pub struct BuildOutput {
    root: PathBuf,
    target: PathBuf,
}

impl BuildOutput {
    /// The workspace this program was built from.
    ///
    /// # Errors
    ///
    /// Cargo cannot say where it builds.
    pub fn find() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let metadata = output(
            cargo()
                .args(["metadata", "--format-version=1", "--no-deps"])
                .current_dir(&root),
        )?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let target = metadata["target_directory"].as_str();
        let target = PathBuf::from(target.context("cargo names no target folder")?);
        Ok(Self { root, target })
    }

    /// Builds `functions` as they are deployed: each alone, as `sam build` does. Built by one command,
    /// each would have the features that the others need.
    ///
    /// # Errors
    ///
    /// They cannot be built.
    pub fn build_functions(&self, functions: &[&str]) -> anyhow::Result<()> {
        for function in functions {
            run(cargo()
                .args(["build", "--release", "--locked", "--package", function])
                .current_dir(&self.root))?;
        }
        Ok(())
    }

    /// Builds the peers, from their own lock file into a folder of their own.
    ///
    /// # Errors
    ///
    /// They cannot be built.
    pub fn build_peers(&self) -> anyhow::Result<()> {
        run(cargo()
            .args(["build", "--release", "--locked"])
            .env("CARGO_TARGET_DIR", self.target.join("peers"))
            .current_dir(self.root.join("tests/bench/peers")))
    }

    /// Where the release binary of a function is.
    pub fn function(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// Where the release binary of a peer is.
    pub fn peer(&self, name: &str) -> PathBuf {
        self.target.join("peers/release").join(name)
    }

    /// The crates that are linked into a function: all that `cargo tree` names, and those of them that
    /// are not macros of the compiler.
    ///
    /// # Errors
    ///
    /// Cargo does not know the function.
    pub fn crates(&self, function: &str) -> anyhow::Result<(usize, usize)> {
        let count = |edges: &str| -> anyhow::Result<usize> {
            let tree = output(
                cargo()
                    .args(["tree", "--prefix", "none", "--locked"])
                    .args(["--package", function, "--edges", edges])
                    .current_dir(&self.root),
            )?;
            let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
            let lines = lines.map(|line| line.trim_end_matches(" (proc-macro)"));
            let crates: BTreeSet<&str> = lines.filter(|line| !line.is_empty()).collect();
            Ok(crates.len())
        };
        Ok((count("normal")?, count("normal,no-proc-macro")?))
    }
}

/// Size of a program as it is uploaded: a zip with one file `bootstrap`, in MB of 10⁶ bytes.
///
/// # Errors
///
/// The program is not there.
#[expect(clippy::cast_precision_loss, reason = "sizes far below 2⁵³")]
pub fn zip_size(program: &Path) -> anyhow::Result<f64> {
    let bytes = std::fs::read(program).with_context(|| format!("no {}", program.display()))?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(&bytes)?;
    Ok(zip.finish()?.into_inner().len() as f64 / 1e6)
}

/// Cargo.
fn cargo() -> Command {
    Command::new("cargo")
}

/// Runs a command whose messages people see.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdout(Stdio::null())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Runs a command and returns its output.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
