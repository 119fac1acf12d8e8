//! Holds a file against its shape: unknown keys, missing keys, values of a wrong kind.

mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use halogard_domain::Slug;
use halogard_domain::render::truncate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::findings::Findings;
use crate::nearest::nearest;
use crate::place::Place;
use crate::shape::{Key, KeyKind, Others, Table};

/// Characters of a name that are shown.
pub(crate) const SHOWN_CHARS_MAX: usize = 60;

/// Checks the whole file.
pub(crate) fn file(file: &DeTable<'_>, shape: &Table, findings: &mut Findings<'_>) {
    let mut check = Check {
        whole: shape,
        findings,
    };
    check.table(file, &(0..0), shape, &Place::top());
}

/// A check under way.
struct Check<'c, 'a> {
    /// The shape of the whole file, to tell where a misplaced key belongs.
    whole: &'c Table,
    findings: &'c mut Findings<'a>,
}

impl Check<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>, span: &Range<usize>, shape: &Table, place: &Place) {
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            match (shape.key(name), &shape.others) {
                (Some(known), _) => self.value(name, value, &known.kind, place),
                (None, Some(others)) => self.invented(key, value, shape, others, place),
                (None, None) => self.unknown(key, shape, place),
            }
        }
        if shape
            .others
            .as_ref()
            .is_some_and(|others| others.key == KeyKind::Word)
        {
            self.words(table, shape, place);
        }
        for key in &shape.keys {
            if key.required && !table.contains_key(key.name.as_str()) {
                self.missing(key, table, span, shape, place);
            }
        }
    }

    fn unknown(&mut self, key: &Spanned<impl AsRef<str>>, shape: &Table, place: &Place) {
        let written = key.get_ref().as_ref();
        let refused = shape.refused.iter().map(|(name, _)| name.as_str());
        let meant = nearest(written, shape.names().chain(refused));
        let reason = meant.and_then(|meant| {
            let (name, why) = shape.refused.iter().find(|(name, _)| name == meant)?;
            Some(format!("`{name}` {why}"))
        });
        let message = reason.unwrap_or_else(|| {
            let hint = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => self.elsewhere(written, shape),
            };
            format!("unknown key `{}` in {place}; {hint}", shown(written))
        });
        self.findings.error(&key.span(), message);
    }

    /// Where a key that has no place here belongs, or what has.
    fn elsewhere(&self, written: &str, shape: &Table) -> String {
        match home_of(written, self.whole, &Place::top()) {
            Some(home) if home.is_top() => "it belongs above the first [header]".to_owned(),
            Some(home) => format!("it belongs in {home}"),
            None => {
                let names: Vec<_> = shape.names().map(|name| format!("`{name}`")).collect();
                format!("known here: {}", names.join(", "))
            }
        }
    }

    fn missing(
        &mut self,
        key: &Key,
        table: &DeTable<'_>,
        span: &Range<usize>,
        shape: &Table,
        place: &Place,
    ) {
        let mut strangers = table
            .keys()
            .map(|key| key.get_ref().as_ref())
            .filter(|name| shape.key(name).is_none());
        let slip = strangers.find(|name| nearest(name, shape.names()) == Some(&key.name));
        let hint = match (slip, &shape.others) {
            // Reported as unknown, with this key as what was meant.
            (Some(_), None) => return,
            // Where keys may be invented, a mistyped one is not unknown; this is where it shows.
            (Some(slip), Some(_)) => format!("is it `{}`?", shown(slip)),
            (None, _) => key.meaning.clone(),
        };
        self.findings
            .error(span, format!("{place} lacks `{}`: {hint}", key.name));
    }

    fn invented(
        &mut self,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        shape: &Table,
        others: &Others,
        place: &Place,
    ) {
        let name = key.get_ref().as_ref();
        let fits = match others.key {
            KeyKind::Name => !name.trim().is_empty(),
            KeyKind::Word => !Slug::new(name).is_empty(),
            KeyKind::Id => name
                .parse()
                .is_ok_and(|id: u64| id > 0 && id.to_string() == name),
        };
        if !fits {
            let wanted = match others.key {
                KeyKind::Name => "a name",
                KeyKind::Word => "a word of Liongard",
                KeyKind::Id => "an id, which is a whole number",
            };
            let message = format!("`{}` in {place} must be {wanted}", shown(name));
            return self.findings.error(&key.span(), message);
        }
        let one_slip = |known: &&str| strsim::osa_distance(name, known) == 1;
        if let Some(known) = shape.names().find(one_slip) {
            let message =
                format!("`{name}` is taken as a word of Liongard; did you mean `{known}`?");
            self.findings.warn(&key.span(), message);
        }
        self.value(name, value, &others.kind, place);
    }

    /// Words that differ only in spelling are the same word, and may have one value only.
    fn words(&mut self, table: &DeTable<'_>, shape: &Table, place: &Place) {
        let mut seen: BTreeMap<Slug, Range<usize>> = BTreeMap::new();
        let mut keys: Vec<_> = table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys
            .into_iter()
            .filter(|key| shape.key(key.get_ref()).is_none())
        {
            let word = Slug::new(key.get_ref());
            if let Some(first) = seen.get(&word).filter(|_| !word.is_empty()) {
                let line = self.findings.source().line_of(first);
                let message = format!("`{word}` stands in {place} twice; first in line {line}");
                self.findings.error(&key.span(), message);
            }
            seen.entry(word).or_insert_with(|| key.span());
        }
    }
}

/// The first table, from the top, in which a key `name` is known.
fn home_of(name: &str, table: &Table, place: &Place) -> Option<Place> {
    if table.key(name).is_some() {
        return Some(place.clone());
    }
    let known = table.keys.iter().map(|key| (key.name.as_str(), &key.kind));
    let invented = table
        .others
        .iter()
        .map(|others| ("NAME", others.kind.as_ref()));
    known.chain(invented).find_map(|(name_of_table, kind)| {
        let inner = value::place_of(kind, place.table(name_of_table));
        home_of(name, kind.table()?, &inner)
    })
}

/// A name as it stands in a message.
fn shown(name: &str) -> String {
    truncate(&name.escape_debug().to_string(), SHOWN_CHARS_MAX)
}
