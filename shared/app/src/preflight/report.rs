//! The findings of a check.

use std::fmt;

/// The findings of a check, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreflightReport {
    /// The findings.
    pub findings: Vec<Finding>,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// The thing, by name.
    pub thing: String,
    /// What to change and where; empty for what is in order.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// In order.
    Ok,
    /// Could not be checked.
    CannotTell,
    /// Works, but should be reviewed.
    Warning,
    /// Work would fail.
    Problem,
}

impl PreflightReport {
    /// Whether anything would prevent synchronisation.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.level == Level::Problem)
    }

    /// Adds something in order.
    pub(super) fn note(&mut self, thing: String) {
        self.add(Level::Ok, thing, "");
    }

    /// Adds something that could not be checked.
    pub(super) fn cannot_tell(&mut self, thing: String, remedy: impl Into<String>) {
        self.add(Level::CannotTell, thing, remedy);
    }

    /// Adds something to review.
    pub(super) fn warning(&mut self, thing: String, remedy: impl Into<String>) {
        self.add(Level::Warning, thing, remedy);
    }

    /// Adds something that would fail.
    pub(super) fn problem(&mut self, thing: String, remedy: impl Into<String>) {
        self.add(Level::Problem, thing, remedy);
    }

    /// Adds a finding.
    fn add(&mut self, level: Level, thing: String, remedy: impl Into<String>) {
        self.findings.push(Finding {
            level,
            thing,
            remedy: remedy.into(),
        });
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::CannotTell => "cannot tell",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

impl fmt::Display for Finding {
    /// One line: the level, the thing, the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.thing)?;
        if !self.remedy.is_empty() {
            write!(f, " → {}", self.remedy)?;
        }
        Ok(())
    }
}
