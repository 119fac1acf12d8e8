//! Problems of a file, formatted like compiler diagnostics.

use std::fmt;

/// Problems shown at once; more would scroll the first ones off the screen.
const SHOWN_MAX: usize = 50;

/// One error or warning and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the text.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// The line itself, with a marker below the position. Values that may be secrets are omitted.
    pub excerpt: String,
}

/// All problems of a file in their order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// All problems that were found.
    #[must_use]
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The problems.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            line,
            column,
            message,
            excerpt,
        } = self;
        write!(f, "{source}:{line}:{column}: {message}\n{excerpt}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().take(SHOWN_MAX).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}
