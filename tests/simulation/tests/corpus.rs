//! The patches that put known bugs back: a patch that no longer applies catches nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_known_bug_can_be_put_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tried = 0;
    for entry in fs::read_dir(root.join("tests/simulation/corpus")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "patch")
        {
            continue;
        }
        let patch = fs::read_to_string(&path).unwrap();
        assert!(patch.starts_with("Fault: "), "{}", path.display());
        assert!(patch.contains("\nSuite: "), "{}", path.display());
        let checked = Command::new("git")
            .arg("-C")
            .arg(&root)
            .args(["apply", "--check"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{}: {said}", path.display());
        tried += 1;
    }
    println!("{tried} known bugs can be put back");
    assert!(tried >= 44, "{tried}");
}
