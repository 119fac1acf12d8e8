//! Names of customers in the forms in which they are compared.

use std::collections::{BTreeSet, HashMap};

use any_ascii::any_ascii;
use unicode_normalization::UnicodeNormalization as _;

/// Legal forms that end a name, and the form each is an other spelling of.
const LEGAL_FORMS: [(&str, &str); 62] = [
    ("ab", "ab"),
    ("ag", "ag"),
    ("aps", "aps"),
    ("as", "as"),
    ("asa", "asa"),
    ("bv", "bv"),
    ("bvba", "bvba"),
    ("cc", "cc"),
    ("cic", "cic"),
    ("co", "co"),
    ("company", "co"),
    ("corp", "corp"),
    ("corporation", "corp"),
    ("cv", "cv"),
    ("doo", "doo"),
    ("eg", "eg"),
    ("eirl", "eirl"),
    ("eood", "eood"),
    ("ev", "ev"),
    ("gbr", "gbr"),
    ("gmbh", "gmbh"),
    ("inc", "inc"),
    ("incorporated", "inc"),
    ("kft", "kft"),
    ("kg", "kg"),
    ("kk", "kk"),
    ("lda", "lda"),
    ("limited", "ltd"),
    ("llc", "llc"),
    ("llp", "llp"),
    ("lp", "lp"),
    ("ltd", "ltd"),
    ("ltda", "ltda"),
    ("mbh", "gmbh"),
    ("nv", "nv"),
    ("ohg", "ohg"),
    ("oy", "oy"),
    ("oyj", "oyj"),
    ("pbc", "pbc"),
    ("pllc", "pllc"),
    ("plc", "plc"),
    ("proprietary", "pty"),
    ("pte", "pte"),
    ("pty", "pty"),
    ("pvt", "pvt"),
    ("private", "pvt"),
    ("sa", "sa"),
    ("sarl", "sarl"),
    ("sas", "sas"),
    ("sasu", "sas"),
    ("se", "se"),
    ("sl", "sl"),
    ("slu", "sl"),
    ("spa", "spa"),
    ("sprl", "sprl"),
    ("srl", "srl"),
    ("sro", "sro"),
    ("ug", "ug"),
    ("ltee", "ltd"),
    ("株", "株式会社"),
    ("株式会社", "株式会社"),
    ("有限公司", "有限公司"),
];

/// Legal forms that begin a name.
const LEADING_LEGAL_FORMS: [&str; 9] = [
    "ооо",
    "оао",
    "зао",
    "пао",
    "ао",
    "тов",
    "株",
    "株式会社",
    "有限会社",
];

/// Legal forms that are written without a blank beside the name.
const JOINED_LEGAL_FORMS: [&str; 4] = ["株式会社", "有限会社", "合同会社", "有限公司"];

/// A name as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComparableName {
    /// Without blanks around it; otherwise as it was written.
    pub(super) written: String,
    /// Folded words without legal forms, joined by blanks.
    pub(super) core: String,
    /// The legal forms that were dropped.
    pub(super) legal_forms: BTreeSet<String>,
    /// The words of the core.
    pub(super) words: SortedWords,
    /// The same words in Latin letters; `None` if they are already.
    pub(super) latin_words: Option<SortedWords>,
}

/// Words in alphabetical order, so that their order in a name does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortedWords {
    pub(super) words: Vec<String>,
    /// The words, joined by blanks.
    pub(super) text: String,
    /// How often each pair of neighbouring letters occurs in the text.
    pub(super) pairs: HashMap<(char, char), u32>,
    /// How many pairs there are.
    pub(super) pairs_count: u32,
}

impl SortedWords {
    fn of(mut words: Vec<String>) -> Self {
        words.sort_unstable();
        let text = words.join(" ");
        let mut pairs = HashMap::new();
        let mut pairs_count = 0;
        for pair in text.chars().zip(text.chars().skip(1)) {
            *pairs.entry(pair).or_default() += 1;
            pairs_count += 1;
        }
        Self {
            words,
            text,
            pairs,
            pairs_count,
        }
    }
}

