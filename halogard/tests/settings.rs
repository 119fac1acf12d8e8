//! What people write into settings and config: normalized with a note, or refused in one line that names
//! the thing and the remedy.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;

use support::{Bench, Config, Ended};

/// No word of a secret is in the output.
#[track_caller]
fn keeps_secrets(bench: &Bench, ended: &Ended) {
    let secrets = bench
        .settings
        .iter()
        .filter(|(name, _)| name.contains("SECRET") || name.contains("TOKEN"));
    for (name, value) in secrets {
        for word in value.split_whitespace().filter(|word| word.len() > 5) {
            let word = word.trim_matches(['"', '\'']);
            let printed = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!printed.contains(word), "{name} was printed: {ended:?}");
        }
    }
}

/// A tenant and a budget for more checks than a person makes in five minutes.
fn generous() -> Bench {
    let mut bench = Bench::with(&["--window-requests-max", "100000"]);
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "5000");
    bench
}

/// Checks with one setting changed, which must be normalized; returns the notes about it.
#[track_caller]
fn normalized(bench: &mut Bench, name: &str, value: &str) -> Vec<String> {
    let before = bench.settings.clone();
    bench.set(name, value);
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{name}={value:?}: {ended:?}");
    keeps_secrets(bench, &ended);
    bench.settings = before;
    let about = format!("note: {name}: ");
    let notes = ended.stderr.lines();
    notes
        .filter(|line| line.starts_with(&about))
        .map(str::to_owned)
        .collect()
}

/// The one line that names the error.
#[track_caller]
fn one_problem(bench: &Bench) -> String {
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    keeps_secrets(bench, &ended);
    let is_problem = |line: &&str| line.starts_with("problem: ") || line.starts_with("error: ");
    let problems: Vec<&str> = ended.stderr.lines().filter(is_problem).collect();
    assert_eq!(problems.len(), 1, "one mistake, one line: {ended:?}");
    assert!(!ended.stdout.contains("ok"), "{ended:?}");
    problems[0].to_owned()
}

/// Checks with one setting changed, which must be refused in a line with all of `parts`.
#[track_caller]
fn refused(bench: &mut Bench, name: &str, value: &str, parts: &[&str]) {
    let before = bench.settings.clone();
    bench.set(name, value);
    let problem = one_problem(bench);
    for part in parts {
        assert!(
            problem.contains(part),
            "{name}={value:?} lacks {part:?}: {problem}"
        );
    }
    bench.settings = before;
}

/// An address on this machine without a listener.
fn unused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn what_is_written_as_it_should_be_needs_no_note() {
    let mut bench = Bench::new();
    let auth = format!("{}/auth", bench.halo_base());
    bench.set("HALOPSA_AUTH_URL", &auth);
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("note:"), "{ended:?}");
}

#[test]
fn other_forms_of_halopsas_address_are_corrected_with_a_warning() {
    let mut bench = generous();
    let base = bench.halo_base();
    let host = base.trim_start_matches("http://").to_owned();
    let port = host.rsplit(':').next().unwrap().to_owned();
    for (name, own, other) in [
        ("HALOPSA_RESOURCE_URL", "api", "auth"),
        ("HALOPSA_AUTH_URL", "auth", "api"),
    ] {
        let pasted = [
            base.clone(),
            host.clone(),
            format!("{host}/{own}"),
            format!("<{base}/{own}>"),
            format!("{base}/"),
            format!("{base}/{own}/"),
            format!("{base}/{own}//"),
            format!("{base}/{other}"),
            format!("{base}/{other}/{own}"),
            format!("{base}/auth/token"),
            format!("{base}/API/"),
            format!("  {base}/{own}"),
            format!("{base}/{own}\r\n"),
            format!("\u{feff}{base}/{own}\u{a0}"),
            format!("\"{base}/{own}\""),
            format!("'{base}/{own}'"),
            format!("“{base}/{own}”"),
            format!("{name}={base}/{own}"),
            format!("export {name}=\"{base}/{own}\""),
            format!("http://{base}/{own}"),
            format!("http://LOCALHOST:{port}/{own}"),
            format!("{base}/{own}?tenant=harbourstreet"),
            format!("{base}/{own}#/tickets"),
        ];
        for value in pasted {
            let notes = normalized(&mut bench, name, &value);
            assert!(
                !notes.is_empty(),
                "{name}={value:?} was normalized without a note"
            );
        }
    }
    let capitals = format!("HTTP://{host}/api");
    normalized(&mut bench, "HALOPSA_RESOURCE_URL", &capitals);
}

