//! Rows of a list, each read on its own: one that cannot be read costs no other.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::{self, BodyProblem};
use crate::values::{self, Lenient, lenient};

/// A row that could not be read. Holds nothing of it but its number and the names of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its position in the list, from 0.
    pub index: usize,
    /// Its number, if that at least could be read.
    pub id: Option<u64>,
    /// The place within the row, as `Launchpoint.ID`; `.` is all of it.
    pub path: String,
    /// What was wrong there.
    pub problem: BodyProblem,
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{id} (row {})", self.index)?,
            None => write!(f, "row {}", self.index)?,
        }
        write!(f, " at {}: {}", self.path, self.problem)
    }
}

/// Reads the row at `index`, whose number is the member `id_member`.
///
/// # Errors
///
/// [`UnreadableRow`] says what is known of it.
pub fn read_row<'de, T: Deserialize<'de>>(
    index: usize,
    row: &'de RawValue,
    id_member: &str,
) -> Result<T, UnreadableRow> {
    body::read(row.get().as_bytes()).map_err(|invalid| UnreadableRow {
        index,
        id: id_of(row, id_member),
        path: invalid.path,
        problem: invalid.problem,
    })
}

/// The first member `name` of `row`, if it is an id.
fn id_of(row: &RawValue, name: &str) -> Option<u64> {
    let mut json = serde_json::Deserializer::from_str(row.get());
    (&mut json).deserialize_map(IdVisitor(name)).ok().flatten()
}

/// Reads the id in the member of this name.
struct IdVisitor<'n>(&'n str);

impl<'de> Visitor<'de> for IdVisitor<'_> {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            if name == self.0 && found.is_none() {
                found = members.next_value::<RowId>()?.0;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// An id, or nothing.
struct RowId(Option<u64>);

impl<'de> Deserialize<'de> for RowId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match lenient(from, |json| values::id(json))? {
            Lenient::Known(id) => id,
            Lenient::Odd => None,
        }))
    }
}
