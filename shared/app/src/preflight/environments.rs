//! Checks every customer that the policy names in Liongard.

use std::collections::BTreeMap;

use halogard_domain::Policy;

use super::{FindingScope, PreflightReport};
use crate::ports::EnvironmentInfo;

/// Checks mapped environments, and counts the unmapped ones.
pub(super) fn check(
    environments: &[EnvironmentInfo],
    policy: &Policy,
    report: &mut PreflightReport,
) {
    if environments.is_empty() {
        report.cannot_tell(
            "Liongard shows no environment to this key".to_owned(),
            "give the access key's user a role that sees every environment",
        );
        return;
    }
    let known: BTreeMap<_, _> = environments.iter().map(|found| (found.id, found)).collect();
    for mapping in policy.environments.values() {
        let id = mapping.environment;
        match known.get(&id) {
            None => report.problem_of(
                FindingScope::Environment(id),
                format!("the config maps environment {id}, which Liongard does not have"),
                "correct the id under [[environments]], or let the access key see it",
            ),
            Some(found) if !found.active => report.warning(
                format!(
                    "environment {id} ({:?}) is mapped and not active",
                    found.name
                ),
                "take it out of the config, or activate it in Liongard",
            ),
            Some(_) => {}
        }
    }
    let unmapped: Vec<_> = environments
        .iter()
        .filter(|found| found.active && !policy.environments.contains_key(&found.id))
        .collect();
    if let Some(first) = unmapped.first() {
        report.warning(
            format!(
                "{} active environments are mapped to no client, {} ({:?}) among them: their alerts wait",
                unmapped.len(), first.id, first.name
            ),
            "add them under [[environments]]; waiting alerts are released at once",
        );
    }
}
