//! What the linter of CloudFormation says: nothing.

use std::path::Path;
use std::process::Command;

use crate::expanded::root;

/// Runs the linter. Its script names the interpreter by the place where it was installed, which a copied
/// environment does not have.
const LINTER: &str = "import sys; from cfnlint.runner import main; sys.exit(main())";

/// What the linter finds in the template at `path`, one finding each.
fn findings(path: &Path) -> Vec<serde_json::Value> {
    let python = halogard_emulator::python().unwrap();
    let linted = Command::new(python)
        .args([
            "-c",
            LINTER,
            "--format",
            "json",
            "--regions",
            "us-east-1",
            "us-west-2",
            "ca-central-1",
            "eu-west-1",
            "eu-central-1",
            "ap-southeast-2",
            "ap-northeast-1",
            "cn-north-1",
            "--",
        ])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&linted.stderr);
    serde_json::from_slice(&linted.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn the_linter_finds_nothing_and_would_find_a_mistake() {
    let found = findings(&root().join("template.yaml"));
    assert!(found.is_empty(), "{found:#?}");

    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("template.yaml");
    let broken = text.replace("VisibilityTimeout: 1800", "VisibilityTime: 1800");
    assert_ne!(text, broken);
    std::fs::write(&wrong, broken).unwrap();
    let found = findings(&wrong);
    assert_eq!(
        found.len(),
        3,
        "one for each queue that is worked: {found:#?}"
    );
    println!(
        "lint: nothing found, {} planted mistakes found",
        found.len()
    );
}
