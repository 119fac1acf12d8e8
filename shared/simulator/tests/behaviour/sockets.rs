//! On a real socket: broken answers, and deliveries over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use halogard_simulator::halopsa::{WebhookAuth, WebhookSpec, deliver_webhooks};
use halogard_simulator::{Fault, HaloPsa, ServerHandle, SimHaloSettings, SystemSimClock, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A tenant on a socket of its own.
async fn on_a_socket() -> (HaloPsa, ServerHandle) {
    let halo = HaloPsa::new(SimHaloSettings::default(), Arc::new(SystemSimClock), 7);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = serve(halo.router(), listener).unwrap();
    (halo, server)
}

/// Everything the server says to one request before it hangs up.
async fn said(server: &ServerHandle, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        server.address()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    // A reset after the first half is as good an end as any.
    while let Ok(count @ 1..) = stream.read_buf(&mut received).await {
        assert!(count > 0);
    }
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test]
async fn a_lost_answer_is_not_a_single_byte() {
    let (halo, server) = on_a_socket().await;
    halo.faults().next("GET /authinfo", Fault::DropResponse);
    assert_eq!(said(&server, "/api/authinfo").await, "");
    assert!(said(&server, "/api/authinfo").await.contains("auth_url"));
}

#[tokio::test]
async fn half_a_body_arrives_under_the_whole_bodys_length() {
    let (halo, server) = on_a_socket().await;
    let whole = said(&server, "/api/authinfo").await;
    halo.faults().next("GET /authinfo", Fault::TruncatedBody);
    let half = said(&server, "/api/authinfo").await;
    let body = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(half.starts_with("HTTP/1.1 200 OK"));
    assert!(
        half.contains(&format!("content-length: {}", body(&whole).len())),
        "{half}"
    );
    assert_eq!(body(&half).len(), body(&whole).len() / 2);
}

#[tokio::test]
async fn a_dropped_handle_closes_the_socket() {
    let (_halo, server) = on_a_socket().await;
    let address = server.address();
    drop(server);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn deliveries_are_posted_and_their_results_logged() {
    let (halo, _server) = on_a_socket().await;
    let (received, mut deliveries) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Router::new().route(
        "/hook",
        post(move |body: String| async move {
            received.send(body).unwrap();
            http::StatusCode::ACCEPTED
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = serve(receiver, listener).unwrap();
    let id = halo.register_webhook(&WebhookSpec::to(
        &format!("{}/hook", receiver.base_url()),
        WebhookAuth::None,
    ));
    halo.bind_all_events(&id).unwrap();
    halo.emit_event(1102, 21);
    // The receiver is plain HTTP; the client wants some provider all the same.
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(no_tls())
        .build()
        .unwrap();
    let delivering = tokio::spawn(deliver_webhooks(halo.clone(), client));
    let body = deliveries.recv().await.unwrap();
    assert!(body.contains("site updated"));
    while !halo.deliveries()[0].delivered {
        tokio::task::yield_now().await;
    }
    assert_eq!(halo.deliveries()[0].response_status, Some(202));
    delivering.abort();
}

/// A TLS set-up that trusts no certificate.
fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
