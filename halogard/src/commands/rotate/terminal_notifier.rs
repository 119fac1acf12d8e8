//! Prints the notices of a rotation on the terminal.

use halogard_app::ports::PortError;
use halogard_credentials::rotation::{Notice, NoticeKind, Notifier};

use crate::output;

/// Prints notices for the operator.
pub struct TerminalNotifier;

impl Notifier for TerminalNotifier {
    async fn notify(&self, notice: &Notice) -> Result<(), PortError> {
        match notice.kind {
            NoticeKind::ExpiresSoon | NoticeKind::OldKeyInUse => output::caution(&notice.text),
            // The command itself reports these.
            NoticeKind::ActionRequired | NoticeKind::Failed => {}
        }
        Ok(())
    }
}
