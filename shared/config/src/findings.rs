//! All that was found wrong with a file so far.

use std::ops::Range;

use crate::problem::Problem;
use crate::source::Source;

/// Gathers errors and warnings in any order; gives them back in the order of the file.
pub(crate) struct Findings<'a> {
    source: &'a Source<'a>,
    errors: Vec<(usize, Problem)>,
    warnings: Vec<(usize, Problem)>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(source: &'a Source<'a>) -> Self {
        Self {
            source,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The text that is being read.
    pub(crate) fn source(&self) -> &'a Source<'a> {
        self.source
    }

    /// Notes what makes the file unusable.
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.errors
            .push((span.start, self.source.problem(span, message.into())));
    }

    /// Notes what is hardly meant.
    pub(crate) fn warn(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.warnings
            .push((span.start, self.source.problem(span, message.into())));
    }

    /// Whether an error was found inside `span`.
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
