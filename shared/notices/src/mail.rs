//! Mail over SMTP.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use halogard_app::ports::{ErrorCode, NoticeMessage, PortError};
use halogard_domain::FailureClass;
use halogard_domain::notify::{MailEncryption, MailPolicy};
use halogard_domain::render::truncate;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use crate::unconfigured;

/// How long each step of a delivery may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// The port of encrypted submission (RFC 8314).
const TLS_PORT: u16 = 465;

/// The port of submission (RFC 6409).
const SUBMISSION_PORT: u16 = 587;

/// The port of a server on this machine.
const PLAIN_PORT: u16 = 25;

/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 150;

/// Mails `message` as `policy` says. Certificates in `ca_file` are trusted beside the public ones.
pub(crate) async fn send(
    message: &NoticeMessage,
    policy: &MailPolicy,
    password: Option<&SecretString>,
    ca_file: Option<&Path>,
) -> Result<(), PortError> {
    let mail = mail(message, policy)?;
    let server = &policy.server;
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server);
    let port = policy.port.unwrap_or(match policy.encryption {
        MailEncryption::Tls => TLS_PORT,
        MailEncryption::StartTls => SUBMISSION_PORT,
        MailEncryption::None => PLAIN_PORT,
    });
    let builder = builder.port(port);
    let builder = match policy.encryption {
        MailEncryption::Tls => builder.tls(Tls::Wrapper(tls(server, ca_file)?)),
        MailEncryption::StartTls => builder.tls(Tls::Required(tls(server, ca_file)?)),
        MailEncryption::None if is_this_machine(server) => builder,
        MailEncryption::None => {
            return Err(unconfigured(
                "mail without encryption goes to this machine only",
                "set `encryption` in [notify.mail] to \"starttls\" or \"tls\"",
            ));
        }
    };
    let builder = match (&policy.username, password) {
        (Some(username), Some(password)) => builder.credentials(Credentials::new(
            username.clone(),
            password.expose_secret().to_owned(),
        )),
        (Some(_), None) => {
            return Err(unconfigured(
                "the mail account has no password",
                "store it with `halogard notify set mail-password`, or leave `username` out",
            ));
        }
        (None, _) => builder,
    };
    let transport: AsyncSmtpTransport<Tokio1Executor> = builder.timeout(Some(STEP_TIMEOUT)).build();
    let sent = transport.send(mail).await;
    sent.map_err(|error| failed(&error, &format!("{server}:{port}")))?;
    Ok(())
}

/// What is sent.
fn mail(message: &NoticeMessage, policy: &MailPolicy) -> Result<Message, PortError> {
    let mailbox = |address: &str| {
        address.parse::<Mailbox>().map_err(|_| {
            unconfigured(
                &format!("`{address}` is no mail address"),
                "correct it in [notify.mail]",
            )
        })
    };
    let subject = truncate(&message.title, SUBJECT_CHARS_MAX);
    // Mail programs show a message that came twice once.
    let id = format!("<{}@halogard.invalid>", message.reference);
    let mut builder = Message::builder()
        .from(mailbox(&policy.from)?)
        .subject(subject.replace(['\r', '\n'], " "))
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN);
    for address in &policy.to {
        builder = builder.to(mailbox(address)?);
    }
    let text = format!(
        "{}\n\n{}\n",
        message.paragraphs.join("\n\n"),
        message.reference
    );
    builder
        .body(text)
        .map_err(|_| unconfigured("[notify.mail] names no recipient", "name one in `to`"))
}

/// How the connection to `server` is encrypted.
fn tls(server: &str, ca_file: Option<&Path>) -> Result<TlsParameters, PortError> {
    let remedy = "name a PEM file of certificates in HALOGARD_CA_FILE, and the server by its name in [notify.mail]";
    let unusable = || unconfigured("the mail server's certificate cannot be checked", remedy);
    let mut builder =
        TlsParameters::builder(server.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    if let Some(file) = ca_file {
        let pem = std::fs::read(file).map_err(|_| unusable())?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| unusable())?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|_| unusable())
}

/// Whether `server` is this machine.
fn is_this_machine(server: &str) -> bool {
    server == "localhost"
        || server
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Why the mail server at `address` did not take the mail.
fn failed(error: &lettre::transport::smtp::Error, address: &str) -> PortError {
    let (class, code) = if error.is_permanent() {
        (FailureClass::Permanent, ErrorCode::NoticeRefused)
    } else if error.is_transient() {
        (FailureClass::Transient, ErrorCode::NoticeRefused)
    } else {
        (FailureClass::Transient, ErrorCode::NoticeUnreachable)
    };
    let mut said = format!("{address}: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        said.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let said = halogard_wire::RedactedMessage::of_text(&said, &[]);
    let said = said.map_or_else(
        || "the mail server did not take it".to_owned(),
        |said| said.as_str().to_owned(),
    );
    let mut failed = PortError::new(class, code).with_message(said);
    if code == ErrorCode::NoticeUnreachable {
        failed.remedy = Some(
            "check `server` and `port` in [notify.mail]; without `port` it is 587, with `encryption = \"tls\"` 465, with \
             \"none\" 25",
        );
    }
    failed
}
