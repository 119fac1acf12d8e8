//! The operations, each with the rules of its page.

use serde_json::{Value, json};

use super::secret::{CURRENT, PENDING, Secret, SecretValue, Secrets, Version, arn};

/// The longest value, in bytes. Source: PutSecretValue, `SecretString`, "Maximum length of 65536".
const VALUE_BYTES_MAX: usize = 65_536;

/// Labels on one version. Source: the service's quotas, "Staging labels attached across all versions
/// of a secret: 20".
const LABELS_MAX: usize = 20;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The service's code.
    pub code: &'static str,
    /// Its sentence.
    pub message: &'static str,
}

impl Refusal {
    pub const fn new(code: &'static str, message: &'static str) -> Self {
        Self { code, message }
    }
}

const NO_SECRET: Refusal = Refusal::new(
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret.",
);

const NO_VALUE: Refusal = Refusal::new(
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret value for the version or staging label.",
);

const TAKEN: Refusal = Refusal::new(
    "ResourceExistsException",
    "You can't use this token because a version with another value was made with it.",
);

/// A refusal for a parameter that is missing or wrong.
const fn invalid(message: &'static str) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// A refusal for a request that does not fit the state of the secret.
const fn unfit(message: &'static str) -> Refusal {
    Refusal::new("InvalidRequestException", message)
}

/// Does what `operation` asks for.
pub fn perform(operation: &str, input: &Value, secrets: &mut Secrets) -> Result<Value, Refusal> {
    if operation == "CreateSecret" {
        return create(input, secrets);
    }
    let id = text(input, "SecretId").ok_or(invalid("SecretId is missing."))?;
    let (name, secret) = secrets.find(id).ok_or(NO_SECRET)?;
    let mut output = match operation {
        "GetSecretValue" => get(input, secret)?,
        "DescribeSecret" => describe(secret),
        "PutSecretValue" => put(input, secret)?,
        "UpdateSecretVersionStage" => update_stage(input, secret)?,
        "ListSecretVersionIds" => list(input, secret),
        "RotateSecret" => rotate(input, secret)?,
        _ => {
            return Err(Refusal::new(
                "UnknownOperationException",
                "No such operation here.",
            ));
        }
    };
    output["ARN"] = arn(name).into();
    output["Name"] = name.into();
    Ok(output)
}

/// CreateSecret: a secret with a value has one version, which is AWSCURRENT; one without a value has
/// none. The same token and value again is ignored, another secret of that name refused.
fn create(input: &Value, secrets: &mut Secrets) -> Result<Value, Refusal> {
    let name = text(input, "Name").ok_or(invalid("Name is missing."))?;
    let token = token(input)?;
    let value = value(input)?;
    let output =
        json!({ "ARN": arn(name), "Name": name, "VersionId": value.as_ref().map(|_| &token) });
    if let Some(known) = secrets.0.get(name) {
        let same = known.made_with == token
            && known
                .versions
                .get(&token)
                .and_then(|version| version.value.clone())
                == value;
        return if same {
            Ok(output)
        } else {
            Err(Refusal::new(
                "ResourceExistsException",
                "The operation failed because the secret already exists.",
            ))
        };
    }
    let mut secret = Secret {
        made_with: token.clone(),
        ..Secret::default()
    };
    if value.is_some() {
        let labels = [CURRENT.to_owned()].into();
        secret.versions.insert(token, Version { value, labels });
    }
    secrets.0.insert(name.to_owned(), secret);
    Ok(output)
}

/// GetSecretValue: by version, by label, by both if they name the same version, and AWSCURRENT
/// otherwise. A version without labels is still found by its id.
fn get(input: &Value, secret: &Secret) -> Result<Value, Refusal> {
    let version = text(input, "VersionId");
    let label = text(input, "VersionStage");
    let wanted = match (version, label) {
        (None, label) => secret.labelled(label.unwrap_or(CURRENT)),
        (Some(version), None) => Some(version),
        (Some(version), Some(label)) => secret.labelled(label).filter(|found| *found == version),
    };
    let id = wanted.ok_or(NO_VALUE)?;
    let found = secret.versions.get(id).ok_or(NO_VALUE)?;
    let value = found.value.as_ref().ok_or(NO_VALUE)?;
    let mut output = json!({ "VersionId": id, "VersionStages": found.labels });
    match value {
        SecretValue::Text(value) => output["SecretString"] = value.as_str().into(),
        SecretValue::Binary(value) => output["SecretBinary"] = value.as_str().into(),
    }
    Ok(output)
}

/// DescribeSecret: "Versions that don't have staging labels are considered deprecated" and are not in
/// `VersionIdsToStages`; a version that a rotation announced is, with or without a value.
fn describe(secret: &Secret) -> Value {
    let labelled = secret
        .versions
        .iter()
        .filter(|(_, version)| !version.labels.is_empty());
    let stages: serde_json::Map<String, Value> = labelled
        .map(|(id, version)| (id.clone(), json!(version.labels)))
        .collect();
    let mut output = json!({});
    if !stages.is_empty() {
        output["VersionIdsToStages"] = stages.into();
    }
    if let Some(rotates) = secret.rotates {
        output["RotationEnabled"] = rotates.into();
    }
    if let Some(function) = &secret.rotated_by {
        output["RotationLambdaARN"] = function.as_str().into();
    }
    output
}

/// PutSecretValue: a version is made once. The same token and value again is ignored, labels
/// included; another value under a used token is refused. Without labels the version becomes
/// AWSCURRENT, and the first version of a secret becomes it in any case. A label that is on another
/// version moves.
fn put(input: &Value, secret: &mut Secret) -> Result<Value, Refusal> {
    let token = token(input)?;
    let value = value(input)?.ok_or(invalid("You must provide SecretString or SecretBinary."))?;
    let mut labels = labels(input)?;
    let first = secret
        .versions
        .values()
        .all(|version| version.value.is_none());
    let version = secret.versions.entry(token.clone()).or_default();
    match &version.value {
        Some(known) if *known != value => return Err(TAKEN),
        Some(_) => return Ok(json!({ "VersionId": token, "VersionStages": version.labels })),
        None => version.value = Some(value),
    }
    if labels.is_empty() || (first && secret.labelled(CURRENT).is_none()) {
        labels.push(CURRENT.to_owned());
    }
    for label in &labels {
        secret.move_label(label, &token);
    }
    let labels = secret.versions.get(&token).map(|version| &version.labels);
    Ok(json!({ "VersionId": token, "VersionStages": labels }))
}

/// UpdateSecretVersionStage: "If the staging label is already attached to a different version of the
/// secret, then you must also specify the RemoveFromVersionId parameter", and that parameter must name
/// the version that has it. AWSCURRENT can be moved and not removed.
fn update_stage(input: &Value, secret: &mut Secret) -> Result<Value, Refusal> {
    let label = text(input, "VersionStage").ok_or(invalid("VersionStage is missing."))?;
    let to = text(input, "MoveToVersionId");
    let from = text(input, "RemoveFromVersionId");
    let holder = secret.labelled(label).map(str::to_owned);
    for named in [to, from].into_iter().flatten() {
        if !secret.versions.contains_key(named) {
            return Err(NO_VALUE);
        }
    }
    if from.is_some() && from != holder.as_deref() {
        return Err(invalid(
            "The staging label is not attached to RemoveFromVersionId.",
        ));
    }
    match (to, from) {
        (None, None) => Err(invalid(
            "Name a version to move the label to or to remove it from.",
        )),
        (None, Some(_)) if label == CURRENT => Err(invalid(
            "You can only move staging label AWSCURRENT to a different secret version.",
        )),
        (None, Some(_)) => {
            secret.remove_label(label);
            Ok(json!({}))
        }
        (Some(to), from) => {
            let elsewhere = holder.is_some_and(|holder| holder != to);
            if elsewhere && from.is_none() {
                return Err(invalid(
                    "The staging label is attached to another version: name it in RemoveFromVersionId.",
                ));
            }
            secret.move_label(label, to);
            Ok(json!({}))
        }
    }
}

/// ListSecretVersionIds: versions without labels only with `IncludeDeprecated`.
fn list(input: &Value, secret: &Secret) -> Value {
    let all = input["IncludeDeprecated"].as_bool().unwrap_or(false);
    let listed = secret
        .versions
        .iter()
        .filter(|(_, version)| all || !version.labels.is_empty());
    let listed =
        listed.map(|(id, version)| json!({ "VersionId": id, "VersionStages": version.labels }));
    json!({ "Versions": listed.collect::<Vec<_>>() })
}

/// RotateSecret: needs a function, and refuses while another version is pending. Announces the version
/// of the token as AWSPENDING, without a value; the test then calls the function.
fn rotate(input: &Value, secret: &mut Secret) -> Result<Value, Refusal> {
    let token = token(input)?;
    let named = text(input, "RotationLambdaARN").map(str::to_owned);
    let function = named.or_else(|| secret.rotated_by.clone());
    secret.rotated_by = Some(function.ok_or(unfit(
        "No Lambda rotation function ARN is associated with this secret.",
    ))?);
    secret.rotates = Some(true);
    let pending = secret.labelled(PENDING);
    if pending.is_some_and(|id| id != token && secret.labelled(CURRENT) != Some(id)) {
        return Err(unfit(
            "A previous rotation isn't complete. That rotation will be reattempted.",
        ));
    }
    if input["RotateImmediately"].as_bool().unwrap_or(true) {
        secret.versions.entry(token.clone()).or_default();
        secret.move_label(PENDING, &token);
    }
    Ok(json!({ "VersionId": token }))
}

/// A member of `input` that is text.
fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name)?.as_str()
}

