//! What a rotation would tell people stands on the terminal already.

use halogard_app::ports::PortError;
use halogard_app::rotation::{Notice, NoticeKind, Notifier};

use crate::output;

/// Tells the person at the keyboard.
pub struct TerminalNotifier;

impl Notifier for TerminalNotifier {
    async fn notify(&self, notice: &Notice) -> Result<(), PortError> {
        match notice.kind {
            NoticeKind::ExpiresSoon | NoticeKind::OldKeyInUse => output::caution(&notice.text),
            // The command itself says so.
            NoticeKind::ActionRequired | NoticeKind::Failed => {}
        }
        Ok(())
    }
}
