//! SQL Server's `LIKE`.

/// Whether all of `text` matches `pattern`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    matches_from(&pattern, &text)
}

fn matches_from(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| matches_from(rest, &text[skipped..])),
        ['_', rest @ ..] => !text.is_empty() && matches_from(rest, &text[1..]),
        ['[', rest @ ..] => {
            // A class that is never closed matches nothing.
            let Some(end) = rest.iter().position(|character| *character == ']') else {
                return false;
            };
            let in_class = text
                .first()
                .is_some_and(|it| is_in_class(&rest[..end], *it));
            in_class && matches_from(&rest[end + 1..], &text[1..])
        }
        [plain, rest @ ..] => text.first() == Some(plain) && matches_from(rest, &text[1..]),
    }
}

/// Whether `character` is in a class such as `a-f0` or `^x`.
fn is_in_class(class: &[char], character: char) -> bool {
    match class {
        ['^', rest @ ..] => !is_in_class(rest, character),
        [from, '-', to, rest @ ..] => {
            (*from..=*to).contains(&character) || is_in_class(rest, character)
        }
        [one, rest @ ..] => *one == character || is_in_class(rest, character),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_and_classes_match_as_in_sql_server() {
        let rows = [
            ("%lg-7586%", "[lg-7586] disk", true),
            ("%lg-7586%", "[lg-75861] disk", true),
            ("%lg-7586%", "disk", false),
            // Any one of the characters l, g to 7, 5, 8, 6.
            ("%[lg-7586]%", "printer 8", true),
            ("%[lg-7586]%", "disk", false),
            ("%[lg-%", "[lg-7586] disk", false),
            ("_isk", "disk", true),
            ("[^d]isk", "disk", false),
            ("%", "", true),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
