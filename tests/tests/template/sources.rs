//! What the code of a function says about the world around it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::expanded::root;

/// The source of a function, and of the shared code that it uses; tests left
/// out.
pub fn source_of(function: &str) -> String {
    let mut text = String::new();
    gather(
        &root().join("functions").join(function).join("src"),
        &mut text,
    );
    if text.contains("Aws::from_environment") {
        gather(&root().join("shared/lambda/src"), &mut text);
    }
    text
}

/// Adds every Rust file below `folder` to `text`, each without its tests.
pub fn gather(folder: &Path, text: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            gather(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let file = fs::read_to_string(path).unwrap();
            let code = file.split("#[cfg(test)]").next().unwrap_or_default();
            text.push_str(code);
        }
    }
}

/// The literals in `source` that are names of variables, those that Lambda itself sets left out.
pub fn variables_in(source: &str) -> BTreeSet<String> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: Vec<&str> = code.collect();
    let code = code.join("\n");
    // Also the text between two literals: nothing there is one such word alone.
    code.split('"')
        .filter(|text| is_variable(text) && !is_set_by_lambda(text))
        .map(str::to_owned)
        .collect()
}

fn is_variable(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.contains('_')
        && !text.ends_with('_')
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(fits)
}

fn is_set_by_lambda(name: &str) -> bool {
    name.starts_with("AWS_") || name.starts_with("LAMBDA_")
}
