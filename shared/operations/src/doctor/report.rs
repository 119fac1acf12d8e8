//! What was found.

use std::collections::BTreeSet;
use std::fmt;

use halogard_config::nearest;
use halogard_domain::Policy;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::policy::Mode;
use serde::Serialize;

use super::checks::{CheckId, CheckOwner, Urgency};

/// How many groups are named that an unknown one may have meant.
const NEAR_MAX: usize = 4;

/// The findings of `doctor`, in the order of its checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DoctorReport {
    /// The findings.
    pub findings: Vec<Finding>,
    #[serde(skip)]
    done: BTreeSet<CheckId>,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The check that found it.
    pub id: CheckId,
    /// Whose it is.
    pub owner: CheckOwner,
    /// How bad it is.
    pub level: Level,
    /// How soon a person should act; `None` where nothing is to be done.
    pub urgency: Option<Urgency>,
    /// Whose work it concerns.
    #[serde(skip)]
    pub scope: FindingScope,
    /// Whether the check was not made: a vendor was not asked or did not answer. A check that has an answer, which
    /// the credential may not see in full, was made.
    #[serde(skip)]
    pub is_unmade: bool,
    /// The thing, by name.
    pub thing: String,
    /// What to change and where; empty for what is in order.
    #[serde(rename = "fix")]
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

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// In order.
    Ok,
    /// Not checked, because something before it failed or it was not asked for.
    Skipped,
    /// Could not be checked.
    CannotTell,
    /// Works, but should be reviewed.
    Warning,
    /// Work would fail.
    Problem,
}

impl Level {
    /// As a line begins.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::CannotTell => "cannot tell",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl FindingScope {
    /// Whether it concerns every call to a vendor.
    #[must_use]
    pub const fn is_about_access(&self) -> bool {
        matches!(self, Self::All | Self::Connection)
    }
}

impl DoctorReport {
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

    /// How many findings have this level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let found = self.findings.iter();
        found.filter(|finding| finding.level == level).count()
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
        let is_anything_left =
            policy.mode == Mode::Observe || !environments.is_empty() && (by_rule || by_mapping);
        is_anything_left.then_some(policy)
    }

    /// The same report with the checks of `group` alone: ids that are `group` or begin with it.
    #[must_use]
    pub fn only(mut self, group: &str) -> Self {
        let belongs = |id: &str| {
            let rest = id.strip_prefix(group);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.findings.retain(|found| belongs(found.id.as_str()));
        self
    }

    /// The groups and checks that an unknown `group` may have meant, the nearest first; `None` where there is such a
    /// group.
    #[must_use]
    pub fn near_groups(group: &str) -> Option<Vec<&'static str>> {
        let mut known: BTreeSet<&'static str> = BTreeSet::new();
        for check in CheckId::ALL {
            let id = check.as_str();
            let ends = id.match_indices('.').map(|(end, _)| end);
            known.extend(ends.map(|end| &id[..end]));
            known.insert(id);
        }
        if known.contains(group) {
            return None;
        }
        let mut near = Vec::new();
        while near.len() < NEAR_MAX
            && let Some(next) = nearest(group, known.iter().copied())
        {
            known.remove(next);
            near.push(next);
        }
        if near.is_empty() {
            // Nothing is like it: the groups as a whole.
            near.extend(known.iter().filter(|id| !id.contains('.')));
        }
        Some(near)
    }

    /// Says more exactly why `check` found a problem, if it did.
    pub fn explain(&mut self, check: CheckId, thing: &str, remedy: &str) {
        let mut found = self.findings.iter_mut();
        let found = found.find(|it| it.id == check && it.level == Level::Problem);
        if let Some(found) = found {
            thing.clone_into(&mut found.thing);
            remedy.clone_into(&mut found.remedy);
        }
    }

    /// Adds everything that another part of the examination found.
    pub fn append(&mut self, other: Self) {
        self.done.extend(other.done);
        self.findings.extend(other.findings);
    }

    /// Notes that `check` was made; it is in order unless a finding says otherwise.
    pub fn done(&mut self, check: CheckId) {
        self.done.insert(check);
    }

    /// Adds what a check that is in order has to say.
    pub fn ok(&mut self, check: CheckId, thing: String) {
        self.add(Level::Ok, check, FindingScope::All, thing, "");
    }

    /// Adds something that could not be checked.
    pub fn cannot_tell(&mut self, check: CheckId, thing: String, remedy: impl Into<String>) {
        self.add(Level::CannotTell, check, FindingScope::All, thing, remedy);
        if let Some(added) = self.findings.last_mut() {
            added.is_unmade = true;
        }
    }

    /// Adds something that the vendor does not show to this credential, and that the config does not depend on.
    pub fn not_shown(&mut self, check: CheckId, thing: String, remedy: impl Into<String>) {
        self.add(Level::CannotTell, check, FindingScope::All, thing, remedy);
    }

    /// The checks that were not made, each once.
    #[must_use]
    pub fn unmade(&self) -> Vec<CheckId> {
        let unmade = self.findings.iter().filter(|found| found.is_unmade);
        let checks: BTreeSet<CheckId> = unmade.map(|found| found.id).collect();
        checks.into_iter().collect()
    }

    /// Adds something to review.
    pub fn warning(&mut self, check: CheckId, thing: String, remedy: impl Into<String>) {
        self.add(Level::Warning, check, FindingScope::All, thing, remedy);
    }

    /// Adds something that would fail.
    pub fn problem(&mut self, check: CheckId, thing: String, remedy: impl Into<String>) {
        self.problem_of(check, FindingScope::All, thing, remedy);
    }

    /// Adds something that would fail for a part of the alerts.
    pub fn problem_of(
        &mut self,
        check: CheckId,
        scope: FindingScope,
        thing: String,
        remedy: impl Into<String>,
    ) {
        self.add(Level::Problem, check, scope, thing, remedy);
    }

    fn add(
        &mut self,
        level: Level,
        id: CheckId,
        scope: FindingScope,
        thing: String,
        remedy: impl Into<String>,
    ) {
        self.done.insert(id);
        self.findings.push(Finding {
            id,
            owner: id.owner(),
            level,
            urgency: id.urgency(level),
            scope,
            is_unmade: false,
            thing,
            remedy: remedy.into(),
        });
    }

    /// Gives every check its line: those that were made and found nothing are in order, the others were
    /// skipped.
    pub fn complete(&mut self) {
        for check in CheckId::ALL {
            if self.findings.iter().any(|found| found.id == *check) {
                continue;
            }
            let level = match self.done.contains(check) {
                true => Level::Ok,
                false => Level::Skipped,
            };
            let subject = check.subject().to_owned();
            self.add(level, *check, FindingScope::All, subject, "");
        }
        self.findings.sort_by_key(|found| found.id);
    }
}

impl fmt::Display for Finding {
    /// One line: the level, the thing, the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level.as_str(), self.thing)?;
        if !self.remedy.is_empty() {
            write!(f, " → {}", self.remedy)?;
        }
        Ok(())
    }
}
