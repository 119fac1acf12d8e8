//! How far a connection to a server gets, stage by stage: for an operator who wants to know which one fails.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
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

/// What became of a stage: what was seen, or why it failed.
pub type StageOutcome = Result<String, String>;

/// Connects to `host`, trusting `roots`, and returns what became of each stage; the last one is the one that failed, if any did.
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
            stages.push((ConnectionStage::Name, Err(error.to_string())));
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
            stages.push((ConnectionStage::Tcp, Err(error.to_string())));
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
    let said = |error: &dyn std::error::Error| error.to_string();
    let config = tls::client_config(roots).map_err(|error| said(&error))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| said(&error))?;
    let mut session =
        ClientConnection::new(Arc::new(config), name).map_err(|error| said(&error))?;
    session
        .complete_io(connection)
        .map_err(|error| said(&error))?;
    let version = session.protocol_version();
    Ok(version.map_or_else(String::new, |it| format!("{it:?}")))
}
