//! The specification of the config file. Files are checked against it, the JSON schema is generated
//! from it, and the starter file is tested against it. There is no second list of keys.

mod file;

pub(crate) use file::file;

/// Largest integer in TOML. Ids of a vendor have no limit of their own.
pub(crate) const NUMBER_MAX: u64 = i64::MAX as u64;

/// The specification of a table.
pub(crate) struct TableSpec {
    /// Fixed keys.
    pub(crate) keys: Vec<KeySpec>,
    /// Free keys, chosen by the operator.
    pub(crate) others: Option<FreeKeys>,
    /// Keys that are refused with a reason.
    pub(crate) refused: Vec<(String, String)>,
}

/// The specification of one key.
pub(crate) struct KeySpec {
    pub(crate) name: String,
    pub(crate) kind: ValueKind,
    pub(crate) required: bool,
    pub(crate) meaning: String,
}

/// The type of a value.
pub(crate) enum ValueKind {
    /// Text that is not blank.
    Text,
    /// Capital letters and digits, at most this many.
    Code { chars_max: usize },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Number { least: u64, most: u64 },
    /// `true` or `false`.
    Boolean,
    /// `true`; to choose something else, the key is omitted.
    AlwaysTrue,
    /// A list of values of one type.
    List(Box<ValueKind>),
    /// One value, or a list of values.
    OneOrMore(Box<ValueKind>),
    /// A table.
    Table(TableSpec),
}

/// Free keys, all with values of one type.
pub(crate) struct FreeKeys {
    pub(crate) key: FreeKeyKind,
    pub(crate) kind: Box<ValueKind>,
    pub(crate) meaning: &'static str,
}

/// What a free key may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FreeKeyKind {
    /// Any name.
    Name,
    /// A status or priority of Liongard. Differences that [`Slug`](halogard_domain::Slug) removes
    /// do not matter.
    Slug,
    /// An id of HaloPSA.
    Id,
}

impl ValueKind {
    /// A vendor's id.
    pub(crate) const ID: Self = Self::Number {
        least: 1,
        most: NUMBER_MAX,
    };

    /// A list of values of `kind`.
    pub(crate) fn list(kind: Self) -> Self {
        Self::List(Box::new(kind))
    }

    /// One value of `kind`, or a list of them.
    pub(crate) fn one_or_more(kind: Self) -> Self {
        Self::OneOrMore(Box::new(kind))
    }

    /// The table that this type is, or that its elements are.
    pub(crate) fn table(&self) -> Option<&TableSpec> {
        match self {
            Self::Table(table) => Some(table),
            Self::List(kind) | Self::OneOrMore(kind) => kind.table(),
            _ => None,
        }
    }
}

impl KeySpec {
    /// A required key.
    pub(crate) fn required(name: &str, kind: ValueKind, meaning: &str) -> Self {
        Self {
            required: true,
            ..Self::optional(name, kind, meaning)
        }
    }

    /// An optional key.
    pub(crate) fn optional(
        name: impl Into<String>,
        kind: ValueKind,
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

impl TableSpec {
    /// A table with the keys `keys`.
    pub(crate) fn of(keys: impl IntoIterator<Item = KeySpec>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            others: None,
            refused: Vec::new(),
        }
    }

    /// The same table with free keys.
    pub(crate) fn others(self, key: FreeKeyKind, kind: ValueKind, meaning: &'static str) -> Self {
        Self {
            others: Some(FreeKeys {
                key,
                kind: Box::new(kind),
                meaning,
            }),
            ..self
        }
    }

    /// The same table with a refused key.
    pub(crate) fn refuse(mut self, name: String, why: String) -> Self {
        self.refused.push((name, why));
        self
    }

    /// The key `name`.
    pub(crate) fn key(&self, name: &str) -> Option<&KeySpec> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }
}
