//! Which ticket an alert would get, and why.

use halogard_config::parse;
use halogard_domain::ids::HaloClientId;
use halogard_domain::policy::{ParkReason, RuleCondition};
use halogard_operations::route::{RouteAnswer, SampleAlert, route};

const CONFIG: &str = r#"
mode = "managed"
ignore = [9]

[templates.default]
ticket_type = 5
team = "Service Desk"
status = { open = 1, closed = 9 }
priority = { critical = 1, default = 4 }

[templates.security]
ticket_type = 6
status = { open = 1, closed = 9 }

[[rules]]
inspector = "active-*"
priority = "critical"
template = "security"

[[rules]]
rule = "*info*"
template = "none"

[[environments]]
environment = 1
client = 17
template = "default"
"#;

fn routed(environment: u64, inspector: &str, rule: &str, priority: &str) -> Option<RouteAnswer> {
    let policy = parse("halogard.toml", CONFIG).ok()?.policy;
    let sample = SampleAlert {
        environment,
        inspector: Some(inspector.to_owned()),
        rule: Some(rule.to_owned()),
        priority: priority.to_owned(),
        name: "Some Alert".to_owned(),
    };
    Some(route(&sample.alert(), &policy))
}

#[test]
fn the_rule_that_matches_and_those_that_do_not_are_named() {
    let rows = [
        (
            (1, "active-directory", "Stale", "Critical"),
            Some("security"),
            None,
            vec![vec![]],
        ),
        (
            (1, "active-directory", "Stale", "Low"),
            Some("default"),
            None,
            vec![vec![RuleCondition::Priority], vec![RuleCondition::Rule]],
        ),
        (
            (1, "windows", "Some info here", "Low"),
            None,
            Some(ParkReason::NotTicketed),
            vec![
                vec![RuleCondition::Inspector, RuleCondition::Priority],
                vec![],
            ],
        ),
        (
            (2, "windows", "Stale", "Low"),
            None,
            Some(ParkReason::Unmapped),
            vec![],
        ),
        (
            (9, "windows", "Stale", "Low"),
            None,
            Some(ParkReason::Ignored),
            vec![],
        ),
    ];
    for ((environment, inspector, rule, priority), template, no_ticket, unmet) in rows {
        let answer = routed(environment, inspector, rule, priority);
        let seen = answer.map(|answer| {
            let template = answer.ticket.as_ref().map(|it| it.template.clone());
            if let Some(ticket) = &answer.ticket {
                assert_eq!(ticket.client, HaloClientId::new(17));
            }
            let unmet: Vec<_> = answer.rules.iter().map(|it| it.unmet.clone()).collect();
            (template, answer.no_ticket, unmet)
        });
        assert_eq!(seen, Some((template.map(str::to_owned), no_ticket, unmet)));
    }
}
