//! Suggestions for mistyped names.

/// Characters of a name that are compared. No known name is nearly as long.
const COMPARED_CHARS: usize = 64;

/// The candidate that `written` most likely means, if one is near enough.
#[must_use]
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = comparable(written);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&written, &comparable(candidate))?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The edit distance of two names; `None` if more than one in three characters differ.
fn distance(written: &str, candidate: &str) -> Option<usize> {
    if written.chars().count() >= 3 && candidate.starts_with(written) {
        return Some(1);
    }
    let slips = strsim::osa_distance(written, candidate);
    let length = written.chars().count().max(candidate.chars().count());
    (slips * 3 <= length).then_some(slips)
}

/// A name in lower case without separators.
fn comparable(name: &str) -> String {
    let name = name.trim().chars().take(COMPARED_CHARS);
    name.flat_map(char::to_lowercase)
        .map(|c| if matches!(c, '-' | ' ' | '.') { '_' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_mistyped_name_finds_its_candidate_and_another_word_finds_none() {
        let known = ["ticket_type", "team", "technician", "priority"];
        let cases = [
            ("tickettype", Some("ticket_type")),
            ("Ticket-Type", Some("ticket_type")),
            ("tickt_type", Some("ticket_type")),
            ("tecnician", Some("technician")),
            ("tech", Some("technician")),
            ("priorities", Some("priority")),
            ("taem", Some("team")),
            ("colour", None),
            ("", None),
            ("t", None),
        ];
        for (written, meant) in cases {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
