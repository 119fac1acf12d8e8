//! The Lambda Runtime API, exact in time: blocking sockets, one thread for each connection, a stamp taken
//! when the last byte of a request has been read.
//!
//! Source of the form: AWS Lambda developer guide, "Using the Lambda runtime API".

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::http::{Connection, Request};
use super::stopwatch;

/// The time limit of an invocation: long enough that no invocation defers work to the next.
const DEADLINE: Duration = Duration::from_secs(300);

/// One Runtime API for one process.
pub struct RuntimeApi {
    address: SocketAddr,
    desk: Arc<Desk>,
}

/// What all connections share.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    events: Vec<Vec<u8>>,
    expected: &'static str,
}

/// How far the process has come.
#[derive(Default)]
struct State {
    first_next: Option<Instant>,
    last_answer: Option<Instant>,
    allowed: usize,
    handed: usize,
    answered: usize,
    idle: bool,
    closed: bool,
    trouble: Option<String>,
}

/// What was seen when the asked number of events had been answered.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The first request for an event.
    pub first_next: Instant,
    /// The last answer.
    pub last_answer: Instant,
}

impl RuntimeApi {
    /// Listens on a free port of loopback and returns `events` in turn, as often as allowed. Every
    /// answer must contain `expected`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(events: Vec<Vec<u8>>, expected: &'static str) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).context("no port for the Runtime API")?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk {
            state: Mutex::default(),
            changed: Condvar::new(),
            events,
            expected,
        });
        let shared = Arc::clone(&desk);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let desk = Arc::clone(&shared);
                if desk.state().closed {
                    break;
                }
                thread::spawn(move || {
                    let ended = stream.and_then(|stream| desk.serve(stream));
                    if let Err(error) = ended {
                        desk.complain(&error.to_string());
                    }
                });
            }
        });
        Ok(Self { address, desk })
    }

    /// Host and port, as the environment variable wants it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Lets `count` more events out.
    pub fn allow(&self, count: usize) {
        self.desk.state().allowed += count;
        self.desk.changed.notify_all();
    }

    /// Waits until every allowed event is answered and the process asks for the next.
    ///
    /// # Errors
    ///
    /// The process reported an error, answered unexpectedly, or did not get there within `limit`.
    pub fn wait(&self, limit: Duration) -> anyhow::Result<Seen> {
        let until = stopwatch::now() + limit;
        let mut state = self.desk.state();
        loop {
            if let Some(trouble) = &state.trouble {
                bail!("{trouble}");
            }
            if let (true, Some(first_next)) = (
                state.idle && state.answered == state.allowed,
                state.first_next,
            ) {
                return Ok(Seen {
                    first_next,
                    last_answer: state.last_answer.unwrap_or(first_next),
                });
            }
            let left = until.saturating_duration_since(stopwatch::now());
            if left.is_zero() {
                bail!(
                    "{} of {} events were answered in {limit:?}",
                    state.answered,
                    state.allowed
                );
            }
            state = self
                .desk
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.desk.state().closed = true;
        self.desk.changed.notify_all();
        // Wakes the accepting thread, so that it sees the end. If the listener is closed, it has seen it.
        drop(TcpStream::connect(self.address));
    }
}

impl Desk {
    /// The state, whatever became of who held it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what went wrong; the first complaint stays.
    fn complain(&self, trouble: &str) {
        let mut state = self.state();
        if !state.closed {
            state.trouble.get_or_insert_with(|| trouble.to_owned());
        }
        self.changed.notify_all();
    }

    /// Serves one connection to its end.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut connection = Connection::new(stream);
        while let Some(request) = connection.read()? {
            let now = stopwatch::now();
            if request.method == "GET" && request.path.ends_with("/invocation/next") {
                let Some((id, event)) = self.next(now) else {
                    return Ok(());
                };
                connection.answer("200 OK", &event_head(id), event)?;
            } else {
                self.take(&request, now);
                let accepted = br#"{"status":"OK"}"#;
                connection.answer(
                    "202 Accepted",
                    "Content-Type: application/json\r\n",
                    accepted,
                )?;
            }
        }
        Ok(())
    }

    /// The next event, once one is allowed; none when the API is closed.
    fn next(&self, now: Instant) -> Option<(usize, &[u8])> {
        let mut state = self.state();
        state.first_next.get_or_insert(now);
        while state.handed >= state.allowed && !state.closed {
            state.idle = true;
            self.changed.notify_all();
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.idle = false;
        state.handed += 1;
        let event = self.events.get((state.handed - 1) % self.events.len())?;
        Some((state.handed, event))
    }

    /// Takes an answer or a report of an error.
    fn take(&self, request: &Request, now: Instant) {
        let body = String::from_utf8_lossy(&request.body);
        if !request.path.ends_with("/response") {
            return self.complain(&format!("{} {}: {body}", request.method, request.path));
        }
        if !body.contains(self.expected) {
            return self.complain(&format!("an answer without {}: {body}", self.expected));
        }
        let mut state = self.state();
        state.answered += 1;
        state.last_answer = Some(now);
        // The waiting thread is woken once at the end, not for each answer.
        if state.idle {
            self.changed.notify_all();
        }
    }
}

/// The headers of an event.
fn event_head(id: usize) -> String {
    format!(
        "Content-Type: application/json\r\n\
         Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{id:012x}\r\n\
         Lambda-Runtime-Deadline-Ms: {}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
         Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n",
        stopwatch::unix_millis() + DEADLINE.as_millis()
    )
}
