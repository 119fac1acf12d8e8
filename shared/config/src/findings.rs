//! The errors and warnings found in a file so far.

use std::ops::Range;

use crate::problem::Problem;
use crate::source::SourceText;

/// Collects errors and warnings in any order and returns them in the order of the file.
pub(crate) struct Findings<'a> {
    source: &'a SourceText<'a>,
    errors: Vec<(usize, Problem)>,
    warnings: Vec<(usize, Problem)>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(source: &'a SourceText<'a>) -> Self {
        Self {
            source,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The text that is being checked.
    pub(crate) fn source(&self) -> &'a SourceText<'a> {
        self.source
    }

    /// Reports what makes the file unusable.
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.errors
            .push((span.start, self.source.problem(span, message.into())));
    }

    /// Reports what is valid but probably not intended.
    pub(crate) fn warn(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.warnings
            .push((span.start, self.source.problem(span, message.into())));
    }

    /// Whether an error was reported inside `span`.
    pub(crate) fn has_error_in(&self, span: &Range<usize>) -> bool {
        self.errors.iter().any(|(at, _)| span.contains(at))
    }

    /// The errors and the warnings.
    pub(crate) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        (in_order(self.errors), in_order(self.warnings))
    }
}

fn in_order(mut found: Vec<(usize, Problem)>) -> Vec<Problem> {
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, problem)| problem).collect()
}
