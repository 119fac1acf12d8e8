//! The functions' binaries, built as they are deployed, and the operator's program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The functions.
pub const FUNCTIONS: [&str; 4] = [
    "webhook-intake",
    "inspector-poll",
    "ticket-sync",
    "secret-rotation",
];

/// Names a folder with binaries that are built already; without it they are built here.
const BINARIES: &str = "HALOGARD_STACK_BINARIES";

/// Names another profile than that of a deployment, such as `dev`, for who tries something out.
const PROFILE: &str = "HALOGARD_STACK_PROFILE";

/// The folder with the functions' binaries; built once by each process, which takes no time when
/// nothing has changed.
pub fn folder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| given().unwrap_or_else(|| build(&FUNCTIONS)))
}

/// The operator's program. It is built by itself: together with the functions they would get what it
/// needs of the crates they share.
pub fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = given().unwrap_or_else(|| build(&["halogard"]));
        folder.join("halogard")
    })
}

/// The folder that was named.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test is run, no setting of the bundle"
)]
fn given() -> Option<PathBuf> {
    std::env::var(BINARIES).ok().map(PathBuf::from)
}

/// Builds packages; the folder with their binaries.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test is run, no setting of the bundle"
)]
fn build(packages: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let profile = std::env::var(PROFILE).unwrap_or_else(|_| "release".to_owned());
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(&root)
        .args(["build", "--locked", "--profile", &profile]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    let built = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = if profile == "dev" { "debug" } else { &profile };
    root.join(target).join(folder)
}