/// The token that becomes the version's id: 32 to 64 characters. Every page with
/// `ClientRequestToken` states the length; SDKs make one up where the caller gives none.
fn token(input: &Value) -> Result<String, Refusal> {
    let token = text(input, "ClientRequestToken");
    let token = token.ok_or(invalid("You must provide a ClientRequestToken value."))?;
    if !(32..=64).contains(&token.chars().count()) {
        return Err(invalid("ClientRequestToken must be 32-64 characters long."));
    }
    Ok(token.to_owned())
}

/// The value in `input`, of which there may be one.
fn value(input: &Value) -> Result<Option<SecretValue>, Refusal> {
    let found = match (text(input, "SecretString"), text(input, "SecretBinary")) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "You can't specify both a binary secret value and a string secret value.",
            ));
        }
        (Some(value), None) => SecretValue::Text(value.to_owned()),
        (None, Some(value)) => SecretValue::Binary(value.to_owned()),
        (None, None) => return Ok(None),
    };
    let (SecretValue::Text(value) | SecretValue::Binary(value)) = &found;
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        return Err(invalid("The secret value must have 1 to 65536 bytes."));
    }
    Ok(Some(found))
}

/// The labels in `input`.
fn labels(input: &Value) -> Result<Vec<String>, Refusal> {
    let Some(given) = input.get("VersionStages").filter(|given| !given.is_null()) else {
        return Ok(Vec::new());
    };
    let all: Option<Vec<String>> = given.as_array().map(|all| {
        all.iter()
            .filter_map(|label| label.as_str().map(str::to_owned))
            .collect()
    });
    all.filter(|all| (1..=LABELS_MAX).contains(&all.len()))
        .ok_or(invalid("VersionStages must name 1 to 20 labels."))
}
