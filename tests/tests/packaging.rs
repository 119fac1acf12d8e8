//! Whether what users install is as `docs/install.md` says: the unit, the container, the proxies.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "what a test measured or left out is shown"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use halogard_runtime::settings::SETTINGS;

/// The worst exposure that `systemd-analyze security` may find, in tenths. A unit without any protection has 96.
const EXPOSURE_MAX_TENTHS: u32 = 15;

/// Names of variables that are not settings: the compose file's own.
const NAMES_OF_COMPOSE: [&str; 2] = ["HALOGARD_NAME", "HALOGARD_UPSTREAM"];

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../halogard/packaging")
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// `systemd-analyze` with these arguments in a root that holds the unit and a program; `None` where there is no
/// systemd.
fn systemd_analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let root = tempfile::tempdir().unwrap();
    let units = root.path().join("usr/lib/systemd/system");
    let programs = root.path().join("usr/bin");
    fs::create_dir_all(&units).unwrap();
    fs::create_dir_all(&programs).unwrap();
    let unit = packaging().join("debian/halogard.service");
    fs::copy(unit, units.join("halogard.service")).unwrap();
    let program = programs.join("halogard");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    // What every unit depends on is beside it.
    for target in [
        "basic",
        "multi-user",
        "network-online",
        "shutdown",
        "sysinit",
    ] {
        let text = format!("[Unit]\nDescription={target}\n");
        fs::write(units.join(format!("{target}.target")), text).unwrap();
    }
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(format!("--root={}", root.path().display()))
        .arg("halogard.service")
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no systemd-analyze here");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[test]
fn systemd_finds_no_mistake_in_the_unit() {
    let Some((passed, text)) = systemd_analyze(&["verify", "--man=no"]) else {
        return;
    };
    assert!(passed && text.trim().is_empty(), "{text}");
}

#[test]
fn the_unit_may_do_little() {
    let threshold = format!("--threshold={EXPOSURE_MAX_TENTHS}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold];
    let Some((passed, text)) = systemd_analyze(&arguments) else {
        return;
    };
    println!("{}", text.lines().last().unwrap_or_default());
    assert!(passed, "{text}");
}

#[test]
fn every_variable_that_packages_name_is_a_setting() {
    let root = packaging().join("../..");
    let mut documents = files(&packaging());
    documents.extend(["docs/install.md", "docs/network.md"].map(|it| root.join(it)));
    let mut named = 0;
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        let words = text.split(|character: char| {
            !(character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
        });
        for word in words {
            let is_ours = ["HALOPSA_", "LIONGARD_", "HALOGARD_"]
                .iter()
                .any(|prefix| word.starts_with(prefix));
            if is_ours && !NAMES_OF_COMPOSE.contains(&word) {
                let is_setting = SETTINGS.iter().any(|info| info.name == word);
                assert!(is_setting, "{word} in {}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 15, "{named}");
}

#[test]
fn proxies_pass_on_the_public_routes_only() {
    for (file, routes) in [
        (
            "proxy/Caddyfile",
            ["/webhooks/*", "/healthz", "respond 404"],
        ),
        (
            "proxy/nginx.conf",
            ["location /webhooks/", "location = /healthz", "return 404"],
        ),
    ] {
        let text = fs::read_to_string(packaging().join(file)).unwrap();
        for route in routes {
            assert!(text.contains(route), "{file}: {route}");
        }
        for private in ["metrics", "readyz"] {
            assert!(!text.contains(private), "{file}: {private}");
        }
    }
}
