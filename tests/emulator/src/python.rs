//! A Python of the tests' own, under the target folder, with every package pinned.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest as _, Sha256};

use crate::error::EmulatorError;

/// The pinned packages, as pip reads them.
pub const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// Modules that the packages we ask for bring. Found, not loaded: that takes a second.
const MODULES: [&str; 5] = [
    "ministack",
    "samtranslator",
    "cryptography",
    "boto3",
    "cfnlint",
];

/// How much of what pip said goes into an error, in bytes.
const OUTPUT_MAX: usize = 2000;

/// The interpreter of an environment that holds [`REQUIREMENTS`]; made first where there is none.
///
/// Several processes may ask at once: one installs, the others wait for it.
///
/// # Errors
///
/// There is no Python, its packages could not be had, or the folder cannot be used.
pub fn python() -> Result<PathBuf, EmulatorError> {
    Environment::of_the_workspace().ready(&base_python())
}

/// The folder for what tests leave behind, of the workspace this crate was built in.
pub(crate) fn target_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace.join(folder),
        None => workspace.join("target"),
    }
}

/// The Python to build on.
fn base_python() -> String {
    std::env::var_os("HALOGARD_PYTHON")
        .filter(|named| !named.is_empty())
        .map_or_else(
            || "python3".to_owned(),
            |named| named.to_string_lossy().into_owned(),
        )
}

/// A virtual environment, complete or not.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn of_the_workspace() -> Self {
        Self {
            folder: target_folder().join("python"),
        }
    }

    fn interpreter(&self) -> PathBuf {
        self.folder.join("bin").join("python")
    }

    /// Written last: it says which requirements are installed.
    fn marker(&self) -> PathBuf {
        self.folder.join("complete")
    }

    /// The interpreter, once everything is installed.
    fn ready(&self, base: &str) -> Result<PathBuf, EmulatorError> {
        let lock = self.lock()?;
        if !self.is_complete() {
            self.make(base)?;
        }
        lock.unlock().map_err(EmulatorError::file(&self.folder))?;
        Ok(self.interpreter())
    }

    /// Waits until no other process works on the environment. Ends with this process, however it ends.
    fn lock(&self) -> Result<File, EmulatorError> {
        let path = self.folder.with_extension("lock");
        let parent = path.parent().unwrap_or(&path);
        fs::create_dir_all(parent).map_err(EmulatorError::file(parent))?;
        let file = File::create(&path).map_err(EmulatorError::file(&path))?;
        file.lock().map_err(EmulatorError::file(&path))?;
        Ok(file)
    }

    /// Whether these very requirements were installed, and are still there.
    fn is_complete(&self) -> bool {
        let marked = fs::read_to_string(self.marker());
        marked.is_ok_and(|digest| digest == requirements_digest()) && self.finds_modules()
    }

    /// Whether the interpreter runs and finds every module.
    fn finds_modules(&self) -> bool {
        let script = format!(
            "import importlib.util as u; raise SystemExit(any(u.find_spec(m) is None for m in {MODULES:?}))"
        );
        run(Command::new(self.interpreter()).args(["-c", &script]))
            .is_ok_and(|output| output.status.success())
    }

    /// Makes the environment from nothing.
    fn make(&self, base: &str) -> Result<(), EmulatorError> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).map_err(EmulatorError::file(&self.folder))?;
        }
        let no_python = |reason: String| EmulatorError::NoPython {
            program: base.to_owned(),
            reason,
        };
        let made = run(Command::new(base).args(["-m", "venv"]).arg(&self.folder))
            .map_err(|error| no_python(error.to_string()))?;
        if !made.status.success() {
            return Err(no_python(said(&made)));
        }
        self.install()?;
        fs::write(self.marker(), requirements_digest()).map_err(EmulatorError::file(self.marker()))
    }

    /// Installs the requirements into the empty environment.
    fn install(&self) -> Result<(), EmulatorError> {
        let list = self.folder.join("requirements.txt");
        fs::write(&list, REQUIREMENTS).map_err(EmulatorError::file(&list))?;
        let failed = |reason: String| EmulatorError::Install {
            folder: self.folder.clone(),
            reason,
        };
        let mut pip = Command::new(self.interpreter());
        pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(&list);
        let installed = run(&mut pip).map_err(|error| failed(error.to_string()))?;
        if installed.status.success() {
            Ok(())
        } else {
            Err(failed(said(&installed)))
        }
    }
}

