//! `doctor`: one line for each thing, whatever is broken, beside a running `serve` or without one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use support::{Bench, Config, LocalVault, SOON, key, wait_until};

/// The findings of an answer with this level.
fn of_level<'a>(answer: &'a Value, level: &str) -> Vec<&'a Value> {
    let findings = answer["findings"].as_array().unwrap().iter();
    findings.filter(|found| found["level"] == level).collect()
}

#[test]
fn doctor_answers_on_a_fresh_machine_and_beside_serve() {
    let bench = Bench::new();
    let fresh = bench.ask("doctor");
    assert_eq!(fresh["problems"], 0, "{fresh}");
    let serve = bench.serve();
    bench.register_webhook(&serve.webhook_url);
    let answer = bench.ask("doctor");
    assert_eq!(answer["problems"], 0, "{answer}");
    let ids = answer["findings"].as_array().unwrap().iter();
    let ids: Vec<&str> = ids.map(|found| found["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"halopsa.ticket_type.usable"), "{ids:?}");

    let only = bench.operate("doctor --only halopsa.agent");
    assert_eq!(only.status.code(), Some(0), "{only:?}");
    assert!(only.stdout.contains("[halopsa.agent.enabled]"), "{only:?}");
    assert!(!only.stdout.contains("[liongard."), "{only:?}");
}

#[test]
fn a_problem_has_its_remedy_below_it_and_an_exit_code() {
    let bench = Bench::new();
    bench.write_config(
        &Config::of_customers(6).with("team = \"Service Desk\"", "team = \"Servce Desk\""),
    );
    let ended = bench.operate("doctor");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let line = ended
        .stdout
        .lines()
        .position(|line| line.contains("\"Servce Desk\""))
        .unwrap();
    let rest: Vec<&str> = ended.stdout.lines().skip(line).collect();
    assert!(
        rest.iter()
            .take(4)
            .any(|line| line.contains("fix (HaloPSA, now):")),
        "{ended:?}"
    );
}

#[test]
fn doctor_runs_when_everything_is_broken() {
    let mut bench = Bench::new();
    std::fs::write(bench.path("halogard.toml"), "mode = 1").unwrap();
    bench.set("HALOPSA_CLIENT_SECRET", "another");
    let answer = bench.ask("doctor");
    let problems = of_level(&answer, "problem");
    let ids: Vec<&str> = problems
        .iter()
        .map(|found| found["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["halogard.config", "halopsa.credential"], "{answer}");
    // The data folder is a file.
    std::fs::write(bench.path("no-folder"), "").unwrap();
    bench.set("HALOGARD_DATA_DIR", "no-folder");
    let answer = bench.ask("doctor");
    let problems = of_level(&answer, "problem");
    assert!(
        problems.iter().any(|found| found["id"] == "halogard.store"),
        "{answer}"
    );
    assert!(!of_level(&answer, "skipped").is_empty(), "{answer}");
}

#[test]
fn the_rights_are_printed_without_asking_anyone() {
    let bench = Bench::new();
    let ended = bench.operate("doctor --print-permissions");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("| read:tickets |"), "{ended:?}");
}

#[test]
fn a_key_that_ends_soon_and_an_address_that_nothing_answers_at_are_named() {
    const KEY: &str = "1111aaaa2222bbbb3333";
    const SECRET: &str = "planted-secret-of-the-first-key";
    let mut bench = Bench::new();
    bench.unset("LIONGARD_ACCESS_KEY_ID");
    bench.unset("LIONGARD_ACCESS_KEY_SECRET");
    let made = serde_json::json!({ "id": KEY, "secret": SECRET, "days": 9 });
    bench.sim.post("access-keys", &made);
    LocalVault::open(&bench.path("data")).put("liongard", "v1", &key(KEY, SECRET));
    // Nothing listens on the first port.
    bench.set("HALOGARD_PUBLIC_URL", "http://127.0.0.1:1");
    let answer = bench.ask("doctor --only halogard");
    let findings = answer["findings"].as_array().unwrap();
    let said = |id: &str| {
        let found = findings.iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(found["level"], "warning", "{found}");
        found["thing"].as_str().unwrap().to_owned()
    };
    let age = said("halogard.credentials.age");
    assert!(age.contains("access key ends in"), "{age}");
    let address = said("halogard.public_url.reachable");
    assert!(address.contains("127.0.0.1 cannot be reached"), "{address}");
}

#[test]
fn one_vendor_that_is_away_leaves_the_checks_of_the_other() {
    // Nothing listens on the first port.
    const NOWHERE: &str = "http://127.0.0.1:1";
    for (setting, away, there) in [
        (
            "HALOPSA_RESOURCE_URL",
            "halopsa.credential",
            "liongard.credential",
        ),
        (
            "LIONGARD_URL",
            "liongard.credential",
            "halopsa.ticket_type.usable",
        ),
    ] {
        let mut bench = Bench::new();
        bench.set(setting, NOWHERE);
        if setting == "HALOPSA_RESOURCE_URL" {
            bench.set("HALOPSA_AUTH_URL", NOWHERE);
        }
        let answer = bench.ask("doctor");
        let level = |id: &str| {
            let mut findings = answer["findings"].as_array().unwrap().iter();
            let found = findings.find(|it| it["id"] == id).unwrap();
            found["level"].as_str().unwrap().to_owned()
        };
        assert_eq!(level(away), "problem", "{setting}: {answer}");
        assert_eq!(level(there), "ok", "{setting}: {answer}");
        assert_eq!(answer["problems"], 1, "{setting}: {answer}");
    }
}

#[test]
fn a_budget_that_is_spent_is_the_reason_and_no_missing_right() {
    let mut bench = Bench::new();
    bench.serve().process.kill();
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "12");
    let answer = bench.ask("doctor");
    assert_eq!(answer["problems"], 0, "{answer}");
    let unknown = of_level(&answer, "cannot_tell");
    let of_budget: Vec<_> = unknown
        .iter()
        .filter(|it| it["thing"].as_str().unwrap().contains("request budget"))
        .collect();
    assert!(of_budget.len() > 3, "{answer}");
    for found in of_budget {
        let remedy = found["fix"].as_str().unwrap();
        assert!(remedy.contains("run the command again"), "{found}");
    }
}

#[test]
fn a_check_whose_requests_have_no_permit_is_not_called_a_success() {
    let mut bench = Bench::new();
    let good = bench.check();
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    bench.serve().process.kill();
    bench.set("HALOPSA_WINDOW_REQUESTS_MAX", "12");
    for command in ["serve --check", "serve --check --json"] {
        let ended = bench.operate(command);
        assert_eq!(ended.status.code(), Some(2), "{command}: {ended:?}");
        assert!(!ended.stdout.contains("fit together"), "{ended:?}");
        assert!(
            ended.stdout.contains("no spare permit for checks")
                || ended.stdout.contains("checks could not be made"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_variable_that_looks_like_a_setting_is_named_by_every_command_that_reads_settings() {
    let mut bench = Bench::new();
    bench.set("HALOGARD_LISTN", "127.0.0.1:0");
    for command in ["config check", "doctor", "status", "serve --check"] {
        let ended = bench.operate(command);
        assert!(
            ended.stderr.contains("did you mean HALOGARD_LISTEN?"),
            "{command}: {ended:?}"
        );
    }
    let completions = bench.operate("completions bash");
    assert!(
        !completions.stderr.contains("HALOGARD_LISTN"),
        "{completions:?}"
    );
}

#[test]
fn a_config_that_a_running_serve_refused_is_a_problem_of_status_until_it_fits() {
    let bench = Bench::new();
    let _serve = bench.serve();
    let file = bench.path("halogard.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let misspelt = good.replace("Service Desk", "Servce Desk");
    assert_ne!(good, misspelt);
    for wrong in [misspelt, "mode = [".to_owned()] {
        std::fs::write(&file, wrong).unwrap();
        wait_until("the refusal to be shown", SOON, || {
            let status = bench.operate("status");
            let is_shown = status.stdout.contains("`serve` refused it");
            is_shown.then(|| assert_eq!(status.status.code(), Some(1), "{status:?}"))
        });
        std::fs::write(&file, &good).unwrap();
        wait_until("the refusal to end", SOON, || {
            let status = bench.operate("status");
            (!status.stdout.contains("`serve` refused it")).then_some(())
        });
    }
}

#[test]
fn an_address_that_leads_to_the_other_product_is_named() {
    type Said = &'static [(&'static str, &'static str)];
    let cases: [(&[&str], Said); 3] = [
        (
            &["HALOPSA_RESOURCE_URL"],
            &[("halopsa.credential", "Liongard answers")],
        ),
        (
            &["LIONGARD_URL"],
            &[("liongard.credential", "HaloPSA answers")],
        ),
        (
            &["HALOPSA_RESOURCE_URL", "LIONGARD_URL"],
            &[
                ("halopsa.credential", "Liongard answers"),
                ("liongard.credential", "HaloPSA answers"),
            ],
        ),
    ];
    for (settings, expected) in cases {
        let mut bench = Bench::new();
        let (halo, liongard) = (bench.halo_base(), bench.get("LIONGARD_URL").to_owned());
        for setting in settings {
            let other = match *setting {
                "LIONGARD_URL" => &halo,
                _ => &liongard,
            };
            bench.set(setting, other);
        }
        let answer = bench.ask("doctor");
        for (id, said) in expected {
            let mut findings = answer["findings"].as_array().unwrap().iter();
            let found = findings.find(|it| it["id"] == *id).unwrap();
            assert_eq!(found["level"], "problem", "{settings:?}: {found}");
            assert!(
                found["thing"].as_str().unwrap().contains(said),
                "{settings:?}: {found}"
            );
            assert!(
                found["fix"].as_str().unwrap().contains("swapped"),
                "{found}"
            );
        }
    }
}

#[test]
fn what_is_wrong_has_an_urgency_and_what_changed_lately_beside_it() {
    let bench = Bench::new();
    drop(bench.serve());
    bench.operate("pause --vendor liongard");
    bench.operate("resume --vendor liongard");
    bench.write_config(
        &Config::of_customers(6).with("team = \"Service Desk\"", "team = \"Servce Desk\""),
    );
    let answer = bench.ask("doctor");
    for found in answer["findings"].as_array().unwrap() {
        let is_due =
            ["problem", "warning", "cannot_tell"].contains(&found["level"].as_str().unwrap());
        assert_eq!(found["urgency"].is_string(), is_due, "{found}");
    }
    let changes = answer["changes"].to_string();
    for word in ["config version 1", "pause", "resume"] {
        assert!(changes.contains(word), "no {word}: {changes}");
    }
    let said = bench.operate("doctor");
    assert!(said.stdout.contains("Changed lately"), "{said:?}");
}

#[test]
fn the_dialect_is_one_line_unless_it_is_asked_for() {
    let bench = Bench::new();
    for command in ["doctor", "serve --check"] {
        let ended = bench.operate(command);
        assert!(ended.stderr.contains("doctor --dialect"), "{ended:?}");
        assert!(!ended.stderr.contains("seen as"), "{ended:?}");
    }
    let whole = bench.operate("doctor --dialect");
    assert!(whole.stderr.contains("seen as"), "{whole:?}");
}
