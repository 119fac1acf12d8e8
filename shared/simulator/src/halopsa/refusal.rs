//! HaloPSA's ways of saying no, none like the other.

use http::StatusCode;
use serde_json::{Value, json};

use crate::http_message::SimResponse;
use crate::rate_limit::RateLimit;

/// Says that something named is not there, or that an update lacked what makes it findable.
pub(super) const RECORD_NOT_FOUND: &str = "Record not found";

/// The message for closing an unassigned ticket, spelt as the vendor spells it.
pub(super) const ASSIGN_BEFORE_CLOSING: &str = "Please assign this Ticket these before closing it.";

/// The sentence for an action without an outcome.
pub(super) const OUTCOME_MISSING: &str = "An Outcome must be entered for this Action";

/// A business rule: 400 with a JSON string.
pub(super) fn sentence(text: &str) -> SimResponse {
    SimResponse::json(StatusCode::BAD_REQUEST, &Value::String(text.to_owned()))
}

/// An unhandled failure, serialised as the exception it was.
pub(super) fn exception(status: StatusCode, message: &str) -> SimResponse {
    SimResponse::json(
        status,
        &json!({
            "ClassName": "System.Exception",
            "Message": message,
            "Data": null,
            "InnerException": null,
            "HelpURL": null,
            "StackTraceString": null,
            "RemoteStackTraceString": null,
            "RemoteStackIndex": 0,
            "ExceptionMethod": null,
            "HResult": -2_146_233_088_i64,
            "Source": null,
            "WatsonBuckets": null
        }),
    )
}

/// A reference to something that does not exist, as the database words it.
pub(super) fn unknown_reference(column: &str) -> SimResponse {
    exception(
        StatusCode::BAD_REQUEST,
        &format!(
            "A database error occurred (547) - The INSERT or UPDATE statement conflicted with the FOREIGN KEY constraint on column '{column}'."
        ),
    )
}

/// Two creates at once ran into each other's ticket number.
pub(super) fn number_race() -> SimResponse {
    exception(
        StatusCode::BAD_REQUEST,
        "A database error occurred (2627) - Violation of PRIMARY KEY constraint 'PK_FAULTS'. Cannot insert duplicate key in object 'dbo.FAULTS'.",
    )
}

/// A body the model binder could not read: the path, and what is wrong there.
pub(super) fn model_state(path: &str, complaint: &str) -> SimResponse {
    SimResponse::json(StatusCode::BAD_REQUEST, &json!({ path: [complaint] }))
}

/// A POST without an array.
pub(super) fn array_required() -> SimResponse {
    model_state(
        "",
        "Cannot deserialize the current JSON object because the type requires a JSON array (e.g. [1,2,3]) to deserialize correctly. Path '', line 1, position 1.",
    )
}

/// A POST whose body is not JSON.
pub(super) fn unreadable() -> SimResponse {
    model_state(
        "",
        "Unexpected character encountered while parsing value. Path '', line 0, position 0.",
    )
}

/// Not found, with the status this tenant uses.
pub(super) fn not_found(status: u16) -> SimResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
    SimResponse::json(status, &Value::String(RECORD_NOT_FOUND.to_owned()))
}

/// No token, or one that no longer counts.
pub(super) fn unauthorised() -> SimResponse {
    SimResponse::empty(StatusCode::UNAUTHORIZED).with_header(
        http::header::WWW_AUTHENTICATE,
        "Bearer error=\"invalid_token\"",
    )
}

/// A scope or a right is missing.
pub(super) fn forbidden() -> SimResponse {
    SimResponse::empty(StatusCode::FORBIDDEN)
}

/// Too many requests, with the sentence that names the limit.
pub(super) fn throttled(limit: &RateLimit) -> SimResponse {
    let window = limit.window.as_secs();
    let window = match window % 60 {
        0 => format!("{} minute", window / 60),
        _ => format!("{window} second"),
    };
    SimResponse::text(
        StatusCode::TOO_MANY_REQUESTS,
        &format!(
            "Rate Limit Reached - {} Requests per rolling {window} window",
            limit.requests_max
        ),
    )
}
