//! How far a connection to a server gets, stage by stage: for an operator who wants to know which one fails.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ClientConnection, RootCertStore};

use crate::tls;

/// A stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionStage {
    /// The name of the host is resolved.
    Name,
    /// A connection to one of its addresses is opened.
    Tcp,
    /// Both sides agree on TLS, and the certificate is trusted.
    Tls,
}

/// A certificate that is valid for longer counts as valid for this many days.
pub const CERTIFICATE_DAYS_MAX: u32 = 1000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The result of a stage: what was seen, or why it failed.
pub type StageOutcome = Result<String, StageFailure>;

/// Why a stage failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageFailure {
    /// The error, as a sentence.
    pub said: String,
    /// What it shows of the cause.
    pub cause: FailureCause,
}

/// What a failed stage shows of its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The host refused the connection.
    Refused,
    /// What answered is not TLS.
    NotTls,
    /// Anything else.
    Other,
}

impl From<io::Error> for StageFailure {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref();
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let cause = match tls {
            Some(rustls::Error::InvalidMessage(_)) => FailureCause::NotTls,
            _ if error.kind() == io::ErrorKind::ConnectionRefused => FailureCause::Refused,
            _ => FailureCause::Other,
        };
        Self {
            said: error.to_string(),
            cause,
        }
    }
}

impl StageFailure {
    /// A failure whose cause `error` does not show.
    fn of(error: &dyn std::error::Error) -> Self {
        Self {
            said: error.to_string(),
            cause: FailureCause::Other,
        }
    }
}

/// Connects to `host`, trusting `roots`, and returns the result of each stage; if a stage failed, it is the last.
/// Blocks the thread for as long as `timeout` for each stage.
#[must_use]
pub fn connection_stages(
    host: &str,
    port: u16,
    is_encrypted: bool,
    timeout: Duration,
    roots: RootCertStore,
) -> Vec<(ConnectionStage, StageOutcome)> {
    let mut stages = Vec::new();
    let addresses = match resolved(host, port) {
        Ok(addresses) => addresses,
        Err(error) => {
            stages.push((ConnectionStage::Name, Err(error.into())));
            return stages;
        }
    };
    let names: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    stages.push((ConnectionStage::Name, Ok(names.join(", "))));
    let mut connection = match connected(&addresses, timeout) {
        Ok((address, connection)) => {
            stages.push((ConnectionStage::Tcp, Ok(address.to_string())));
            connection
        }
        Err(error) => {
            stages.push((ConnectionStage::Tcp, Err(error.into())));
            return stages;
        }
    };
    if is_encrypted {
        stages.push((
            ConnectionStage::Tls,
            encrypted(host, &mut connection, roots),
        ));
    }
    stages
}

/// The addresses of `host`.
fn resolved(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = (bare, port).to_socket_addrs()?.collect();
    if addresses.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    Ok(addresses)
}

/// A connection to the first of `addresses` that takes one.
fn connected(addresses: &[SocketAddr], timeout: Duration) -> io::Result<(SocketAddr, TcpStream)> {
    let mut failed = io::Error::other("there is no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, timeout) {
            Ok(connection) => {
                connection.set_read_timeout(Some(timeout))?;
                connection.set_write_timeout(Some(timeout))?;
                return Ok((*address, connection));
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The version of TLS that both sides agree on.
fn encrypted(host: &str, connection: &mut TcpStream, roots: RootCertStore) -> StageOutcome {
    let session = session(host, connection, roots)?;
    let version = session.protocol_version();
    Ok(version.map_or_else(String::new, |it| format!("{it:?}")))
}

/// A session with `host`, whose certificate is trusted.
fn session(
    host: &str,
    connection: &mut TcpStream,
    roots: RootCertStore,
) -> Result<ClientConnection, StageFailure> {
    let config = tls::client_config(roots).map_err(|error| StageFailure::of(&error))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| StageFailure::of(&error))?;
    let mut session =
        ClientConnection::new(Arc::new(config), name).map_err(|error| StageFailure::of(&error))?;
    session.complete_io(connection)?;
    Ok(session)
}

/// For how many whole days from `now`, counted since 1970, the certificates of `host` are trusted,
/// [`CERTIFICATE_DAYS_MAX`] at most. Blocks the thread for as long as `timeout` for each stage.
///
/// # Errors
///
/// Why no session came about, as a sentence.
pub fn certificate_days(
    host: &str,
    port: u16,
    timeout: Duration,
    roots: RootCertStore,
    now: Duration,
) -> Result<u32, String> {
    let addresses = resolved(host, port).map_err(|error| error.to_string())?;
    let (_, mut connection) = connected(&addresses, timeout).map_err(|error| error.to_string())?;
    let session = session(host, &mut connection, roots.clone()).map_err(|failure| failure.said)?;
    let chain = session.peer_certificates().unwrap_or_default();
    let (own, others) = chain
        .split_first()
        .ok_or("the server shows no certificate")?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let provider = Arc::new(tls::crypto_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| error.to_string())?;
    let is_trusted_in = |days: u32| {
        let then = UnixTime::since_unix_epoch(now + DAY * days);
        verifier
            .verify_server_cert(own, others, &name, &[], then)
            .is_ok()
    };
    // The last day on which it holds lies between the two.
    let (mut holds, mut ends) = (0, CERTIFICATE_DAYS_MAX + 1);
    while ends - holds > 1 {
        let middle = holds + (ends - holds) / 2;
        if is_trusted_in(middle) {
            holds = middle;
        } else {
            ends = middle;
        }
    }
    Ok(holds)
}
