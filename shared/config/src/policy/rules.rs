//! The rules, and whether each can ever apply.

use std::collections::BTreeSet;

use halogard_domain::Slug;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::policy::{Pattern, Rule};

use super::{Customer, ParsedRule, TemplateNames, ids};
use crate::fields::Fields;
use crate::findings::Findings;
use crate::suggestion::nearest;

/// What a rule names instead of a template when its alerts get no ticket.
pub(super) const NO_TICKET: &str = "none";

pub(super) fn read(
    file: &Fields<'_>,
    templates: &TemplateNames<'_>,
    findings: &mut Findings<'_>,
) -> Vec<ParsedRule> {
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
) -> Option<ParsedRule> {
    let pattern = |key| Some(Pattern::new(fields.text(key)?.get_ref()));
    let priorities = fields.texts("priority");
    if let Some(blank) = priorities
        .iter()
        .find(|text| Slug::new(text.get_ref()).is_empty())
    {
        findings.error(&blank.span(), "a priority must contain a letter or a digit");
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
        template: match fields.text("template")?.into_inner() {
            NO_TICKET => None,
            _ => templates.named_in(fields, "template", findings),
        },
    };
    Some(ParsedRule {
        rule,
        span: fields.span().clone(),
        group_span: fields.span_of("group"),
        environments_span: fields.span_of("environments"),
    })
}

/// Warns about rules that can never apply.
pub(super) fn check_reach(
    rules: &[ParsedRule],
    customers: &[Customer],
    findings: &mut Findings<'_>,
) {
    for (index, parsed) in rules.iter().enumerate() {
        let covering = rules[..index]
            .iter()
            .find(|earlier| covers(&earlier.rule, &parsed.rule));
        if let Some(earlier) = covering {
            let line = findings.source().line_of(&earlier.span);
            let message = format!(
                "this rule never applies: the rule in line {line} matches everything it matches"
            );
            findings.warn(&parsed.span, message);
        }
        check_group(parsed, customers, findings);
        check_environments(parsed, customers, findings);
    }
}

/// Whether `earlier` matches every alert that `later` matches, as far as is known without
/// comparing patterns.
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

fn check_group(parsed: &ParsedRule, customers: &[Customer], findings: &mut Findings<'_>) {
    let Some(group) = &parsed.rule.group else {
        return;
    };
    let groups: BTreeSet<&str> = customers
        .iter()
        .flat_map(|customer| customer.mapping.groups.iter().map(String::as_str))
        .collect();
    if !groups.contains(group.as_str()) {
        let hint = match nearest(group, groups) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "the rule never applies".to_owned(),
        };
        findings.warn(
            &parsed.group_span,
            format!("no environment is in this group; {hint}"),
        );
    }
}

fn check_environments(parsed: &ParsedRule, customers: &[Customer], findings: &mut Findings<'_>) {
    let mapped: BTreeSet<EnvironmentId> = customers
        .iter()
        .map(|customer| customer.mapping.environment)
        .collect();
    for unmapped in parsed.rule.environments.difference(&mapped) {
        let message = format!("environment {unmapped} is not mapped by any [[environments]]");
        findings.warn(&parsed.environments_span, message);
    }
}
