//! Accepts connections, within limits of number and of time.
//!
//! A sender that never finishes costs a place for a limited time.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tracing::{debug, error, warn};

use crate::connections::{ConnectionSlot, Places, RequestConnection};
use crate::refusals::{RefusalKind, RefusalLog, SenderAddress};

/// How long a sender may take to send the head of a request. It also ends a connection on which no further
/// request begins.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest head, and how much of a body is read at once. Every connection may need that much.
const READ_BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Connections of one address at the same time. HaloPSA uses a few; a proxy in front of us some dozens.
const CONNECTIONS_MAX: usize = 256;

/// Files that are open at the same time, as far as the system allows: connections of both addresses, and
/// those to both vendors and the store.
const OPEN_FILES_WANTED: u64 = 8192;

/// Open files that connections leave to the vendors, the store and the rest of the process.
const OPEN_FILES_KEPT: usize = 128;

/// Pause after the system refused to accept a connection: it has no more descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long senders may take to finish their deliveries during a shutdown: enough for the largest body,
/// and less than supervisors wait before they kill.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// The listeners of a process, on a thread of their own.
pub struct Listeners {
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

impl Listeners {
    /// Answers requests on each address by its router, and writes about refused connections in
    /// `refusals`.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or cannot watch the sockets.
    pub fn start(
        addresses: Vec<(std::net::TcpListener, Router)>,
        refusals: RefusalLog,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (running, ended) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let connections_max = connections_max();
        thread::Builder::new()
            .name("listeners".to_owned())
            .spawn(move || {
                // Dropped when the thread ends, however it ends.
                let _running = running;
                runtime.block_on(serve_all(addresses, connections_max, &refusals, stopped));
                refusals.write_rest();
            })?;
        Ok(Self { stop, ended })
    }

    /// Waits until the thread has ended, which it does not by itself.
    pub async fn ended(&mut self) {
        // The other end sends nothing; it is dropped.
        (&mut self.ended).await.unwrap_or_default();
    }

    /// Accepts no further connection, and lets the requests under way finish.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

/// Serves every address until `stop`, or until one of them fails.
async fn serve_all(
    addresses: Vec<(std::net::TcpListener, Router)>,
    connections_max: usize,
    refusals: &RefusalLog,
    stop: watch::Receiver<bool>,
) {
    let mut servers = JoinSet::new();
    for (address, router) in addresses {
        match TcpListener::from_std(address) {
            Ok(listener) => {
                let served = serve(
                    listener,
                    router,
                    connections_max,
                    refusals.clone(),
                    stop.clone(),
                );
                servers.spawn(served);
            }
            Err(error) => {
                error!(%error, "an address cannot be served");
                return;
            }
        }
    }
    while let Some(ended) = servers.join_next().await {
        if let Err(error) = ended {
            error!(%error, "a listener panicked");
            return;
        }
    }
}

/// Raises the limit of open files as far as the system allows, and returns how many connections one
/// address may have.
fn connections_max() -> usize {
    let files = match rlimit::increase_nofile_limit(OPEN_FILES_WANTED) {
        Ok(files) => usize::try_from(files).unwrap_or(usize::MAX),
        Err(error) => {
            debug!(%error, "the limit of open files cannot be raised");
            OPEN_FILES_KEPT * 2
        }
    };
    // Two addresses; and a place is free a moment before its connection is closed.
    let share = files.saturating_sub(OPEN_FILES_KEPT) / 4;
    share.clamp(16, CONNECTIONS_MAX)
}

/// Answers requests by `router` until `stop`, on at most `connections_max` connections at the same time;
/// then lets the requests under way finish.
async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    refusals: RefusalLog,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Places::new(connections_max));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    if let Some(place) = Places::take(&places) {
                        let sender = SenderAddress(address.ip());
                        let answers = Answers { router: router.clone(), sender, refusals: refusals.clone() };
                        connections.spawn(converse(stream, answers, place, stop.clone()));
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    refusals.count(RefusalKind::NotAccepted, None, || {
                        warn!(%error, "a connection could not be accepted");
                    });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        // A delivery without a response was not accepted; its sender repeats it.
        warn!("some deliveries did not finish in time");
    }
}

/// Completes when it is time to stop, or when the sender of that is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop)
        .await
        .map(drop)
        .unwrap_or_default();
}

/// Whether the error is of the connection that was being accepted, and says nothing about the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// What answers the requests of one connection.
struct Answers {
    router: Router,
    sender: SenderAddress,
    refusals: RefusalLog,
}

/// Answers the requests of one connection, until it ends, has to make room or `stop`.
async fn converse(
    stream: TcpStream,
    answers: Answers,
    place: Arc<ConnectionSlot>,
    mut stop: watch::Receiver<bool>,
) {
    let Answers {
        router,
        sender,
        refusals,
    } = answers;
    let service = service_fn(|mut request: Request<Incoming>| {
        place.begin_request();
        request.extensions_mut().insert(sender);
        let connection = RequestConnection(Arc::clone(&place));
        request.extensions_mut().insert(connection);
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.make_room() => Ok(()),
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
        if let Some(kind) = kind_of(&error) {
            refusals.count(kind, Some(sender), || {
                warn!(
                    %error,
                    kind = kind.as_str(),
                    %sender,
                    "a connection ended without a whole request"
                );
            });
        }
    }
}

/// Under what a connection that ended early is counted; `None` for one that was idle for too long, as each
/// is in the end.
fn kind_of(error: &hyper::Error) -> Option<RefusalKind> {
    if error.is_timeout() {
        None
    } else if error.is_parse() {
        Some(RefusalKind::NotHttp)
    } else {
        Some(RefusalKind::BrokenOff)
    }
}
