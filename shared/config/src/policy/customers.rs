//! The customers, each mapped once on both sides.

use std::collections::BTreeMap;
use std::ops::Range;

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use halogard_domain::policy::{Mapping, Rule};
use toml::Spanned;

use super::TemplateNames;
use super::rules::WrittenRule;
use crate::fields::Fields;
use crate::findings::Findings;

/// A customer and where it stands.
pub(super) struct Customer {
    pub(super) mapping: Mapping,
    environment_span: Range<usize>,
}

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
        let message = "no customer is mapped: every alert waits until [[environments]] names its \
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

/// One environment is one client. Were a client shared, a ticket could not tell whose alert it is.
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

/// Warns of customers whose alerts would wait for ever.
pub(super) fn check_templates(
    customers: &[Customer],
    rules: &[WrittenRule],
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
        if !rules.iter().any(|written| could_fit(&written.rule)) {
            let message = format!(
                "environment {} has no `template`, and no rule can fit its alerts: they all wait",
                mapping.environment,
            );
            findings.warn(&customer.environment_span, message);
        }
    }
}