/// Runs `command` to its end, with nothing to read.
fn run(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

/// Which requirements these are.
fn requirements_digest() -> String {
    let digest = Sha256::digest(REQUIREMENTS.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The end of what a program said.
fn said(output: &Output) -> String {
    let text = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    let start = text.len().saturating_sub(OUTPUT_MAX);
    String::from_utf8_lossy(&text[start..]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, under the target folder.
    fn scratch(name: &str) -> Environment {
        let folder = target_folder()
            .join("emulator")
            .join(format!("{name}-{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        Environment {
            folder: folder.join("python"),
        }
    }

    /// Makes what an installation leaves behind, without the installation.
    fn fake(environment: &Environment, script: &str, digest: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let interpreter = environment.interpreter();
        fs::create_dir_all(interpreter.parent().unwrap()).unwrap();
        fs::write(&interpreter, script).unwrap();
        fs::set_permissions(&interpreter, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(environment.marker(), digest).unwrap();
    }

    fn remove(environment: &Environment) {
        fs::remove_dir_all(environment.folder.parent().unwrap()).unwrap();
    }

    #[test]
    fn every_requirement_is_pinned_to_one_version() {
        let lines = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for line in lines {
            let (name, version) = line.split_once("==").expect(line);
            assert!(!name.is_empty() && version.starts_with(|first: char| first.is_ascii_digit()));
            count += 1;
        }
        assert!(
            count > 30,
            "{count} packages, those they bring along included"
        );
    }

    #[test]
    fn an_environment_is_complete_only_with_its_marker_and_its_modules() {
        let environment = scratch("marker");
        assert!(!environment.is_complete(), "there is nothing");
        fake(&environment, "#!/bin/sh\nexit 0\n", "of other requirements");
        assert!(!environment.is_complete(), "it holds other requirements");
        fake(&environment, "#!/bin/sh\nexit 0\n", &requirements_digest());
        assert!(environment.is_complete());
        fake(&environment, "#!/bin/sh\nexit 1\n", &requirements_digest());
        assert!(!environment.is_complete(), "a module is missing");
        fs::remove_file(environment.interpreter()).unwrap();
        assert!(!environment.is_complete(), "the interpreter is gone");
        remove(&environment);
    }

    #[test]
    fn a_missing_python_is_named_with_the_remedy() {
        let environment = scratch("missing");
        let error = environment.ready("no-such-python").unwrap_err().to_string();
        assert!(
            error.contains("no-such-python") && error.contains("HALOGARD_PYTHON"),
            "{error}"
        );
        fs::remove_dir_all(environment.folder.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_broken_environment_is_rebuilt_and_the_errors_of_pip_are_passed_on() {
        let environment = scratch("broken");
        fake(&environment, "#!/bin/sh\nexit 1\n", &requirements_digest());
        // A stand-in for Python that makes an environment whose pip always fails.
        let base = environment.folder.with_extension("base");
        let script = "#!/bin/sh\nmkdir -p \"$3/bin\"\n\
                      printf '#!/bin/sh\\necho no route to the index >&2\\nexit 1\\n' > \"$3/bin/python\"\n\
                      chmod 755 \"$3/bin/python\"\n";
        fs::write(&base, script).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();

        let error = environment
            .ready(base.to_str().unwrap())
            .unwrap_err()
            .to_string();

        assert!(error.contains("no route to the index"), "{error}");
        assert!(
            !environment.marker().exists(),
            "what is half done is not marked as complete"
        );
        remove(&environment);
    }
}
