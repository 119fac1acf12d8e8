//! Messages to a chat and to a mail server on this machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use halogard_app::ports::{ErrorCode, Messenger as _, NoticeMessage};
use halogard_domain::FailureClass;
use halogard_domain::notify::{ChatFormat, MailEncryption, MailPolicy};
use halogard_http::HttpClient;
use halogard_notices::{MessageSender, body_of};
use halogard_runtime::settings::{NotifySettings, OutboundSettings};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

fn message() -> NoticeMessage {
    NoticeMessage {
        title: "Halogard: 3 wait: <refused> & more".to_owned(),
        paragraphs: vec!["3 wait.".to_owned(), "What to do: look.".to_owned()],
        reference: "notice-0123456789abcdef".to_owned(),
    }
}

/// A sender with this address of the chat and this password.
fn sender(chat_url: Option<&str>, password: Option<&str>) -> MessageSender<HttpClient> {
    let secrets = NotifySettings {
        chat_url: chat_url.map(Into::into),
        mail_password: password.map(Into::into),
    };
    MessageSender::new(secrets, OutboundSettings::default()).unwrap()
}

/// A chat that gives one answer, and what it was sent.
async fn chat(status: &'static str, answer: &'static str) -> (String, JoinHandle<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/hooks/T0/secret-part",
        listener.local_addr().unwrap()
    );
    let posted = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let response = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(response.as_bytes()).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    });
    (url, posted)
}

#[tokio::test]
async fn a_chat_gets_the_form_that_it_takes() {
    for (format, status, answer) in [
        (ChatFormat::Slack, "200 OK", "ok"),
        (ChatFormat::Teams, "202 Accepted", ""),
    ] {
        let (url, posted) = chat(status, answer).await;
        let sender = sender(Some(&url), None);
        sender.post_to_chat(&message(), format).await.unwrap();
        assert_eq!(posted.await.unwrap(), body_of(&message(), format));
    }
    let slack = body_of(&message(), ChatFormat::Slack);
    assert_eq!(
        slack["text"],
        "Halogard: 3 wait: &lt;refused&gt; &amp; more\n\n3 wait.\n\nWhat to do: look.\n\nnotice-0123456789abcdef"
    );
    let teams = body_of(&message(), ChatFormat::Teams);
    let card = &teams["attachments"][0];
    assert_eq!(
        card["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    assert_eq!(card["content"]["type"], "AdaptiveCard");
    assert_eq!(
        card["content"]["body"][0]["text"],
        json!("Halogard: 3 wait: <refused> & more")
    );
}

#[tokio::test]
async fn what_a_chat_refuses_is_said_without_its_address() {
    for (status, answer, class, expected) in [
        (
            "404 Not Found",
            "no_service",
            FailureClass::Permanent,
            "the chat answered 404: no_service",
        ),
        (
            "403 Forbidden",
            r#"{"error":{"code":"x","message":"The workflow is turned off."}}"#,
            FailureClass::Permanent,
            "the chat answered 403: The workflow is turned off.",
        ),
        (
            "500 Internal Server Error",
            "rollup_error /hooks/T0/secret-part",
            FailureClass::Transient,
            "the chat answered 500: rollup_error",
        ),
        (
            "429 Too Many Requests",
            "",
            FailureClass::Throttled { retry_after: None },
            "the chat answered 429",
        ),
        (
            "301 Moved Permanently",
            "",
            FailureClass::Permanent,
            "the chat answered 301",
        ),
    ] {
        let (url, _posted) = chat(status, answer).await;
        let sender = sender(Some(&url), None);
        let sent = sender.post_to_chat(&message(), ChatFormat::Slack).await;
        let error = sent.unwrap_err();
        assert_eq!(error.class, class, "{status}");
        assert_eq!(error.code, ErrorCode::NoticeRefused);
        let said = error.message.unwrap();
        assert!(said.starts_with(expected), "{said}");
        assert!(!said.contains("secret-part"), "{said}");
    }
}

#[tokio::test]
async fn an_address_that_is_missing_or_open_to_others_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    for (url, code) in [
        (None, ErrorCode::NoticeUnconfigured),
        (
            Some("http://chat.example.com/secret"),
            ErrorCode::NoticeUnconfigured,
        ),
        (Some("hooks/secret"), ErrorCode::NoticeUnconfigured),
        (Some(closed.as_str()), ErrorCode::NoticeUnreachable),
    ] {
        let sender = sender(url, None);
        let sent = sender.post_to_chat(&message(), ChatFormat::Teams).await;
        let error = sent.unwrap_err();
        assert_eq!(error.code, code, "{url:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

/// A mail server without encryption that answers the recipient with `answer`, and what it was sent.
async fn mail_server(answer: &'static str) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let lines = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.example.com\r\n").await.unwrap();
        let (mut lines, mut is_text) = (Vec::new(), false);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                return lines;
            }
            let line = line.trim_end().to_owned();
            lines.push(line.clone());
            let reply = match line.split(' ').next() {
                _ if is_text => match line.as_str() {
                    "." => {
                        is_text = false;
                        "250 taken"
                    }
                    _ => continue,
                },
                Some("EHLO") => "250-mail.example.com\r\n250 AUTH PLAIN",
                Some("AUTH") => "235 welcome",
                Some("MAIL") => "250 ok",
                Some("RCPT") => answer,
                Some("DATA") => {
                    is_text = true;
                    "354 go on"
                }
                Some("QUIT") => "221 bye",
                _ => "250 ok",
            };
            let reply = format!("{reply}\r\n");
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return lines;
            }
        }
    });
    (port, lines)
}

