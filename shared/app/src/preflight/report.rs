//! The findings of a check.

use std::fmt;

use halogard_domain::Policy;
use halogard_domain::ids::EnvironmentId;

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
    /// Whose work it concerns.
    pub scope: FindingScope,
    /// The thing, by name.
    pub thing: String,
    /// What to change and where; empty for what is in order.
    pub remedy: String,
}

/// Whose work a finding concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingScope {
    /// Everything.
    All,
    /// Everything, until the vendor can be reached.
    Connection,
    /// Alerts that get this template.
    Template(String),
    /// Alerts of this environment.
    Environment(EnvironmentId),
}

impl FindingScope {
    /// Whether it concerns every call to a vendor.
    #[must_use]
    pub const fn is_about_access(&self) -> bool {
        matches!(self, Self::All | Self::Connection)
    }
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
        self.problems().next().is_some()
    }

    /// The vendor that cannot be reached, which may be over in a minute; `None` if something else concerns
    /// everything as well.
    #[must_use]
    pub fn unreachable(&self) -> Option<&Finding> {
        let concerns = |scope| self.problems().find(move |found| found.scope == scope);
        match concerns(FindingScope::All) {
            Some(_) => None,
            None => concerns(FindingScope::Connection),
        }
    }

    /// The problems.
    pub fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.level == Level::Problem)
    }

    /// `policy` without the templates and environments that have a problem: their alerts wait, parked,
    /// and the others are synchronised. `None` if a problem concerns everything, or nothing would be left.
    #[must_use]
    pub fn policy_without_problems(&self, policy: &Policy) -> Option<Policy> {
        let mut policy = policy.clone();
        for problem in self.problems() {
            match &problem.scope {
                FindingScope::All | FindingScope::Connection => return None,
                FindingScope::Template(name) => drop(policy.templates.remove(name)),
                FindingScope::Environment(id) => drop(policy.environments.remove(id)),
            }
        }
        let Policy {
            environments,
            templates,
            ..
        } = &policy;
        let by_rule = policy
            .rules
            .iter()
            .any(|rule| matches!(&rule.template, Some(name) if templates.contains_key(name)));
        let by_mapping = environments.values().any(|mapping| {
            let template = mapping.template.as_ref();
            template.is_some_and(|name| templates.contains_key(name))
        });
        let is_anything_left = !environments.is_empty() && (by_rule || by_mapping);
        is_anything_left.then_some(policy)
    }

    /// Adds something in order.
    pub(super) fn note(&mut self, thing: String) {
        self.add(Level::Ok, FindingScope::All, thing, "");
    }

    /// Adds something that could not be checked.
    pub(super) fn cannot_tell(&mut self, thing: String, remedy: impl Into<String>) {
        self.add(Level::CannotTell, FindingScope::All, thing, remedy);
    }

    /// Adds something to review.
    pub(super) fn warning(&mut self, thing: String, remedy: impl Into<String>) {
        self.add(Level::Warning, FindingScope::All, thing, remedy);
    }

    /// Adds something that would fail.
    pub(super) fn problem(&mut self, thing: String, remedy: impl Into<String>) {
        self.add(Level::Problem, FindingScope::All, thing, remedy);
    }

    /// Adds something that would fail for a part of the alerts.
    pub(super) fn problem_of(
        &mut self,
        scope: FindingScope,
        thing: String,
        remedy: impl Into<String>,
    ) {
        self.add(Level::Problem, scope, thing, remedy);
    }

    /// Adds a finding.
    fn add(&mut self, level: Level, scope: FindingScope, thing: String, remedy: impl Into<String>) {
        self.findings.push(Finding {
            level,
            scope,
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
