//! No text makes the reader panic.

use halogard_config::parse;
use halogard_domain::policy::Mode;
use proptest::prelude::*;

/// A fragment that has a meaning for the reader.
fn piece() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "mode",
        "templates",
        "default",
        "status",
        "open",
        "closed",
        "rules",
        "environments",
        "environment",
        "client",
        "reopen",
        "within_days",
        "summary",
        "settings",
        "priority",
        "custom_fields",
        "164",
        "\"managed\"",
        "\"{rule}\"",
        "\"{\"",
        "\"{é\"",
        "true",
        "-1",
        "9",
        "1.5",
        "= ",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        ",",
        ".",
        "\n",
        "\n[templates.a]\n",
        "\n[[rules]]\n",
        "\n[[environments]]\n",
        "#",
        "\"",
        "'",
        "\"\"\"",
        "\\",
        "\t",
        "\r",
        "secret",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

proptest! {
    #[test]
    fn parsing_any_text_does_not_panic(text in any::<String>()) {
        drop(parse("any", &text));
    }

    #[test]
    fn parsing_any_combination_of_config_pieces_does_not_panic(pieces in proptest::collection::vec(piece(), 0..60)) {
        drop(parse("pieces", &pieces.concat()));
    }

    #[test]
    fn a_damaged_file_is_answered_with_places_inside_it(
        at in 0_usize..5000,
        length in 0_usize..40,
        piece in piece(),
    ) {
        let mut text: Vec<char> = halogard_config::starter(Mode::Managed).chars().collect();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        text.splice(at..end, piece.chars());
        let text: String = text.into_iter().collect();
        if let Err(problems) = parse("damaged", &text) {
            prop_assert!(!problems.as_slice().is_empty());
            let lines = text.split('\n').count();
            for problem in problems.as_slice() {
                prop_assert!((1..=lines).contains(&problem.line) && problem.column >= 1);
            }
        }
    }
}

#[test]
fn deep_nesting_and_long_lines_are_handled() {
    for text in [
        "a = ".to_owned() + &"[".repeat(100_000),
        "a".repeat(1_000_000),
        "\n".repeat(100_000),
    ] {
        assert!(parse("odd", &text).is_err());
    }
}
