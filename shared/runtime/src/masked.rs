//! A token that may be logged.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Characters of a token that are shown: enough to distinguish two, too few to use one.
const SHOWN_CHARS: usize = 4;

/// A shorter token is not shown at all: four characters would be too much of it.
const CHARS_TO_SHOW_ANY: usize = 16;

/// Shows the first characters of a token and hides the rest.
#[derive(Clone, Copy)]
pub struct MaskedToken<'a>(&'a str);

impl<'a> MaskedToken<'a> {
    /// Masks `token`.
    #[must_use]
    pub fn new(token: &'a SecretString) -> Self {
        Self(token.expose_secret())
    }
}

impl<'a> From<&'a str> for MaskedToken<'a> {
    fn from(token: &'a str) -> Self {
        Self(token)
    }
}

impl fmt::Display for MaskedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.chars().count() >= CHARS_TO_SHOW_ANY {
            let shown: String = self.0.chars().take(SHOWN_CHARS).collect();
            f.write_str(&shown)?;
        }
        f.write_str("…")
    }
}

impl fmt::Debug for MaskedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::MaskedToken;

    #[test]
    fn four_characters_of_a_long_token_are_shown_and_none_of_a_short_one() {
        let cases = [
            ("w7Qk2mXc9RtB4nLp", "w7Qk…"),
            ("w7Qk2mXc9RtB4nL", "…"),
            ("", "…"),
            ("äöüßäöüßäöüßäöüß", "äöüß…"),
        ];
        for (token, shown) in cases {
            assert_eq!(MaskedToken::from(token).to_string(), shown);
            assert_eq!(format!("{:?}", MaskedToken::from(token)), shown);
        }
    }
}
