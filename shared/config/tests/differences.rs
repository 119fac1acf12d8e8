//! What differs between two config files.

use halogard_config::differences;

/// The differences as lines: where, the former value, the new value.
fn lines(before: &str, after: &str) -> Vec<String> {
    let found = differences(before, after).into_iter();
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    found
        .map(|it| format!("{}: {} > {}", it.path, shown(it.before), shown(it.after)))
        .collect()
}

const CUSTOMERS: &str = "[[environments]]\nenvironment = 8801\nclient = 17\n\n\
                         [[environments]]\nenvironment = 8802\nclient = 18\n";

#[test]
fn what_differs_is_named_in_the_words_of_the_file() {
    let other_order = "[[environments]]\nenvironment = 8802\nclient = 18\n# moved\n\
                       [[environments]]\nclient = 17\nenvironment = 8801\n";
    let cases: &[(&str, &str, &[&str])] = &[
        ("mode = \"managed\"", "mode = \"managed\" # here", &[]),
        (
            "mode = \"managed\"",
            "mode = \"native\"",
            &["mode: \"managed\" > \"native\""],
        ),
        (
            "[templates.a]\nteam = \"A\"",
            "[templates.a]\nteam = \"B\"\nstatus = { open = 1 }",
            &[
                "templates.a.status: - > { open = 1 }",
                "templates.a.team: \"A\" > \"B\"",
            ],
        ),
        (CUSTOMERS, other_order, &[]),
        (
            CUSTOMERS,
            "[[environments]]\nenvironment = 8801\nclient = 71\n",
            &[
                "environments[8801].client: 17 > 71",
                "environments[8802]: { client = 18, environment = 8802 } > -",
            ],
        ),
        (
            "ignore = [1, 2]",
            "ignore = [1, 3, 2]",
            &["ignore[2]: - > 3"],
        ),
        (
            "[settings]\nhalogard_listen = \"a\"",
            "[settings]\nhalogard_listen = \"b\"",
            &["settings.halogard_listen: \"a\" > \"b\""],
        ),
        (
            "mode = \"managed\"",
            "mode = \"managed\"\n[settings]\npoll_interval_seconds = 30",
            &["settings: - > { poll_interval_seconds = 30 }"],
        ),
        ("", "ignore = [1]", &["ignore[1]: - > 1"]),
        ("not = toml = at all", "", &[]),
    ];
    for (before, after, expected) in cases {
        assert_eq!(lines(before, after), *expected, "{before:?} and {after:?}");
    }
}

#[test]
fn an_inserted_rule_does_not_make_the_others_differ() {
    let rule = |name: &str| format!("[[rules]]\nrule = \"{name}\"\n");
    let before = rule("a") + &rule("b");
    let after = rule("a") + &rule("new") + &rule("b");
    assert_eq!(lines(&before, &after), ["rules[2]: - > { rule = \"new\" }"]);
    let reversed = rule("b") + &rule("a");
    assert_eq!(
        lines(&before, &reversed),
        [
            "rules[1].rule: \"a\" > \"b\"",
            "rules[2].rule: \"b\" > \"a\""
        ]
    );
}
