//! A certificate authority made for one run, and the list of roots for each program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where systems keep the roots they trust; the first is Lambda's own place.
const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
];

/// The authority of one run.
pub struct CertificateAuthority {
    /// What the TLS stand-ins serve with.
    pub server: Arc<ServerConfig>,
    /// A file with our certificate alone, to be trusted beside what a program trusts already.
    pub alone: PathBuf,
    /// A file with the system's roots and ours, for programs that load the system's roots.
    pub with_system: PathBuf,
    /// How many roots the system has.
    pub system_roots: usize,
}

impl CertificateAuthority {
    /// Makes an authority, a certificate for loopback, and both files in `folder`.
    ///
    /// # Errors
    ///
    /// The files cannot be written, or the system has no roots where they are looked for.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Halogard bench");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let leaf_key = KeyPair::generate()?;
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let leaf = CertificateParams::new(names)?.signed_by(&leaf_key, &issuer)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];

        let system = system_roots()?;
        let alone = folder.join("alone.pem");
        let with_system = folder.join("with-system.pem");
        fs::write(&alone, issuer.pem())?;
        fs::write(&with_system, format!("{system}\n{}", issuer.pem()))?;
        Ok(Self {
            server: Arc::new(server),
            alone,
            with_system,
            system_roots: system.matches("BEGIN CERTIFICATE").count(),
        })
    }
}

/// The roots the system trusts, as PEM.
fn system_roots() -> anyhow::Result<String> {
    for place in SYSTEM_ROOTS {
        if Path::new(place).exists() {
            return fs::read_to_string(place).with_context(|| format!("cannot read {place}"));
        }
    }
    bail!(
        "the system has no list of trusted roots at {}; install the package ca-certificates, \
         for the peers load it as they would on Lambda",
        SYSTEM_ROOTS.join(", ")
    )
}
