#![doc = include_str!("../README.md")]

mod chat;
mod mail;

use halogard_app::ports::{ErrorCode, Messenger, NoticeMessage, PortError};
use halogard_domain::FailureClass;
use halogard_domain::notify::{ChatFormat, MailPolicy};
use halogard_http::{HttpClient, Transport};
use halogard_runtime::settings::{NotifySettings, OutboundSettings};
use halogard_vendors::VendorsError;

pub use chat::body_of;

/// Sends messages by chat and by mail.
pub struct MessageSender<T> {
    transport: T,
    secrets: NotifySettings,
    outbound: OutboundSettings,
}

impl MessageSender<HttpClient> {
    /// A sender with `secrets`, over the network as `outbound` says.
    ///
    /// # Errors
    ///
    /// [`VendorsError`] names the setting that cannot be used.
    pub fn new(secrets: NotifySettings, outbound: OutboundSettings) -> Result<Self, VendorsError> {
        let transport = halogard_vendors::http_client(&outbound)?;
        Ok(Self::over(transport, secrets, outbound))
    }
}

impl<T: Transport> MessageSender<T> {
    /// The same over `transport`.
    pub const fn over(transport: T, secrets: NotifySettings, outbound: OutboundSettings) -> Self {
        Self {
            transport,
            secrets,
            outbound,
        }
    }
}

impl<T: Transport> Messenger for MessageSender<T> {
    async fn post_to_chat(
        &self,
        message: &NoticeMessage,
        format: ChatFormat,
    ) -> Result<(), PortError> {
        chat::post(
            &self.transport,
            self.secrets.chat_url.as_ref(),
            message,
            format,
        )
        .await
    }

    async fn send_mail(
        &self,
        message: &NoticeMessage,
        policy: &MailPolicy,
    ) -> Result<(), PortError> {
        let password = self.secrets.mail_password.as_ref();
        mail::send(message, policy, password, self.outbound.ca_file.as_deref()).await
    }
}

/// The channel is not set up; `wrong` says how, `remedy` what to do.
fn unconfigured(wrong: &str, remedy: &'static str) -> PortError {
    let mut error = PortError::new(FailureClass::Permanent, ErrorCode::NoticeUnconfigured);
    error.remedy = Some(remedy);
    error.with_message(wrong)
}
