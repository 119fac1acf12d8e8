//! Removes what is often pasted along with a value, and reports it.

/// `pasted` without what was pasted along with it, and what was removed.
pub(super) fn normalize<'a>(name: &str, pasted: &'a str) -> (&'a str, Vec<&'static str>) {
    let mut warnings = Vec::new();
    let mut value = pasted;
    let mut warn = |from: &'a str, to: &'a str, what: &'static str| {
        if from != to && !warnings.contains(&what) {
            warnings.push(what);
        }
        to
    };
    value = warn(
        value,
        value.trim_matches(is_blank),
        "blanks around the value were removed",
    );
    value = warn(
        value,
        without_name(name, value),
        "its own name before the value was removed",
    );
    value = warn(
        value,
        without_quotes(value),
        "quotes around the value were removed",
    );
    value = warn(
        value,
        value.trim_matches(is_blank),
        "blanks around the value were removed",
    );
    (value, warnings)
}

/// White space, line ends, and the invisible characters that web pages add to copied text.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// `value` without a leading `NAME=`, as in a file of variables.
fn without_name<'a>(name: &str, value: &'a str) -> &'a str {
    let assigned = value
        .strip_prefix("export ")
        .unwrap_or(value)
        .strip_prefix(name);
    match assigned.and_then(|rest| rest.strip_prefix('=')) {
        Some(rest) if !rest.is_empty() => rest,
        _ => value,
    }
}

/// `value` without one pair of quotes around it.
fn without_quotes(value: &str) -> &str {
    [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')]
        .into_iter()
        .find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_pasted_along_with_a_value_is_removed_and_reported() {
        const BLANKS: &str = "blanks around the value were removed";
        const QUOTES: &str = "quotes around the value were removed";
        const NAME: &str = "its own name before the value was removed";
        let cases: &[(&str, &str, &[&str])] = &[
            ("abc", "abc", &[]),
            ("  abc\r\n", "abc", &[BLANKS]),
            ("\u{feff}abc\u{200b}", "abc", &[BLANKS]),
            ("\"abc\"", "abc", &[QUOTES]),
            ("' abc '", "abc", &[QUOTES, BLANKS]),
            (" “abc” ", "abc", &[BLANKS, QUOTES]),
            ("KEY=abc", "abc", &[NAME]),
            ("export KEY=\"abc\"", "abc", &[NAME, QUOTES]),
            ("KEY=", "KEY=", &[]),
            ("KEYabc", "KEYabc", &[]),
            ("a\"b", "a\"b", &[]),
            ("\"abc", "\"abc", &[]),
            ("\"", "\"", &[]),
            ("a b", "a b", &[]),
            ("\"\"", "", &[QUOTES]),
        ];
        for (pasted, value, warnings) in cases {
            let normalized = normalize("KEY", pasted);
            assert_eq!(
                (normalized.0, normalized.1.as_slice()),
                (*value, *warnings),
                "{pasted:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_is_removed_without_a_report(pasted in "\\PC{0,12}") {
            let (value, warnings) = normalize("KEY", &pasted);
            prop_assert_eq!(value == pasted, warnings.is_empty());
        }
    }
}
