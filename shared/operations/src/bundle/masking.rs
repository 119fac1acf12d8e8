//! Masks what is private in free text: known names and secrets, and what has the form of either.

use std::collections::BTreeMap;

use halogard_domain::Link;
use serde::Serialize;
use serde_json::Value;

/// Names that are shorter would be found in ordinary words.
const NAME_CHARS_MIN: usize = 3;

/// A word of letters and digits that is as long is a secret or a digest.
const TOKEN_CHARS_MIN: usize = 24;

/// What was masked.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskKind {
    /// A secret of this installation.
    Secret,
    /// A word that looks like a secret.
    Token,
    /// The name of a customer, an alert, a system.
    Name,
    /// The account of an operator.
    Operator,
    /// A mail address.
    Mail,
    /// A network address.
    Address,
}

impl MaskKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Secret,
        Self::Token,
        Self::Name,
        Self::Operator,
        Self::Mail,
        Self::Address,
    ];

    /// The kind in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Token => "words that look like secrets",
            Self::Name => "names of customers, alerts and systems",
            Self::Operator => "operators' accounts",
            Self::Mail => "mail addresses",
            Self::Address => "network addresses",
        }
    }

    /// What replaces it.
    const fn mask(self) -> &'static str {
        match self {
            Self::Secret | Self::Token => "[secret]",
            Self::Name => "[name]",
            Self::Operator => "[operator]",
            Self::Mail => "[mail]",
            Self::Address => "[address]",
        }
    }
}

/// What is masked, and how often it was.
#[derive(Debug, Default)]
pub struct Masking {
    /// What is known, in lower case.
    known: Vec<(MaskKind, String)>,
    counts: BTreeMap<MaskKind, usize>,
}

impl Masking {
    /// Masks `secrets` and what looks like one.
    #[must_use]
    pub fn of(secrets: Vec<String>) -> Self {
        let mut masking = Self::default();
        for secret in &secrets {
            masking.hide(MaskKind::Secret, secret);
        }
        masking
    }

    /// From now on masks `text`, in any letter case.
    pub fn hide(&mut self, kind: MaskKind, text: &str) {
        let text = text.trim().to_lowercase();
        if text.chars().count() >= NAME_CHARS_MIN && !self.known.iter().any(|(_, it)| *it == text) {
            self.known.push((kind, text));
            // A name that contains another is masked first.
            self.known
                .sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
        }
    }

    /// From now on masks the names in the reports of `link`.
    pub fn hide_names_of(&mut self, link: &Link) {
        let Some(alert) = &link.observed_alert else {
            return;
        };
        for name in [&alert.environment_name, &alert.name] {
            self.hide(MaskKind::Name, name);
        }
        for name in [&alert.system, &alert.number, &alert.page]
            .into_iter()
            .flatten()
        {
            self.hide(MaskKind::Name, name);
        }
        // The description's own words are people's and systems'.
        self.hide(MaskKind::Name, &alert.description);
        if let Some(ticket) = &link.observed_ticket {
            self.hide(MaskKind::Name, &ticket.summary);
        }
    }

