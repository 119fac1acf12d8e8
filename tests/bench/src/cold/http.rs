//! As much HTTP/1.1 as the stand-ins need: requests with a stated length, on connections that stay open.

use std::io::{self, Read, Write};

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// One request.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A connection and what was read from it beyond the last request.
pub struct Connection<S> {
    stream: S,
    ahead: Vec<u8>,
}

impl<S: Read + Write> Connection<S> {
    /// Takes over `stream`.
    pub const fn new(stream: S) -> Self {
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    /// Reads one request; none when the other side has closed.
    ///
    /// # Errors
    ///
    /// What comes is not a request of the kind that is understood here.
    pub fn read(&mut self) -> io::Result<Option<Request>> {
        let Some(head_end) = self.read_head()? else {
            return Ok(None);
        };
        let head: Vec<u8> = self.ahead.drain(..head_end).collect();
        let head = String::from_utf8(head).map_err(|_| malformed("a head that is not text"))?;
        let mut request = parse_head(&head)?;
        let length = match request.header("content-length") {
            Some(length) => length.parse().map_err(|_| malformed("a wrong length"))?,
            None if request.header("transfer-encoding").is_some() => {
                return Err(malformed("a body without a stated length"));
            }
            None => 0,
        };
        while self.ahead.len() < length {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        request.body = self.ahead.drain(..length).collect();
        Ok(Some(request))
    }

    /// Writes an answer in one piece.
    ///
    /// # Errors
    ///
    /// The other side is gone.
    pub fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let mut answer = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend_from_slice(body);
        self.stream.write_all(&answer)?;
        self.stream.flush()
    }

    /// Reads until a whole head is there, and says where it ends.
    fn read_head(&mut self) -> io::Result<Option<usize>> {
        loop {
            let end = self.ahead.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                return Ok(Some(end + 4));
            }
            if self.ahead.len() > HEAD_BYTES_MAX {
                return Err(malformed("a head that does not end"));
            }
            if self.fill()? == 0 {
                return match self.ahead.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads what there is, and says how much it was.
    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let count = match self.stream.read(&mut piece) {
            Ok(count) => count,
            // A process that was ended does not say goodbye, neither to TCP nor to TLS.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
                ) =>
            {
                0
            }
            Err(error) => return Err(error),
        };
        self.ahead
            .extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Reads the request line and the headers.
fn parse_head(head: &str) -> io::Result<Request> {
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (first.next(), first.next()) else {
        return Err(malformed("no request line"));
    };
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: Vec::new(),
    })
}

/// An error that says what was wrong.
fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
