//! Settings as operators write them: what is missing, what is wrong, what is warnings.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_credentials::webhook_auth::WebhookCredential;
use halogard_domain::budget::Limit;
use halogard_runtime::settings::{self, NotifySettings, SETTINGS, SettingValues, Settings};
use proptest::prelude::*;
use secrecy::ExposeSecret;

/// The least that is needed.
const LEAST: [(&str, &str); 6] = [
    ("HALOPSA_RESOURCE_URL", "https://acme.halopsa.com/api"),
    ("HALOPSA_CLIENT_ID", "6f1d-aa"),
    ("HALOPSA_CLIENT_SECRET", "halo-secret"),
    ("LIONGARD_URL", "us1.app.liongard.com"),
    ("LIONGARD_ACCESS_KEY_ID", "key-id"),
    ("LIONGARD_ACCESS_KEY_SECRET", "liongard-secret"),
];

/// The least with `changes`; an empty value takes a setting away.
fn with(changes: &[(&str, &str)]) -> SettingValues {
    let values: BTreeMap<&str, &str> = LEAST.iter().chain(changes).copied().collect();
    SettingValues::of(values)
}

fn accepted(changes: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let (settings, warnings) = settings::read::<Settings>(&with(changes))
        .unwrap_or_else(|error| panic!("refused: {error}"));
    (settings, warnings.iter().map(ToString::to_string).collect())
}

fn refused(changes: &[(&str, &str)]) -> String {
    match settings::read::<Settings>(&with(changes)) {
        Err(error) => error.to_string(),
        Ok((settings, _)) => panic!("accepted: {settings:?}"),
    }
}

