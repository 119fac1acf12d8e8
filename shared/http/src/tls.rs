//! How TLS is spoken.

use std::path::Path;
use std::sync::Arc;

pub use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{AlertDescription, CertificateError, ClientConfig};

mod provider;

pub(crate) use provider::crypto_provider;

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS could not be set up")]
pub struct TlsError(#[from] rustls::Error);

/// What Halogard supports, for the error an operator reads when a server supports none of it.
const SUPPORTED: &str = if cfg!(feature = "tls12") {
    "Halogard supports TLS 1.3 and 1.2 with AES-GCM, X25519, P-256 or P-384, and RSA or ECDSA certificates"
} else {
    "Halogard supports TLS 1.3 with AES-GCM, X25519, P-256 or P-384, and RSA or ECDSA certificates"
};

/// A TLS configuration that trusts `roots`: TLS 1.3 and, with the feature `tls12`, 1.2.
///
/// The cryptography is *ring*'s, which gathers no entropy at the start of the process.
///
/// # Errors
///
/// [`TlsError`] when rustls refuses the configuration.
pub fn client_config(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(crypto_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// The root certificates that public web servers are signed with: Mozilla's list, built in.
#[must_use]
pub fn web_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// Adds the certificates of a PEM file to `roots`, and says how many there were.
///
/// # Errors
///
/// What is wrong with the file, as the end of a sentence that begins with its name.
pub fn add_pem_file(roots: &mut RootCertStore, file: &Path) -> Result<usize, String> {
    let pem = CertificateDer::pem_file_iter(file).map_err(|error| cannot_be_read(&error))?;
    let mut added = 0;
    for certificate in pem {
        let certificate = certificate.map_err(|error| cannot_be_read(&error))?;
        roots
            .add(certificate)
            .map_err(|error| format!("holds a certificate that cannot be trusted: {error}"))?;
        added += 1;
    }
    if added == 0 {
        return Err("holds no certificate in PEM form".to_owned());
    }
    Ok(added)
}

fn cannot_be_read(error: &pem::Error) -> String {
    format!("cannot be read: {error}")
}

/// A sentence for `error` if server and client have no version or algorithm in common.
pub(crate) fn negotiation_failure(error: &rustls::Error) -> Option<String> {
    let nothing_in_common = match error {
        rustls::Error::PeerIncompatible(_) => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::ProtocolVersion
        ),
        rustls::Error::InvalidCertificate(reason) => matches!(
            reason,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        ),
        _ => false,
    };
    nothing_in_common.then(|| {
        format!(
            "the server and Halogard have no TLS version or algorithm in common; {SUPPORTED} ({error})"
        )
    })
}
