//! Which vendors answer, as sync cycles see it.

use halogard_domain::contact::VendorContacts;
use halogard_domain::vendor::Vendor;
use tracing::debug;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, PortError, SaveError};
use crate::reconciler::Reconciler;

impl<E: Env> Reconciler<E> {
    /// Records which vendors answer, where that has changed. `None` was not asked, and a failure that is not
    /// the vendor's says nothing about it.
    pub(crate) async fn observe_contacts(
        &self,
        answers: &[(Vendor, Option<Result<(), &PortError>>)],
    ) {
        let answers = answers.iter().filter_map(|(vendor, answer)| {
            let answer = (*answer)?;
            let failure = answer.err().map(|error| error.code);
            let is_of_vendor = failure.is_none_or(|code| is_failure_of(*vendor, code));
            is_of_vendor.then_some((*vendor, answer))
        });
        let answers: Vec<_> = answers.collect();
        if answers.is_empty() {
            return;
        }
        // If that fails, the next cycle records it.
        if let Err(error) = self.save_contacts(&answers).await {
            debug!(%error, "whether a vendor answers could not be recorded");
        }
    }

    /// Saves which vendors answer, where that differs from what this process knows of the store.
    async fn save_contacts(
        &self,
        answers: &[(Vendor, Result<(), &PortError>)],
    ) -> Result<(), SaveError> {
        let now = self.clock.now();
        let observe = |contacts: &mut VendorContacts| {
            for (vendor, answer) in answers {
                let contact = contacts.of_mut(*vendor);
                match answer {
                    Ok(()) => contact.observe_answer(now),
                    Err(error) => {
                        contact.observe_failure(now, error.code.as_str(), &error.chain());
                    }
                }
            }
        };
        self.contacts.update(&self.store, observe).await
    }
}

/// Whether a failure with `code` says that `vendor` gives no useful answer. One that asks for fewer requests
/// answers.
fn is_failure_of(vendor: Vendor, code: ErrorCode) -> bool {
    if matches!(
        code,
        ErrorCode::HalopsaThrottled | ErrorCode::LiongardThrottled | ErrorCode::HalopsaShortList
    ) {
        return false;
    }
    match code {
        // Without its credential no vendor is asked.
        ErrorCode::CredentialsUnavailable
        | ErrorCode::SecretMissing
        | ErrorCode::SecretUnavailable
        | ErrorCode::SecretUnusable => true,
        other => other.vendor() == Some(vendor),
    }
}
