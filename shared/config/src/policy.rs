//! Converts a checked file to a policy, and checks what depends on several of its parts.

mod customers;
mod notify;
mod reopen;
mod retention;
mod rules;
mod schedule;
mod start;
mod storms;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use halogard_domain::Policy;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::key::InstallationId;
use halogard_domain::policy::{Mapping, Mode, Rule};
use halogard_domain::ticket::MachineApplications;
use toml::Spanned;

use crate::fields::Fields;
use crate::findings::Findings;
use crate::suggestion::nearest;

/// The policy that the file describes. `None` if a required part is missing, which the check has
/// reported.
pub(crate) fn read(file: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Policy> {
    let templates = file.table("templates");
    let names = TemplateNames::of(templates.as_ref());
    let reserved = templates.iter().flat_map(Fields::named_tables);
    for (name, _) in reserved.filter(|(name, _)| *name.get_ref() == rules::NO_TICKET) {
        let message = "no template is called `none`: a rule that names it gives no ticket";
        findings.error(&name.span(), message);
    }
    if let Some(templates) = templates.as_ref().filter(|_| names.0.is_empty()) {
        findings.error(
            templates.span(),
            "the config has no template; add one, for example [templates.default]",
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
    let machines = file.texts("machine_applications").into_iter();
    policy.machine_applications =
        MachineApplications::with(machines.map(|name| name.into_inner().to_owned()));
    policy.former_prefixes = texts(file, "former_prefixes");
    policy.former_installations = former_installations(file, findings);
    if let Some(seconds) = file.number("native_grace_seconds") {
        policy.native_grace = Duration::from_secs(seconds.into_inner());
    }
    policy.storms = storms::read(file);
    policy.retention = retention::read(file, findings);
    policy.tickets_for = start::read(file, findings);
    policy.tickets_for_customer = start::read_by_customer(file, &customers, findings);
    policy.notify = notify::read(file, policy.mode, findings);
    policy.schedule = schedule::read(file);
    if policy.schedule.health_report.is_some() && policy.notify.is_none() {
        findings.error(
            &file.span_of("schedule"),
            "a report is sent by the channels of [notify]; name one, or set health_report = \"never\"",
        );
    }
    policy.templates = read_templates;
    policy.rules = rules.into_iter().map(|rule| rule.rule).collect();
    policy.ignored_environments = ids(&file.numbers("ignore"), EnvironmentId::new);
    policy.environments = customers
        .into_iter()
        .map(|customer| (customer.mapping.environment, customer.mapping))
        .collect();
    Some(policy)
}

/// The texts of a list.
fn texts(file: &Fields<'_>, key: &str) -> Vec<String> {
    let texts = file.texts(key).into_iter();
    texts.map(|text| text.into_inner().to_owned()).collect()
}

/// The ids of installations that no longer run. A mistyped one would keep the others waiting.
fn former_installations(file: &Fields<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let ids = file.texts("former_installations").into_iter();
    ids.map(|id| {
        if InstallationId::parse(id.get_ref()).is_none() {
            let message = format!(
                "`{}` is not the id of an installation: an id has twelve letters and digits, as the log line with \
                 the outcome `second_installation` shows them",
                id.get_ref()
            );
            findings.error(&id.span(), message);
        }
        id.into_inner().to_owned()
    })
    .collect()
}

fn mode(file: &Fields<'_>) -> Option<Mode> {
    match file.text("mode")?.into_inner() {
        "managed" => Some(Mode::Managed),
        "native" => Some(Mode::Native),
        "observe" => Some(Mode::Observe),
        _ => None,
    }
}

/// A customer and its position.
struct Customer {
    mapping: Mapping,
    environment_span: Range<usize>,
}

/// A rule and its positions.
struct ParsedRule {
    rule: Rule,
    span: Range<usize>,
    group_span: Range<usize>,
    environments_span: Range<usize>,
}

/// The names of all templates, including those with mistakes in them.
struct TemplateNames<'a>(Vec<&'a str>);

impl<'a> TemplateNames<'a> {
    fn of(templates: Option<&Fields<'a>>) -> Self {
        let named = templates.into_iter().flat_map(Fields::named_tables);
        Self(named.map(|(name, _)| name.into_inner()).collect())
    }

    /// The name of a template in the key `key` of `fields`. Reports a name that no template has.
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
                None => format!("the templates are {}", quoted(&self.0)),
            };
            findings.error(&name.span(), format!("there is no such template; {hint}"));
        }
        Some(name.into_inner().to_owned())
    }
}

/// Names in quotes, separated by commas.
fn quoted(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

/// The numbers of a list as ids of one type.
fn ids<T: Ord>(numbers: &[Spanned<u64>], id: fn(u64) -> T) -> BTreeSet<T> {
    numbers.iter().map(|number| id(*number.get_ref())).collect()
}