#[test]
fn other_forms_of_liongards_address_are_corrected_with_a_warning() {
    let mut bench = generous();
    let name = "LIONGARD_URL";
    let base = bench.get(name).to_owned();
    let host = base.trim_start_matches("http://").to_owned();
    let pasted = [
        host.clone(),
        format!("{host}/"),
        format!("{base}/api/v1"),
        format!("{base}/api/v2/"),
        format!("{base}/environments/8801?tab=alerts"),
        format!("{base}/#/alerts"),
        format!(" {base} "),
        format!("{base}\n"),
        format!("'{base}'"),
        format!("{name}={base}"),
        format!("http://{base}"),
        format!("HTTP://{base}"),
    ];
    for value in pasted {
        let notes = normalized(&mut bench, name, &value);
        assert!(!notes.is_empty(), "{value:?} was normalized without a note");
    }
    normalized(&mut bench, name, &format!("{base}/"));
}

#[test]
fn what_is_pasted_along_with_a_value_is_removed_with_a_warning() {
    let mut bench = generous();
    for name in [
        "HALOPSA_TENANT",
        "HALOPSA_CLIENT_ID",
        "HALOPSA_CLIENT_SECRET",
        "LIONGARD_ACCESS_KEY_ID",
        "LIONGARD_ACCESS_KEY_SECRET",
        "HALOPSA_WEBHOOK_SECRET",
    ] {
        let value = bench.get(name).to_owned();
        for pasted in [
            format!(" {value}"),
            format!("{value}\r\n"),
            format!("\t{value}\u{200b}"),
            format!("\"{value}\""),
            format!("'{value} '"),
            format!("{name}={value}"),
            format!("export {name}='{value}'"),
        ] {
            let notes = normalized(&mut bench, name, &pasted);
            assert!(
                !notes.is_empty(),
                "{name}={pasted:?} was normalized without a note"
            );
        }
    }
    for (name, pasted) in [
        (
            "HALOPSA_SCOPES",
            "read:tickets, edit:tickets; read:customers",
        ),
        ("HALOPSA_WEBHOOK_BEARER", "Bearer planted-bearer-0123456789"),
        ("HALOPSA_WEBHOOK_SIGNATURE_HEADER", "X-Halo-Signature:"),
        ("HALOPSA_WEBHOOK_API_KEY_HEADER", "X-Api-Key: "),
        ("POLL_INTERVAL_SECONDS", " 60 "),
        ("HALOGARD_LISTEN", "\"127.0.0.1:0\""),
    ] {
        let notes = normalized(&mut bench, name, pasted);
        assert!(
            !notes.is_empty(),
            "{name}={pasted:?} was normalized without a note"
        );
    }
    let upper = bench.get("HALOPSA_TENANT").to_uppercase();
    normalized(&mut bench, "HALOPSA_TENANT", &upper);
    normalized(&mut bench, "HALOGARD_LISTEN", "localhost:0");
}

#[test]
fn settings_of_the_config_file_count_and_variables_win_over_them() {
    let mut bench = Bench::new();
    let mut config = Config::of_customers(6);
    config.rest.push_str("[settings]\n");
    for name in [
        "HALOPSA_RESOURCE_URL",
        "LIONGARD_URL",
        "HALOPSA_TENANT",
        "HALOPSA_CLIENT_ID",
    ] {
        let line = format!("{} = \"{}\"\n", name.to_lowercase(), bench.get(name));
        config.rest.push_str(&line);
        bench.unset(name);
    }
    bench.write_config(&config);
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    refused(
        &mut bench,
        "HALOPSA_TENANT",
        "elsewhere",
        &["HALOPSA_TENANT"],
    );
    // For a wrong value in the file, the error names the file.
    config.rest.push_str("poll_interval_seconds = 0\n");
    bench.unset("POLL_INTERVAL_SECONDS");
    bench.write_config(&config);
    let problem = one_problem(&bench);
    assert!(
        problem.to_lowercase().contains("poll_interval_seconds"),
        "{problem}"
    );
}

#[test]
fn a_secret_in_the_config_file_is_refused_and_not_shown() {
    let bench = Bench::new();
    let mut config = Config::of_customers(6);
    config
        .rest
        .push_str("[settings]\nhalopsa_client_secret = \"planted-in-the-file\"\n");
    bench.write_config(&config);
    let problem = one_problem(&bench);
    assert!(problem.contains("halopsa_client_secret"), "{problem}");
    let ended = bench.check();
    assert!(!ended.stderr.contains("planted-in-the-file"), "{ended:?}");
}

