//! All that was found wrong with a file so far.

use std::ops::Range;

use crate::problem::Problem;
use crate::source::Source;

/// Gathers errors and warnings in any order; gives them back in the order of the file.
pub(crate) struct Findings<'a> {
    source: &'a Source<'a>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(source: &'a Source<'a>) -> Self {
        Self { source, errors: Vec::new(), warnings: Vec::new() }
    }

    /// The text that is being read.
    pub(crate) fn source(&self) -> &'a Source<'a> {
        self.source
    }

    /// Notes what makes the file unusable.
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.errors.push(self.source.problem(span, message.into()));
    }

    /// Notes what is hardly meant.
    pub(crate) fn warn(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.warnings.push(self.source.problem(span, message.into()));
    }

    /// The errors and the warnings.
    pub(crate) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        for found in [&mut self.errors, &mut self.warnings] {
            found.sort_by_key(|problem| (problem.line, problem.column));
        }
        (self.errors, self.warnings)
    }
}
