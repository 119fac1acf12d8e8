//! Typed access to a table that has been checked against its specification.
//!
//! A value of the wrong type reads as absent: the check has reported it already, and each mistake
//! is reported once.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table of the file.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
}

impl<'a> Fields<'a> {
    /// The top-level table.
    pub(crate) fn of_file(table: &'a DeTable<'a>) -> Self {
        Self { table, span: 0..0 }
    }

    /// The position of its header, or of the key that names it.
    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The position of the key `key`, or of the table if the key is absent.
    pub(crate) fn span_of(&self, key: &str) -> Range<usize> {
        self.table
            .get_key_value(key)
            .map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    pub(crate) fn text(&self, key: &str) -> Option<Spanned<&'a str>> {
        text_of(self.table.get(key)?)
    }

    pub(crate) fn number(&self, key: &str) -> Option<Spanned<u64>> {
        number_of(self.table.get(key)?)
    }

    pub(crate) fn switch(&self, key: &str) -> Option<bool> {
        self.table.get(key)?.get_ref().as_bool()
    }

    pub(crate) fn table(&self, key: &str) -> Option<Self> {
        Self::of(self.table.get(key)?)
    }

    /// The tables below `key`; `None` if the key is absent.
    pub(crate) fn tables(&self, key: &str) -> Option<Vec<Self>> {
        let list = self.table.get(key)?.get_ref().as_array()?;
        Some(list.iter().filter_map(Self::of).collect())
    }

    /// One text, or a list of texts.
    pub(crate) fn texts(&self, key: &str) -> Vec<Spanned<&'a str>> {
        self.one_or_more(key).filter_map(text_of).collect()
    }

    /// One number, or a list of numbers.
    pub(crate) fn numbers(&self, key: &str) -> Vec<Spanned<u64>> {
        self.one_or_more(key).filter_map(number_of).collect()
    }

    /// Free keys, each with its table.
    pub(crate) fn named_tables(&self) -> impl Iterator<Item = (Spanned<&'a str>, Self)> {
        self.entries()
            .filter_map(|(key, value)| Some((key, Self::of(value)?)))
    }

    /// Keys with a number.
    pub(crate) fn named_numbers(&self) -> impl Iterator<Item = (Spanned<&'a str>, u64)> {
        self.entries()
            .filter_map(|(key, value)| Some((key, number_of(value)?.into_inner())))
    }

    /// Keys with a text.
    pub(crate) fn named_texts(&self) -> impl Iterator<Item = (Spanned<&'a str>, &'a str)> {
        self.entries()
            .filter_map(|(key, value)| Some((key, text_of(value)?.into_inner())))
    }

    fn of(value: &'a Spanned<DeValue<'a>>) -> Option<Self> {
        Some(Self {
            table: value.get_ref().as_table()?,
            span: value.span(),
        })
    }

    fn entries(&self) -> impl Iterator<Item = (Spanned<&'a str>, &'a Spanned<DeValue<'a>>)> {
        self.table
            .iter()
            .map(|(key, value)| (Spanned::new(key.span(), key.get_ref().as_ref()), value))
    }

    fn one_or_more(&self, key: &str) -> impl Iterator<Item = &'a Spanned<DeValue<'a>>> {
        let value = self.table.get(key);
        let list = value.and_then(|value| value.get_ref().as_array());
        let one = value.filter(|_| list.is_none());
        one.into_iter()
            .chain(list.into_iter().flat_map(|list| list.iter()))
    }
}

/// The text of `value`, if it is one.
pub(crate) fn text_of<'a>(value: &'a Spanned<DeValue<'_>>) -> Option<Spanned<&'a str>> {
    Some(Spanned::new(value.span(), value.get_ref().as_str()?))
}

/// The number of `value`, if it is whole and not negative.
pub(crate) fn number_of(value: &Spanned<DeValue<'_>>) -> Option<Spanned<u64>> {
    let integer = value.get_ref().as_integer()?;
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    Some(Spanned::new(value.span(), number))
}
