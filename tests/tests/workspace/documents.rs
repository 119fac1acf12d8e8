//! Whether the documents quote what is in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{root, sources};

/// Texts in italics in the runbook that AWS shows, not Halogard.
const SHOWN_BY_AWS: [&str; 1] = ["insufficient data"];

/// Underscores from which an identifier in a document is taken for the name of a test or a function.
const UNDERSCORES_OF_A_NAME: usize = 3;

/// The Rust files that are built into the product: no tests, no simulator.
fn production_sources() -> String {
    let simulator = root().join("shared/simulator");
    let files = ["shared", "functions", "halogard"].map(|folder| sources(&root().join(folder)));
    let is_production = |file: &PathBuf| {
        file.components().any(|part| part.as_os_str() == "src") && !file.starts_with(&simulator)
    };
    let files = files.into_iter().flatten().filter(is_production);
    files
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

/// `text` in lower case, in one line, without the line continuations of string literals.
fn flattened(text: &str) -> String {
    let joined: String = text
        .split("\\\n")
        .enumerate()
        .map(|(index, part)| if index == 0 { part } else { part.trim_start() })
        .collect();
    let words: Vec<&str> = joined.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The parts of `text` between single asterisks.
fn italics(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in text.split("\n\n") {
        let without_bold = paragraph.replace("**", "");
        let parts: Vec<&str> = without_bold.split('*').collect();
        // A list item of the runbook begins with a dash, so every asterisk opens or closes.
        found.extend(parts.iter().skip(1).step_by(2).map(|it| flattened(it)));
    }
    found
}

/// Every Markdown file of the repository that describes it.
fn documents() -> Vec<PathBuf> {
    let is_markdown = |file: &PathBuf| file.extension().is_some_and(|end| end == "md");
    let files_of = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    let mut found = files_of("");
    for folder in ["docs", "docs/adr"] {
        found.extend(files_of(folder));
    }
    for folder in ["shared", "functions", "tests"] {
        found.extend(files_of(folder).into_iter().map(|it| it.join("README.md")));
    }
    found.retain(|file| is_markdown(file) && file.is_file());
    found
}

/// The modules that the root of a crate makes public.
fn public_modules(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
    let modules = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    modules
        .map(|rest| rest.trim_end_matches([';', ' ', '{']).to_owned())
        .collect()
}

#[test]
fn the_runbooks_list_of_contents_names_every_section() {
    let runbook = fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let titles: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let listed: Vec<&str> = runbook
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .filter_map(|line| line.split_once(". [")?.1.split_once("](#"))
        .map(|(title, _)| title)
        .collect();
    assert_eq!(listed, titles);
}

#[test]
fn every_text_that_the_runbook_quotes_in_italics_is_in_the_sources() {
    let runbook = fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let sources = flattened(&production_sources());
    let quoted = italics(&runbook);
    assert!(quoted.len() > 30, "{quoted:?}");
    let is_there = |text: &&String| {
        let mut parts = text
            .split('…')
            .map(|part| part.trim().trim_end_matches(':'));
        SHOWN_BY_AWS.contains(&text.as_str()) || parts.all(|part| sources.contains(part))
    };
    let missing: Vec<&String> = quoted.iter().filter(|text| !is_there(text)).collect();
    assert!(missing.is_empty(), "no source contains {missing:#?}");
}

#[test]
fn every_test_and_function_that_a_document_names_exists() {
    let folders = ["shared", "functions", "halogard", "tests"];
    let files = folders.map(|folder| sources(&root().join(folder)));
    let text: String = files
        .into_iter()
        .flatten()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    // The names of metrics are put together from a prefix and a name.
    let is_there =
        |name: &str| name.starts_with("halogard_") || text.contains(name.trim_end_matches('…'));
    let mut names = BTreeSet::new();
    for document in documents() {
        let page = fs::read_to_string(&document).unwrap();
        for quoted in page.split('`').skip(1).step_by(2) {
            let name = quoted.rsplit("::").next().unwrap_or_default();
            let is_name = name.matches('_').count() >= UNDERSCORES_OF_A_NAME
                && name.chars().all(|c| {
                    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '…')
                });
            if is_name && names.insert(name.to_owned()) {
                assert!(is_there(name), "{} names {name}", document.display());
            }
        }
    }
    assert!(names.len() > 200, "{}", names.len());
}

#[test]
fn every_public_module_is_described_in_the_readme_of_its_crate() {
    let mut missing = Vec::new();
    let mut count = 0;
    for parent in ["shared", "functions", "tests"] {
        for entry in fs::read_dir(root().join(parent)).unwrap() {
            let folder = entry.unwrap().path();
            let Ok(readme) = fs::read_to_string(folder.join("README.md")) else {
                continue;
            };
            for module in public_modules(&folder) {
                count += 1;
                let is_described = readme.contains(&format!("`{module}`"))
                    || readme.contains(&format!("`mod@{module}`"));
                if !is_described {
                    missing.push(format!("{}: {module}", folder.display()));
                }
            }
        }
    }
    assert!(count > 60, "{count}");
    assert!(missing.is_empty(), "not in the READMEs: {missing:#?}");
}

/// What the snapshot `name` shows at `width` columns.
fn printed(name: &str, width: &str) -> String {
    let file = root()
        .join("halogard/src/snapshots")
        .join(format!("{name}.snap"));
    let text = fs::read_to_string(file).unwrap();
    let begins = format!("{width} columns");
    let is_end = |line: &&str| line.ends_with(" columns") || *line == "JSON";
    let lines = text.lines().skip_while(|line| *line != begins).skip(1);
    let lines: Vec<&str> = lines.take_while(|line| !is_end(line)).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[test]
fn what_the_page_of_questions_shows_is_what_the_program_prints() {
    let page = fs::read_to_string(root().join("docs/questions.md")).unwrap();
    let blocks: Vec<&str> = page.split("<!-- as printed: ").skip(1).collect();
    assert!(blocks.len() >= 14, "{}", blocks.len());
    for block in blocks {
        let (what, rest) = block.split_once(" -->").unwrap();
        let (name, width) = what.split_once(' ').unwrap();
        let shown = rest.split("```").nth(1).unwrap_or_default();
        let shown = shown.trim_start_matches("text").trim_matches('\n');
        assert_eq!(shown, printed(name, width), "{what}");
    }
}
