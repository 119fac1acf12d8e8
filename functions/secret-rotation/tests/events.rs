//! The sample events, and what the function takes them for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use halogard_credentials::rotation::RotationStep;
use secret_rotation::{Call, EventError, RotationEvent};

/// The secret of every sample.
const SECRET: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:halogard/liongard-AbCdEf";

/// The version of every sample.
const VERSION: &str = "11111111-2222-4333-8444-555555555555";

/// The folder of the samples.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda")
}

/// What a sample asks for.
fn call(file: &str) -> Result<Call, EventError> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let event: RotationEvent = serde_json::from_str(&text).unwrap();
    Call::try_from(event)
}

#[test]
fn every_sample_event_is_parsed_as_what_it_is() {
    let mut seen = BTreeSet::new();
    for step in RotationStep::ALL {
        let word = step.as_str().trim_end_matches("Secret");
        let file = format!("rotation-{word}.json");
        let wanted = Call::RotationStep {
            step,
            secret: SECRET.to_owned(),
            version: VERSION.to_owned(),
        };
        assert_eq!(call(&file), Ok(wanted), "{file}");
        seen.insert(file);
    }
    let delete_expired = Call::DeleteExpired {
        secret: SECRET.to_owned(),
    };
    assert_eq!(call("rotation-delete-expired.json"), Ok(delete_expired));
    let step = call("rotation-wrong-step.json").unwrap_err().to_string();
    for part in ["`deleteSecret`", "createSecret", "finishSecret"] {
        assert!(step.contains(part), "{step}");
    }
    let token = call("rotation-wrong-no-token.json");
    assert_eq!(token, Err(EventError::Missing("ClientRequestToken")));
    let rest = ["delete-expired", "wrong-step", "wrong-no-token"];
    seen.extend(rest.map(|name| format!("rotation-{name}.json")));

    let files = std::fs::read_dir(folder()).unwrap();
    let files = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    let there: BTreeSet<String> = files.filter(|name| name.starts_with("rotation-")).collect();
    assert_eq!(there, seen, "each sample is read here");
}

#[test]
fn an_event_that_lacks_a_member_is_refused_by_its_name() {
    for (text, missing) in [
        ("{}", "Step"),
        (r#"{"Step": " "}"#, "Step"),
        (r#"{"Step": "createSecret"}"#, "SecretId"),
        (r#"{"Step": "deleteExpired"}"#, "SecretId"),
    ] {
        let event: RotationEvent = serde_json::from_str(text).unwrap();
        assert_eq!(Call::try_from(event), Err(EventError::Missing(missing)));
    }
}
