//! From a file of the right shape to a policy that makes sense.

mod customers;
mod reopen;
mod rules;
mod storms;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::Policy;
use halogard_domain::policy::Mode;
use toml::Spanned;

use crate::fields::Fields;
use crate::findings::Findings;
use crate::nearest::nearest;

/// The policy that the file describes; `None` when something without which there is none is
/// missing, which the check has reported.
pub(crate) fn read(file: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Policy> {
    let templates = file.table("templates");
    let names = TemplateNames::of(templates.as_ref());
    if let Some(templates) = templates.as_ref().filter(|_| names.0.is_empty()) {
        findings.error(
            templates.span(),
            "there is no template; name one, as [templates.default]",
        );
    }
    let read_templates: BTreeMap<_, _> = templates
        .iter()
        .flat_map(Fields::named_tables)
        .filter_map(|(name, fields)| {
            let template = template::read(name.into_inner(), &fields, findings)?;
            Some((template.name.clone(), template))
        })
        .collect();
    let rules = rules::read(file, &names, findings);
    let customers = customers::read(file, &names, findings);
    rules::check_reach(&rules, &customers, findings);
    customers::check_templates(&customers, &rules, findings);

    let mut policy = Policy::empty(mode(file)?);
    if let Some(prefix) = file.text("key_prefix") {
        policy.key_prefix = prefix.into_inner().to_owned();
    }
    if let Some(seconds) = file.number("native_grace_seconds") {
        policy.native_grace = Duration::from_secs(seconds.into_inner());
    }
    policy.storms = storms::read(file);
    policy.templates = read_templates;
    policy.rules = rules.into_iter().map(|rule| rule.rule).collect();
    policy.environments = customers
        .into_iter()
        .map(|customer| (customer.mapping.environment, customer.mapping))
        .collect();
    Some(policy)
}

fn mode(file: &Fields<'_>) -> Option<Mode> {
    match file.text("mode")?.into_inner() {
        "managed" => Some(Mode::Managed),
        "native" => Some(Mode::Native),
        _ => None,
    }
}

/// The names of all templates, also of those with mistakes in them.
struct TemplateNames<'a>(Vec<&'a str>);

impl<'a> TemplateNames<'a> {
    fn of(templates: Option<&Fields<'a>>) -> Self {
        let named = templates.into_iter().flat_map(Fields::named_tables);
        Self(named.map(|(name, _)| name.into_inner()).collect())
    }

    /// The template named by `key` of `fields`, if there is such a one.
    fn named_in(
        &self,
        fields: &Fields<'_>,
        key: &str,
        findings: &mut Findings<'_>,
    ) -> Option<String> {
        let name = fields.text(key)?;
        if !self.0.contains(name.get_ref()) && !self.0.is_empty() {
            let hint = match nearest(name.get_ref(), self.0.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("there is {}", quoted(&self.0)),
            };
            findings.error(&name.span(), format!("there is no such template; {hint}"));
        }
        Some(name.into_inner().to_owned())
    }
}

/// Names in quotes, commas between them.
fn quoted(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

/// The numbers of a list, as ids of one kind.
fn ids<T: Ord>(numbers: &[Spanned<u64>], id: fn(u64) -> T) -> BTreeSet<T> {
    numbers.iter().map(|number| id(*number.get_ref())).collect()
}
