//! How a count is said in a sentence.

use std::fmt::Display;

/// `count` with `noun`, which is given in the singular: 1 pair, 2 pairs, 2 journal entries.
///
/// The last word of `noun` takes the plural, by the rules of regular English nouns.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let is_one = count == N::from(1);
    if is_one {
        return format!("{count} {noun}");
    }
    let before_y = noun.strip_suffix('y');
    match before_y.filter(|rest| !rest.ends_with(['a', 'e', 'o', 'u'])) {
        Some(rest) => format!("{count} {rest}ies"),
        None if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{count} {noun}es"),
        None => format!("{count} {noun}s"),
    }
}

/// The word that agrees with `count`: `one` with 1, `many` with every other count.
pub fn agreeing<'a, N: PartialEq + From<u8>>(count: N, one: &'a str, many: &'a str) -> &'a str {
    if count == N::from(1) { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_every_other_count_is_plural() {
        for (count, noun, said) in [
            (0_u64, "pair", "0 pairs"),
            (1, "pair", "1 pair"),
            (2, "pair", "2 pairs"),
            (1, "journal entry", "1 journal entry"),
            (2, "journal entry", "2 journal entries"),
            (2, "day", "2 days"),
            (2, "match", "2 matches"),
            (2, "fix", "2 fixes"),
        ] {
            assert_eq!(counted(count, noun), said);
        }
        assert_eq!(agreeing(1_usize, "waits", "wait"), "waits");
        assert_eq!(agreeing(0_usize, "waits", "wait"), "wait");
    }
}
