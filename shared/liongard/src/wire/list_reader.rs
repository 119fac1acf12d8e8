//! Lists of any length, read while they arrive, and never lost for one bad record.

use std::marker::PhantomData;

use halogard_wire::body::{BodyError, BodyProblem};
use halogard_wire::{UnreadableRow, read_row, replace_broken_characters};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::envelope::{EnvelopeHead, opens_list};

/// The member that holds the number of a record.
const ID: &str = "ID";

/// The longest record that is read. No alert seen is a hundredth as long.
const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most that is kept of what stands around a list: an envelope without its rows.
const AROUND_BYTES_MAX: usize = 64 * 1024;

/// The records of a list that have arrived.
#[derive(Debug)]
pub(crate) struct Arrived<T> {
    /// The readable ones, in Liongard's order.
    pub(crate) rows: Vec<T>,
    /// The others.
    pub(crate) unreadable: Vec<UnreadableRow>,
}

impl<T> Default for Arrived<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

/// Reads a list piece by piece: a bare one, or one in an envelope that says that it is whole. Holds one
/// record at a time; only a list that is broken between its records is an error.
#[derive(Debug)]
pub(crate) struct ListReader<T> {
    place: Place,
    /// What stands before and after the list, where it is in an envelope.
    around: Option<Vec<u8>>,
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
    rows: PhantomData<T>,
}

impl<T> Default for ListReader<T> {
    fn default() -> Self {
        Self {
            place: Place::default(),
            around: None,
            count: 0,
            record: Vec::new(),
            depth: 0,
            in_text: false,
            escaped: false,
            rows: PhantomData,
        }
    }
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

impl<T: DeserializeOwned> ListReader<T> {
    /// Reads on; adds what is whole now to `arrived`.
    pub(crate) fn read(&mut self, piece: &[u8], arrived: &mut Arrived<T>) -> Result<(), BodyError> {
        for byte in piece {
            self.read_byte(*byte, arrived)?;
        }
        Ok(())
    }

    /// Says that nothing follows.
    pub(crate) fn finish(self) -> Result<(), BodyError> {
        match self.place {
            Place::After => match &self.around {
                Some(around) => EnvelopeHead::check(around, self.count),
                None => Ok(()),
            },
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

    fn read_byte(&mut self, byte: u8, arrived: &mut Arrived<T>) -> Result<(), BodyError> {
        let is_blank = byte.is_ascii_whitespace();
        match self.place {
            Place::Record => return self.read_in_record(byte, arrived),
            Place::Before => return self.read_before(byte),
            Place::After if self.around.is_some() => return self.keep_around(byte),
            _ if is_blank => {}
            Place::First if byte == b']' => self.place = Place::After,
            Place::AfterRecord if byte == b',' => self.place = Place::AfterComma,
            Place::AfterRecord if byte == b']' => self.place = Place::After,
            Place::First | Place::AfterComma if !matches!(byte, b',' | b']' | b'}' | b':') => {
                self.place = Place::Record;
                return self.read_in_record(byte, arrived);
            }
            _ => return Err(whole(BodyProblem::NotJson)),
        }
        Ok(())
    }

    /// A byte after a list that is in an envelope.
    fn keep_around(&mut self, byte: u8) -> Result<(), BodyError> {
        match &mut self.around {
            Some(around) if around.len() < AROUND_BYTES_MAX => {
                around.push(byte);
                Ok(())
            }
            _ => Err(whole(BodyProblem::Unexpected)),
        }
    }

    /// A byte before the list: a list, or an envelope with one, will do. What is there instead is kept as far
    /// as it says what it is.
    fn read_before(&mut self, byte: u8) -> Result<(), BodyError> {
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
        if byte == b'[' && opens_list(&self.record) {
            let mut around = std::mem::take(&mut self.record);
            around.extend_from_slice(b"[]");
            self.around = Some(around);
            self.place = Place::First;
            return Ok(());
        }
        if self.record.len() >= AROUND_BYTES_MAX {
            return Err(whole(BodyProblem::Unexpected));
        }
        self.record.push(byte);
        Ok(())
    }

    /// A byte of a record, or the one that ends it.
    fn read_in_record(&mut self, byte: u8, arrived: &mut Arrived<T>) -> Result<(), BodyError> {
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
                self.end_record(arrived);
                self.place = Place::AfterRecord;
                return self.read_byte(byte, arrived);
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
    fn end_record(&mut self, arrived: &mut Arrived<T>) {
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
            Ok(row) => arrived.rows.push(row),
            Err(odd) => arrived.unreadable.push(odd),
        }
    }
}

/// The list as a whole has `problem`.
fn whole(problem: BodyProblem) -> BodyError {
    BodyError::whole(problem)
}
