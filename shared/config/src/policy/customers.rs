//! The customers, each mapped once on both sides.

use std::collections::BTreeMap;

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use halogard_domain::policy::{Mapping, Rule};
use toml::Spanned;

use super::{Customer, ParsedRule, TemplateNames};
use crate::fields::Fields;
use crate::findings::Findings;

pub(super) fn read(
    file: &Fields<'_>,
    templates: &TemplateNames<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Customer> {
    let tables = file.tables("environments").unwrap_or_default();
    let customers: Vec<_> = tables
        .iter()
        .filter_map(|fields| read_one(fields, templates, findings))
        .collect();
    check_one_to_one(&tables, findings);
    if tables.is_empty() {
        let message = "no customer is mapped: every alert waits until [[environments]] maps its \
                       customer";
        findings.warn(&(0..0), message);
    }
    customers
}

fn read_one(
    fields: &Fields<'_>,
    templates: &TemplateNames<'_>,
    findings: &mut Findings<'_>,
) -> Option<Customer> {
    let template = templates.named_in(fields, "template", findings);
    let groups = fields.texts("groups");
    let environment = fields.number("environment")?;
    let mapping = Mapping {
        environment: EnvironmentId::new(*environment.get_ref()),
        client: HaloClientId::new(fields.number("client")?.into_inner()),
        site: fields
            .number("site")
            .map(|site| SiteId::new(site.into_inner())),
        template,
        groups: groups
            .iter()
            .map(|group| (*group.get_ref()).to_owned())
            .collect(),
    };
    Some(Customer {
        mapping,
        environment_span: environment.span(),
    })
}

/// Each environment maps to its own client. If two shared a client, a ticket would not show whose
/// alert it is.
fn check_one_to_one(tables: &[Fields<'_>], findings: &mut Findings<'_>) {
    for key in ["environment", "client"] {
        let numbers: Vec<Spanned<u64>> = tables
            .iter()
            .filter_map(|fields| fields.number(key))
            .collect();
        let mut first_at = BTreeMap::new();
        for number in &numbers {
            let first = *first_at
                .entry(*number.get_ref())
                .or_insert(number.span().start);
            if first != number.span().start {
                let line = findings.source().line_of(&(first..first));
                let message = format!(
                    "{key} {} is mapped twice; first in line {line}",
                    number.get_ref()
                );
                findings.error(&number.span(), message);
            }
        }
    }
}

/// Warns about customers whose alerts would wait forever.
pub(super) fn check_templates(
    customers: &[Customer],
    rules: &[ParsedRule],
    findings: &mut Findings<'_>,
) {
    for customer in customers
        .iter()
        .filter(|customer| customer.mapping.template.is_none())
    {
        let mapping = &customer.mapping;
        let could_fit = |rule: &Rule| {
            let group = rule.group.as_ref();
            group.is_none_or(|group| mapping.groups.contains(group))
                && (rule.environments.is_empty()
                    || rule.environments.contains(&mapping.environment))
        };
        if !rules.iter().any(|parsed| could_fit(&parsed.rule)) {
            let message = format!(
                "environment {} has no `template`, and no rule can match its alerts: they all wait",
                mapping.environment,
            );
            findings.warn(&customer.environment_span, message);
        }
    }
}