#[test]
fn what_halopsa_refuses_is_named_with_its_remedy_in_one_line() {
    let mut bench = Bench::new();
    let places = "Configuration → Integrations → HaloPSA API";
    for (name, value) in [
        ("HALOPSA_TENANT", "somebodyelse"),
        (
            "HALOPSA_SCOPES",
            "read:tickets edit:tickets read:customers read:nothing",
        ),
        ("HALOPSA_SCOPES", "all"),
        ("HALOPSA_CLIENT_ID", "00000000-0000-0000-0000-000000000000"),
        ("HALOPSA_CLIENT_SECRET", "planted-wrong-secret"),
    ] {
        refused(&mut bench, name, value, &[name, places]);
    }
}

#[test]
fn what_liongard_refuses_is_named_with_its_remedy_in_one_line() {
    let mut bench = Bench::new();
    for (name, value) in [
        ("LIONGARD_ACCESS_KEY_ID", "ffffffffffffffffffff"),
        (
            "LIONGARD_ACCESS_KEY_SECRET",
            "planted-wrong-liongard-secret",
        ),
    ] {
        refused(&mut bench, name, value, &[name, "Access Tokens"]);
    }
    let both = format!(
        "{}:{}",
        bench.get("LIONGARD_ACCESS_KEY_ID"),
        bench.get("LIONGARD_ACCESS_KEY_SECRET")
    );
    let name = "LIONGARD_ACCESS_KEY_ID";
    refused(&mut bench, name, &both, &[name, "colon"]);
    refused(&mut bench, name, "two parts", &[name, "blank"]);
}

#[test]
fn a_host_that_cannot_be_reached_is_named_by_its_setting_in_one_line() {
    let mut bench = Bench::new();
    let unreachable = format!("http://{}", unused_address());
    for name in ["HALOPSA_RESOURCE_URL", "HALOPSA_AUTH_URL", "LIONGARD_URL"] {
        refused(&mut bench, name, &unreachable, &[name, "reach"]);
    }
    // Reachable, but another server.
    let liongard = bench.get("LIONGARD_URL").to_owned();
    let halo = bench.get("HALOPSA_RESOURCE_URL").to_owned();
    refused(
        &mut bench,
        "HALOPSA_RESOURCE_URL",
        &liongard,
        &["HALOPSA_RESOURCE_URL"],
    );
    refused(&mut bench, "LIONGARD_URL", &halo, &["LIONGARD_URL"]);
}

#[test]
fn an_address_that_would_send_secrets_in_the_open_is_refused_in_one_line() {
    let mut bench = Bench::new();
    for (name, value) in [
        ("HALOPSA_RESOURCE_URL", "http://acme.halopsa.com/api"),
        ("HALOPSA_RESOURCE_URL", "http://192.0.2.7:8801"),
        ("HALOPSA_AUTH_URL", "http://acme.halopsa.com/auth"),
        ("LIONGARD_URL", "http://us1.app.liongard.com"),
        ("LIONGARD_URL", "http://192.0.2.7"),
    ] {
        refused(&mut bench, name, value, &[name, "https://", "in the open"]);
    }
    for name in ["HALOPSA_RESOURCE_URL", "HALOPSA_AUTH_URL", "LIONGARD_URL"] {
        refused(&mut bench, name, "ftp://acme.example", &[name, "https://"]);
        refused(&mut bench, name, "http://a b", &[name, "not an address"]);
        refused(
            &mut bench,
            name,
            "https://user:planted@acme.example",
            &[name, "@"],
        );
    }
    refused(
        &mut bench,
        "LIONGARD_URL",
        "https://docs.liongard.com",
        &["LIONGARD_URL", "instance"],
    );
}

#[test]
fn all_missing_settings_are_reported_at_once_with_where_to_find_them() {
    let mut bench = Bench::new();
    let required = [
        "HALOPSA_RESOURCE_URL",
        "HALOPSA_CLIENT_ID",
        "HALOPSA_CLIENT_SECRET",
        "LIONGARD_URL",
        "LIONGARD_ACCESS_KEY_ID",
        "LIONGARD_ACCESS_KEY_SECRET",
    ];
    for name in required {
        // Nothing but blanks is nothing.
        let blank = if name.contains("ID") { "  " } else { "" };
        bench.set(name, blank);
    }
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    for name in required {
        let about = format!("{name} is missing; ");
        assert_eq!(ended.stderr.matches(&about).count(), 1, "{name}: {ended:?}");
    }
    assert_eq!(ended.stderr.lines().count(), required.len(), "{ended:?}");
    for name in required {
        let mut bench = Bench::new();
        bench.unset(name);
        assert!(one_problem(&bench).contains(name));
    }
}

