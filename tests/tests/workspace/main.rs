//! Whether the workspace is as its documents say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod messages;
mod uncertain_facts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use halogard_runtime::settings::settings_table_markdown;
use halogard_simulator::dialect::{sets, switches};
use halogard_tests::live_writes::WRITTEN_FACTS;

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The manifests of the workspace's crates, by package name.
fn manifests() -> BTreeMap<String, toml::Table> {
    let mut folders: Vec<PathBuf> = ["shared", "functions"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.extend(
        [
            "halogard",
            "tests",
            "tests/bench",
            "tests/conformance",
            "tests/contract",
            "tests/emulator",
            "tests/simulation",
        ]
        .map(|folder| root().join(folder)),
    );
    let mut manifests = BTreeMap::new();
    for folder in folders {
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        manifests.insert(
            manifest["package"]["name"].as_str().unwrap().to_owned(),
            manifest,
        );
    }
    manifests
}

/// The crates of ours that a crate depends on, tests left out.
fn ours(manifest: &toml::Table) -> BTreeSet<String> {
    let Some(dependencies) = manifest.get("dependencies") else {
        return BTreeSet::new();
    };
    let names = dependencies.as_table().unwrap().keys();
    names
        .filter(|name| name.starts_with("halogard-"))
        .cloned()
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("halogard-domain", &[] as &[&str]),
        ("halogard-sealing", &[]),
        ("halogard-app", &["domain"]),
        ("halogard-credentials", &["app", "domain"]),
        ("halogard-http", &[]),
        ("halogard-wire", &["domain"]),
        (
            "halogard-halopsa",
            &["app", "credentials", "domain", "http", "sealing", "wire"],
        ),
        (
            "halogard-liongard",
            &["app", "credentials", "domain", "http", "wire"],
        ),
        ("halogard-sqlite", &["app", "domain", "sealing"]),
        ("halogard-aws", &["app", "domain", "http"]),
        ("halogard-runtime", &["app", "credentials", "domain"]),
        ("halogard-config", &["domain", "runtime"]),
        (
            "halogard-notices",
            &["app", "domain", "http", "runtime", "vendors", "wire"],
        ),
        ("halogard-operations", &["app", "config", "domain"]),
        (
            "halogard-vendors",
            &[
                "app",
                "credentials",
                "domain",
                "halopsa",
                "liongard",
                "runtime",
                "http",
            ],
        ),
        (
            "halogard-lambda",
            &[
                "app",
                "aws",
                "credentials",
                "vendors",
                "domain",
                "runtime",
                "http",
            ],
        ),
        ("halogard-conformance", &["app", "domain"]),
        ("halogard-contract", &[]),
        ("halogard-emulator", &[]),
        ("halogard-simulator", &[]),
    ]);
    for (name, manifest) in manifests() {
        // Functions and the program put parts together; tests and benchmarks use whatever they like.
        if !name.starts_with("halogard-")
            || ["halogard-tests", "halogard-bench", "halogard-simulation"].contains(&name.as_str())
        {
            continue;
        }
        let allowed = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} has no place in the picture"));
        let allowed: BTreeSet<String> = allowed
            .iter()
            .map(|part| format!("halogard-{part}"))
            .collect();
        let found = ours(&manifest);
        assert!(
            found.is_subset(&allowed),
            "{name} depends on {found:?}, and may on {allowed:?}"
        );
    }
}

#[test]
fn one_version_of_rust_is_named_everywhere() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let toml = |file: &str| read(file).parse::<toml::Table>().unwrap();
    let toolchain = toml("rust-toolchain.toml");
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    for file in ["Cargo.toml", "tests/bench/peers/Cargo.toml"] {
        let manifest = toml(file);
        let version = manifest["workspace"]["package"]["rust-version"].as_str();
        let version = version.unwrap();
        assert_eq!(channel, format!("{version}.0"), "{file}");
    }
    let minor = channel.rsplit_once('.').unwrap().0;
    for file in ["README.md", "CONTRIBUTING.md"] {
        assert!(read(file).contains(&format!("{minor} or newer")), "{file}");
    }
}

