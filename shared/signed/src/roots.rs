//! Whom we believe to be AWS.

use std::fs;

use halogard_connection::{TlsConnector, tls};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The authorities that sign for AWS; see `shared/aws/roots/README.md`.
const ROOTS: [&[u8]; 5] = [
    include_bytes!("../../aws/roots/amazon-root-ca-1.pem"),
    include_bytes!("../../aws/roots/amazon-root-ca-2.pem"),
    include_bytes!("../../aws/roots/amazon-root-ca-3.pem"),
    include_bytes!("../../aws/roots/amazon-root-ca-4.pem"),
    include_bytes!("../../aws/roots/starfield-services-root-g2.pem"),
];

/// What opens TLS connections to AWS, and to whoever the certificates in the file `ca_bundle`
/// vouch for.
///
/// # Errors
///
/// What is wrong, as a sentence that names the file.
pub(crate) fn connector(ca_bundle: Option<&str>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    for pem in ROOTS {
        add(&mut roots, pem).map_err(|()| "a built-in root is damaged".to_owned())?;
    }
    if let Some(path) = ca_bundle {
        let pem = fs::read(path).map_err(|error| {
            format!("AWS_CA_BUNDLE names {path}, which cannot be read: {error}")
        })?;
        add(&mut roots, &pem).map_err(|()| {
            format!("AWS_CA_BUNDLE names {path}, which is no list of certificates in PEM form")
        })?;
    }
    let tls = tls(roots).map_err(|error| error.to_string())?;
    Ok(TlsConnector::from(std::sync::Arc::new(tls)))
}

/// Adds every certificate of `pem`; fails when there is none, or something else.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), ()> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|_| ())?).map_err(|_| ())?;
    }
    if roots.len() == before {
        return Err(());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roots_are_five_and_whole() {
        let mut roots = RootCertStore::empty();
        for pem in ROOTS {
            add(&mut roots, pem).unwrap();
        }
        assert_eq!(roots.len(), 5);
        assert!(connector(None).is_ok());
    }

    #[test]
    fn a_file_of_further_roots_that_is_none_is_named() {
        for (path, words) in [
            ("no/such/file.pem", "cannot be read"),
            (
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
                "PEM form",
            ),
        ] {
            let error = connector(Some(path)).err().unwrap();
            assert!(error.contains(path) && error.contains(words), "{error}");
        }
    }
}
