//! A rule of the template: what it checks, and that it finds what is broken.

use std::fmt::Display;

use serde_json::Value;

use crate::expanded::Template;

/// What a rule found.
#[derive(Debug, Default)]
pub struct Findings {
    checked: usize,
    problems: Vec<String>,
}

impl Findings {
    /// Checks one thing: reports `problem` unless `holds`.
    pub fn look(&mut self, holds: bool, problem: impl Display) {
        self.checked += 1;
        if !holds {
            self.problems.push(problem.to_string());
        }
    }

    /// The same for two things that must be equal.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: impl Display, left: T, right: T) {
        let said = format!("{what}: {left:?} is not {right:?}");
        self.look(left == right, said);
    }
}

/// What a rule does.
pub type Rule = fn(&Template, &mut Findings);

/// One way to break the template, and a word of what the rule then says.
pub type Break = (&'static str, fn(&mut Value));

/// Holds the template to `rule`, then shows the rule each broken template.
///
/// # Panics
///
/// When the template breaks the rule, when the rule checked nothing, or when it finds nothing
/// wrong with a broken template.
pub fn hold(name: &str, rule: Rule, breaks: &[Break]) {
    let template = Template::of_the_workspace();
    let mut found = Findings::default();
    rule(template, &mut found);
    assert!(found.problems.is_empty(), "{}", found.problems.join("\n"));
    assert!(found.checked > 0, "the rule checked nothing");
    for (word, change) in breaks {
        let broken = template.broken(*change);
        let mut found = Findings::default();
        rule(&broken, &mut found);
        assert!(
            found.problems.iter().any(|problem| problem.contains(word)),
            "broken on purpose, and no finding has {word:?}: {:?}",
            found.problems
        );
    }
    println!(
        "{name}: {} things checked, {} broken templates found out",
        found.checked,
        breaks.len()
    );
}
