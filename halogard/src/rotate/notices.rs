//! What a rotation would tell people stands on the terminal already.

use halogard_app::ports::PortError;
use halogard_app::rotate::{Notice, NoticeKind, Notices};

use crate::output;

/// Tells the person at the keyboard.
pub struct OnTerminal;

impl Notices for OnTerminal {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        match notice.kind {
            NoticeKind::ExpiresSoon | NoticeKind::OldStillUsed => output::caution(&notice.text),
            // The command itself says so.
            NoticeKind::PersonNeeded | NoticeKind::Failed => {}
        }
        Ok(())
    }
}
