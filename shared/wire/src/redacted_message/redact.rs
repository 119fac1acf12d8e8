//! Removes from a message what no log may hold.

/// What stands where something was taken out.
pub(super) const HIDDEN: &str = "[hidden]";

/// Names after which everything is removed. Each also matches longer names that end in it:
/// `client_secret`, `AccessKeySecret`, `basic_password`, `access_token`.
const SECRET_NAMES: [&str; 6] = [
    "secret",
    "password",
    "token",
    "x-roar-api-key",
    "accesskeyid",
    "authorization",
];

/// The separator between a name and its value; the last two are `=` and `:` in a form or an address.
const SIGNS: [&str; 4] = ["=", ":", "%3d", "%3a"];

/// Schemes of `Authorization`.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// `line` without e-mail addresses, web addresses, tokens and named secrets.
pub(super) fn redact(line: &str) -> String {
    let (kept, is_cut) = before_named_secret(line);
    let mut words: Vec<String> = kept.split_ascii_whitespace().map(redact_word).collect();
    for at in 1..words.len() {
        // What follows the scheme of a credential is the credential, however short.
        if SCHEMES
            .iter()
            .any(|scheme| words[at - 1].eq_ignore_ascii_case(scheme))
        {
            words[at] = HIDDEN.to_owned();
        }
    }
    if is_cut {
        words.push(HIDDEN.to_owned());
    }
    words.join(" ")
}

/// The text up to and with the first `name=` or `"name":` of a secret, and whether there is one.
/// A secret may hold any character, so nothing after it is kept.
fn before_named_secret(text: &str) -> (&str, bool) {
    // ASCII lower case keeps every byte in its place.
    let lower = text.to_ascii_lowercase();
    let ends = SECRET_NAMES.iter().flat_map(|name| {
        lower
            .match_indices(name)
            .map(|(start, name)| start + name.len())
    });
    let first = ends
        .filter_map(|end| {
            let rest = lower.get(end..)?;
            let value = rest.trim_start_matches(['"', '\'', ' ']);
            let sign = SIGNS.iter().find(|sign| value.starts_with(**sign))?;
            Some(end + (rest.len() - value.len()) + sign.len())
        })
        .min();
    match first.and_then(|end| text.get(..end)) {
        Some(kept) => (kept, true),
        None => (text, false),
    }
}

/// `word`, or what may be kept of it.
fn redact_word(word: &str) -> String {
    let is_mail = word
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains(char::is_alphanumeric));
    if is_mail || word.contains("://") {
        return HIDDEN.to_owned();
    }
    let mut kept = String::with_capacity(word.len());
    let mut run = String::new();
    for c in word.chars() {
        if is_token_char(c) {
            run.push(c);
        } else {
            kept.push_str(keep_run(&run));
            run.clear();
            kept.push(c);
        }
    }
    kept.push_str(keep_run(&run));
    kept
}

/// Whether a token may hold `c`.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=' | '~' | '%')
}

/// `run`, unless it looks like a token: a JWT, a GUID, a key of Liongard's (20 characters or
/// more), or anything long of letters and digits only.
fn keep_run(run: &str) -> &str {
    /// Shorter runs are words, paths and numbers.
    const TOKEN_CHARS_MIN: usize = 20;
    /// A long run of nothing but letters and digits is not a word either.
    const UNBROKEN_CHARS_MIN: usize = 40;
    let digits = run.chars().filter(char::is_ascii_digit).count();
    let letters = run.chars().filter(char::is_ascii_alphabetic).count();
    let is_mixed = run.len() >= TOKEN_CHARS_MIN && digits >= 3 && letters >= 3;
    let is_unbroken = run.len() >= UNBROKEN_CHARS_MIN && digits + letters == run.len();
    let is_jwt = run.len() >= TOKEN_CHARS_MIN && run.starts_with("eyJ");
    if is_mixed || is_unbroken || is_jwt {
        HIDDEN
    } else {
        run
    }
}
