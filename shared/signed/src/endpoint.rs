//! The address of a service.

use std::net::IpAddr;

use halogard_connection::Server;
use http::Uri;

use crate::AccessError;

/// Where a service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The server.
    pub(crate) server: Server,
    /// Host and port as the `Host` header has them: without a port that goes without saying.
    pub(crate) authority: String,
}

impl Endpoint {
    /// AWS's own address of `service` in `region`.
    pub(crate) fn of_aws(service: &str, region: &str) -> Self {
        // China is a partition of its own, with its own domain.
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        let host = format!("{service}.{region}.{domain}");
        Self {
            authority: host.clone(),
            server: Server {
                host,
                port: 443,
                tls: true,
            },
        }
    }

    /// The address in `text`, if it may be used.
    pub(crate) fn parse(text: &str) -> Result<Self, AccessError> {
        let uri: Uri = text.parse().map_err(|_| AccessError::NoAddress)?;
        let server = Server::of(&uri).ok_or(AccessError::NoAddress)?;
        if !server.tls && !is_this_machine(&server.host) {
            return Err(AccessError::Plain);
        }
        let authority = server.authority();
        Ok(Self { server, authority })
    }
}

/// Whether `host` is a loopback address or its name.
fn is_this_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_an_address_in_its_region() {
        let cases = [
            ("eu-central-1", "sqs.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "sqs.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "sqs.cn-north-1.amazonaws.com.cn"),
        ];
        for (region, host) in cases {
            let endpoint = Endpoint::of_aws("sqs", region);
            let server = endpoint.server;
            assert_eq!((server.host.as_str(), server.port), (host, 443));
            assert!(server.tls);
        }
    }

    #[test]
    fn another_address_is_taken_where_nobody_can_listen_in() {
        let cases = [
            (
                "http://127.0.0.1:4566",
                Ok(("127.0.0.1", 4566, false, "127.0.0.1:4566")),
            ),
            (
                "http://localhost/",
                Ok(("localhost", 80, false, "localhost")),
            ),
            ("http://[::1]:4566", Ok(("::1", 4566, false, "[::1]:4566"))),
            (
                "https://127.0.0.1:8443",
                Ok(("127.0.0.1", 8443, true, "127.0.0.1:8443")),
            ),
            (
                "https://vpce.example.com:443",
                Ok(("vpce.example.com", 443, true, "vpce.example.com")),
            ),
            ("http://192.168.1.4:4566", Err("plain http")),
            ("http://localhost.example.com", Err("plain http")),
            ("127.0.0.1:4566", Err("no web address")),
            ("ftp://127.0.0.1", Err("no web address")),
            ("/path", Err("no web address")),
            ("", Err("no web address")),
        ];
        for (text, expected) in cases {
            match (Endpoint::parse(text), expected) {
                (Ok(Endpoint { server, authority }), Ok(expected)) => assert_eq!(
                    (
                        server.host.as_str(),
                        server.port,
                        server.tls,
                        authority.as_str()
                    ),
                    expected,
                    "{text}"
                ),
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{text}: {error}");
                }
                (is, _) => panic!("{text}: {is:?}"),
            }
        }
    }
}
