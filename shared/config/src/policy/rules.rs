//! The rules, and whether each can ever decide.

use std::collections::BTreeSet;
use std::ops::Range;

use halogard_domain::Slug;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::policy::{Pattern, Rule};

use super::customers::Customer;
use super::{TemplateNames, ids};
use crate::fields::Fields;
use crate::findings::Findings;
use crate::nearest::nearest;

/// A rule and where it stands.
pub(super) struct WrittenRule {
    pub(super) rule: Rule,
    span: Range<usize>,
    group_span: Range<usize>,
    environments_span: Range<usize>,
}

pub(super) fn read(
    file: &Fields<'_>,
    templates: &TemplateNames<'_>,
    findings: &mut Findings<'_>,
) -> Vec<WrittenRule> {
    let rules = file.tables("rules").unwrap_or_default();
    rules
        .iter()
        .filter_map(|fields| read_one(fields, templates, findings))
        .collect()
}

fn read_one(
    fields: &Fields<'_>,
    templates: &TemplateNames<'_>,
    findings: &mut Findings<'_>,
) -> Option<WrittenRule> {
    let pattern = |key| Some(Pattern::new(fields.text(key)?.get_ref()));
    let priorities = fields.texts("priority");
    if let Some(blank) = priorities
        .iter()
        .find(|text| Slug::new(text.get_ref()).is_empty())
    {
        findings.error(&blank.span(), "a priority needs a letter or a digit");
    }
    let rule = Rule {
        inspector: pattern("inspector"),
        rule: pattern("rule"),
        priorities: priorities
            .iter()
            .map(|text| Slug::new(text.get_ref()))
            .collect(),
        group: fields
            .text("group")
            .map(|group| group.into_inner().to_owned()),
        environments: ids(&fields.numbers("environments"), EnvironmentId::new),
        template: templates.named_in(fields, "template", findings)?,
    };
    Some(WrittenRule {
        rule,
        span: fields.span().clone(),
        group_span: fields.span_of("group"),
        environments_span: fields.span_of("environments"),
    })
}

/// Warns of rules that can never decide.
pub(super) fn check_reach(
    rules: &[WrittenRule],
    customers: &[Customer],
    findings: &mut Findings<'_>,
) {
    for (index, written) in rules.iter().enumerate() {
        let covering = rules[..index]
            .iter()
            .find(|earlier| covers(&earlier.rule, &written.rule));
        if let Some(earlier) = covering {
            let line = findings.source().line_of(&earlier.span);
            let message =
                format!("this rule never decides: the one in line {line} fits all it fits");
            findings.warn(&written.span, message);
        }
        check_group(written, customers, findings);
        check_environments(written, customers, findings);
    }
}

/// Whether every alert that `later` fits is one that `earlier` fits, as far as can be told without
/// comparing what patterns match.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    fn same<T: PartialEq>(earlier: &Option<T>, later: &Option<T>) -> bool {
        earlier.is_none() || earlier == later
    }
    fn wider<T: Ord>(earlier: &BTreeSet<T>, later: &BTreeSet<T>) -> bool {
        earlier.is_empty() || (!later.is_empty() && later.is_subset(earlier))
    }
    same(&earlier.inspector, &later.inspector)
        && same(&earlier.rule, &later.rule)
        && same(&earlier.group, &later.group)
        && wider(&earlier.priorities, &later.priorities)
        && wider(&earlier.environments, &later.environments)
}

fn check_group(written: &WrittenRule, customers: &[Customer], findings: &mut Findings<'_>) {
    let Some(group) = &written.rule.group else {
        return;
    };
    let groups: BTreeSet<&str> = customers
        .iter()
        .flat_map(|customer| customer.mapping.groups.iter().map(String::as_str))
        .collect();
    if !groups.contains(group.as_str()) {
        let hint = match nearest(group, groups) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "the rule never decides".to_owned(),
        };
        findings.warn(
            &written.group_span,
            format!("no environment is in this group; {hint}"),
        );
    }
}

fn check_environments(written: &WrittenRule, customers: &[Customer], findings: &mut Findings<'_>) {
    let mapped: BTreeSet<EnvironmentId> = customers
        .iter()
        .map(|customer| customer.mapping.environment)
        .collect();
    for unmapped in written.rule.environments.difference(&mapped) {
        let message = format!("environment {unmapped} is not mapped by any [[environments]]");
        findings.warn(&written.environments_span, message);
    }
}
