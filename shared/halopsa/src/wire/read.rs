//! Reading a body, and saying where it could not be read without showing it.

use serde::de::DeserializeSeed;
use serde_path_to_error::{Deserializer, Track};

use crate::error::BodyProblem;

/// Where and how a body was not what its endpoint promises. Holds nothing of the body but the
/// names of its members.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The place, as `tickets[3].id`; `.` is the whole body.
    pub(crate) path: String,
    /// What was wrong there.
    pub(crate) problem: BodyProblem,
}

/// Reads `body` with `seed`.
pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
    seed: S,
    body: &'de [u8],
) -> Result<S::Value, Unreadable> {
    let start = body.trim_ascii_start();
    if start.is_empty() {
        return Err(Unreadable {
            path: ".".into(),
            problem: BodyProblem::Empty,
        });
    }
    if start.starts_with(b"<") {
        return Err(Unreadable {
            path: ".".into(),
            problem: BodyProblem::Html,
        });
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let value = seed
        .deserialize(Deserializer::new(&mut json, &mut track))
        .map_err(|error| sort(track.path().to_string(), &error))?;
    json.end().map_err(|error| sort(".".into(), &error))?;
    Ok(value)
}

/// Keeps the place and the kind of `error`; its text may quote the body.
fn sort(path: String, error: &serde_json::Error) -> Unreadable {
    if !error.is_data() {
        return Unreadable {
            path,
            problem: BodyProblem::NotJson,
        };
    }
    match missing_member(&error.to_string()) {
        Some(member) if path == "." => Unreadable {
            path: member.to_owned(),
            problem: BodyProblem::Missing,
        },
        Some(member) => Unreadable {
            path: format!("{path}.{member}"),
            problem: BodyProblem::Missing,
        },
        None => Unreadable {
            path,
            problem: BodyProblem::Unexpected,
        },
    }
}

/// The member that serde found missing. Its place is reported as that of the object around it,
/// and only the text of the error names it; the name is one of ours, never of the body.
fn missing_member(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}
