//! The list of all alerts. One unreadable record does not make the whole list unreadable.

use std::fmt;

use halogard_wire::body::{self, BodyError, BodyProblem};
use halogard_wire::values::id;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::task::TaskRow;

/// All alerts, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// The readable ones, in Liongard's order.
    pub alerts: Vec<TaskRow>,
    /// The others. Their alerts are neither gone nor closed.
    pub unreadable: Vec<UnreadableTask>,
}

/// A record that could not be read. Holds nothing of it but its number and the names of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableTask {
    /// Its position in the list, from 0.
    pub index: usize,
    /// Its number, if that at least could be read.
    pub id: Option<u64>,
    /// The place within the record, as `Launchpoint.ID`; `.` is all of it.
    pub path: String,
    /// What was wrong there.
    pub reason: BodyProblem,
}

impl fmt::Display for UnreadableTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "alert {id} (record {})", self.index)?,
            None => write!(f, "record {}", self.index)?,
        }
        write!(f, " at {}: {}", self.path, self.reason)
    }
}

/// Reads the list record by record. Each is taken as raw text first, so only invalid JSON makes the
/// whole list unreadable, and only one record at a time is in memory twice.
pub(crate) fn read_tasks(body: &[u8]) -> Result<Tasks, BodyError> {
    body::read_with(TasksSeed, body)
}

/// Reads [`Tasks`].
struct TasksSeed;

impl<'de> DeserializeSeed<'de> for TasksSeed {
    type Value = Tasks;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Tasks, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for TasksSeed {
    type Value = Tasks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<Tasks, A::Error> {
        let mut tasks = Tasks::default();
        while let Some(record) = records.next_element::<&'de RawValue>()? {
            let index = tasks.alerts.len() + tasks.unreadable.len();
            match body::read(record.get().as_bytes()) {
                Ok(alert) => tasks.alerts.push(alert),
                Err(invalid) => tasks.unreadable.push(unreadable(index, record, invalid)),
            }
        }
        Ok(tasks)
    }
}

/// What is known of the record at `index`, which could not be read.
fn unreadable(index: usize, record: &RawValue, invalid: BodyError) -> UnreadableTask {
    /// The minimum that is read of a record.
    #[derive(Deserialize)]
    struct Numbered {
        #[serde(rename = "ID", default, deserialize_with = "id")]
        id: Option<u64>,
    }
    let numbered = body::read::<Numbered>(record.get().as_bytes());
    UnreadableTask {
        index,
        id: numbered.ok().and_then(|numbered| numbered.id),
        path: invalid.path,
        reason: invalid.problem,
    }
}
