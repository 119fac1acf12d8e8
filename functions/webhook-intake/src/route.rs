//! The routes.

/// The route of a method and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A delivery, with the token at the end of its path.
    Delivery(Sender, String),
    /// The health check.
    Health,
    /// The path exists, but only for these methods.
    WrongMethod(&'static str),
    /// The path does not exist.
    Nowhere,
}

/// The methods of a delivery. HaloPSA's form offers all three.
const DELIVERY_METHODS: [&str; 3] = ["POST", "PUT", "PATCH"];

/// The vendor that sends a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// HaloPSA: the body is parsed.
    HaloPsa,
    /// Liongard: it triggers a poll; the body is not trusted.
    Liongard,
}

impl Sender {
    /// The sender's name in logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HaloPsa => "halopsa",
            Self::Liongard => "liongard",
        }
    }
}

impl Route {
    /// The route of `method` and `path`.
    pub(crate) fn of(method: &str, path: &str) -> Self {
        if path == "/healthz" {
            return match method {
                "GET" | "HEAD" => Self::Health,
                _ => Self::WrongMethod("GET,HEAD"),
            };
        }
        let under = |prefix| {
            let rest = path.strip_prefix(prefix)?;
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            is_segment(rest).then_some(rest)
        };
        let found = under("/webhooks/halopsa/")
            .map(|token| (Sender::HaloPsa, token))
            .or_else(|| under("/webhooks/liongard/").map(|token| (Sender::Liongard, token)));
        match found {
            Some((sender, token)) if DELIVERY_METHODS.contains(&method) => {
                Self::Delivery(sender, decoded(token))
            }
            Some(_) => Self::WrongMethod("POST,PUT,PATCH"),
            None => Self::Nowhere,
        }
    }
}

/// Whether `rest` is one non-empty path segment.
fn is_segment(rest: &str) -> bool {
    !rest.is_empty() && !rest.contains('/')
}

/// `segment` without percent-encoding. A percent sign without two hexadecimal digits after it is kept as it is; a
/// segment that is not UTF-8 becomes the empty token, which matches nothing.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                bytes.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_and_path_has_its_route() {
        let halo = |token: &str| Route::Delivery(Sender::HaloPsa, token.to_owned());
        let liongard = |token: &str| Route::Delivery(Sender::Liongard, token.to_owned());
        let wrong = || Route::WrongMethod("POST,PUT,PATCH");
        let cases = [
            ("POST", "/webhooks/halopsa/abc", halo("abc")),
            ("POST", "/webhooks/liongard/abc", liongard("abc")),
            ("GET", "/healthz", Route::Health),
            ("HEAD", "/healthz", Route::Health),
            ("POST", "/healthz", Route::WrongMethod("GET,HEAD")),
            ("PUT", "/webhooks/halopsa/abc", halo("abc")),
            ("PATCH", "/webhooks/halopsa/abc/", halo("abc")),
            ("PUT", "/webhooks/liongard/abc/", liongard("abc")),
            ("POST", "/webhooks/halopsa/abc/", halo("abc")),
            ("GET", "/webhooks/halopsa/abc", wrong()),
            ("DELETE", "/webhooks/liongard/abc/", wrong()),
            ("post", "/webhooks/halopsa/abc", wrong()),
            ("POST", "/webhooks/halopsa/", Route::Nowhere),
            ("POST", "/webhooks/halopsa", Route::Nowhere),
            ("POST", "/webhooks/halopsa/a/b", Route::Nowhere),
            ("POST", "/webhooks/halopsa/abc//", Route::Nowhere),
            ("POST", "/webhooks/halopsa//", Route::Nowhere),
            ("POST", "//webhooks/halopsa/abc", Route::Nowhere),
            ("POST", "/webhooks%2Fhalopsa/abc", Route::Nowhere),
            ("POST", "/WEBHOOKS/halopsa/abc", Route::Nowhere),
            ("POST", "/webhooks/other/abc", Route::Nowhere),
            ("GET", "/", Route::Nowhere),
            ("POST", "", Route::Nowhere),
            ("POST", "/webhooks/halopsa/%61b%63", halo("abc")),
            ("POST", "/webhooks/halopsa/%C3%A4", halo("ä")),
            ("POST", "/webhooks/halopsa/%2e%2E%2f", halo("../")),
            ("POST", "/webhooks/halopsa/%zz%4", halo("%zz%4")),
            ("POST", "/webhooks/halopsa/%", halo("%")),
            ("POST", "/webhooks/halopsa/%ff", halo("")),
            ("POST", "/webhooks/halopsa/a%00b", halo("a\0b")),
        ];
        for (method, path, route) in cases {
            assert_eq!(Route::of(method, path), route, "{method} {path}");
        }
    }
}
