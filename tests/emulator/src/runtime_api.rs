//! Lambda's Runtime API on loopback: sends one event at a time to a function that runs as a plain
//! process, and receives its answer.
//!
//! Threads and plain sockets: what is measured with it is the function, not a server.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest body that is read. Lambda takes 6 MB; a little more shows what a function does with it.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// Lines of a request's head that are read.
const HEAD_LINES_MAX: usize = 100;

/// Every path of the API begins with this.
const INVOCATION: &str = "/2018-06-01/runtime/invocation/";

/// A running Runtime API for one function. Dropping it closes the listener; the function then
/// exits by itself.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The invocation's id.
    pub request_id: String,
    /// Whether it reported a failure.
    pub failed: bool,
    /// The body of the answer, or of the report.
    pub body: String,
    /// From handing out the event to having the answer.
    pub took: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Events that the function has not asked for yet.
    waiting: VecDeque<Event>,
    /// The invocations sent and not answered yet, with the time each was sent.
    underway: Vec<(String, Instant)>,
    answers: Vec<Answer>,
    /// When the function first asked for an event.
    ready_at: Option<Instant>,
    invocations: u64,
    closed: bool,
}

#[derive(Debug)]
struct Event {
    request_id: String,
    body: String,
    time_left: Duration,
}

/// The beginning of a request, and its body.
struct ReceivedRequest {
    method: String,
    path: String,
    body: String,
}

impl RuntimeApi {
    /// Opens the API on a free port.
    ///
    /// # Errors
    ///
    /// There is no port to be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let for_door = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &for_door));
        Ok(Self { address, shared })
    }

    /// The variables a function of this name is started with, those of its own not included.
    #[must_use]
    pub fn variables(&self, function: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            (
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{function}"),
            ),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ]
    }

    /// Waits until the function asks for its first event: the end of its start. `None` when it does
    /// not in time.
    #[must_use]
    pub fn ready(&self, within: Duration) -> Option<Instant> {
        self.shared.wait(within, |state| state.ready_at)
    }

    /// Sends `event` to the function, in an invocation that has `time_left`, and waits for the
    /// answer. `None` when no answer arrives in time.
    #[must_use]
    pub fn invoke(&self, event: &str, time_left: Duration, within: Duration) -> Option<Answer> {
        let request_id = {
            let mut state = self.shared.state();
            state.invocations += 1;
            let request_id = format!("00000000-0000-4000-8000-{:012}", state.invocations);
            state.waiting.push_back(Event {
                request_id: request_id.clone(),
                body: event.to_owned(),
                time_left,
            });
            request_id
        };
        self.shared.changed.notify_all();
        self.shared.wait(within, |state| {
            let place = state
                .answers
                .iter()
                .position(|answer| answer.request_id == request_id)?;
            Some(state.answers.remove(place))
        })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        // Wakes the listener thread, which then ends. If the connection fails, it has ended already.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `found` finds something.
    fn wait<T>(
        &self,
        within: Duration,
        mut found: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let until = now() + within;
        let mut state = self.state();
        loop {
            if let Some(found) = found(&mut state) {
                return Some(found);
            }
            let left = until.saturating_duration_since(now());
            if left.is_zero() || state.closed {
                return None;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The next event, as soon as there is one; `None` when the API is closed.
    fn next(&self) -> Option<Event> {
        let mut state = self.state();
        state.ready_at.get_or_insert_with(now);
        self.changed.notify_all();
        loop {
            if state.closed {
                return None;
            }
            if let Some(event) = state.waiting.pop_front() {
                state.underway.push((event.request_id.clone(), now()));
                return Some(event);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Records an answer; `false` when no caller waits for it.
    fn answered(&self, request_id: &str, failed: bool, body: String) -> bool {
        let mut state = self.state();
        let place = state.underway.iter().position(|(id, _)| id == request_id);
        let Some(place) = place else { return false };
        let (request_id, handed_out) = state.underway.remove(place);
        state.answers.push(Answer {
            request_id,
            failed,
            body,
            took: now().saturating_duration_since(handed_out),
        });
        self.changed.notify_all();
        true
    }
}

/// Takes connections until the API is closed.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.state().closed {
            return;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A function that was ended leaves in the middle of a request.
            converse(&stream, &shared).unwrap_or_default();
        });
    }
}

/// Serves one connection to its end.
fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader)? {
        let Some(answer) = respond(&asked, shared) else {
            return Ok(());
        };
        let mut stream = stream;
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// The whole answer to a request; `None` when the API is closed.
fn respond(asked: &ReceivedRequest, shared: &Shared) -> Option<String> {
    let accepted = |taken: bool| {
        let status = if taken {
            "202 Accepted"
        } else {
            "400 Bad Request"
        };
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
    };
    let unknown = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned();
    let Some(rest) = asked.path.strip_prefix(INVOCATION) else {
        return Some(unknown);
    };
    Some(match (asked.method.as_str(), rest.split_once('/')) {
        ("GET", None) if rest == "next" => handed(&shared.next()?),
        ("POST", Some((id, "response"))) => {
            accepted(shared.answered(id, false, asked.body.clone()))
        }
        ("POST", Some((id, "error"))) => accepted(shared.answered(id, true, asked.body.clone())),
        _ => unknown,
    })
}

/// An event as it is delivered.
fn handed(event: &Event) -> String {
    let deadline = since_1970() + event.time_left;
    format!(
        "HTTP/1.1 200 OK\r\n\
         content-type: application/json\r\n\
         lambda-runtime-aws-request-id: {}\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:local\r\n\
         lambda-runtime-trace-id: Root=1-00000000-000000000000000000000000\r\n\
         content-length: {}\r\n\r\n{}",
        event.request_id,
        deadline.as_millis(),
        event.body.len(),
        event.body
    )
}

/// Reads one request; `None` at the end of the connection.
fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<ReceivedRequest>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (mut length, mut chunked) = (0, false);
    for _ in 0..HEAD_LINES_MAX {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(BODY_MAX + 1),
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let body = if chunked {
        read_chunks(reader)?
    } else {
        read_bytes(reader, length)?
    };
    let body = String::from_utf8(body).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Some(ReceivedRequest { method, path, body }))
}

/// Reads a body of known length.
fn read_bytes(reader: &mut BufReader<&TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    if length > BODY_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// Reads a body that comes in chunks.
fn read_chunks(reader: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size =
            usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if size + body.len() > BODY_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        body.extend(read_bytes(reader, size)?);
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Now, for measuring.
#[expect(
    clippy::disallowed_methods,
    reason = "measures a real process, whatever time the test plays with"
)]
fn now() -> Instant {
    Instant::now()
}

/// Now, as Lambda states a deadline.
#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a real process, whatever time the test plays with"
)]
fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
