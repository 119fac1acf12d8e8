//! The message for each mistake an operator may make. The messages are snapshots in `snapshots/`,
//! to be reviewed like code.

/// A valid file, up to its customers.
const TEMPLATE: &str = "\
mode = \"managed\"
[templates.default]
ticket_type = 5
status = { open = 1, closed = 9 }
";

/// A valid customer.
const CUSTOMER: &str = "\
[[environments]]
environment = 8801
client = 17
template = \"default\"
";

/// The messages about each file.
fn messages(files: &[(&str, String)]) -> String {
    let mut messages = String::new();
    for (name, text) in files {
        let answer = match halogard_config::parse("halogard.toml", text) {
            Err(problems) => problems.to_string(),
            Ok(config) => {
                let warnings = config.warnings.iter();
                warnings
                    .map(|warning| format!("warning: {warning}"))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
        };
        assert!(!answer.is_empty(), "no message about: {name}");
        messages.push_str(&format!("# {name}\n{answer}\n\n"));
    }
    messages
}

/// A file that is valid except for `lines` in its template.
fn template(lines: &str) -> String {
    format!("{TEMPLATE}{lines}\n{CUSTOMER}")
}

/// A file that is valid except for `lines` after its template.
fn after_template(lines: &str) -> String {
    format!("{TEMPLATE}{CUSTOMER}{lines}\n")
}

#[test]
fn text_that_is_not_toml() {
    insta::assert_snapshot!(messages(&[
        ("no equals sign", "mode \"managed\"\n".into()),
        ("no quotes", "mode = managed\n".into()),
        ("curly quotes", "mode = “managed”\n".into()),
        (
            "a quote that never ends",
            "mode = \"managed\nkey_prefix = \"LG\"\n".into()
        ),
        (
            "a path with backslashes",
            "[settings]\nhalogard_data_dir = \"C:\\data\"\n".into()
        ),
        (
            "a key written twice",
            "mode = \"managed\"\nmode = \"native\"\n".into()
        ),
        (
            "a header without end",
            "[templates.default\nticket_type = 5\n".into()
        ),
        (
            "no comma between two keys",
            template("priority = { low = 4 default = 4 }")
        ),
        (
            "a list without end",
            after_template("[[rules]]\nenvironments = [1, 2\n")
        ),
        (
            "two broken lines",
            "mode = managed\nkey_prefix = LG\n".into()
        ),
        (
            "a number beyond all bounds",
            template("technician = 99999999999999999999")
        ),
        ("another kind of file", "{ \"mode\": \"managed\" }".into()),
        (
            "a secret without quotes",
            "[settings]\nhalopsa_client_secret = planted-secret\n".into(),
        ),
    ]));
}

#[test]
fn keys_that_are_unknown_or_missing() {
    insta::assert_snapshot!(messages(&[
        ("an empty file", String::new()),
        (
            "a mistyped key at the top",
            format!("mod = \"managed\"\n{TEMPLATE}{CUSTOMER}")
        ),
        ("a mistyped key in a template", template("tickettype = 5")),
        (
            "a shortened key",
            after_template("[[environments]]\nenv = 8802\nclient = 18\n")
        ),
        (
            "a key in the wrong table",
            after_template("team = \"Service Desk\"")
        ),
        (
            "a key below the header it belongs above",
            after_template("key_prefix = \"LG\"")
        ),
        ("an unknown key", after_template("colour = \"red\"")),
        (
            "a mistyped table",
            after_template("[[rule]]\ntemplate = \"default\"")
        ),
        (
            "a template without the required keys",
            "mode = \"managed\"\n[templates.a]\n".into()
        ),
        (
            "a customer without client",
            after_template("[[environments]]\nenvironment = 8802")
        ),
        (
            "a rule without template",
            after_template("[[rules]]\ninspector = \"active*\"")
        ),
        (
            "a mistyped status",
            template("").replace("open = 1", "opne = 1")
        ),
        (
            "a template whose name has a blank",
            template("[templates.\"a b\"]\nteem = \"x\"")
        ),
        (
            "no template at all",
            format!("mode = \"managed\"\n[templates]\n{CUSTOMER}")
        ),
        (
            "several mistakes at once",
            "mode = 1\ncolour = 2\n[templates.a]\nteam = 3\n".into()
        ),
    ]));
}

#[test]
fn values_of_a_wrong_kind() {
    insta::assert_snapshot!(messages(&[
        (
            "a mode that is none",
            template("").replace("managed", "manged")
        ),
        (
            "a mode far from any",
            template("").replace("managed", "cloud")
        ),
        (
            "a mode that is a number",
            template("").replace("\"managed\"", "1")
        ),
        ("a number in quotes", template("").replace("= 5", "= \"5\"")),
        (
            "a name for an id",
            template("").replace("= 5", "= \"Incident\"")
        ),
        ("an id of zero", template("technician = 0")),
        ("a negative id", template("technician = -3")),
        ("a fraction", template("technician = 1.5")),
        ("an id for a name", template("team = 3")),
        ("an empty name", template("team = \" \"")),
        ("a date", template("team = 2026-01-05")),
        ("a switch in quotes", template("validate = \"false\"")),
        (
            "a status table that is a number",
            template("").replace("{ open = 1, closed = 9 }", "1")
        ),
        (
            "one status for a list",
            template("").replace("closed = 9", "closed = 9, also_closed = 8")
        ),
        (
            "a list with a text among ids",
            after_template("[[rules]]\nenvironments = [8801, \"x\"]\ntemplate = \"default\"")
        ),
        (
            "a priority rule that is a number",
            after_template("[[rules]]\npriority = 1\ntemplate = \"default\"")
        ),
        (
            "single brackets for a list of tables",
            format!("{TEMPLATE}[environments]\nenvironment = 8801\n")
        ),
        (
            "a key prefix in small letters",
            format!("key_prefix = \"lg\"\n{TEMPLATE}{CUSTOMER}")
        ),
        (
            "a key prefix with a dash",
            format!("key_prefix = \"LG-1\"\n{TEMPLATE}{CUSTOMER}")
        ),
        (
            "an installation that is none",
            format!("former_installations = [\"zzz\"]\n{TEMPLATE}{CUSTOMER}")
        ),
        (
            "a grace of a week",
            format!("native_grace_seconds = 604800\n{TEMPLATE}{CUSTOMER}")
        ),
        (
            "a custom field by name",
            template("custom_fields = { CFsource = \"x\" }")
        ),
        (
            "a custom field with a number",
            template("custom_fields = { 164 = 5 }")
        ),
        (
            "a status without letters",
            template("").replace("open = 1", "open = 1, \"-\" = 3")
        ),
    ]));
}

#[test]
fn templates_that_contradict_themselves() {
    insta::assert_snapshot!(messages(&[
        (
            "open and closed are one",
            template("").replace("closed = 9", "closed = 1")
        ),
        (
            "open is also closed",
            template("").replace("closed = 9", "closed = 9, also_closed = [8, 1]")
        ),
        (
            "a status in two spellings",
            template("").replace("open = 1", "open = 1, in_progress = 2, \"In Progress\" = 3")
        ),
        (
            "a mistyped placeholder in the summary",
            template("summary = \"{inspecter}: {rule}\"")
        ),
        (
            "an unknown placeholder in the summary",
            template("summary = \"{rule} of {customer}\"")
        ),
        (
            "a brace in the summary without end",
            template("summary = \"{rule\"")
        ),
        (
            "the key in a field with a value",
            template("custom_fields = { 164 = \"x\" }\nkey_field = 164")
        ),
        (
            "a closing policy that is none",
            template("close = \"allways\"")
        ),
        (
            "a reopen row without a decision",
            template("reopen = [{ closed_by = \"halogard\" }]")
        ),
        (
            "a reopen row with two decisions",
            template("reopen = [{ always = true, within_days = 7 }]")
        ),
        (
            "a reopen row with false",
            template("reopen = [{ never = false }]")
        ),
        (
            "a reopen row with a mistyped key",
            template("reopen = [{ within_day = 7 }]")
        ),
        (
            "a reopen row with an unknown closer",
            template("reopen = [{ closed_by = \"robot\", never = true }]")
        ),
        ("zero days", template("reopen = [{ within_days = 0 }]")),
        (
            "an unknown fallback",
            template("reopen_fallback = \"reopen\"")
        ),
    ]));
}

#[test]
fn customers_and_rules_that_contradict_each_other() {
    insta::assert_snapshot!(messages(&[
        (
            "an environment mapped twice",
            after_template(
                "[[environments]]\nenvironment = 8801\nclient = 18\ntemplate = \"default\""
            )
        ),
        (
            "a client mapped twice",
            after_template(
                "[[environments]]\nenvironment = 8802\nclient = 17\ntemplate = \"default\""
            )
        ),
        (
            "a customer with a mistyped template",
            after_template(
                "[[environments]]\nenvironment = 8802\nclient = 18\ntemplate = \"defualt\""
            )
        ),
        (
            "a rule with a template that is not there",
            after_template("[[rules]]\ntemplate = \"servers\"")
        ),
        (
            "a priority without letters",
            after_template("[[rules]]\npriority = [\"-\"]\ntemplate = \"default\"")
        ),
    ]));
}

#[test]
fn settings_that_are_not_allowed() {
    insta::assert_snapshot!(messages(&[
        (
            "a secret",
            after_template("[settings]\nhalopsa_client_secret = \"planted-secret\"")
        ),
        (
            "a secret in capitals",
            after_template("[settings]\nLIONGARD_ACCESS_KEY_SECRET = \"planted-secret\"")
        ),
        (
            "a mistyped secret",
            after_template("[settings]\nhalopsa_client_secrt = \"planted-secret\"")
        ),
        (
            "the file itself",
            after_template("[settings]\nhalogard_config = \"other.toml\"")
        ),
        (
            "a mistyped setting",
            after_template("[settings]\npoll_intervall_seconds = 60")
        ),
        (
            "a setting in capitals",
            after_template("[settings]\nHALOPSA_TENANT = \"acme\"")
        ),
        (
            "a number in quotes",
            after_template("[settings]\npoll_interval_seconds = \"60\"")
        ),
        (
            "a number out of bounds",
            after_template("[settings]\nhalopsa_window_requests_max = 0")
        ),
    ]));
}

#[test]
fn likely_mistakes_that_are_only_warnings() {
    insta::assert_snapshot!(messages(&[
        ("no customer", TEMPLATE.into()),
        (
            "a customer without template",
            format!("{TEMPLATE}[[environments]]\nenvironment = 8801\nclient = 17\n")
        ),
        (
            "a customer that no rule can match",
            format!(
                "{TEMPLATE}[[environments]]\nenvironment = 8801\nclient = 17\ngroups = [\"gold\"]\n[[rules]]\ngroup = \"silver\"\ntemplate = \"default\"\n"
            ),
        ),
        (
            "a rule below one without conditions",
            after_template(
                "[[rules]]\ntemplate = \"default\"\n[[rules]]\npriority = \"high\"\ntemplate = \"default\""
            )
        ),
        (
            "a rule below a wider one",
            after_template(
                "[[rules]]\npriority = [\"high\", \"low\"]\ntemplate = \"default\"\n[[rules]]\npriority = \"High\"\nrule = \"*stale*\"\ntemplate = \"default\""
            )
        ),
        (
            "a rule for a mistyped group",
            after_template(
                "groups = [\"gold\"]\n[[rules]]\ngroup = \"glod\"\ntemplate = \"default\""
            )
        ),
        (
            "a rule for an environment that is not mapped",
            after_template("[[rules]]\nenvironments = [8801, 8809]\ntemplate = \"default\"")
        ),
        (
            "a mistyped default priority",
            template("priority = { high = 1, defualt = 4 }")
        ),
        (
            "a reopen row below one that matches everything",
            template("reopen = [{ within_days = 7 }, { closed_by = \"halogard\", always = true }]")
        ),
        (
            "a reopen row for a status that is open",
            template("reopen = [{ closing_status = 1, never = true }]")
        ),
    ]));
}

#[test]
fn no_secret_appears_in_a_message() {
    let files = [
        "[settings]\nhalopsa_client_secret = planted",
        "settings = { halopsa_client_secret = \"planted\", colour = 1 }",
        "halopsa_webhook_password = \"planted\"",
        "[settings]\nhalopsa_webhook_bearer = \"planted",
        "HALOPSA_CLIENT_SECRET=planted",
        "[settings]\nhalopsa_client_secrt = \"planted\"",
        "[settings]\nhalopsa_client_secret \"planted\"",
    ];
    for file in files {
        let problems = halogard_config::parse("halogard.toml", file).unwrap_err();
        let shown = format!("{problems} {problems:?}");
        assert!(!shown.contains("planted"), "{shown}");
    }
}

#[test]
fn notices_that_cannot_be_sent() {
    let mail = |rest: &str| {
        after_template(&format!(
            "[notify.mail]\nserver = \"smtp.example.com\"\nfrom = \"halogard@example.com\"\n{rest}"
        ))
    };
    insta::assert_snapshot!(messages(&[
        (
            "mail that anyone could read",
            mail("to = \"desk@example.com\"\nencryption = \"none\"")
        ),
        (
            "addresses that are none",
            mail("to = [\"desk\", \"a@b@c\"]")
        ),
        (
            "a ticket without a client",
            after_template("[notify]\nticket = { ticket_type = 5 }")
        ),
        (
            "a secret in the file",
            after_template("[notify]\nchat = \"https://hooks.example.com/secret\"")
        ),
    ]));
}

#[test]
fn ages_that_contradict_each_other() {
    insta::assert_snapshot!(messages(&[
        (
            "the journal is kept for longer than links",
            after_template("[retention]\nlinks_days = 90\njournal_days = 91")
        ),
        (
            "links are kept for less than a month",
            after_template("[retention]\nlinks_days = 29")
        ),
        (
            "for ever",
            after_template("[retention]\nlinks_days = 36500")
        ),
    ]));
}
