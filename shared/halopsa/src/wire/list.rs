//! The two forms of a list, and the two forms of an answer to a write.

use std::fmt;
use std::marker::PhantomData;

use halogard_wire::{UnreadableRow, read_row, values};
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess,
    SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// The member that holds the number of a row.
const ID: &str = "id";

/// The rows of one answer.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// The readable rows, in the order sent.
    pub(crate) rows: Vec<T>,
    /// The others. Their records exist all the same.
    pub(crate) unreadable: Vec<UnreadableRow>,
    /// How many match in all, where HaloPSA says so. A bare list is not paged, so it is its own total.
    pub(crate) record_count: Option<u64>,
}

/// Reads a list that is bare (`[…]`) or wrapped (`{"record_count": 2, "tickets": […]}`), row by row: each
/// row is cut out as text first, so that one that cannot be read costs no other.
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

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for ListSeed<T> {
    type Value = Rows<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

/// Rows as text, read with [`values::list`].
struct RawRows<'de>(Vec<&'de RawValue>);

impl<'de> Deserialize<'de> for RawRows<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        values::list(from).map(Self)
    }
}

impl RawRows<'_> {
    /// Each row read on its own.
    fn read<T: DeserializeOwned>(self) -> (Vec<T>, Vec<UnreadableRow>) {
        let (mut rows, mut unreadable) = (Vec::with_capacity(self.0.len()), Vec::new());
        for (index, row) in self.0.into_iter().enumerate() {
            match read_row(index, row, ID) {
                Ok(row) => rows.push(row),
                Err(odd) => unreadable.push(odd),
            }
        }
        (rows, unreadable)
    }
}

/// A count of any form: one that is not a number says nothing.
struct RecordCount(Option<u64>);

impl<'de> Deserialize<'de> for RecordCount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let count = values::lenient(from, |json| values::integer(json))?;
        let count = count.or_note("record_count", &mut Vec::new());
        Ok(Self(count.and_then(|count| u64::try_from(count).ok())))
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for ListSeed<T> {
    type Value = Rows<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list, or an object with {}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut raw = RawRows(Vec::new());
        while let Some(row) = items.next_element()? {
            raw.0.push(row);
        }
        let record_count = u64::try_from(raw.0.len()).ok();
        let (rows, unreadable) = raw.read();
        Ok(Rows {
            rows,
            unreadable,
            record_count,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut raw: Option<RawRows<'de>> = None;
        let mut record_count: Option<RecordCount> = None;
        while let Some(member) = members.next_key::<String>()? {
            if member == self.name {
                raw = Some(members.next_value()?);
            } else if member == "record_count" {
                record_count = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        if raw.is_none() && record_count.is_none() {
            return Err(A::Error::missing_field(self.name));
        }
        let (rows, unreadable) = raw.unwrap_or(RawRows(Vec::new())).read();
        Ok(Rows {
            rows,
            unreadable,
            record_count: record_count.and_then(|count| count.0),
        })
    }
}

/// Reads one object, or a list of at least one readable: builds of HaloPSA answer a write either way.
pub(crate) struct OneOrManySeed<T>(PhantomData<T>);

impl<T> OneOrManySeed<T> {
    /// The reader.
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for OneOrManySeed<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for OneOrManySeed<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record or a list of records")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Err(E::invalid_length(0, &"at least one record"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut raw = RawRows(Vec::new());
        while let Some(row) = items.next_element()? {
            raw.0.push(row);
        }
        let (rows, _) = raw.read();
        if rows.is_empty() {
            return Err(A::Error::invalid_length(0, &"at least one record"));
        }
        Ok(rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(|one| vec![one])
    }
}
