//! Checks one value against its type.

use toml::Spanned;
use toml::de::DeValue;

use crate::fields::{number_of, text_of};
use crate::spec::{NUMBER_MAX, ValueKind};
use crate::suggestion::nearest;
use crate::table_path::TablePath;

use super::{Check, shown};

impl Check<'_, '_> {
    /// Checks the value of the key `name`.
    pub(super) fn value(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        kind: &ValueKind,
        place: &TablePath,
    ) {
        let list = value.get_ref().as_array();
        match kind {
            ValueKind::List(each) | ValueKind::OneOrMore(each) if let Some(list) = list => {
                list.iter()
                    .for_each(|element| self.element(name, element, each, place));
            }
            ValueKind::OneOrMore(one) => self.value(name, value, one, place),
            ValueKind::Table(spec) if let Some(table) = value.get_ref().as_table() => {
                self.table(table, &value.span(), spec, &place.table(name));
            }
            _ => self.plain(&format!("`{}`", shown(name)), value, kind),
        }
    }

    fn element(
        &mut self,
        name: &str,
        element: &Spanned<DeValue<'_>>,
        kind: &ValueKind,
        place: &TablePath,
    ) {
        match (kind, element.get_ref().as_table()) {
            (ValueKind::Table(spec), Some(table)) => {
                self.table(table, &element.span(), spec, &place.table(name).repeated());
            }
            _ => self.plain(&format!("each of `{}`", shown(name)), element, kind),
        }
    }

    fn plain(&mut self, subject: &str, value: &Spanned<DeValue<'_>>, kind: &ValueKind) {
        if let Err(wrong) = fits(value, kind) {
            self.findings
                .error(&value.span(), format!("{subject} {wrong}"));
        }
    }
}

/// The path of a table of this type.
pub(super) fn place_of(kind: &ValueKind, place: TablePath) -> TablePath {
    match kind {
        ValueKind::List(_) => place.repeated(),
        _ => place,
    }
}

/// Whether a plain value has its type; if not, the end of a sentence that begins with its key.
fn fits(value: &Spanned<DeValue<'_>>, kind: &ValueKind) -> Result<(), String> {
    let text = text_of(value).map(Spanned::into_inner);
    let number = number_of(value).map(Spanned::into_inner);
    let switch = value.get_ref().as_bool();
    match kind {
        ValueKind::Text if let Some(text) = text => match text.trim() {
            "" => Err("is empty; write a value or omit the key".to_owned()),
            _ => Ok(()),
        },
        ValueKind::Code { chars_max } if let Some(text) = text => code(text, *chars_max),
        ValueKind::OneOf(choices) if let Some(text) = text => choice(text, choices),
        ValueKind::Number { least, most } if let Some(number) = number => {
            match (least..=most).contains(&&number) {
                true => Ok(()),
                false => Err(format!("must be {}, not {number}", wanted(kind))),
            }
        }
        ValueKind::Boolean if switch.is_some() => Ok(()),
        ValueKind::AlwaysTrue => match switch {
            Some(true) => Ok(()),
            Some(false) => Err("is false; omit the key instead".to_owned()),
            None => Err(type_error(value, kind)),
        },
        _ => Err(type_error(value, kind)),
    }
}

fn code(text: &str, chars_max: usize) -> Result<(), String> {
    let fits = |text: &str| {
        (1..=chars_max).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let capitals = text.trim().to_ascii_uppercase();
    match (fits(text), fits(&capitals)) {
        (true, _) => Ok(()),
        (false, true) => Err(format!(
            "must be in capital letters without spaces; write \"{capitals}\""
        )),
        (false, false) => Err(format!("must be 1 to {chars_max} letters A to Z or digits")),
    }
}

fn choice(text: &str, choices: &[&str]) -> Result<(), String> {
    if choices.contains(&text) {
        return Ok(());
    }
    Err(match nearest(text, choices.iter().copied()) {
        Some(meant) => format!("cannot be \"{}\"; did you mean \"{meant}\"?", shown(text)),
        None => format!("must be {}, not \"{}\"", alternatives(choices), shown(text)),
    })
}

/// The message about a value of another type.
fn type_error(value: &Spanned<DeValue<'_>>, kind: &ValueKind) -> String {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(number) if matches!(kind, ValueKind::Number { .. }) => {
            &shown(&number.to_string())
        }
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let remedy = match (kind, value.get_ref()) {
        (ValueKind::Number { .. }, DeValue::String(text)) if text.trim().parse::<u64>().is_ok() => {
            format!("; write {} without quotes", text.trim())
        }
        (ValueKind::Text, DeValue::Integer(number)) => format!("; write \"{number}\" in quotes"),
        (ValueKind::Boolean | ValueKind::AlwaysTrue, DeValue::String(text))
            if matches!(text.as_ref(), "true" | "false") =>
        {
            format!("; write {text} without quotes")
        }
        (ValueKind::List(_), DeValue::Table(_)) => {
            "; write its header in double brackets".to_owned()
        }
        (ValueKind::List(_), _) => "; put it in [ ]".to_owned(),
        _ => String::new(),
    };
    format!("must be {}, not {found}{remedy}", wanted(kind))
}

/// A type, as a message names it.
fn wanted(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Text | ValueKind::Code { .. } => "text".to_owned(),
        ValueKind::OneOf(choices) => alternatives(choices),
        ValueKind::Number {
            least,
            most: NUMBER_MAX,
        } => format!("a whole number from {least}"),
        ValueKind::Number { least, most } => format!("a whole number from {least} to {most}"),
        ValueKind::Boolean => "true or false".to_owned(),
        ValueKind::AlwaysTrue => "true".to_owned(),
        ValueKind::List(_) => "a list".to_owned(),
        ValueKind::OneOrMore(kind) => wanted(kind),
        ValueKind::Table(_) => "a table".to_owned(),
    }
}

/// A list of choices: `"a", "b" or "c"`.
fn alternatives(choices: &[&str]) -> String {
    let quoted: Vec<_> = choices
        .iter()
        .map(|choice| format!("\"{choice}\""))
        .collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
