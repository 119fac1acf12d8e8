//! TLS with a server whose certificate a test has signed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use halogard_http::tls::{add_pem_file, web_roots};
use halogard_http::{
    CERTIFICATE_DAYS_MAX, HttpClient, HttpClientSettings, Transport as _, TransportError,
    certificate_days,
};
use http::{Request, Response};
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The time since 1970.
fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

/// A server for one request, and the roots that vouch for it.
struct Server {
    port: u16,
    roots: RootCertStore,
    /// Its certificate, in PEM form.
    pem: String,
}

impl Server {
    /// Speaks `version` only, with a key of `kind`, as `localhost`.
    async fn start(
        version: &'static SupportedProtocolVersion,
        kind: &'static rcgen::SignatureAlgorithm,
    ) -> Self {
        Self::with_provider(version, kind, rustls::crypto::ring::default_provider()).await
    }

    /// The same with a certificate that ends in this many days and a half.
    async fn ending_in(days: u64) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let left = Duration::from_secs(days * 24 * 3600 + 12 * 3600);
        parameters.not_after = (SystemTime::UNIX_EPOCH + now() + left).into();
        let provider = rustls::crypto::ring::default_provider();
        Self::with_certificate(&TLS13, &key, &parameters, provider).await
    }

    /// The same with the algorithms of `provider`.
    async fn with_provider(
        version: &'static SupportedProtocolVersion,
        kind: &'static rcgen::SignatureAlgorithm,
        provider: CryptoProvider,
    ) -> Self {
        let key = KeyPair::generate_for(kind).unwrap();
        let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        Self::with_certificate(version, &key, &parameters, provider).await
    }

    /// The same with the certificate of `parameters`, signed with `key`.
    async fn with_certificate(
        version: &'static SupportedProtocolVersion,
        key: &KeyPair,
        parameters: &CertificateParams,
        provider: CryptoProvider,
    ) -> Self {
        let certificate = parameters.self_signed(key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            stream.flush().await.unwrap();
        });
        let pem = certificate.pem();
        Self { port, roots, pem }
    }

    /// Calls it by `name`, believing in `roots`.
    async fn call(
        &self,
        name: &str,
        roots: RootCertStore,
    ) -> Result<Response<Bytes>, TransportError> {
        let client = HttpClient::new(roots, &HttpClientSettings::default()).unwrap();
        let url = format!("https://{name}:{}/", self.port);
        client
            .send(Request::get(url).body(Bytes::new()).unwrap())
            .await
    }
}

#[tokio::test]
async fn a_server_that_the_roots_vouch_for_is_talked_to() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        let server = Server::start(&TLS13, kind).await;
        let answer = server.call("localhost", server.roots.clone()).await;
        assert_eq!(answer.unwrap().body(), "ok");
    }
}

#[tokio::test]
async fn the_days_of_a_certificate_are_counted_and_one_that_is_not_trusted_has_none() {
    const TIMEOUT: Duration = Duration::from_secs(30);
    for (days, expected) in [(0, 0), (9, 9), (400, 400), (2000, CERTIFICATE_DAYS_MAX)] {
        let server = Server::ending_in(days).await;
        let (port, roots) = (server.port, server.roots.clone());
        let counted = tokio::task::spawn_blocking(move || {
            certificate_days("localhost", port, TIMEOUT, roots, now())
        });
        assert_eq!(counted.await.unwrap(), Ok(expected), "{days}");
    }
    let server = Server::ending_in(9).await;
    let port = server.port;
    let stranger = tokio::task::spawn_blocking(move || {
        certificate_days("localhost", port, TIMEOUT, web_roots(), now())
    });
    let said = stranger.await.unwrap().unwrap_err();
    assert!(said.contains("UnknownIssuer"), "{said}");
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_trusted_from_a_file() {
    let server = Server::start(&TLS13, &PKCS_ECDSA_P256_SHA256).await;
    let folder = std::env::temp_dir().join(format!("halogard-ca-{}", server.port));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, &server.pem).unwrap();
    let mut roots = web_roots();
    assert_eq!(add_pem_file(&mut roots, &file), Ok(1));
    let answer = server.call("localhost", roots).await;
    assert_eq!(answer.unwrap().body(), "ok");

    for (text, expected) in [
        ("", "holds no certificate"),
        ("no PEM at all", "holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
            "cannot be read",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "cannot be trusted",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let wrong = add_pem_file(&mut web_roots(), &file).unwrap_err();
        assert!(wrong.contains(expected), "{text:?}: {wrong}");
    }
    let missing = add_pem_file(&mut web_roots(), &folder.join("none.pem")).unwrap_err();
    assert!(missing.contains("cannot be read"), "{missing}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[cfg(feature = "tls12")]
#[tokio::test]
async fn a_server_that_knows_the_version_before_only_is_talked_to_all_the_same() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        let server = Server::start(&rustls::version::TLS12, kind).await;
        let answer = server.call("localhost", server.roots.clone()).await;
        assert_eq!(answer.unwrap().body(), "ok");
    }
}

#[tokio::test]
async fn an_untrusted_or_wrong_server_receives_no_request() {
    let server = Server::start(&TLS13, &PKCS_ECDSA_P256_SHA256).await;
    let strangers = server.call("localhost", RootCertStore::empty()).await;
    assert!(matches!(strangers, Err(TransportError::NotSent { .. })));

    let server = Server::start(&TLS13, &PKCS_ECDSA_P256_SHA256).await;
    let another = server.call("127.0.0.1", server.roots.clone()).await;
    assert!(matches!(another, Err(TransportError::NotSent { .. })));
}

#[tokio::test]
async fn a_server_without_a_common_algorithm_fails_with_a_sentence_that_names_ours() {
    let default = rustls::crypto::ring::default_provider();
    let chacha_only = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..default.clone()
    };
    let server = Server::with_provider(&TLS13, &PKCS_ECDSA_P256_SHA256, chacha_only).await;
    let other_suite = server.call("localhost", server.roots.clone()).await;

    let server = Server::with_provider(&TLS13, &PKCS_ED25519, default).await;
    let other_certificate = server.call("localhost", server.roots.clone()).await;

    for outcome in [other_suite, other_certificate] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, TransportError::NotSent { .. }), "{error}");
        let text = error.to_string();
        for part in [
            "no TLS version or algorithm in common",
            "Halogard supports TLS 1.3",
            "AES-GCM",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
