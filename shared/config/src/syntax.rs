//! Parses text to TOML; every value has its position.

use toml::Spanned;
use toml::de::DeTable;

use crate::problem::Problems;
use crate::source::SourceText;

/// Parses the text. An error confuses the parser for the rest of its line, so only the first error
/// of a line is reported. Nothing else is checked until the text is TOML, because what seems to be
/// missing may only be unparsable.
pub(crate) fn read<'a>(source: &SourceText<'a>) -> Result<Spanned<DeTable<'a>>, Problems> {
    let (file, errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Ok(file);
    }
    let mut problems = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let message = explained(error.message(), source.at(&span));
        problems.push(source.problem(&span, message));
    }
    // Stable: errors of one line stay in the order in which they were found.
    problems.sort_by_key(|problem| problem.line);
    problems.dedup_by_key(|problem| problem.line);
    Err(Problems::new(problems))
}

/// The parser's message, for people who do not write TOML every day.
fn explained(message: &str, found: &str) -> String {
    if message.starts_with("string values must be quoted") {
        "text must be in double quotes".to_owned()
    } else if message == "duplicate key" {
        format!("`{found}` appears twice")
    } else if message.starts_with("missing escaped value") {
        "a backslash is an escape character in double quotes; use single quotes".to_owned()
    } else {
        format!("not TOML: {message}")
    }
}