fn mail(port: u16, username: Option<&str>) -> MailPolicy {
    MailPolicy {
        server: "127.0.0.1".to_owned(),
        port: Some(port),
        encryption: MailEncryption::None,
        username: username.map(str::to_owned),
        from: "halogard@example.com".to_owned(),
        to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
    }
}

#[tokio::test]
async fn a_mail_arrives_with_subject_text_and_recipients() {
    let (port, lines) = mail_server("250 ok").await;
    let sender = sender(None, Some("correct-horse"));
    let policy = mail(port, Some("halogard"));
    sender.send_mail(&message(), &policy).await.unwrap();
    let lines = lines.await.unwrap();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    for expected in [
        "AUTH PLAIN",
        "RCPT TO:<a@example.com>",
        "RCPT TO:<b@example.com>",
        "Subject: Halogard: 3 wait:",
        "Message-ID: <notice-0123456789abcdef@halogard.invalid>",
        "What to do: look.",
    ] {
        assert!(has(expected), "{expected}: {lines:#?}");
    }
}

#[tokio::test]
async fn what_a_mail_server_refuses_is_said() {
    for (answer, class) in [
        ("550 no such mailbox", FailureClass::Permanent),
        ("451 try later", FailureClass::Transient),
    ] {
        let (port, _lines) = mail_server(answer).await;
        let policy = mail(port, None);
        let error = sender(None, None).send_mail(&message(), &policy).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (class, ErrorCode::NoticeRefused),
            "{answer}"
        );
        let said = error.message.unwrap();
        assert!(said.contains(&answer[4..]), "{said}");
    }
}

#[tokio::test]
async fn a_mail_server_that_does_not_answer_is_named_with_its_port_and_the_keys_that_set_them() {
    // Nothing listens on the first port.
    let policy = mail(1, None);
    let error = sender(None, None).send_mail(&message(), &policy).await;
    let error = error.unwrap_err();
    assert_eq!(error.code, ErrorCode::NoticeUnreachable);
    let said = error.message.unwrap();
    assert!(said.starts_with("127.0.0.1:1: "), "{said}");
    let remedy = error.remedy.unwrap();
    assert!(
        remedy.contains("`server`") && remedy.contains("`port`"),
        "{remedy}"
    );
}

#[tokio::test]
async fn mail_that_anyone_could_read_or_without_its_password_is_not_sent() {
    let others = MailPolicy {
        server: "smtp.example.com".to_owned(),
        ..mail(25, None)
    };
    let without_password = mail(25, Some("halogard"));
    let no_address = MailPolicy {
        to: vec!["nothing".to_owned()],
        ..mail(25, None)
    };
    for policy in [others, without_password, no_address] {
        let error = sender(None, None).send_mail(&message(), &policy).await;
        let error = error.unwrap_err();
        assert_eq!(error.code, ErrorCode::NoticeUnconfigured);
        assert!(error.remedy.is_some());
    }
    // A server that offers no encryption is given nothing.
    let (port, lines) = mail_server("250 ok").await;
    let demanding = MailPolicy {
        encryption: MailEncryption::StartTls,
        ..mail(port, None)
    };
    let error = sender(None, None).send_mail(&message(), &demanding).await;
    assert!(error.is_err());
    let lines = lines.await.unwrap();
    assert!(
        !lines.iter().any(|line| line.starts_with("MAIL")),
        "{lines:?}"
    );
}
