//! Small embedded records: lookup values, tiers and references.

use halogard_domain::Slug;
use halogard_domain::alert::AlertState;
use halogard_domain::ids::EnvironmentId;
use halogard_wire::values::{FromName, id, text};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::task::{readable_id, readable_text};

/// A row of one of Liongard's lookup tables: a status or a priority.
///
/// Compare by its word, never by the number: numbers count per table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LookupValue {
    /// Its number within its table.
    #[serde(rename = "ID", default, deserialize_with = "id")]
    pub id: Option<u64>,
    /// What people see, as `Closed - Complete`.
    #[serde(rename = "Name", default, deserialize_with = "text")]
    pub name: Option<String>,
    /// The machine's word, as `critical`.
    #[serde(rename = "Reserved", default, deserialize_with = "text")]
    pub reserved: Option<String>,
}

impl LookupValue {
    /// The word to compare: the machine's, else the people's, made comparable.
    #[must_use]
    pub fn slug(&self) -> Slug {
        Slug::new(
            self.reserved
                .as_deref()
                .or(self.name.as_deref())
                .unwrap_or_default(),
        )
    }

    /// The word of a status. Closed if either of its words says so: the machine's word of a closed alert is
    /// not published, and must not hide `Closed - Complete`. Otherwise the first word that is known.
    #[must_use]
    pub fn status_slug(&self) -> Slug {
        let words = [&self.reserved, &self.name].into_iter().flatten();
        let words: Vec<Slug> = words.map(|word| Slug::new(word)).collect();
        let of = |wanted: AlertState| words.iter().find(|word| AlertState::of(word) == wanted);
        let known = of(AlertState::Closed).or_else(|| of(AlertState::Open));
        known.cloned().unwrap_or_else(|| self.slug())
    }

    /// The text to show: the people's, else the machine's.
    #[must_use]
    pub fn shown(&self) -> Option<&str> {
        self.name.as_deref().or(self.reserved.as_deref())
    }
}

impl FromName for LookupValue {
    fn from_name(name: String) -> Self {
        Self {
            name: Some(name),
            ..Self::default()
        }
    }
}

/// A customer's tier: an object on the environment itself, plain text where it is embedded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Tier {
    /// `Core`, `Essential` (v1) or `Essentials` (v2).
    #[serde(rename = "Type", default, deserialize_with = "text")]
    pub kind: Option<String>,
}

impl FromName for Tier {
    fn from_name(name: String) -> Self {
        Self { kind: Some(name) }
    }
}

/// A customer, as other records embed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EnvironmentRef {
    /// Its number.
    #[serde(rename = "ID", default, deserialize_with = "readable_id")]
    pub id: Option<EnvironmentId>,
    /// Its name.
    #[serde(rename = "Name", default, deserialize_with = "readable_text")]
    pub name: Option<String>,
}

impl EnvironmentRef {
    /// Reads a customer, its number alone, or its name alone.
    pub(super) fn deserialize_lenient<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Self>, D::Error> {
        let name = match serde_json::Value::deserialize(from)? {
            Value::Null => return Ok(None),
            Value::String(name) => Some(name),
            record @ Value::Object(_) => {
                return Self::deserialize(record)
                    .map(Some)
                    .map_err(D::Error::custom);
            }
            number => {
                let id = id(number).map_err(|_| D::Error::custom("no customer"))?;
                return Ok(Some(Self { id, name: None }));
            }
        };
        let id = name.as_deref().and_then(|text| text.trim().parse().ok());
        Ok(Some(Self { id, name }))
    }
}

/// A rule, as an alert embeds it. Its templates are left out: they hold placeholders, not text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RuleRef {
    /// Its name.
    #[serde(rename = "Name", default, deserialize_with = "text")]
    pub name: Option<String>,
}

/// A kind of inspector, as other records embed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct InspectorRef {
    /// Its name, as `halopsa-inspector`. Resolve by this.
    #[serde(rename = "Name", default, deserialize_with = "text")]
    pub name: Option<String>,
    /// What people see, as `HaloPSA`.
    #[serde(rename = "Alias", default, deserialize_with = "text")]
    pub alias: Option<String>,
}
