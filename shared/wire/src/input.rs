//! Cleans addresses and keys that an operator pasted.

use url::{Host, Url};

/// `text` without what stands around it: blanks (hard and invisible ones too), quotes, angle
/// brackets.
#[must_use]
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(
                c,
                '"' | '\'' | '<' | '>' | '`' | '\u{200b}' | '\u{200e}' | '\u{feff}'
            )
    })
}

/// Splits every leading `https://` or `http://` off, whatever its case and number of slashes.
#[must_use]
pub fn split_schemes(text: &str) -> (Vec<&'static str>, &str) {
    let mut schemes = Vec::new();
    let mut rest = text;
    while let Some((scheme, after)) = ["https", "http"].into_iter().find_map(|scheme| {
        let head = rest.get(..scheme.len())?;
        let after = rest.get(scheme.len()..)?.strip_prefix(':')?;
        let is_scheme = head.eq_ignore_ascii_case(scheme) && after.starts_with(['/', '\\']);
        is_scheme.then(|| (scheme, after.trim_start_matches(['/', '\\'])))
    }) {
        schemes.push(scheme);
        rest = after;
    }
    (schemes, rest)
}

/// Whether `url` is a loopback address, so that plain HTTP is safe.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
