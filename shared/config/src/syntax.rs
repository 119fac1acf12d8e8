//! From text to TOML, every value with its place.

use toml::Spanned;
use toml::de::DeTable;

use crate::problem::Problems;
use crate::source::Source;

/// Parses the text. One broken spot confuses the parser for the rest of its line, so only the
/// first error of a line is told; and nothing else is checked until the text is TOML, because what
/// seems to be missing may only be unreadable.
pub(crate) fn read<'a>(source: &Source<'a>) -> Result<Spanned<DeTable<'a>>, Problems> {
    let (file, errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Ok(file);
    }
    let mut problems = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let message = in_our_words(error.message(), source.at(&span));
        problems.push(source.problem(&span, message));
    }
    // Stable: errors of a line stay in the order of finding.
    problems.sort_by_key(|problem| problem.line);
    problems.dedup_by_key(|problem| problem.line);
    Err(Problems::new(problems))
}

/// What the parser says, for people who do not write TOML every day.
fn in_our_words(message: &str, found: &str) -> String {
    if message.starts_with("string values must be quoted") {
        "text must stand in double quotes".to_owned()
    } else if message == "duplicate key" {
        format!("`{found}` is written twice")
    } else if message.starts_with("missing escaped value") {
        "a backslash has a meaning in double quotes; put the text in single quotes".to_owned()
    } else {
        format!("not TOML: {message}")
    }
}
