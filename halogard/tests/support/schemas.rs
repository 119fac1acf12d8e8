//! The published JSON schemas: whatever a program test has a command print with `--json` is held to them.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Commands with the answer of another one: the words that name them, and the file of their schema.
const SHARED: [(&str, &str); 9] = [
    ("config undo", "config-apply"),
    ("dlq drop", "dlq-redrive"),
    ("import", "export"),
    ("replay", "resync"),
    ("resume", "pause"),
    ("serve --check", "doctor"),
    ("serve --dry-run", "serve-dry-run"),
    ("snooze", "pause"),
    ("unlink", "link"),
];

/// The words before the first argument that is none of the command's name.
fn name_of(words: &[&str]) -> String {
    let parts = match words.first().copied().unwrap_or_default() {
        "config" | "dlq" | "report" | "webhook" | "audit" | "notify" => 2,
        "status" if words.contains(&"waiting") => return "status-waiting".to_owned(),
        "verify" if words.contains(&"--duplicates") => return "verify-duplicates".to_owned(),
        "serve" => {
            let part = ["--check", "--dry-run"]
                .into_iter()
                .find(|it| words.contains(it));
            return format!("serve {}", part.unwrap_or_default());
        }
        _ => 1,
    };
    words
        .iter()
        .take(parts)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Panics if `command` asked for JSON, and what it printed does not have its published form.
#[track_caller]
pub fn check(command: &Command, stdout: &str) {
    let words: Vec<&str> = command.get_args().filter_map(OsStr::to_str).collect();
    // A log has no schema, and the summary of a demo is its last line.
    if !words.contains(&"--json") {
        return;
    }
    let Ok(answer) = serde_json::from_str::<Value>(stdout) else {
        return;
    };
    let name = name_of(&words);
    let shared = SHARED.into_iter().find(|(command, _)| *command == name);
    let file = match answer.get("error") {
        Some(Value::Object(_)) => "failure".to_owned(),
        _ => shared.map_or_else(|| name.replace(' ', "-"), |(_, file)| file.to_owned()),
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
    let schema = fs::read_to_string(folder.join(format!("{file}.json")));
    let schema = schema.unwrap_or_else(|error| panic!("no schema for {words:?}: {error}"));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong = validator.iter_errors(&answer);
    let wrong: Vec<String> = wrong
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{words:?} against {file}: {wrong:?}");
}
