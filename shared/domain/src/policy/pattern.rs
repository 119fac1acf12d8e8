//! A name pattern with wildcards, as operators write it in rules.

use serde::{Deserialize, Serialize};

/// Matches names case-insensitively; `*` matches any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// A pattern from `text`, as the operator wrote it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// Whether the whole of `name` matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut last = None;
        for part in parts {
            if let Some(earlier) = last.replace(part) {
                let Some(at) = rest.find(earlier) else {
                    return false;
                };
                rest = &rest[at + earlier.len()..];
            }
        }
        match last {
            None => rest.is_empty(),
            Some(last) => rest.ends_with(last),
        }
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_stands_for_any_text_and_case_does_not_matter() {
        let cases = [
            (
                "active-directory-inspector",
                "Active-Directory-Inspector",
                true,
            ),
            ("active*", "Active Directory", true),
            ("*directory", "Active Directory", true),
            ("*stale*accounts", "AD | Stale Privileged Accounts", true),
            ("*stale*accounts", "AD | Stale Privileged Account", false),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "anything", false),
            ("exact", "exactly", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(
                Pattern::new(pattern).matches(name),
                expected,
                "{pattern} on {name}"
            );
        }
    }
}
