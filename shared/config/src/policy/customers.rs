//! The customers, each mapped once on both sides.

use std::collections::{BTreeMap, BTreeSet};

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use halogard_domain::policy::Mapping;
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

/// Each environment is mapped once, and has a client of its own unless all that have the same client say so,
/// or name different sites of it: a mistyped id would put one customer's alerts before another's eyes.
fn check_one_to_one(tables: &[Fields<'_>], findings: &mut Findings<'_>) {
    for (number, first, _) in repeated(tables, "environment") {
        let line = findings.source().line_of(&first.span());
        let message = format!(
            "environment {} is mapped twice; first in line {line}",
            number.get_ref()
        );
        findings.error(&number.span(), message);
    }
    for (number, first, all) in repeated(tables, "client") {
        let is_said = all
            .iter()
            .all(|fields| fields.switch("shared") == Some(true));
        let sites: BTreeSet<u64> = all
            .iter()
            .filter_map(|fields| Some(fields.number("site")?.into_inner()))
            .collect();
        if is_said || sites.len() == all.len() {
            continue;
        }
        let line = findings.source().line_of(&first.span());
        let message = format!(
            "client {} is mapped twice; first in line {line}. If the environments are one customer, write \
             `shared = true` in each, or give each its own `site`",
            number.get_ref()
        );
        findings.error(&number.span(), message);
    }
}

/// Each number under `key` that an earlier table has as well, the earliest one, and all tables with it.
fn repeated<'t, 'a>(
    tables: &'t [Fields<'a>],
    key: &str,
) -> Vec<(Spanned<u64>, Spanned<u64>, Vec<&'t Fields<'a>>)> {
    let mut by_number: BTreeMap<u64, Vec<(Spanned<u64>, &Fields<'a>)>> = BTreeMap::new();
    for fields in tables {
        if let Some(number) = fields.number(key) {
            let tables = by_number.entry(*number.get_ref()).or_default();
            tables.push((number, fields));
        }
    }
    let mut repeated = Vec::new();
    for found in by_number.into_values() {
        let all: Vec<_> = found.iter().map(|(_, fields)| *fields).collect();
        let later = found.iter().skip(1);
        repeated.extend(later.map(|(number, _)| (number.clone(), found[0].0.clone(), all.clone())));
    }
    repeated.sort_by_key(|(number, _, _)| number.span().start);
    repeated
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
        if !rules.iter().any(|parsed| parsed.rule.may_match(mapping)) {
            let message = format!(
                "environment {} has no `template`, and no rule can match its alerts: they all wait",
                mapping.environment,
            );
            findings.warn(&customer.environment_span, message);
        }
    }
}
