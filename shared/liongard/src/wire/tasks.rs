//! The list of all alerts: of any length, read while it arrives, and never lost for one bad record.

use halogard_wire::body::{BodyError, BodyProblem};
use halogard_wire::{UnreadableRow, read_row, replace_broken_characters};
use serde_json::value::RawValue;

use super::task::TaskRow;

/// The member that holds the number of an alert.
const ID: &str = "ID";

/// The longest record that is read. No alert seen is a hundredth as long.
const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Alerts, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// The readable ones, in Liongard's order.
    pub alerts: Vec<TaskRow>,
    /// The others. Their alerts are neither gone nor closed.
    pub unreadable: Vec<UnreadableRow>,
}

/// Reads a list of alerts piece by piece. Holds one record at a time; only a list that is broken between
/// its records is an error.
#[derive(Debug, Default)]
pub(crate) struct TaskReader {
    place: Place,
    /// Records so far.
    count: usize,
    /// The record that is being read.
    record: Vec<u8>,
    /// How deep in it the next byte is.
    depth: usize,
    /// Whether the next byte is part of a text.
    in_text: bool,
    /// Whether the next byte is escaped.
    escaped: bool,
}

/// Where in the list the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the list.
    #[default]
    Before,
    /// After its opening bracket.
    First,
    /// Within a record.
    Record,
    /// After a record.
    AfterRecord,
    /// After a comma.
    AfterComma,
    /// After the list.
    After,
}

impl TaskReader {
    /// Reads on; adds what is whole now to `tasks`.
    pub(crate) fn read(&mut self, piece: &[u8], tasks: &mut Tasks) -> Result<(), BodyError> {
        for byte in piece {
            self.read_byte(*byte, tasks)?;
        }
        Ok(())
    }

    /// Says that nothing follows.
    pub(crate) fn finish(self) -> Result<(), BodyError> {
        match self.place {
            Place::After => Ok(()),
            Place::Before if self.record.is_empty() => Err(whole(BodyProblem::Empty)),
            // Something else than a list.
            Place::Before => Err(whole(
                match serde_json::from_slice::<&RawValue>(&self.record) {
                    Ok(_) => BodyProblem::Unexpected,
                    Err(_) => BodyProblem::NotJson,
                },
            )),
            _ => Err(whole(BodyProblem::NotJson)),
        }
    }

    fn read_byte(&mut self, byte: u8, tasks: &mut Tasks) -> Result<(), BodyError> {
        let is_blank = byte.is_ascii_whitespace();
        match self.place {
            Place::Record => return self.read_in_record(byte, tasks),
            Place::Before => return self.read_before(byte),
            _ if is_blank => {}
            Place::First if byte == b']' => self.place = Place::After,
            Place::AfterRecord if byte == b',' => self.place = Place::AfterComma,
            Place::AfterRecord if byte == b']' => self.place = Place::After,
            Place::First | Place::AfterComma if !matches!(byte, b',' | b']' | b'}' | b':') => {
                self.place = Place::Record;
                return self.read_in_record(byte, tasks);
            }
            _ => return Err(whole(BodyProblem::NotJson)),
        }
        Ok(())
    }

    /// A byte before the list: nothing else than a list will do, and what is there instead is kept as far as
    /// it says what it is.
    fn read_before(&mut self, byte: u8) -> Result<(), BodyError> {
        const KEPT_BYTES_MAX: usize = 64 * 1024;
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if self.record.is_empty() || BYTE_ORDER_MARK.starts_with(&self.record) {
            match byte {
                b'[' => {
                    self.record.clear();
                    self.place = Place::First;
                    return Ok(());
                }
                b'<' => return Err(whole(BodyProblem::Html)),
                _ if byte.is_ascii_whitespace() => return Ok(()),
                _ => {}
            }
        }
        if self.record.len() >= KEPT_BYTES_MAX {
            return Err(whole(BodyProblem::Unexpected));
        }
        self.record.push(byte);
        Ok(())
    }

    /// A byte of a record, or the one that ends it.
    fn read_in_record(&mut self, byte: u8, tasks: &mut Tasks) -> Result<(), BodyError> {
        if self.in_text {
            self.keep(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b',' | b']' if self.depth == 0 => {
                self.end_record(tasks);
                self.place = Place::AfterRecord;
                return self.read_byte(byte, tasks);
            }
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self
                    .depth
                    .checked_sub(1)
                    .ok_or_else(|| whole(BodyProblem::NotJson))?;
            }
            _ => {}
        }
        self.keep(byte);
        Ok(())
    }

    /// Keeps a byte of the record, and one more than is read, which says that it is too long.
    fn keep(&mut self, byte: u8) {
        if self.record.len() <= RECORD_BYTES_MAX {
            self.record.push(byte);
        }
    }

    /// Reads the record that has just ended.
    fn end_record(&mut self, tasks: &mut Tasks) {
        let index = self.count;
        self.count += 1;
        let record = std::mem::take(&mut self.record);
        let record = replace_broken_characters(&record).unwrap_or(record);
        let unreadable = |problem| UnreadableRow {
            index,
            id: None,
            path: ".".to_owned(),
            problem,
        };
        let read = if record.len() > RECORD_BYTES_MAX {
            Err(unreadable(BodyProblem::Unexpected))
        } else {
            match serde_json::from_slice::<&RawValue>(&record) {
                Ok(record) => read_row(index, record, ID),
                Err(_) => Err(unreadable(BodyProblem::NotJson)),
            }
        };
        match read {
            Ok(alert) => tasks.alerts.push(alert),
            Err(odd) => tasks.unreadable.push(odd),
        }
    }
}

/// The list as a whole has `problem`.
fn whole(problem: BodyProblem) -> BodyError {
    BodyError::whole(problem)
}
