//! `config test`: sample alerts against a config, without a store and without a vendor.

use halogard_domain::Policy;
use serde::{Deserialize, Serialize};

use crate::route::{RouteAnswer, SampleAlert, route};

/// The word for an alert that gets no ticket.
const NO_TICKET: &str = "none";

/// A file of samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleFile {
    samples: Vec<SampleCase>,
}

/// An alert, and what it must get.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleCase {
    /// What the sample shows; its place in the file if absent.
    #[serde(default)]
    name: String,
    alert: SampleAlert,
    expect: Expectation,
}

/// What an alert must get. What is absent may be anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    /// The template; `none` for no ticket.
    template: Option<String>,
    client: Option<u64>,
    site: Option<u64>,
    ticket_type: Option<u64>,
    team: Option<String>,
    agent: Option<u64>,
    priority: Option<u64>,
    status: Option<u64>,
    title: Option<String>,
}

/// The answer of `config test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SamplesAnswer {
    /// How many samples get what they must.
    pub passed: usize,
    /// How many do not.
    pub failed: usize,
    /// The samples, in the order of the file.
    pub samples: Vec<SampleResult>,
}

/// The result of a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SampleResult {
    /// The sample.
    pub name: String,
    /// What the alert gets and must not, one line for each; empty when it gets what it must.
    pub differences: Vec<String>,
}

/// Why a file holds no samples.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// It is not JSON of this form.
    #[error(
        "the samples are JSON as {{\"samples\": [{{\"name\": \"...\", \"alert\": {{\"environment\": 8801, \"rule\": \
         \"...\"}}, \"expect\": {{\"template\": \"default\"}}}}]}}"
    )]
    Form(#[from] serde_json::Error),
    /// It has none.
    #[error("the file has no sample")]
    Empty,
}

/// Compares what the alerts of `file` get under `policy` with what they must.
///
/// # Errors
///
/// The file holds no samples.
pub fn run_samples(file: &str, policy: &Policy) -> Result<SamplesAnswer, SamplesError> {
    let file: SampleFile = serde_json::from_str(file)?;
    if file.samples.is_empty() {
        return Err(SamplesError::Empty);
    }
    let numbered = (1..).zip(file.samples);
    let samples: Vec<SampleResult> = numbered
        .map(|(place, sample): (usize, SampleCase)| {
            let answer = route(&sample.alert.alert(), policy);
            SampleResult {
                name: match sample.name.as_str() {
                    "" => format!("sample {place}"),
                    name => name.to_owned(),
                },
                differences: sample.expect.differences(&answer),
            }
        })
        .collect();
    let failed = samples.iter().filter(|it| !it.differences.is_empty());
    let failed = failed.count();
    Ok(SamplesAnswer {
        passed: samples.len() - failed,
        failed,
        samples,
    })
}

impl Expectation {
    /// What `answer` has and must not.
    fn differences(&self, answer: &RouteAnswer) -> Vec<String> {
        let Some(ticket) = &answer.ticket else {
            let is_expected = self.template.as_deref() == Some(NO_TICKET);
            let why = answer.no_ticket.map_or("no reason", |it| it.as_str());
            return match is_expected {
                true => Vec::new(),
                false => vec![format!("no ticket ({why})")],
            };
        };
        if self.template.as_deref() == Some(NO_TICKET) {
            return vec![format!(
                "a ticket by template {}, where none is expected",
                ticket.template
            )];
        }
        let number = |it: u64| it.to_string();
        let rows = [
            (
                "template",
                self.template.clone(),
                Some(ticket.template.clone()),
            ),
            (
                "client",
                self.client.map(number),
                Some(ticket.client.to_string()),
            ),
            (
                "site",
                self.site.map(number),
                ticket.site.map(|it| it.to_string()),
            ),
            (
                "ticket_type",
                self.ticket_type.map(number),
                Some(ticket.ticket_type.to_string()),
            ),
            ("team", self.team.clone(), ticket.team.clone()),
            (
                "agent",
                self.agent.map(number),
                ticket.technician.map(|it| it.to_string()),
            ),
            (
                "priority",
                self.priority.map(number),
                ticket.priority.map(|it| it.to_string()),
            ),
            (
                "status",
                self.status.map(number),
                Some(ticket.status.to_string()),
            ),
            ("title", self.title.clone(), Some(ticket.summary.clone())),
        ];
        let rows = rows.into_iter();
        rows.filter_map(|(name, wanted, got)| {
            let wanted = wanted.filter(|wanted| got.as_ref() != Some(wanted))?;
            let got = got.unwrap_or_else(|| "HaloPSA's choice".to_owned());
            Some(format!("{name} is {got}, where {wanted} is expected"))
        })
        .collect()
    }
}
