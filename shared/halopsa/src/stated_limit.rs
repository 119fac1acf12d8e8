//! The request limit that HaloPSA's refusals name, as in "Rate Limit Reached - 60 Requests per rolling 1 minute
//! window" or "700 API requests per rolling 5 minutes". Which limit a tenant has is not documented in one place.

use std::time::Duration;

use halogard_domain::budget::Limit;

/// The most requests, and the longest window, that a sentence is believed to mean.
const BELIEVABLE: Limit = Limit {
    requests_max: 100_000,
    window: Duration::from_secs(24 * 3600),
};

/// The limit that `text` names: a number, "requests", "per", a number or none, and a unit of time.
pub(crate) fn stated_limit(text: &str) -> Option<Limit> {
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let requests = words
        .iter()
        .position(|word| matches!(word.as_str(), "request" | "requests" | "calls"))?;
    let (before, after) = words.split_at(requests);
    let requests_max = before.iter().rev().take(2).find_map(|it| it.parse().ok())?;
    let per = after
        .iter()
        .position(|word| matches!(word.as_str(), "per" | "every" | "in"))?;
    let span: Vec<&str> = after
        .iter()
        .skip(per + 1)
        .map(String::as_str)
        .filter(|word| !matches!(*word, "rolling" | "a" | "any"))
        .take(2)
        .collect();
    let window = match *span.as_slice() {
        [unit] => unit_of_time(unit)?,
        [first, second] => match first.parse::<u32>() {
            Ok(count) => unit_of_time(second)?.checked_mul(count)?,
            Err(_) => unit_of_time(first)?,
        },
        _ => return None,
    };
    let stated = Limit {
        requests_max,
        window,
    };
    (requests_max > 0
        && requests_max <= BELIEVABLE.requests_max
        && !window.is_zero()
        && window <= BELIEVABLE.window)
        .then_some(stated)
}

/// The length of a unit of time.
fn unit_of_time(word: &str) -> Option<Duration> {
    let seconds = match word.trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_that_name_a_limit_and_sentences_that_do_not() {
        let cases = [
            (
                "Rate Limit Reached - 60 Requests per rolling 1 minute window",
                Some((60, 60)),
            ),
            (
                "rate limit of 500 API requests per 3 minutes.",
                Some((500, 180)),
            ),
            ("700 API requests per rolling 5 minutes", Some((700, 300))),
            ("You may make 30 calls per minute.", Some((30, 60))),
            ("450 requests in any 300 seconds", Some((450, 300))),
            ("Too many requests", None),
            ("Too many requests per minute", None),
            ("0 requests per minute", None),
            ("4000000000 requests per minute", None),
            ("99999999999999 requests per minute", None),
            ("5 requests per 999999 hours", None),
            ("60 requests per fortnight", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let stated = stated_limit(text).map(|it| (it.requests_max, it.window.as_secs()));
            assert_eq!(stated, expected, "{text}");
        }
    }
}