    /// `value` with every text masked. Names of members are ours.
    pub fn mask_all(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask(&text)),
            Value::Array(elements) => {
                Value::Array(elements.into_iter().map(|it| self.mask_all(it)).collect())
            }
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, member)| (name, self.mask_all(member)))
                    .collect(),
            ),
            plain => plain,
        }
    }

    /// How often each kind was masked.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<MaskKind, usize> {
        self.counts.clone()
    }

    /// `text` without what is private.
    fn mask(&mut self, text: &str) -> String {
        // What has a form comes first: a mail address is no longer recognised once a customer's name in it is masked.
        let words: Vec<String> = text
            .split_inclusive(char::is_whitespace)
            .map(|word| self.mask_word(word))
            .collect();
        let mut text = words.concat();
        for (kind, known) in self.known.clone() {
            text = self.replace(&text, kind, &known);
        }
        text
    }

    /// `text` with `known` replaced, in any letter case.
    fn replace(&mut self, text: &str, kind: MaskKind, known: &str) -> String {
        let lower = text.to_lowercase();
        // Lower case of another length would shift the places: such text is masked as a whole.
        if lower.len() != text.len() {
            return if lower.contains(known) {
                self.count(kind);
                kind.mask().to_owned()
            } else {
                text.to_owned()
            };
        }
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for (at, _) in lower.match_indices(known) {
            if at < from {
                continue;
            }
            masked.push_str(text.get(from..at).unwrap_or_default());
            masked.push_str(kind.mask());
            self.count(kind);
            from = at + known.len();
        }
        masked.push_str(text.get(from..).unwrap_or_default());
        masked
    }

    /// A word, with the blank that ends it, without what looks private.
    fn mask_word(&mut self, word: &str) -> String {
        let bare = word.trim_end();
        let end = word.get(bare.len()..).unwrap_or_default();
        let kind = looks_private(bare);
        match kind {
            Some(kind) => {
                self.count(kind);
                format!("{}{end}", kind.mask())
            }
            None => word.to_owned(),
        }
    }

    fn count(&mut self, kind: MaskKind) {
        *self.counts.entry(kind).or_default() += 1;
    }
}

/// What a word looks like, if that is private.
fn looks_private(word: &str) -> Option<MaskKind> {
    let parts =
        || word.split(|letter: char| !letter.is_ascii_alphanumeric() && !"@.-_+:".contains(letter));
    let is_mail = |part: &str| {
        let (user, host) = part.split_once('@').unwrap_or_default();
        !user.is_empty() && host.contains('.')
    };
    if parts().any(is_mail) {
        return Some(MaskKind::Mail);
    }
    let is_address = |part: &str| {
        let part = part.trim_matches([':', '.', '-']);
        let host = part.rsplit_once(':').map_or(part, |(host, _)| host);
        host.parse::<std::net::Ipv4Addr>().is_ok() || part.parse::<std::net::Ipv6Addr>().is_ok()
    };
    if parts().any(is_address) {
        return Some(MaskKind::Address);
    }
    let is_token = |run: &str| {
        run.len() >= TOKEN_CHARS_MIN
            && run.bytes().any(|it| it.is_ascii_digit())
            && run.bytes().any(|it| it.is_ascii_alphabetic())
    };
    let mut runs =
        word.split(|letter: char| !letter.is_ascii_alphanumeric() && !"+/=-_".contains(letter));
    runs.any(is_token).then_some(MaskKind::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_masked_in_any_text_and_what_is_ours_is_kept() {
        let mut masking = Masking::of(vec!["s3cret-of-ours".to_owned()]);
        masking.hide(MaskKind::Name, "Northwind Dental");
        masking.hide(MaskKind::Name, "Northwind");
        masking.hide(MaskKind::Operator, "ada");
        for (text, masked) in [
            (
                "HaloPSA refused client 17 (status 400)",
                "HaloPSA refused client 17 (status 400)",
            ),
            ("NORTHWIND dental is missing", "[name] is missing"),
            ("of Northwind, again", "of [name], again"),
            ("secret=S3CRET-of-ours;", "secret=[secret];"),
            (
                "mail to jane.doe@example.com please",
                "mail to [mail] please",
            ),
            ("<jane.doe@example.com>,", "[mail]"),
            ("jane.doe@northwind.example said", "[mail] said"),
            ("from 10.1.2.3:443", "from [address]"),
            ("at fe80::1", "at [address]"),
            (
                "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                "Bearer [secret]",
            ),
            (
                "[LG-7586.k3f9xw] 2026-11-28T15:59:12Z",
                "[LG-7586.k3f9xw] 2026-11-28T15:59:12Z",
            ),
            (
                "reconcile_ticket not_carried_out",
                "reconcile_ticket not_carried_out",
            ),
        ] {
            assert_eq!(masking.mask(text), masked, "{text}");
        }
        let counts = masking.counts();
        assert_eq!(counts[&MaskKind::Mail], 3);
        assert_eq!(counts[&MaskKind::Name], 2);
        // Letters whose lower case is longer.
        masking.hide(MaskKind::Name, "\u{130}stanbul");
        assert_eq!(masking.mask("see \u{130}STANBUL"), "[name]");
    }
}
