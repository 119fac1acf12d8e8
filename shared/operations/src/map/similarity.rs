//! How alike two names are, and by what proof.

use serde::{Deserialize, Serialize};
use strsim::{jaro_winkler, osa_distance};

use super::names::{ComparableName, SortedWords};

/// Proof that an environment and a client are the same customer, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// HaloPSA keeps the id of the environment at the client.
    StoredId,
    /// The names are the same.
    SameName,
    /// The names are the same but for case, width, punctuation and legal forms.
    SameNormalised,
    /// The names differ in letters or words.
    Similar,
    /// The names are alike in Latin letters only. Never enough by itself.
    Transliterated,
}

impl Proof {
    /// Whether such a proof may bind without a person's look.
    #[must_use]
    pub const fn may_bind(self) -> bool {
        !matches!(self, Self::Transliterated)
    }

    /// As a table shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StoredId => "id stored in HaloPSA",
            Self::SameName => "same name",
            Self::SameNormalised => "same but for case and legal form",
            Self::Similar => "similar name",
            Self::Transliterated => "similar in Latin letters",
        }
    }
}

/// Of the same customer, as far as a name can show it.
pub(super) const CERTAIN: f64 = 1.0;

/// Names that differ in case, width or punctuation only.
const NORMALISED: f64 = 0.98;

/// One of both names has a legal form.
const ONE_LEGAL_FORM: f64 = 0.96;

/// The most for names that differ in letters.
const SIMILAR_MAX: f64 = 0.95;

/// The most for names with words of their own, or two legal forms: a person should look.
const DIFFERENT_WORDS_MAX: f64 = 0.88;

/// The most for names that are alike in Latin letters only.
const TRANSLITERATED_MAX: f64 = 0.80;

/// The share of letter pairs below which two names are unlike.
pub(super) const PAIRS_SHARED_MIN: f64 = 0.4;

/// Words may differ in one letter from this length on; shorter ones are words of their own.
const TYPO_CHARS_MIN: usize = 6;

/// How alike the names of an environment and a client are.
pub(super) fn compare(left: &ComparableName, right: &ComparableName) -> (f64, Proof) {
    if left.written == right.written && !left.written.is_empty() {
        return (CERTAIN, Proof::SameName);
    }
    if left.core == right.core && !left.core.is_empty() {
        let score = if left.legal_forms == right.legal_forms {
            NORMALISED
        } else if left.legal_forms.is_empty() || right.legal_forms.is_empty() {
            ONE_LEGAL_FORM
        } else {
            DIFFERENT_WORDS_MAX
        };
        return (score, Proof::SameNormalised);
    }
    let mut similar = likeness(&left.words, &right.words).min(SIMILAR_MAX);
    let two_forms = !left.legal_forms.is_empty()
        && !right.legal_forms.is_empty()
        && left.legal_forms != right.legal_forms;
    if two_forms || !differ_by_typos(&left.words, &right.words) {
        similar = similar.min(DIFFERENT_WORDS_MAX);
    }
    if left.latin_words.is_some() || right.latin_words.is_some() {
        let latin = likeness(left.in_latin(), right.in_latin()) * TRANSLITERATED_MAX;
        if latin > similar {
            return (latin, Proof::Transliterated);
        }
    }
    (similar, Proof::Similar)
}

/// The mean of Jaro–Winkler and of Dice's coefficient over pairs of letters, words in alphabetical order. Where
/// few pairs agree the names are unlike, whatever the rest says.
fn likeness(left: &SortedWords, right: &SortedWords) -> f64 {
    let dice = dice(left, right);
    if dice < PAIRS_SHARED_MIN {
        return 0.0;
    }
    f64::midpoint(jaro_winkler(&left.text, &right.text), dice)
}

/// The share of pairs of letters that both texts have.
fn dice(left: &SortedWords, right: &SortedWords) -> f64 {
    let all = left.pairs_count + right.pairs_count;
    if all == 0 {
        return 0.0;
    }
    let shared: u32 = right
        .pairs
        .iter()
        .filter_map(|(pair, count)| Some(*left.pairs.get(pair)?.min(count)))
        .sum();
    2.0 * f64::from(shared) / f64::from(all)
}

/// Whether each word has its counterpart, the same or with one letter wrong. "North" and "South", "Site 1" and
/// "Site 2" are different words, however alike the rest is.
fn differ_by_typos(left: &SortedWords, right: &SortedWords) -> bool {
    if left.words.len() != right.words.len() {
        return false;
    }
    let mut rest: Vec<&String> = right.words.iter().collect();
    left.words.iter().all(|word| {
        let same = rest.iter().position(|other| *other == word);
        let near = || rest.iter().position(|other| is_typo(word, other));
        same.or_else(near).map(|at| rest.swap_remove(at)).is_some()
    })
}

/// Whether two words differ in one letter, or two that changed places, and are long enough to be the same word.
fn is_typo(left: &str, right: &str) -> bool {
    let digits = |word: &str| word.chars().any(|letter| letter.is_numeric());
    let long = |word: &str| word.chars().count() >= TYPO_CHARS_MIN;
    long(left) && long(right) && !digits(left) && !digits(right) && osa_distance(left, right) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(left: &str, right: &str) -> (f64, Proof) {
        compare(&ComparableName::of(left), &ComparableName::of(right))
    }

    #[test]
    fn different_customers_with_like_names_stay_below_what_is_accepted() {
        for (left, right) in [
            ("Site 1", "Site 2"),
            ("Plant A", "Plant B"),
            (
                "Wellington Orthopaedic Associates North",
                "Wellington Orthopaedic Associates South",
            ),
            ("Baker", "Barker"),
            ("Acme Ltd", "Acme GmbH"),
            ("Acme", "Acme Holdings"),
            ("Johnson Legal", "Johnston Legal"),
            ("Smith Dental", "Smyth Dental"),
            ("Contoso 12", "Contoso 13"),
            ("Ромашка", "Romashka"),
            ("Müller Bau", "Muller Bau"),
        ] {
            let (score, proof) = score(left, right);
            assert!(
                score < super::super::ACCEPTED_BY_DEFAULT || !proof.may_bind(),
                "{left} / {right}: {score} {proof:?}"
            );
        }
    }

    #[test]
    fn each_proof_has_its_score() {
        for (left, right, proof, least, most) in [
            ("Acme", "Acme", Proof::SameName, 1.0, 1.0),
            (
                "Acme Ltd",
                "ACME Limited",
                Proof::SameNormalised,
                0.98,
                0.98,
            ),
            ("Acme Ltd", "Acme", Proof::SameNormalised, 0.96, 0.96),
            ("Acme Ltd", "Acme Inc", Proof::SameNormalised, 0.88, 0.88),
            (
                "Northwind Trading Partners",
                "Northwnd Trading Partners",
                Proof::Similar,
                0.93,
                0.95,
            ),
            ("Ромашка", "Romashka", Proof::Transliterated, 0.5, 0.8),
            ("Acme", "Zebra", Proof::Similar, 0.0, 0.0),
        ] {
            let (score, found) = score(left, right);
            assert_eq!(found, proof, "{left} / {right}");
            assert!((least..=most).contains(&score), "{left} / {right}: {score}");
        }
    }
}
