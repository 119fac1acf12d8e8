//! Reading a body, and saying where it could not be read without showing it.

use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed};
use serde_path_to_error::{Deserializer, Track};

use crate::error::BodyProblem;

/// Where and how a body was not what its endpoint promises. Holds nothing of the body but the
/// names of its members.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// The place, as `[3].Launchpoint.ID`; `.` is the whole body.
    pub(crate) path: String,
    /// What was wrong there.
    pub(crate) problem: BodyProblem,
}

impl Unusable {
    /// The body as a whole has `problem`.
    pub(crate) fn whole(problem: BodyProblem) -> Self {
        Self {
            path: ".".into(),
            problem,
        }
    }

    /// The same, for a part of a body that stands at `place`.
    pub(crate) fn below(self, place: &str) -> Self {
        let path = match self.path.as_str() {
            "." => place.to_owned(),
            inner if inner.starts_with('[') => format!("{place}{inner}"),
            inner => format!("{place}.{inner}"),
        };
        Self { path, ..self }
    }
}

/// Reads `body` as a `V`.
pub(crate) fn read<V: DeserializeOwned>(body: &[u8]) -> Result<V, Unusable> {
    read_with(PhantomData::<V>, body)
}

/// Reads `body` with `seed`.
pub(crate) fn read_with<'de, S: DeserializeSeed<'de>>(
    seed: S,
    body: &'de [u8],
) -> Result<S::Value, Unusable> {
    refuse_pages(body)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let value = seed
        .deserialize(Deserializer::new(&mut json, &mut track))
        .map_err(|error| sort(track.path().to_string(), &error))?;
    json.end().map_err(|error| sort(".".into(), &error))?;
    Ok(value)
}

/// Reads one record that was cut out of a body.
pub(crate) fn read_part<'de, V: Deserialize<'de>>(part: &'de str) -> Result<V, Unusable> {
    read_with(PhantomData::<V>, part.as_bytes())
}

/// A success without a body, or with a page for people, is none.
pub(crate) fn refuse_pages(body: &[u8]) -> Result<(), Unusable> {
    match body.trim_ascii_start().first() {
        None => Err(Unusable::whole(BodyProblem::Empty)),
        Some(b'<') => Err(Unusable::whole(BodyProblem::Html)),
        Some(_) => Ok(()),
    }
}

/// Keeps the place and the kind of `error`; its text may quote the body.
fn sort(path: String, error: &serde_json::Error) -> Unusable {
    if !error.is_data() {
        return Unusable {
            path,
            problem: BodyProblem::NotJson,
        };
    }
    match missing_member(&error.to_string()) {
        Some(member) => {
            let missing = Unusable {
                path: member.to_owned(),
                problem: BodyProblem::Missing,
            };
            if path == "." {
                missing
            } else {
                missing.below(&path)
            }
        }
        None => Unusable {
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
