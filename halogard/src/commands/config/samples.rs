//! `config test`: sample alerts against the config file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use halogard_operations::config_changes::{SamplesAnswer, run_samples};

use super::chosen;
use crate::page::{self, Cell, Mood, TextPage};

/// Options of `config test`.
#[derive(Clone, Debug, Args)]
pub struct TestOptions {
    /// A JSON file with sample alerts and what each must get.
    #[arg(value_name = "SAMPLES")]
    pub samples: PathBuf,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the samples. Asks no vendor and needs no store.
pub fn test(options: &TestOptions) -> anyhow::Result<ExitCode> {
    let config = halogard_config::load(&chosen(options.config.as_ref()))?;
    let file = options.samples.display();
    let samples = std::fs::read_to_string(&options.samples)
        .with_context(|| format!("{file} cannot be read"))?;
    let answer = run_samples(&samples, &config.policy).with_context(|| file.to_string())?;
    page::print(&answer, options.json, write)?;
    Ok(match answer.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Puts the answer on a page.
pub fn write(answer: &SamplesAnswer, page: &mut TextPage) {
    for sample in &answer.samples {
        let is_right = sample.differences.is_empty();
        let (word, mood) = match is_right {
            true => ("ok", Mood::Good),
            false => ("differs", Mood::Bad),
        };
        page.rows(
            &[],
            vec![vec![Cell::new(word, mood), sample.name.clone().into()]],
        );
        for difference in &sample.differences {
            page.line(format!("           {difference}"));
        }
    }
    page.line(format!(
        "{} samples get the expected ticket, {} do not",
        answer.passed, answer.failed
    ));
}