#[test]
fn numbers_and_addresses_that_make_no_sense_are_refused_with_what_would() {
    let mut bench = Bench::new();
    for name in [
        "POLL_INTERVAL_SECONDS",
        "INSPECTOR_MIN_INTERVAL_SECONDS",
        "HALOPSA_WINDOW_REQUESTS_MAX",
        "HALOPSA_WINDOW_SECONDS",
    ] {
        for value in [
            "sixty",
            "0",
            "-1",
            "1.5",
            "60s",
            "99999999999999999999",
            "0x10",
        ] {
            refused(&mut bench, name, value, &[name, value, "a whole number of"]);
        }
    }
    for value in ["8787", "127.0.0.1", "example.com:8787", "127.0.0.1:99999"] {
        refused(
            &mut bench,
            "HALOGARD_LISTEN",
            value,
            &["HALOGARD_LISTEN", "127.0.0.1:8787"],
        );
    }
    refused(
        &mut bench,
        "HALOPSA_WEBHOOK_TOKEN",
        "with/slash-0123456789",
        &["HALOPSA_WEBHOOK_TOKEN"],
    );
    for (name, value) in [
        ("HALOPSA_WEBHOOK_TOKEN", "a"),
        ("HALOPSA_WEBHOOK_SECRET", "fifteen-letters"),
        ("HALOPSA_WEBHOOK_BEARER", "Bearer short"),
        ("HALOPSA_WEBHOOK_API_KEY", "k"),
    ] {
        refused(&mut bench, name, value, &[name, "16"]);
    }
    refused(
        &mut bench,
        "HALOPSA_WEBHOOK_USERNAME",
        "halopsa",
        &["HALOPSA_WEBHOOK_PASSWORD"],
    );
    refused(
        &mut bench,
        "HALOPSA_WEBHOOK_PASSWORD",
        "planted-password",
        &["HALOPSA_WEBHOOK_USERNAME"],
    );
    refused(
        &mut bench,
        "HALOPSA_WEBHOOK_API_KEY_HEADER",
        "two words",
        &["HALOPSA_WEBHOOK_API_KEY_HEADER"],
    );
}

#[test]
fn a_second_credential_of_deliveries_is_reported() {
    let mut bench = Bench::new();
    let notes = normalized(
        &mut bench,
        "HALOPSA_WEBHOOK_BEARER",
        "planted-bearer-0123456789",
    );
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("another credential"), "{notes:?}");
}

#[test]
fn a_client_id_and_secret_that_are_swapped_are_recognised() {
    let mut bench = Bench::new();
    let id = "1f0c2a7e-0b51-4c9e-8f6b-2d7a90c3e415";
    bench.set("HALOPSA_CLIENT_SECRET", id);
    let secret = format!("{id}-{id}");
    refused(
        &mut bench,
        "HALOPSA_CLIENT_ID",
        &secret,
        &["HALOPSA_CLIENT_ID", "swap"],
    );
}

