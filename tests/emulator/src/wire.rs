//! The one kind of request we send ourselves: no body there, a short body back.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Time for one answer. The emulator answers these from memory; a busy machine may take a while.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 4096;

/// Sends `method` for `path` to `port` on loopback; the body, if the status is 200.
pub fn ask(port: u16, method: &str, path: &str) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    body_of(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, answer.clone()))
}

/// The body of a good `answer`, whether it came in one piece or in chunks.
fn body_of(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split(' ').nth(1) != Some("200") {
        return None;
    }
    if !head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return Some(body.to_owned());
    }
    let mut whole = String::new();
    let mut rest = body;
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::body_of;

    #[test]
    fn a_body_is_read_in_one_piece_and_in_chunks() {
        let plain = "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nabcde";
        let chunked =
            "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for answer in [plain, chunked] {
            assert_eq!(body_of(answer).as_deref(), Some("abcde"));
        }
    }

    #[test]
    fn a_bad_answer_has_no_body() {
        let cut = "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc";
        for answer in ["", "nonsense\r\n\r\nabc", "HTTP/1.1 404 \r\n\r\nabc", cut] {
            assert_eq!(body_of(answer), None);
        }
    }
}
