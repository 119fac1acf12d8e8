//! From a name to an open socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use crate::Server;

/// How long one family of addresses is tried alone before the other one is tried beside it.
/// Source: RFC 6555 asks for 150 to 250 ms, and what browsers and curl wait is no less.
const HEAD_START: Duration = Duration::from_millis(250);

/// Opens a connection to `server`. Where its name has addresses of both families, the one the system
/// lists first gets a head start: a machine whose IPv6 leads nowhere is not held up by it.
///
/// # Errors
///
/// What the system said, of the last address tried.
pub(crate) async fn dial(server: &Server) -> io::Result<TcpStream> {
    let stream = match server.host.parse::<IpAddr>() {
        Ok(address) => TcpStream::connect((address, server.port)).await?,
        Err(_) => by_name(server).await?,
    };
    // A request may be written in parts; the second must not wait for the first.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects to one of the addresses of a name.
async fn by_name(server: &Server) -> io::Result<TcpStream> {
    let found = lookup_host((server.host.as_str(), server.port)).await?;
    let found: Vec<SocketAddr> = found.collect();
    let v4_first = found.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.is_ipv4() == v4_first);
    if second.is_empty() {
        return any_of(&first).await;
    }
    let early = any_of(&first);
    tokio::pin!(early);
    tokio::select! {
        biased;
        outcome = &mut early => match outcome {
            Ok(stream) => Ok(stream),
            Err(_) => any_of(&second).await,
        },
        () = sleep(HEAD_START) => {
            let late = any_of(&second);
            tokio::pin!(late);
            tokio::select! {
                biased;
                outcome = &mut early => match outcome {
                    Ok(stream) => Ok(stream),
                    Err(_) => late.await,
                },
                outcome = &mut late => match outcome {
                    Ok(stream) => Ok(stream),
                    Err(_) => early.await,
                },
            }
        }
    }
}

/// Connects to the first of `addresses` that answers.
async fn any_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
