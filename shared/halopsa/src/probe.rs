//! The probe of HaloPSA's dialect: a short list of harmless reads, and what their answers say of each fact that
//! the documents leave open.
//!
//! Asking and judging are apart: `answers` sends, `facts` is the table, `readings` are its pure functions.

mod answers;
mod facts;
mod readings;

use halogard_app::ports::{Clock, DialectProbe, RequestBudget};
use halogard_domain::dialect::{DialectReport, FactOutline, ProbeFindings, REFERENCE};
use halogard_http::Transport;

use crate::service_desk::HaloServiceDesk;
use crate::wire::TeamRow;
use answers::DeskAnswers;
use facts::FACTS;

/// The fact that decides how closed tickets are asked for.
const CLOSED_IN_LISTS: &str = "whether a plain list holds closed tickets";

/// What the probe can show of every fact that HaloPSA's documents leave open.
pub fn uncertain_facts() -> impl Iterator<Item = FactOutline> {
    FACTS.iter().map(|known| known.outline())
}

impl<T: Transport, B: RequestBudget, C: Clock> DialectProbe for HaloServiceDesk<T, B, C> {
    async fn probe(&self) -> ProbeFindings {
        let seen = Box::pin(DeskAnswers::read(self.client(), self.application())).await;
        let teams = self.client().teams().await.unwrap_or_default();
        let teams = teams.iter().filter_map(TeamRow::numbered);
        ProbeFindings {
            facts: FACTS.iter().map(|known| known.reading_in(&seen)).collect(),
            teams: teams.map(|(name, id)| (name.to_owned(), id)).collect(),
        }
    }

    async fn build(&self) -> Option<String> {
        let info = self.client().instance_info().await.ok()?;
        info.build().map(str::to_owned)
    }

    fn follow(&self, report: &DialectReport) {
        let teams = report.teams.iter().map(|(name, id)| (name.as_str(), *id));
        self.team_numbers().learn(teams);
        match report.reading_of(CLOSED_IN_LISTS) {
            Some(REFERENCE) => self.expect_closed_in_lists(),
            Some(_) => self.client().learn_that_closed_are_hidden(),
            None => {}
        }
    }
}