#[test]
fn the_least_is_enough_and_the_rest_has_defaults() {
    let (settings, warnings) = accepted(&[]);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(
        settings.halo.scopes,
        "read:tickets edit:tickets read:customers"
    );
    assert_eq!(settings.limit, Limit::DEFAULT);
    assert_eq!(settings.serve.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(settings.serve.data_dir.to_str(), Some(".halogard"));
    assert_eq!(settings.serve.config.to_str(), Some("halogard.toml"));
    assert_eq!(settings.serve.poll_interval, Duration::from_secs(10));
    assert_eq!(
        settings.serve.inspector_min_interval,
        Duration::from_secs(60)
    );
    assert!(settings.webhook.secret.tokens.is_empty());
    assert!(settings.webhook.secret.credentials.is_empty());
}

#[test]
fn all_missing_settings_are_reported_at_once_with_where_to_find_them() {
    let error = settings::read::<Settings>(&SettingValues::default()).unwrap_err();
    let expected = "\
HALOPSA_RESOURCE_URL is missing; copy it from HaloPSA, Configuration → Integrations → HaloPSA API
HALOPSA_CLIENT_ID is missing; copy it from HaloPSA, Configuration → Integrations → HaloPSA API → View Applications → your application
HALOPSA_CLIENT_SECRET is missing; HaloPSA shows it once, when the application is made: Configuration → Integrations → HaloPSA API → View Applications; generate a new one if it is lost
LIONGARD_URL is missing; copy it from the browser's address bar, such as https://us1.app.liongard.com
LIONGARD_ACCESS_KEY_ID is missing; make one in Liongard: your profile → Account Settings → Access Tokens
LIONGARD_ACCESS_KEY_SECRET is missing; make one in Liongard: your profile → Account Settings → Access Tokens";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.faults().len(), 6);
}

#[test]
fn an_error_is_one_line_with_the_remedy() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("HALOPSA_CLIENT_SECRET", "half\nhalf")],
            "HALOPSA_CLIENT_SECRET has a blank or a line end inside; HaloPSA shows it once, when \
             the application is made: Configuration → Integrations → HaloPSA API → View \
             Applications; generate a new one if it is lost",
        ),
        (
            &[("LIONGARD_ACCESS_KEY_ID", "\u{fffd}key")],
            "LIONGARD_ACCESS_KEY_ID has bytes that are not text; make one in Liongard: your \
             profile → Account Settings → Access Tokens",
        ),
        (
            &[("HALOPSA_WINDOW_REQUESTS_MAX", "0")],
            "HALOPSA_WINDOW_REQUESTS_MAX is `0`; write a whole number of requests from 1 to 100000",
        ),
        (
            &[("HALOPSA_WINDOW_REQUESTS_MAX", "100001")],
            "HALOPSA_WINDOW_REQUESTS_MAX is `100001`; write a whole number of requests from 1 to \
             100000",
        ),
        (
            &[("HALOPSA_WINDOW_SECONDS", "5m")],
            "HALOPSA_WINDOW_SECONDS is `5m`; write a whole number of seconds from 1 to 86400",
        ),
        (
            &[("POLL_INTERVAL_SECONDS", "0")],
            "POLL_INTERVAL_SECONDS is `0`; write a whole number of seconds from 1 to 86400",
        ),
        (
            &[("INSPECTOR_MIN_INTERVAL_SECONDS", "-1")],
            "INSPECTOR_MIN_INTERVAL_SECONDS is `-1`; write a whole number of seconds from 1 to \
             86400",
        ),
        (
            &[("HALOGARD_LISTEN", "8787")],
            "HALOGARD_LISTEN is `8787`; write an address and a port, such as 127.0.0.1:8787, or \
             0.0.0.0:8787 for every network of this machine",
        ),
        (
            &[("HALOPSA_SCOPES", ",")],
            "HALOPSA_SCOPES names no scope; leave it out, or name scopes such as read:tickets",
        ),
        (
            &[("HALOPSA_WEBHOOK_USERNAME", "halo")],
            "HALOPSA_WEBHOOK_PASSWORD is missing, though there is a user name; write the value that is \
             entered at the webhook in HaloPSA",
        ),
        (
            &[("HALOPSA_WEBHOOK_PASSWORD", "a-password-long-enough")],
            "HALOPSA_WEBHOOK_USERNAME is missing, though there is a password; write the value that is \
             entered at the webhook in HaloPSA",
        ),
        (
            &[
                ("HALOPSA_WEBHOOK_USERNAME", "a:b"),
                ("HALOPSA_WEBHOOK_PASSWORD", "a-password-long-enough"),
            ],
            "HALOPSA_WEBHOOK_USERNAME has a colon; choose another one: HTTP Basic cannot carry it",
        ),
        (
            &[("HALOPSA_WEBHOOK_SECRET_PREVIOUS", "the-old-signing-key")],
            "HALOPSA_WEBHOOK_SECRET_PREVIOUS is set without a current value; set the current \
             value too, or remove this one",
        ),
        (
            &[("HALOPSA_WEBHOOK_SIGNATURE_HEADER", "X Halo")],
            "HALOPSA_WEBHOOK_SIGNATURE_HEADER is `X Halo`; write the name of a header, such as \
             X-Halo-Signature",
        ),
        (
            &[("HALOPSA_WEBHOOK_TOKEN", "a/b/of-more-than-15-characters")],
            "HALOPSA_WEBHOOK_TOKEN has characters that do not fit into an address; use letters, \
             digits, `-`, `_`, `.` and `~` only",
        ),
        (
            &[("HALOPSA_WEBHOOK_TOKEN", "a")],
            "HALOPSA_WEBHOOK_TOKEN has fewer than 16 characters; use 16 random characters or more, \
             or it can be guessed",
        ),
    ];
    for (changes, expected) in cases {
        assert_eq!(refused(changes), *expected, "{changes:?}");
    }
}

