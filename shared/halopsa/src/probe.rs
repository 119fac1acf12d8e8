//! The probe of HaloPSA's dialect: a short list of harmless reads, and what their answers say of each fact that
//! the documents leave open.
//!
//! Reading and judging are apart: `observations` sends, `facts` is a table of pure functions.

mod facts;
mod observations;

use halogard_app::ports::{Clock, DialectProbe, RequestBudget};
use halogard_domain::dialect::{FactReading, Seen};
use halogard_http::Transport;

use crate::service_desk::HaloServiceDesk;
use facts::{FACTS, Judgement};
use observations::Observations;

/// A fact that HaloPSA's documents leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UncertainFact {
    /// The fact.
    pub fact: &'static str,
    /// Whether harmless reads show it.
    pub is_read: bool,
    /// When they cannot, or what else would show it.
    pub otherwise: &'static str,
}

/// Every fact that HaloPSA's documents leave open.
pub fn uncertain_facts() -> impl Iterator<Item = UncertainFact> {
    FACTS.iter().map(|known| UncertainFact {
        fact: known.fact,
        is_read: matches!(known.judgement, Judgement::Read(_)),
        otherwise: known.otherwise,
    })
}

/// What `seen` says of every fact.
fn judge(seen: &Observations) -> Vec<FactReading> {
    let readings = FACTS.iter().map(|known| {
        let reading = match known.judgement {
            Judgement::Read(judge) => judge(seen),
            Judgement::NotRead => None,
        };
        FactReading {
            fact: known.fact.into(),
            source: known.source.into(),
            seen: match reading {
                Some((reading, meaning)) => Seen::As {
                    reading: reading.into(),
                    meaning: meaning.into(),
                },
                None => Seen::CannotTell {
                    why: known.otherwise.into(),
                },
            },
        }
    });
    readings.collect()
}

impl<T: Transport, B: RequestBudget, C: Clock> DialectProbe for HaloServiceDesk<T, B, C> {
    async fn probe(&self) -> Vec<FactReading> {
        let seen = Observations::read(self.client(), self.application()).await;
        judge(&seen)
    }
}
