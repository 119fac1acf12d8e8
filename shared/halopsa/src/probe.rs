//! The probe of HaloPSA's dialect: a short list of harmless reads, and what their answers say of each fact that
//! the documents leave open.
//!
//! Reading and judging are apart: `answers` sends, `facts` is a table of pure functions.

mod answers;
mod facts;

use halogard_app::ports::{Clock, DialectProbe, RequestBudget};
use halogard_domain::dialect::{FactOutline, FactReading};
use halogard_http::Transport;

use crate::service_desk::HaloServiceDesk;
use answers::DeskAnswers;
use facts::FACTS;

/// What the probe can show of every fact that HaloPSA's documents leave open.
pub fn uncertain_facts() -> impl Iterator<Item = FactOutline> {
    FACTS.iter().map(|known| known.outline())
}

impl<T: Transport, B: RequestBudget, C: Clock> DialectProbe for HaloServiceDesk<T, B, C> {
    async fn probe(&self) -> Vec<FactReading> {
        let seen = DeskAnswers::read(self.client(), self.application()).await;
        FACTS.iter().map(|known| known.reading_in(&seen)).collect()
    }
}