impl ComparableName {
    /// The forms of `name`.
    pub(super) fn of(name: &str) -> Self {
        let written = name.trim().to_owned();
        let mut words = folded_words(&written);
        let mut legal_forms = BTreeSet::new();
        drop_legal_forms(&mut words, &mut legal_forms);
        let core = words.join(" ");
        let latin_words =
            (!core.is_ascii()).then(|| SortedWords::of(folded_words(&any_ascii(&core))));
        Self {
            written,
            core,
            legal_forms,
            words: SortedWords::of(words),
            latin_words,
        }
    }

    /// The words in Latin letters.
    pub(super) fn in_latin(&self) -> &SortedWords {
        self.latin_words.as_ref().unwrap_or(&self.words)
    }
}

/// The words of a name, whatever its width, case and punctuation: NFKC, then folded, then split.
fn folded_words(name: &str) -> Vec<String> {
    let folded: String = name
        .nfkc()
        .flat_map(char::to_lowercase)
        .flat_map(|letter| match letter {
            'ß' => ['s', 's'].into_iter().take(2),
            'ς' => ['σ', 'σ'].into_iter().take(1),
            // "L.L.C.", "S.A.", "O'Brien": the sign separates nothing.
            '.' | '\'' | '’' | '`' | '´' => ['\0', '\0'].into_iter().take(1),
            other => [other, other].into_iter().take(1),
        })
        .filter(|letter| *letter != '\0')
        .nfkc()
        .collect();
    let with_and = folded.replace(['&', '+'], " and ").replace("a/s", "as");
    let words = with_and.split(|letter: char| !letter.is_alphanumeric() && !is_mark(letter));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A mark that belongs to the letter before it.
fn is_mark(letter: char) -> bool {
    unicode_normalization::char::is_combining_mark(letter)
}

/// Takes legal forms from the end and the beginning of a name, and the article from its beginning. A name that
/// would be nothing but legal forms is left as it is.
fn drop_legal_forms(words: &mut Vec<String>, dropped: &mut BTreeSet<String>) {
    for word in words.iter_mut() {
        for form in JOINED_LEGAL_FORMS {
            let rest = word.strip_suffix(form).or_else(|| word.strip_prefix(form));
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                dropped.insert(form.to_owned());
                *word = rest.to_owned();
            }
        }
    }
    while words.len() > 1 {
        let Some(last) = words.last() else { return };
        let form = LEGAL_FORMS.iter().find(|(spelling, _)| spelling == last);
        if let Some((_, form)) = form {
            dropped.insert((*form).to_owned());
        } else if last != "and" || dropped.is_empty() {
            break;
        }
        words.pop();
    }
    while words.len() > 1 && LEADING_LEGAL_FORMS.contains(&words[0].as_str()) {
        dropped.insert(words.remove(0));
    }
    if words.len() > 1 && words[0] == "the" {
        words.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_the_same_core() {
        let families: [&[&str]; 9] = [
            &[
                "Acme Ltd",
                "ACME Limited",
                "  acme   ltd. ",
                "Ａｃｍｅ Ltd",
                "Acme, L.T.D.",
            ],
            &["Brook & Hill", "Brook and Hill", "BROOK + HILL GmbH"],
            &["O'Brien Legal", "O’Brien Legal PLLC", "OBrien Legal Inc."],
            &["Strasse GmbH", "Straße mbH", "STRASSE GmbH & Co. KG"],
            &[
                "Harbour Street Pty Ltd",
                "Harbour Street Proprietary Limited",
            ],
            &["The Paper Mill", "Paper Mill Inc"],
            &["山田商事株式会社", "株式会社山田商事", "㈱ 山田商事"],
            &["ООО Ромашка", "«Ромашка»"],
            &["Nordlys A/S", "Nordlys"],
        ];
        for family in families {
            let cores: BTreeSet<String> = family
                .iter()
                .map(|name| ComparableName::of(name).core)
                .collect();
            assert_eq!(cores.len(), 1, "{cores:?}");
        }
    }

    #[test]
    fn a_name_of_legal_forms_alone_is_kept() {
        for (name, core) in [
            ("Company", "company"),
            ("Co Ltd", "co"),
            ("The", "the"),
            ("", ""),
        ] {
            assert_eq!(ComparableName::of(name).core, core);
        }
    }

    #[test]
    fn letters_with_marks_are_not_the_plain_letters() {
        let (plain, marked) = (ComparableName::of("Muller"), ComparableName::of("Müller"));
        assert_ne!(plain.core, marked.core);
        assert_eq!(plain.in_latin(), marked.in_latin());
    }
}
