//! The two forms of a list, and the two forms of an answer to a write.

use std::fmt;
use std::marker::PhantomData;

use halogard_wire::values;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// The rows of one answer.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// The rows, in the order sent.
    pub(crate) rows: Vec<T>,
    /// How many match in all. A bare list is not paged, so it is its own total.
    pub(crate) record_count: Option<u64>,
}

/// Reads a list that is bare (`[…]`) or wrapped (`{"record_count": 2, "tickets": […]}`).
///
/// Which endpoint does which is known with medium confidence only, and the two forms cannot be
/// confused. A wrapper whose list is null or missing is empty, provided that it has a
/// `record_count`: an object with neither is something else, and an error.
pub(crate) struct ListSeed<T> {
    /// What the list is called in its wrapper.
    name: &'static str,
    /// Makes the type of the rows known.
    rows: PhantomData<T>,
}

impl<T> ListSeed<T> {
    /// A list that is called `name` where it is wrapped.
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            rows: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for ListSeed<T> {
    type Value = Rows<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

/// A member read with [`values::list`].
struct NullableList<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NullableList<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        values::list(from).map(Self)
    }
}

/// A member read with [`values::integer`].
struct RecordCount(Option<u64>);

impl<'de> Deserialize<'de> for RecordCount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = values::integer(from)?;
        Ok(Self(number.and_then(|number| u64::try_from(number).ok())))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListSeed<T> {
    type Value = Rows<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list, or an object with {}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = items.next_element()? {
            rows.push(row);
        }
        let record_count = u64::try_from(rows.len()).ok();
        Ok(Rows { rows, record_count })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut rows: Option<Vec<T>> = None;
        let mut record_count = None;
        while let Some(member) = members.next_key::<String>()? {
            if member == self.name {
                rows = Some(members.next_value::<NullableList<T>>()?.0);
            } else if member == "record_count" {
                record_count = members.next_value::<RecordCount>()?.0;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        if rows.is_none() && record_count.is_none() {
            return Err(A::Error::missing_field(self.name));
        }
        Ok(Rows {
            rows: rows.unwrap_or_default(),
            record_count,
        })
    }
}

/// Reads one object, or a list of at least one: builds of HaloPSA answer a write either way.
pub(crate) struct OneOrManySeed<T>(PhantomData<T>);

impl<T> OneOrManySeed<T> {
    /// The reader.
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for OneOrManySeed<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        let many = values::one_or_many(from)?;
        if many.is_empty() {
            return Err(D::Error::invalid_length(0, &"at least one object"));
        }
        Ok(many)
    }
}
