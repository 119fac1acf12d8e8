//! What may stand in the file: one description, from which files are checked, the JSON schema is
//! made, and the starter is tested. There is no second list of keys.

mod file;

pub(crate) use file::file;

/// Largest number TOML can write; an identity of a vendor has no bound of its own.
pub(crate) const NUMBER_MAX: u64 = i64::MAX as u64;

/// What may stand in a table.
pub(crate) struct Table {
    /// Keys we know.
    pub(crate) keys: Vec<Key>,
    /// Keys the operator invents.
    pub(crate) others: Option<Others>,
    /// Keys we know and refuse, with the reason.
    pub(crate) refused: Vec<(String, String)>,
}

/// One key.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) meaning: String,
}

/// What a value may be.
pub(crate) enum Kind {
    /// Text that is not blank.
    Text,
    /// Text in capital letters and digits, at most this long.
    Code { chars_max: usize },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Number { least: u64, most: u64 },
    /// `true` or `false`.
    Switch,
    /// `true`; a choice that is not made is left out.
    Chosen,
    /// Several of a kind.
    List(Box<Kind>),
    /// One, or several in a list.
    OneOrMore(Box<Kind>),
    /// A table.
    Table(Table),
}

/// Keys the operator invents, all with values of one kind.
pub(crate) struct Others {
    pub(crate) key: KeyKind,
    pub(crate) kind: Box<Kind>,
    pub(crate) meaning: &'static str,
}

/// What an invented key may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Any name.
    Name,
    /// A word of Liongard; spelling differences that [`Slug`](halogard_domain::Slug) ignores do
    /// not matter.
    Word,
    /// A number of HaloPSA.
    Id,
}

impl Kind {
    /// A number by which a vendor knows something.
    pub(crate) const ID: Self = Self::Number {
        least: 1,
        most: NUMBER_MAX,
    };

    /// Several of `kind`.
    pub(crate) fn list(kind: Self) -> Self {
        Self::List(Box::new(kind))
    }

    /// One or several of `kind`.
    pub(crate) fn one_or_more(kind: Self) -> Self {
        Self::OneOrMore(Box::new(kind))
    }

    /// The table that this is, or that its elements are.
    pub(crate) fn table(&self) -> Option<&Table> {
        match self {
            Self::Table(table) => Some(table),
            Self::List(kind) | Self::OneOrMore(kind) => kind.table(),
            _ => None,
        }
    }
}

impl Key {
    /// A key that must be there.
    pub(crate) fn required(name: &str, kind: Kind, meaning: &str) -> Self {
        Self {
            required: true,
            ..Self::optional(name, kind, meaning)
        }
    }

    /// A key that may be there.
    pub(crate) fn optional(
        name: impl Into<String>,
        kind: Kind,
        meaning: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            required: false,
            meaning: meaning.into(),
        }
    }
}

impl Table {
    /// A table of `keys`.
    pub(crate) fn of(keys: impl IntoIterator<Item = Key>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            others: None,
            refused: Vec::new(),
        }
    }

    /// And of keys the operator invents.
    pub(crate) fn others(self, key: KeyKind, kind: Kind, meaning: &'static str) -> Self {
        Self {
            others: Some(Others {
                key,
                kind: Box::new(kind),
                meaning,
            }),
            ..self
        }
    }

    /// And never of this key.
    pub(crate) fn refuse(mut self, name: String, why: String) -> Self {
        self.refused.push((name, why));
        self
    }

    /// The key `name`.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }
}
