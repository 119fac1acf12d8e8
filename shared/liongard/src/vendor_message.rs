//! Liongard's error messages.
//!
//! Version 1 answers with JSON and a lower-case `message`, or with text; version 2 with `Message`
//! and `ValidationErrors`; a rate limit with `error`; gateways with a page of HTML. The sentence
//! is for people; [`says_run_under_way`] alone branches on its words.

use serde_json::Value;

pub use halogard_wire::RedactedMessage as VendorMessage;

/// The members that hold a message, the most specific first.
const MESSAGE_MEMBERS: [&str; 3] = ["message", "Message", "error"];

/// Reads the body of a refusal, hiding `secrets` wherever they are repeated. An empty body says
/// nothing.
pub(crate) fn read(body: &[u8], secrets: &[&str]) -> Option<VendorMessage> {
    VendorMessage::of_body(body, secrets, message_in)
}

/// Whether Liongard did not start a run because one of the same launchpoint is under way. It has no code
/// for that, and its wording is not documented.
pub(crate) fn says_run_under_way(message: &VendorMessage) -> bool {
    const UNDER_WAY: [&str; 12] = [
        "already running",
        "already in progress",
        "already being",
        "already queued",
        "already scheduled",
        "already processing",
        "already started",
        "currently running",
        "currently in progress",
        "still running",
        "is running",
        "run in progress",
    ];
    let text = message.as_str().to_lowercase();
    let is_denied = text.contains("not running") || text.contains("not currently running");
    !is_denied && UNDER_WAY.iter().any(|phrase| text.contains(phrase))
}

/// The sentence in a JSON body, if one of its known forms holds one.
fn message_in(json: &Value) -> Option<String> {
    let members = match json {
        Value::String(text) => return Some(text.clone()),
        Value::Object(members) => members,
        _ => return None,
    };
    let main = MESSAGE_MEMBERS
        .iter()
        .filter_map(|name| members.get(*name)?.as_str())
        .find(|text| !text.trim().is_empty());
    let details = members.get("ValidationErrors").and_then(Value::as_array);
    let details = details.into_iter().flatten().filter_map(validation_error);
    let parts: Vec<String> = main.map(str::to_owned).into_iter().chain(details).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// One of the `ValidationErrors`: what was wrong, and where.
fn validation_error(error: &Value) -> Option<String> {
    let message = error.get("message")?.as_str()?;
    Some(match error.get("path").and_then(Value::as_str) {
        Some(path) => format!("{path}: {message}"),
        None => message.to_owned(),
    })
}
