//! Holds one value against its kind.

use toml::Spanned;
use toml::de::DeValue;

use crate::fields::{number_of, text_of};
use crate::nearest::nearest;
use crate::place::Place;
use crate::shape::{Kind, NUMBER_MAX};

use super::{Check, shown};

impl Check<'_, '_> {
    /// Checks the value of the key `name`.
    pub(super) fn value(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        kind: &Kind,
        place: &Place,
    ) {
        let list = value.get_ref().as_array();
        match kind {
            Kind::List(each) | Kind::OneOrMore(each) if let Some(list) = list => {
                list.iter()
                    .for_each(|element| self.element(name, element, each, place));
            }
            Kind::OneOrMore(one) => self.value(name, value, one, place),
            Kind::Table(shape) if let Some(table) = value.get_ref().as_table() => {
                self.table(table, &value.span(), shape, &place.table(name));
            }
            _ => self.plain(&format!("`{}`", shown(name)), value, kind),
        }
    }

    fn element(&mut self, name: &str, element: &Spanned<DeValue<'_>>, kind: &Kind, place: &Place) {
        match (kind, element.get_ref().as_table()) {
            (Kind::Table(shape), Some(table)) => {
                self.table(table, &element.span(), shape, &place.table(name).repeated());
            }
            _ => self.plain(&format!("each of `{}`", shown(name)), element, kind),
        }
    }

    fn plain(&mut self, subject: &str, value: &Spanned<DeValue<'_>>, kind: &Kind) {
        if let Err(wrong) = fits(value, kind) {
            self.findings
                .error(&value.span(), format!("{subject} {wrong}"));
        }
    }
}

/// The place of a table of this kind.
pub(super) fn place_of(kind: &Kind, place: Place) -> Place {
    match kind {
        Kind::List(_) => place.repeated(),
        _ => place,
    }
}

/// Whether a plain value is of its kind; if not, the end of a sentence that begins with its key.
fn fits(value: &Spanned<DeValue<'_>>, kind: &Kind) -> Result<(), String> {
    let text = text_of(value).map(Spanned::into_inner);
    let number = number_of(value).map(Spanned::into_inner);
    let switch = value.get_ref().as_bool();
    match kind {
        Kind::Text if let Some(text) = text => match text.trim() {
            "" => Err("is empty; write something or leave the key out".to_owned()),
            _ => Ok(()),
        },
        Kind::Code { chars_max } if let Some(text) = text => code(text, *chars_max),
        Kind::OneOf(choices) if let Some(text) = text => choice(text, choices),
        Kind::Number { least, most } if let Some(number) = number => {
            match (least..=most).contains(&&number) {
                true => Ok(()),
                false => Err(format!("must be {}, not {number}", wanted(kind))),
            }
        }
        Kind::Switch if switch.is_some() => Ok(()),
        Kind::Chosen => match switch {
            Some(true) => Ok(()),
            Some(false) => Err("is false; leave the key out".to_owned()),
            None => Err(misfit(value, kind)),
        },
        _ => Err(misfit(value, kind)),
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
            "must be in capitals without blanks; write \"{capitals}\""
        )),
        (false, false) => Err(format!(
            "must be 1 to {chars_max} letters A to Z and digits"
        )),
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

/// What is said about a value of another kind.
fn misfit(value: &Spanned<DeValue<'_>>, kind: &Kind) -> String {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(number) if matches!(kind, Kind::Number { .. }) => {
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
        (Kind::Number { .. }, DeValue::String(text)) if text.trim().parse::<u64>().is_ok() => {
            format!("; write {} without quotes", text.trim())
        }
        (Kind::Text, DeValue::Integer(number)) => format!("; write \"{number}\" in quotes"),
        (Kind::Switch | Kind::Chosen, DeValue::String(text))
            if matches!(text.as_ref(), "true" | "false") =>
        {
            format!("; write {text} without quotes")
        }
        (Kind::List(_), DeValue::Table(_)) => "; write its header in double brackets".to_owned(),
        (Kind::List(_), _) => "; put it in [ ]".to_owned(),
        _ => String::new(),
    };
    format!("must be {}, not {found}{remedy}", wanted(kind))
}

/// A kind, as one would ask for it.
fn wanted(kind: &Kind) -> String {
    match kind {
        Kind::Text | Kind::Code { .. } => "text".to_owned(),
        Kind::OneOf(choices) => alternatives(choices),
        Kind::Number {
            least,
            most: NUMBER_MAX,
        } => format!("a whole number from {least}"),
        Kind::Number { least, most } => format!("a whole number from {least} to {most}"),
        Kind::Switch => "true or false".to_owned(),
        Kind::Chosen => "true".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::OneOrMore(kind) => wanted(kind),
        Kind::Table(_) => "a table".to_owned(),
    }
}

/// Texts to choose from: `"a", "b" or "c"`.
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
