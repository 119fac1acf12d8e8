//! Requests through a proxy.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use bytes::Bytes;
use halogard_http::tls::web_roots;
use halogard_http::{HttpClient, HttpClientSettings, HttpProxy, Transport as _};
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A server that answers every request with 200 and reports the first line of each.
async fn server() -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (report, reports) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap() == 0 {
                    break;
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let line = head.lines().next().unwrap_or_default().to_owned();
            report.send(line).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
        }
    });
    (port, reports)
}

async fn get(client: &HttpClient, url: &str) -> bool {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    client.send(request).await.is_ok()
}

#[tokio::test]
async fn other_machines_are_reached_through_the_proxy_and_this_one_and_exceptions_are_not() {
    let (proxy_port, mut at_proxy) = server().await;
    let (own_port, mut at_own) = server().await;
    let settings = HttpClientSettings {
        proxy: Some(HttpProxy {
            url: format!("http://127.0.0.1:{proxy_port}"),
            except: ".inside.invalid".to_owned(),
        }),
        ..HttpClientSettings::default()
    };
    let client = HttpClient::new(web_roots(), &settings).unwrap();

    assert!(get(&client, "http://halopsa.invalid/api/Status").await);
    let line = at_proxy.recv().await.unwrap();
    assert_eq!(line, "GET http://halopsa.invalid/api/Status HTTP/1.1");
    // Through TLS the proxy only connects; it sees no path, which may hold a secret.
    assert!(!get(&client, "https://halopsa.invalid/api/Status").await);
    let line = at_proxy.recv().await.unwrap();
    assert_eq!(line, "CONNECT halopsa.invalid:443 HTTP/1.1");

    assert!(get(&client, &format!("http://127.0.0.1:{own_port}/here")).await);
    assert_eq!(at_own.recv().await.unwrap(), "GET /here HTTP/1.1");
    assert!(!get(&client, "http://halopsa.inside.invalid/").await);
    assert!(at_proxy.try_recv().is_err());
}

#[test]
fn the_address_of_a_proxy_may_hold_a_password_and_is_not_shown() {
    let proxy = HttpProxy {
        url: "http://user:planted-password@proxy.example:3128".to_owned(),
        except: String::new(),
    };
    assert!(!format!("{proxy:?}").contains("planted"));
    let wrong = HttpProxy {
        url: "http://user:planted-password@proxy example:3128".to_owned(),
        except: String::new(),
    };
    let settings = HttpClientSettings {
        proxy: Some(wrong),
        ..HttpClientSettings::default()
    };
    let error = HttpClient::new(web_roots(), &settings).unwrap_err();
    let mut shown = format!("{error:?} {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        shown.push_str(&next.to_string());
        cause = next.source();
    }
    assert!(!shown.contains("planted"), "{shown}");
}
