//! `route`: which ticket an alert would get, and why.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use halogard_app::Store;
use halogard_app::ports::AlertSource as _;
use halogard_domain::ids::AlertId;
use halogard_operations::route::{self, RouteAnswer, SampleAlert};
use halogard_operations::subject::Subject;
use halogard_runtime::settings::SettingValues;

use crate::opened_store::{self, MissingStore, OpenedStore, StoreCommand, StoreOptions};
use crate::page::{self, Mood, TextPage};

/// Options of `route`.
#[derive(Clone, Debug, Args)]
pub struct RouteOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
    /// An alert in Liongard, as 7586 or LG-7586, or a JSON file with `environment`, and, as far as wanted,
    /// `inspector`, `rule`, `priority` and `name`.
    #[arg(long, value_name = "FILE|ID")]
    pub alert: String,
}

/// Runs the command.
pub async fn run(options: &RouteOptions) -> anyhow::Result<ExitCode> {
    let answer = match alert_named(&options.alert) {
        Some(alert) => {
            let ask = AskLiongard(alert);
            opened_store::run_where(&options.store, MissingStore::Imagined, ask).await?
        }
        None => of_file(options).await?,
    };
    page::print(&answer, options.store.json, write_page)?;
    Ok(ExitCode::SUCCESS)
}

/// The alert that `name` names, if it names no file.
fn alert_named(name: &str) -> Option<AlertId> {
    let is_file = || {
        let path = Path::new(name);
        path.exists() || path.extension().is_some_and(|it| it == "json")
    };
    match name.parse() {
        Ok(Subject::Alert(alert)) if name.parse::<u64>().is_ok() || !is_file() => Some(alert),
        _ => None,
    }
}

/// Routes an alert that was made up. On this machine it needs the config file and nothing else.
async fn of_file(options: &RouteOptions) -> anyhow::Result<RouteAnswer> {
    let file = &options.alert;
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{file} is neither the id of an alert nor a readable file"))?;
    let sample: SampleAlert =
        serde_json::from_str(&text).with_context(|| format!("{file} describes no alert"))?;
    let policy = match &options.store.stack {
        Some(_) => opened_store::run(&options.store, ReadPolicy).await?,
        None => {
            let named = options.store.config.clone();
            let config = named.unwrap_or_else(|| SettingValues::process().config_file());
            halogard_config::load(&config)?.policy
        }
    };
    Ok(route::route(&sample.alert(), &policy))
}

/// Reads the configured policy.
struct ReadPolicy;

impl StoreCommand for ReadPolicy {
    type Output = halogard_domain::Policy;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        opened.configured_policy().await
    }
}

/// Routes an alert of Liongard's.
struct AskLiongard(AlertId);

impl StoreCommand for AskLiongard {
    type Output = RouteAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<RouteAnswer> {
        let policy = opened.configured_policy().await?;
        let liongard = opened.vendors().await?.source;
        let alert = liongard.read(self.0).await?;
        let alert = alert.with_context(|| format!("Liongard has no alert {}", self.0))?;
        let mut answer = route::route(&alert, &policy);
        answer.rules_without_rule = route::rules_without_rule(&liongard, &policy).await?;
        Ok(answer)
    }
}

/// Puts the answer on a page.
pub fn write_page(answer: &RouteAnswer, page: &mut TextPage) {
    for rule in &answer.rules {
        let unmet: Vec<&str> = rule.unmet.iter().map(|it| it.as_str()).collect();
        let verdict = match unmet.is_empty() {
            true => page::Cell::new("matches", Mood::Good),
            false => page::Cell::new(format!("does not match: {}", unmet.join(", ")), Mood::Dim),
        };
        let template = rule.template.as_deref().unwrap_or("none");
        let row = vec![format!("rule {} ({template})", rule.place).into(), verdict];
        page.rows(&[], vec![row]);
    }
    if let Some(ticket) = &answer.ticket {
        let or_halopsa =
            |text: Option<String>| text.unwrap_or_else(|| "HaloPSA chooses".to_owned());
        let rows = [
            ("template", ticket.template.clone()),
            ("client", ticket.client.to_string()),
            ("site", or_halopsa(ticket.site.map(|it| it.to_string()))),
            ("type", ticket.ticket_type.to_string()),
            ("team", or_halopsa(ticket.team.clone())),
            (
                "agent",
                or_halopsa(ticket.technician.map(|it| it.to_string())),
            ),
            (
                "priority",
                or_halopsa(ticket.priority.map(|it| it.to_string())),
            ),
            ("status", ticket.status.to_string()),
            ("title", ticket.summary.clone()),
        ];
        let rows = rows.map(|(name, value)| vec![name.into(), value.into()]);
        page.rows(&[], rows.to_vec());
    }
    if let Some(reason) = answer.no_ticket {
        let environment = answer.environment;
        let why = match reason {
            reason if reason.is_chosen() => "it is watched",
            _ => "it waits",
        };
        let reason = reason.as_str();
        page.line(format!(
            "no ticket, {why}: {reason} (environment {environment})"
        ));
    }
    if !answer.rules_without_rule.is_empty() {
        page.gap();
        page.line("alert rules in Liongard that no rule of the config names:");
        for name in &answer.rules_without_rule {
            page.line(format!("  {name}"));
        }
    }
}
