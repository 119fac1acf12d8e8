//! What is wrong with a file, in the form a compiler would give it.

use std::fmt;

/// Problems shown at once; more would push the first ones off the screen.
const SHOWN_MAX: usize = 50;

/// One thing that is wrong, or hardly meant, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What the text is called.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// The line itself, with a mark below the place. Values of what looks like a secret are left
    /// out.
    pub excerpt: String,
}

/// Everything that is wrong with a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Holds what was found.
    #[must_use]
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// What was found.
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