#[test]
fn what_is_corrected_works_with_a_warning() {
    let (settings, warnings) = accepted(&[
        ("HALOPSA_CLIENT_ID", " \"6f1d\"\n"),
        ("HALOPSA_SCOPES", "read:tickets,write:tickets"),
        ("HALOPSA_WEBHOOK_TOKEN", "a-token-long-enough"),
        ("HALOPSA_WEBHOOK_SIGNATURE_HEADER", "X-Signature:"),
        ("HALOPSA_WEBHOOK_BEARER", "Bearer a-bearer-long-enough"),
        ("HALOGARD_LISTEN", "localhost:9000"),
    ]);
    assert_eq!(settings.halo.client_id, "6f1d");
    assert_eq!(settings.halo.scopes, "read:tickets edit:tickets");
    assert_eq!(settings.serve.listen.to_string(), "127.0.0.1:9000");
    let WebhookCredential::Bearer { token } = &settings.webhook.secret.credentials[0] else {
        panic!(
            "not a bearer token: {:?}",
            settings.webhook.secret.credentials
        );
    };
    assert_eq!(token.expose_secret(), "a-bearer-long-enough");
    let expected = [
        "HALOPSA_CLIENT_ID: blanks around the value were removed",
        "HALOPSA_CLIENT_ID: quotes around the value were removed",
        "HALOPSA_SCOPES: commas between the scopes were made blanks",
        "HALOPSA_SCOPES: HaloPSA calls write:tickets edit:tickets, and read:clients read:customers",
        "HALOPSA_WEBHOOK_SIGNATURE_HEADER: the colon after the name was removed",
        "HALOPSA_WEBHOOK_BEARER: the word Bearer before the token was removed",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn during_an_exchange_both_credentials_are_in_force_the_newer_first() {
    let (settings, _) = accepted(&[
        ("HALOPSA_WEBHOOK_TOKEN", "token-of-this-year"),
        ("HALOPSA_WEBHOOK_TOKEN_PREVIOUS", "token-of-last-year"),
        ("HALOPSA_WEBHOOK_SECRET", "the-new-signing-key"),
        ("HALOPSA_WEBHOOK_SECRET_PREVIOUS", "the-old-signing-key"),
        ("HALOPSA_WEBHOOK_API_KEY", "the-key-of-the-api"),
    ]);
    let tokens: Vec<_> = settings
        .webhook
        .secret
        .tokens
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(tokens, ["token-of-this-year", "token-of-last-year"]);
    let credentials: Vec<_> = settings
        .webhook
        .secret
        .credentials
        .iter()
        .map(|credential| match credential {
            WebhookCredential::Hmac { header, secret }
            | WebhookCredential::ApiKey {
                header,
                key: secret,
            } => {
                format!("{header}={}", secret.expose_secret())
            }
            other => panic!("not configured: {other:?}"),
        })
        .collect();
    assert_eq!(
        credentials,
        [
            "X-Halo-Signature=the-new-signing-key",
            "X-Halo-Signature=the-old-signing-key",
            "X-Api-Key=the-key-of-the-api"
        ]
    );
}

#[test]
fn an_error_names_the_config_file_if_the_value_is_from_there() {
    let environment = with(&[]).or([("POLL_INTERVAL_SECONDS", "soon")]);
    let error = settings::read::<Settings>(&environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "POLL_INTERVAL_SECONDS is `soon` in the config file; write a whole number of seconds from \
         1 to 86400",
    );
}

#[test]
fn the_config_file_is_known_before_anything_else_is() {
    assert_eq!(
        SettingValues::default().config_file().to_str(),
        Some("halogard.toml")
    );
    let named = SettingValues::of([("HALOGARD_CONFIG", " /etc/halogard.toml ")]);
    assert_eq!(named.config_file().to_str(), Some("/etc/halogard.toml"));
}

#[test]
fn no_secret_is_shown_by_debug_or_by_a_refusal() {
    const PLANTED: &str = "planted-4711-secret";
    let secrets: Vec<(&str, &str)> = SETTINGS
        .iter()
        .filter(|info| info.is_secret())
        .map(|info| (info.name, PLANTED))
        .chain([("HALOPSA_WEBHOOK_USERNAME", "halo")])
        .collect();
    let environment = with(&secrets);
    let (settings, warnings) = settings::read::<Settings>(&environment).unwrap();
    let (notify, _) = settings::read::<NotifySettings>(&environment).unwrap();
    let shown = format!("{environment:?} {settings:?} {settings:#?} {notify:?} {warnings:?}");
    assert!(!shown.contains(PLANTED), "{shown}");

    for (name, _) in secrets
        .iter()
        .filter(|(name, _)| *name != "HALOPSA_WEBHOOK_USERNAME")
    {
        let broken = format!("{PLANTED} \u{fffd} /");
        let changes: Vec<_> = [(*name, broken.as_str())].into();
        let said = if NotifySettings::NAMES.contains(name) {
            let refusal = settings::read::<NotifySettings>(&with(&changes));
            refusal.unwrap_err().to_string()
        } else {
            refused(&changes)
        };
        assert!(!said.contains(PLANTED) && said.starts_with(name), "{said}");
    }
}

proptest! {
    #[test]
    fn no_value_of_any_setting_panics(
        values in proptest::collection::vec("\\PC{0,20}|[0-9]{1,30}|[a-z:=\" ]{0,10}", SETTINGS.len()),
    ) {
        let names = SETTINGS.iter().map(|info| info.name);
        let environment = SettingValues::of(names.zip(values));
        // Either answer will do; reaching it is the point.
        drop(settings::read::<Settings>(&environment));
    }
}
