//! Reading a body, and saying where it could not be read without showing it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed};
use serde_path_to_error::{Deserializer, Track};

/// How a body differs from what its endpoint promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProblem {
    /// There is none.
    Empty,
    /// It is an HTML page.
    Html,
    /// It is not JSON, or ends too early.
    NotJson,
    /// A member we need is missing.
    Missing,
    /// A value is of another kind.
    Unexpected,
    /// It is about another record than the one asked for.
    OtherRecord,
    /// It may be one page of several, where the whole list is promised.
    Paged,
    /// It reports a failure, with the status of a success.
    Refused,
}

impl fmt::Display for BodyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Html => "it is an HTML page",
            Self::NotJson => "it is not whole JSON",
            Self::Missing => "a needed member is missing",
            Self::Unexpected => "the value is of another kind",
            Self::OtherRecord => "it is another record than the one asked for",
            Self::Paged => {
                "it counts pages, and may be one of several where the whole list is promised; one page is \
                 not read as everything"
            }
            Self::Refused => "it reports a failure",
        })
    }
}

/// Where and how a body was not what its endpoint promises. Holds nothing of the body but the
/// names of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// The place, as `tickets[3].id`; `.` is the whole body.
    pub path: String,
    /// What was wrong there.
    pub problem: BodyProblem,
}

impl BodyError {
    /// The body as a whole has `problem`.
    #[must_use]
    pub fn whole(problem: BodyProblem) -> Self {
        Self::at(".", problem)
    }

    /// The value at `place`, or its absence, has `problem`.
    #[must_use]
    pub fn at(place: impl Into<String>, problem: BodyProblem) -> Self {
        let path = place.into();
        Self { path, problem }
    }

    /// The same, for a part of a body at `place`.
    #[must_use]
    pub fn below(self, place: &str) -> Self {
        let path = match (place, self.path.as_str()) {
            (".", inner) => inner.to_owned(),
            (place, ".") => place.to_owned(),
            (place, inner) if inner.starts_with('[') => format!("{place}{inner}"),
            (place, inner) => format!("{place}.{inner}"),
        };
        Self { path, ..self }
    }
}

/// Reads `body`, or a record that was cut out of one, as a `V`.
///
/// # Errors
///
/// [`BodyError`] when it is none.
pub fn read<'de, V: Deserialize<'de>>(body: &'de [u8]) -> Result<V, BodyError> {
    read_with(PhantomData::<V>, body)
}

/// Reads `body` with `seed`.
///
/// # Errors
///
/// [`BodyError`] when `seed` cannot make anything of it, or something follows.
pub fn read_with<'de, S: DeserializeSeed<'de>>(
    seed: S,
    body: &'de [u8],
) -> Result<S::Value, BodyError> {
    reject_html(body)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let value = seed
        .deserialize(Deserializer::new(&mut json, &mut track))
        .map_err(|error| sort(&track.path().to_string(), &error))?;
    json.end().map_err(|error| sort(".", &error))?;
    Ok(value)
}

/// A success without a body, or with a page for people, is none.
///
/// # Errors
///
/// [`BodyProblem::Empty`] and [`BodyProblem::Html`].
pub fn reject_html(body: &[u8]) -> Result<(), BodyError> {
    match body.trim_ascii_start().first() {
        None => Err(BodyError::whole(BodyProblem::Empty)),
        Some(b'<') => Err(BodyError::whole(BodyProblem::Html)),
        Some(_) => Ok(()),
    }
}

/// The position and kind of `error`, without its text, which may quote the body.
fn sort(place: &str, error: &serde_json::Error) -> BodyError {
    if !error.is_data() {
        return BodyError::at(place, BodyProblem::NotJson);
    }
    match missing_member(&error.to_string()) {
        Some(member) => BodyError::at(member, BodyProblem::Missing).below(place),
        None => BodyError::at(place, BodyProblem::Unexpected),
    }
}

/// The member that serde found missing. Its place is reported as that of the object around it,
/// and only the text of the error names it; the name is one of ours, never of the body.
fn missing_member(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}
