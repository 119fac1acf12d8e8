//! Checks a file against its specification: unknown keys, missing keys, values of the wrong type.

mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use halogard_domain::Slug;
use halogard_domain::render::truncate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::findings::Findings;
use crate::spec::{FreeKeyKind, FreeKeys, KeySpec, TableSpec};
use crate::suggestion::nearest;
use crate::table_path::TablePath;

/// Characters of a name that a message shows.
pub(crate) const SHOWN_CHARS_MAX: usize = 60;

/// Checks the whole file.
pub(crate) fn file(file: &DeTable<'_>, spec: &TableSpec, findings: &mut Findings<'_>) {
    let mut check = Check {
        whole: spec,
        findings,
    };
    check.table(file, &(0..0), spec, &TablePath::top());
}

/// State of a check.
struct Check<'c, 'a> {
    /// The specification of the whole file, to find out where a misplaced key belongs.
    whole: &'c TableSpec,
    findings: &'c mut Findings<'a>,
}

impl Check<'_, '_> {
    fn table(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        spec: &TableSpec,
        place: &TablePath,
    ) {
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            match (spec.key(name), &spec.others) {
                (Some(known), _) => self.value(name, value, &known.kind, place),
                (None, Some(others)) => self.free_key(key, value, spec, others, place),
                (None, None) => self.unknown(key, spec, place),
            }
        }
        if spec
            .others
            .as_ref()
            .is_some_and(|others| others.key == FreeKeyKind::Slug)
        {
            self.duplicate_slugs(table, spec, place);
        }
        for key in &spec.keys {
            if key.required && !table.contains_key(key.name.as_str()) {
                self.missing(key, table, span, spec, place);
            }
        }
    }

    fn unknown(&mut self, key: &Spanned<impl AsRef<str>>, spec: &TableSpec, place: &TablePath) {
        let written = key.get_ref().as_ref();
        let refused = spec.refused.iter().map(|(name, _)| name.as_str());
        let meant = nearest(written, spec.names().chain(refused));
        let reason = meant.and_then(|meant| {
            let (name, why) = spec.refused.iter().find(|(name, _)| name == meant)?;
            Some(format!("`{name}` {why}"))
        });
        let message = reason.unwrap_or_else(|| {
            let hint = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => self.hint_for_misplaced(written, spec),
            };
            format!("unknown key `{}` in {place}; {hint}", shown(written))
        });
        self.findings.error(&key.span(), message);
    }

    /// Where a misplaced key belongs, or which keys are allowed here.
    fn hint_for_misplaced(&self, written: &str, spec: &TableSpec) -> String {
        match table_with(written, self.whole, &TablePath::top()) {
            Some(home) if home.is_top() => "it belongs above the first [header]".to_owned(),
            Some(home) => format!("it belongs in {home}"),
            None => {
                let names: Vec<_> = spec.names().map(|name| format!("`{name}`")).collect();
                format!("allowed here: {}", names.join(", "))
            }
        }
    }

    fn missing(
        &mut self,
        key: &KeySpec,
        table: &DeTable<'_>,
        span: &Range<usize>,
        spec: &TableSpec,
        place: &TablePath,
    ) {
        let mut unknown_keys = table
            .keys()
            .map(|key| key.get_ref().as_ref())
            .filter(|name| spec.key(name).is_none());
        let mistyped = unknown_keys.find(|name| nearest(name, spec.names()) == Some(&key.name));
        let hint = match (mistyped, &spec.others) {
            // It is reported as unknown, with this key as the suggestion.
            (Some(_), None) => return,
            // Where keys are free, a mistyped one is not unknown. It is reported here instead.
            (Some(mistyped), Some(_)) => format!("is it `{}`?", shown(mistyped)),
            (None, _) => key.meaning.clone(),
        };
        self.findings
            .error(span, format!("{place} has no `{}`: {hint}", key.name));
    }

    fn free_key(
        &mut self,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        spec: &TableSpec,
        others: &FreeKeys,
        place: &TablePath,
    ) {
        let name = key.get_ref().as_ref();
        let fits = match others.key {
            FreeKeyKind::Name => !name.trim().is_empty(),
            FreeKeyKind::Slug => !Slug::new(name).is_empty(),
            FreeKeyKind::Id => name
                .parse()
                .is_ok_and(|id: u64| id > 0 && id.to_string() == name),
        };
        if !fits {
            let wanted = match others.key {
                FreeKeyKind::Name => "a name",
                FreeKeyKind::Slug => "a status or priority of Liongard",
                FreeKeyKind::Id => "an id, which is a whole number",
            };
            let message = format!("`{}` in {place} must be {wanted}", shown(name));
            return self.findings.error(&key.span(), message);
        }
        let one_slip = |known: &&str| strsim::osa_distance(name, known) == 1;
        if let Some(known) = spec.names().find(one_slip) {
            let message =
                format!("`{name}` is read as a name of Liongard; did you mean `{known}`?");
            self.findings.warn(&key.span(), message);
        }
        self.value(name, value, &others.kind, place);
    }

    /// Names with the same slug are the same status or priority, and may have one value only.
    fn duplicate_slugs(&mut self, table: &DeTable<'_>, spec: &TableSpec, place: &TablePath) {
        let mut seen: BTreeMap<Slug, Range<usize>> = BTreeMap::new();
        let mut keys: Vec<_> = table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys
            .into_iter()
            .filter(|key| spec.key(key.get_ref()).is_none())
        {
            let slug = Slug::new(key.get_ref());
            if let Some(first) = seen.get(&slug).filter(|_| !slug.is_empty()) {
                let line = self.findings.source().line_of(first);
                let message = format!("`{slug}` is in {place} twice; first in line {line}");
                self.findings.error(&key.span(), message);
            }
            seen.entry(slug).or_insert_with(|| key.span());
        }
    }
}

/// The first table from the top that has a key `name`.
fn table_with(name: &str, table: &TableSpec, place: &TablePath) -> Option<TablePath> {
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
        table_with(name, kind.table()?, &inner)
    })
}

/// A name as a message shows it.
fn shown(name: &str) -> String {
    truncate(&name.escape_debug().to_string(), SHOWN_CHARS_MAX)
}
