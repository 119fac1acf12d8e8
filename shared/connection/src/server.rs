//! Whom a request is for.

use http::Uri;

/// Where a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl Server {
    /// The server that `uri` names; `None` for anything that is no web address.
    #[must_use]
    pub fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return None,
        };
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Self {
            host,
            port: uri.port_u16().unwrap_or(usual_port(tls)),
            tls,
        })
    }

    /// Host and port as the `Host` header has them, and as requests are signed: without a port that
    /// goes without saying.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == usual_port(self.tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// The port that goes without saying.
const fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_address_names_a_server_and_nothing_else_does() {
        let cases = [
            (
                "https://example.invalid",
                Some(("example.invalid", 443, true, "example.invalid")),
            ),
            (
                "https://user@example.invalid:8443/a?b",
                Some(("example.invalid", 8443, true, "example.invalid:8443")),
            ),
            (
                "https://example.invalid:443/a",
                Some(("example.invalid", 443, true, "example.invalid")),
            ),
            (
                "http://127.0.0.1:80/",
                Some(("127.0.0.1", 80, false, "127.0.0.1")),
            ),
            (
                "http://127.0.0.1:443/",
                Some(("127.0.0.1", 443, false, "127.0.0.1:443")),
            ),
            ("http://[::1]/", Some(("::1", 80, false, "[::1]"))),
            (
                "https://[::1]:4566/",
                Some(("::1", 4566, true, "[::1]:4566")),
            ),
            (
                "HTTPS://example.invalid/",
                Some(("example.invalid", 443, true, "example.invalid")),
            ),
            ("ftp://example.invalid/", None),
            ("/a/b", None),
            ("example.invalid:443", None),
        ];
        for (text, expected) in cases {
            let server = Server::of(&text.parse().unwrap());
            let seen = server.map(|it| (it.authority(), it));
            let seen = seen
                .as_ref()
                .map(|(authority, it)| (it.host.as_str(), it.port, it.tls, authority.as_str()));
            assert_eq!(seen, expected, "{text}");
        }
    }
}