#[test]
fn every_identifier_in_the_glossary_occurs_in_the_sources() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let text: String = sources(&root().join("shared"))
        .into_iter()
        .map(read)
        .collect();
    let words: BTreeSet<&str> = text
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .collect();
    let mut terms = 0;
    for row in glossary.lines().filter(|line| line.starts_with("| ")) {
        let term = row.split('|').nth(1).unwrap();
        for identifier in term.split('`').skip(1).step_by(2) {
            assert!(words.contains(identifier), "{identifier}");
            terms += 1;
        }
    }
    assert!(terms > 20, "{terms}");
}

#[test]
fn every_term_of_ours_in_the_glossary_says_why_it_is_not_the_fields() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let (_, ours) = glossary.split_once("## Terms of our own").unwrap();
    let (ours, _) = ours.split_once("\n## ").unwrap();
    for row in ours.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(
            cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()),
            "{row}"
        );
    }
}

#[test]
fn the_domain_depends_on_crates_that_only_compute() {
    let manifest = &manifests()["halogard-domain"];
    let names: Vec<_> = manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names, ["hmac", "schemars", "serde", "serde_json", "sha2"]);
}

#[test]
fn domain_and_app_name_no_vendors_field_setting_or_menu_no_environment_and_no_clock() {
    let words = [
        "status_id",
        "tickettype_id",
        "ExternalID",
        "std::env",
        "SystemTime",
        "Instant::now",
        "reqwest",
        "rusqlite",
        // Settings and members of secrets, in code or in a sentence, and menus of a vendor.
        "HALOPSA_",
        "LIONGARD_",
        "halopsa_",
        "liongard_",
        "Configuration →",
        "Account Settings →",
        "Access Tokens",
    ];
    for part in ["domain", "app"] {
        for file in sources(&root().join("shared").join(part).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            for word in words {
                assert!(!text.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

#[test]
fn every_outcome_in_a_log_line_is_a_word_of_an_enum() {
    let simulator = root().join("shared/simulator");
    for folder in ["shared", "functions", "halogard/src"] {
        for file in sources(&root().join(folder)) {
            let is_production = file.components().any(|part| part.as_os_str() == "src")
                && !file.starts_with(&simulator)
                // Its tests write lines of their own.
                && !file.ends_with("runtime/src/telemetry.rs");
            let text = fs::read_to_string(&file).unwrap();
            if is_production {
                let literal = text.lines().find(|line| line.contains("outcome = \""));
                assert_eq!(literal, None, "in {}", file.display());
            }
        }
    }
}

#[test]
fn every_crate_takes_its_versions_and_lints_from_the_workspace() {
    for (name, manifest) in manifests() {
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "{name}"
        );
        for section in ["dependencies", "dev-dependencies"] {
            let Some(dependencies) = manifest.get(section) else {
                continue;
            };
            for (dependency, from) in dependencies.as_table().unwrap() {
                let inherited = from.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(inherited, Some(true), "{name}: {dependency}");
            }
        }
    }
}

/// The families that the sources below `folder` try an adapter with.
fn families_tried(folder: &str) -> BTreeSet<String> {
    let mut families = BTreeSet::new();
    for file in sources(&root().join(folder)) {
        let text = fs::read_to_string(file).unwrap();
        for suite in text.split("suite!(").skip(1) {
            let (suite, _) = suite.split_once(");").unwrap();
            let (_, names) = suite.split_once(':').unwrap();
            families.extend(names.split(',').map(|name| name.trim().to_owned()));
        }
    }
    families.remove("");
    families
}

#[test]
fn both_sets_of_stores_pass_the_same_suite() {
    let embedded = families_tried("shared/sqlite/tests");
    let aws = families_tried("shared/aws/tests");
    let folder = root().join("tests/conformance/src");
    let mut count = 0;
    println!("{:64} embedded  AWS", "case");
    for family in &embedded {
        let source = fs::read_to_string(folder.join(family).with_extension("rs")).unwrap();
        let (_, list) = source.split_once(&format!("$fixture, {family}:")).unwrap();
        let (list, _) = list.split_once('}').unwrap();
        for case in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let tried = if aws.contains(family) { "yes" } else { "no" };
            println!("{:64} yes       {tried}", format!("{family}::{case}"));
            count += 1;
        }
    }
    println!("{count} cases");
    assert_eq!(embedded, aws);
}

#[test]
fn the_settings_page_lists_every_setting() {
    let page = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    assert!(
        page.contains(settings_table_markdown().trim_end()),
        "put this table into docs/settings.md:\n{}",
        settings_table_markdown()
    );
}

#[test]
fn the_readmes_shortest_config_works_as_it_stands() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let text: String = block
        .lines()
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let config = halogard_config::parse("README.md", &text).unwrap();
    assert_eq!(
        (
            config.policy.templates.len(),
            config.policy.environments.len()
        ),
        (1, 1)
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn documents_link_to_what_is_there() {
    let mut documents = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/adr"] {
        let files = fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        documents.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let place = document.parent().unwrap().join(target);
            assert!(place.exists(), "{} links to {target}", document.display());
        }
    }
}

/// Every Rust file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

/// What the probe at connect says of `fact`.
fn probe_says(fact: &str) -> String {
    let halopsa = halogard_halopsa::uncertain_facts().map(|it| (it.fact, it.is_read, it.otherwise));
    let liongard =
        halogard_liongard::uncertain_facts().map(|it| (it.fact, it.is_read, it.otherwise));
    let known = halopsa.chain(liongard).find(|(name, _, _)| *name == fact);
    let (_, is_read, otherwise) = known.unwrap_or_else(|| panic!("no probe knows {fact:?}"));
    let verdict = if is_read {
        "seen; otherwise"
    } else {
        "not seen"
    };
    format!("{verdict}: {otherwise}")
}

/// One row of the table of dialects.
fn dialect_row(switch: &halogard_simulator::dialect::Switch) -> String {
    let is_in = |set: &&halogard_simulator::dialect::DialectSet| {
        set.switches().any(|other| other.name == switch.name)
    };
    let named: Vec<&str> = sets().iter().filter(is_in).map(|set| set.name).collect();
    let is_live =
        probe_says(switch.fact).starts_with("seen") || WRITTEN_FACTS.contains(&switch.fact);
    let suites = [
        Some("smoke"),
        Some("probe"),
        is_live.then_some("live"),
        (!named.is_empty()).then_some("scenarios, stories"),
    ];
    let suites = suites.into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!(
        "| {} | `{}`: {} | {} | {} | {suites} | {} |",
        switch.fact,
        switch.name,
        switch.description,
        switch.source,
        named.join(", "),
        probe_says(switch.fact),
    )
}

#[test]
fn every_fact_without_a_switch_has_a_test_that_is_there() {
    let page = fs::read_to_string(root().join("docs/dialects.md")).unwrap();
    let (_, section) = page.split_once("## Facts without a switch").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let named: Vec<&str> = rows
        .skip(2)
        .filter_map(|row| row.rsplit('`').nth(1))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    let folders = ["shared", "tests", "functions", "halogard"];
    let files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .filter(|file| file.components().any(|part| part.as_os_str() == "tests"))
        .collect();
    let texts: Vec<String> = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for name in named {
        let declared = format!("fn {name}(");
        let is_there = texts.iter().any(|text| text.contains(&declared));
        assert!(
            is_there,
            "docs/dialects.md names {name}, which no test is called"
        );
    }
}

#[test]
fn the_dialects_page_has_every_set_and_a_row_for_every_switch() {
    let page = fs::read_to_string(root().join("docs/dialects.md")).unwrap();
    for set in sets() {
        let row = format!("| `{}` | {} |", set.name, set.description);
        assert!(
            page.contains(&row),
            "put this row into docs/dialects.md:\n{row}"
        );
    }
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| Fact |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = switches().into_iter().map(dialect_row).collect();
    let missing: Vec<&String> = expected
        .iter()
        .filter(|row| !rows.contains(&row.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "put these rows into docs/dialects.md:\n{missing:#?}"
    );
    assert_eq!(rows.len(), expected.len(), "a row of no switch");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 6, "{row}");
        assert!(!cells[5].trim().is_empty(), "{row}");
    }
}
