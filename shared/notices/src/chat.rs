//! Posts to a chat.

use bytes::Bytes;
use halogard_app::ports::{ErrorCode, NoticeMessage, PortError};
use halogard_domain::FailureClass;
use halogard_domain::notify::ChatFormat;
use halogard_http::{Transport, TransportError};
use halogard_wire::RedactedMessage;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::{Host, Url};

use crate::unconfigured;

/// What to do about the address.
const REMEDY: &str = "copy the address of the incoming webhook from the chat, and store it with `halogard notify set \
                      chat-url`";

/// Posts `message` to the address `url`.
pub(crate) async fn post(
    transport: &impl Transport,
    url: Option<&SecretString>,
    message: &NoticeMessage,
    format: ChatFormat,
) -> Result<(), PortError> {
    let Some(url) = url else {
        return Err(unconfigured("the chat has no address", REMEDY));
    };
    let secret = url.expose_secret();
    let Some(address) = usable(secret) else {
        let wrong = "the chat's address does not begin with https:// and a host";
        return Err(unconfigured(wrong, REMEDY));
    };
    let body = Bytes::from(body_of(message, format).to_string());
    let request = Request::post(address.as_str())
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|_| unconfigured("the chat's address cannot be used", REMEDY))?;
    let answer = match transport.send(request).await {
        Ok(answer) => answer,
        Err(error) => {
            let class = match error {
                TransportError::NotSent { .. } => FailureClass::Transient,
                TransportError::NoAnswer { .. } | TransportError::TooLarge { .. } => {
                    FailureClass::InDoubt
                }
            };
            let failed = PortError::new(class, ErrorCode::NoticeUnreachable);
            return Err(failed.with_message(error.to_string()));
        }
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let class = match status {
        StatusCode::TOO_MANY_REQUESTS => FailureClass::Throttled { retry_after: None },
        status if status.is_server_error() => FailureClass::Transient,
        _ => FailureClass::Permanent,
    };
    let mut refused = PortError::new(class, ErrorCode::NoticeRefused);
    if class == FailureClass::Permanent {
        refused.remedy = Some(REMEDY);
    }
    let said = RedactedMessage::of_body(answer.body(), &[secret, address.path()], sentence);
    let said = said.map(|said| format!(": {}", said.as_str()));
    Err(refused.with_message(format!(
        "the chat answered {}{}",
        status.as_u16(),
        said.unwrap_or_default()
    )))
}

/// `url` if messages may be sent there: over https, or to this machine.
fn usable(url: &str) -> Option<Url> {
    let url = Url::parse(url.trim()).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    (url.scheme() == "https" || (url.scheme() == "http" && is_loopback)).then_some(url)
}

/// The sentence in the answer of Microsoft's Workflows.
fn sentence(answer: &Value) -> Option<String> {
    let sentence = answer.pointer("/error/message")?.as_str()?;
    Some(sentence.to_owned())
}

/// The body by which a chat of `format` takes `message`.
#[must_use]
pub fn body_of(message: &NoticeMessage, format: ChatFormat) -> Value {
    match format {
        // The card that Teams' Workflows post for "When a Teams webhook request is received".
        ChatFormat::Teams => {
            let block = |text: &str| json!({"type": "TextBlock", "text": text, "wrap": true});
            let mut body = vec![json!({
                "type": "TextBlock",
                "text": message.title,
                "wrap": true,
                "weight": "Bolder",
                "size": "Medium",
            })];
            body.extend(message.paragraphs.iter().map(|it| block(it)));
            body.push(json!({
                "type": "TextBlock",
                "text": message.reference,
                "wrap": true,
                "isSubtle": true,
                "size": "Small",
            }));
            json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": body,
                    },
                }],
            })
        }
        // An incoming webhook's `text`. Markup is switched off: names of alerts come from other systems.
        ChatFormat::Slack => {
            let mut text = escaped(&message.title);
            for paragraph in &message.paragraphs {
                text.push_str("\n\n");
                text.push_str(&escaped(paragraph));
            }
            text.push_str(&format!("\n\n{}", message.reference));
            json!({"text": text, "mrkdwn": false, "unfurl_links": false})
        }
    }
}

/// Text in which Slack sees no link, mention or other control sequence.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