#[test]
fn a_path_token_alone_is_refused_where_other_machines_reach_the_address() {
    let mut bench = Bench::new();
    bench.unset("HALOPSA_WEBHOOK_SECRET");
    refused(
        &mut bench,
        "HALOGARD_LISTEN",
        "0.0.0.0:0",
        &["HALOPSA_WEBHOOK_SECRET", "HALOPSA_WEBHOOK_ALLOW_TOKEN_ONLY"],
    );
    bench.set("HALOPSA_WEBHOOK_ALLOW_TOKEN_ONLY", "true");
    bench.set("HALOGARD_LISTEN", "0.0.0.0:0");
    let ended = bench.check();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_refused_in_one_line() {
    let mut bench = Bench::new();
    std::fs::write(bench.path("a-file"), "x").unwrap();
    refused(&mut bench, "HALOGARD_DATA_DIR", "a-file", &["a-file"]);
    std::fs::create_dir(bench.path("foreign")).unwrap();
    std::fs::write(
        bench.path("foreign/halogard.db"),
        "no database at all, by any means",
    )
    .unwrap();
    refused(
        &mut bench,
        "HALOGARD_DATA_DIR",
        "foreign",
        &["halogard.db", "not a database"],
    );
}

#[test]
fn a_config_file_that_is_missing_or_mistyped_is_refused_in_one_line() {
    let mut bench = Bench::new();
    refused(
        &mut bench,
        "HALOGARD_CONFIG",
        "nowhere.toml",
        &["nowhere.toml", "config init"],
    );
    let config = Config::of_customers(6);
    bench.write_config(&config.clone().with("team =", "teem ="));
    let problem = one_problem(&bench);
    for part in ["halogard.toml:4:1", "`teem`", "`team`"] {
        assert!(problem.contains(part), "{problem}");
    }
    bench.write_config(&config.with("ticket_type = 5", "ticket_type = \"Alert\""));
    let problem = one_problem(&bench);
    assert!(problem.contains("halogard.toml:3:"), "{problem}");
}

#[test]
fn a_config_that_names_what_does_not_exist_is_refused_in_one_line_with_what_does() {
    let mut bench = Bench::new();
    // Fifteen checks in a row.
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "5000");
    let config = Config::of_customers(2);
    for (from, to, parts) in [
        (
            "ticket_type = 5",
            "ticket_type = 995",
            ["ticket type 995", "5 Alert"],
        ),
        ("open = 1", "open = 991", ["status 991", "1 New"]),
        ("closed = 9,", "closed = 999,", ["status 999", "9 Closed"]),
        (
            "also_closed = [8]",
            "also_closed = [998]",
            ["status 998", "8 Resolved"],
        ),
        (
            "in_progress = 2",
            "in_progress = 992",
            ["status 992", "2 In Progress"],
        ),
        (
            "critical = 1",
            "critical = 991",
            ["priority 991", "1 Critical"],
        ),
        ("default = 4", "default = 994", ["priority 994", "4 Low"]),
        (
            "\"Service Desk\"",
            "\"Servicedesk\"",
            ["team \"Servicedesk\"", "Service Desk"],
        ),
        (
            "closing_technician = 12",
            "closing_technician = 912",
            ["agent 912", "12 Dana Ito"],
        ),
        (
            "closing_technician = 12",
            "technician = 912",
            ["agent 912", "12 Dana Ito"],
        ),
        (
            "ticket_type = 5",
            "ticket_type = 5\nnote_outcome = 907",
            ["outcome 907", "7 Internal Note"],
        ),
        (
            "client = 17",
            "client = 917",
            ["client 917", "environment 8801"],
        ),
        ("site = 21", "site = 921", ["site 921", "21"]),
        // A site of another client.
        ("site = 21", "site = 22", ["site 22", "21"]),
        (
            "environment = 8801",
            "environment = 9801",
            ["environment 9801", "Liongard"],
        ),
    ] {
        bench.write_config(&config.clone().with(from, to));
        let problem = one_problem(&bench);
        for part in parts {
            assert!(problem.contains(part), "{to} lacks {part:?}: {problem}");
        }
        assert!(problem.contains(" → "), "{to} has no remedy: {problem}");
    }
}

#[test]
fn what_is_wrong_keeps_serve_from_starting_as_well() {
    let mut bench = Bench::new();
    bench.set("HALOPSA_TENANT", "somebodyelse");
    let ended = bench.start(&[]).ended(support::SOON);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("HALOPSA_TENANT"), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
}

/// The config may name another data folder than the usual one: a command that cannot read it does not guess.
#[test]
fn no_command_guesses_the_data_folder_of_a_config_that_cannot_be_read() {
    let mut bench = Bench::new();
    bench.unset("HALOGARD_DATA_DIR");
    let config = bench.path("halogard.toml");
    std::fs::write(
        &config,
        "[settings]\nhalogard_data_dir = \"elsewhere\"\nmode = \n",
    )
    .unwrap();
    bench.set("HALOGARD_CONFIG", config.to_str().unwrap());
    let names = || {
        let folder = std::fs::read_dir(bench.path("")).unwrap();
        folder.count()
    };
    let before = names();
    for command in [
        "pause --yes",
        "resume --yes",
        "snooze 1 --yes --for 1h",
        "unlink 1 --yes",
        "resync 1 --yes",
        "import some.jsonl --yes",
        "backup copy.db",
        "restore copy.db",
        "status",
    ] {
        let ended = bench.operate(command);
        if ended.status.code() == Some(2) {
            continue;
        }
        assert_eq!(ended.status.code(), Some(1), "{command}: {ended:?}");
        for part in [
            "halogard.toml",
            "not known which data folder",
            "HALOGARD_DATA_DIR",
        ] {
            assert!(ended.stderr.contains(part), "{command}: {ended:?}");
        }
    }
    assert_eq!(names(), before, "nothing was created");
}
