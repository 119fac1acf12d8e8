//! `map`: which HaloPSA client is which Liongard environment, and entries of the config for them.

mod questions;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_config::{CustomerEntries, with_customers};
use halogard_domain::Policy;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::policy::{Mode, Pattern};
use halogard_domain::start::UNDECIDED_MAX;
use halogard_domain::words::{agreeing, counted};
use halogard_operations::audit;
use halogard_operations::config_changes;
use halogard_operations::map::{
    self, CustomerMap, EntryDefaults, MapRow, MapSelection, MatchState, read_customer_map,
};
use halogard_runtime::SystemClock;
use serde::Serialize;

use crate::commands::config;
use crate::confirm::operator;
use crate::failure::Refused;
use crate::opened_store::{
    self, MissingStore, OpenedStore, StoreCommand, StoreLocation, StoreOptions,
};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};
use crate::written_file::{self, Readers};

/// Options of `map`.
#[derive(Clone, Debug, Args)]
pub struct MapOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Map the suggestions with at least this score, from 0 to 1; 0.95 when no score is given.
    #[arg(long, value_name = "SCORE", num_args = 0..=1, default_missing_value = "0.95", value_parser = score)]
    pub accept_above: Option<f64>,
    /// Ask about each suggestion and each tie, on a terminal.
    #[arg(long, conflicts_with_all = ["json", "from"])]
    pub interactive: bool,
    /// Write the list as CSV, to be edited and read back with --from; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "from", "accept_above", "interactive"])]
    pub csv: Option<PathBuf>,
    /// Take the mapping from an edited CSV file.
    #[arg(long, value_name = "FILE", conflicts_with = "accept_above")]
    pub from: Option<PathBuf>,
    /// Add the new entries to the config file instead of printing them.
    #[arg(long, conflicts_with = "stack")]
    pub write: bool,
    /// Include inactive environments and clients.
    #[arg(long)]
    pub inactive: bool,
    /// Only environments of this tier in Liongard; may be given several times.
    #[arg(long, value_name = "TIER")]
    pub tier: Vec<String>,
    /// Only environments whose names match; * matches any text.
    #[arg(long, value_name = "PATTERN")]
    pub name: Option<String>,
    /// The template of new entries; the config's only template when not given.
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// A group of new entries; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// Which of the alerts that wait for the mapping get tickets: `all`, `new alerts only` or `since 2026-11-01`.
    #[arg(long, value_name = "WHICH")]
    pub tickets_for: Option<String>,
}

/// A score from 0 to 1.
fn score(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("a score is a number from 0 to 1".to_owned()),
    }
}

/// What is printed: the map, and the entries that were made of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MapAnswer {
    #[serde(flatten)]
    pub map: CustomerMap,
    /// The new entries, as the config file has them.
    pub new_entries: Option<String>,
    /// How many entries that are.
    pub new_count: usize,
    /// The config file that they were added to.
    pub written_to: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(options: &MapOptions) -> anyhow::Result<ExitCode> {
    let selection = MapSelection {
        with_inactive: options.inactive,
        tiers: options
            .tier
            .iter()
            .map(|tier| tier.to_lowercase())
            .collect(),
        name: options.name.as_deref().map(Pattern::new),
    };
    let lists = ReadLists { selection };
    let missing = match options.write {
        // What is written is recorded in its audit.
        true => MissingStore::Created,
        false => MissingStore::Imagined,
    };
    let read = opened_store::run_where(&options.store, missing, lists).await?;
    refuse_unknown_template(options, &read.policy)?;
    if let Some(file) = &options.csv {
        return write_csv(file, &read.map);
    }
    let defaults = defaults(options, &read.policy);
    let mut entries = match (&options.from, options.accept_above) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            map::read_sheet(
                &text,
                &read.policy,
                &read.map.known(&read.policy),
                &defaults,
            )?
        }
        (None, Some(score)) => map::accepted(&read.map, score, &defaults),
        (None, None) => CustomerEntries::default(),
    };
    if options.interactive {
        questions::ask_about(&read.map, &defaults, &mut entries)?;
    }
    if options.write || options.store.stack.is_some() {
        choose_day_one(options, &read.waiting, &mut entries)?;
    }
    let mut answer = MapAnswer {
        map: read.map,
        new_entries: None,
        new_count: entries.mapped.len() + entries.ignored.len(),
        written_to: None,
    };
    if !entries.is_empty() {
        answer.new_entries = Some(with_customers("", &entries)?);
        if options.write {
            let file = read
                .config_file
                .context("a stack has no config file here")?;
            config::rewrite(&file, |text| Ok(with_customers(text, &entries)?))?;
            let subject = file.display().to_string();
            opened_store::run(&options.store, RecordWritten(&entries, subject)).await?;
            answer.written_to = Some(file);
        }
    }
    page::print(&answer, options.store.json, write_page)?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the choice of day one into the new entries. It must be made when many alerts wait for them.
fn choose_day_one(
    options: &MapOptions,
    waiting: &BTreeMap<EnvironmentId, usize>,
    entries: &mut CustomerEntries,
) -> anyhow::Result<()> {
    let count = map::undecided_alerts(entries, waiting);
    let choice = match &options.tickets_for {
        None if count <= UNDECIDED_MAX as usize => return Ok(()),
        Some(choice) => choice.clone(),
        None if std::io::stdin().is_terminal() => questions::ask_tickets_for(count)?,
        None => bail!(
            "{} of these customers {}; say which of them get tickets: --tickets-for all, --tickets-for 'new alerts \
             only' or --tickets-for 'since 2026-11-01'",
            counted(count, "alert"),
            agreeing(count, "waits", "wait")
        ),
    };
    for entry in &mut entries.mapped {
        entry.tickets_for.get_or_insert_with(|| choice.clone());
    }
    Ok(())
}

/// Both lists, compared with the config.
struct ReadMap {
    map: CustomerMap,
    policy: Policy,
    /// Alerts that wait for the mapping, by environment.
    waiting: BTreeMap<EnvironmentId, usize>,
    /// On one machine.
    config_file: Option<PathBuf>,
}

/// Reads both lists.
struct ReadLists {
    selection: MapSelection,
}

impl StoreCommand for ReadLists {
    type Output = ReadMap;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<ReadMap> {
        let policy = match &opened.location {
            StoreLocation::Machine(_) => opened.configured_policy().await?,
            // Before the first config of a stack everything is unmapped.
            StoreLocation::Stack(_) => {
                let in_force = config_changes::in_force(&opened.store).await?;
                in_force
                    .policy
                    .unwrap_or_else(|| Policy::empty(Mode::Managed))
            }
        };
        let vendors = opened.vendors().await?;
        let map =
            read_customer_map(&vendors.desk, &vendors.source, &policy, &self.selection).await?;
        let waiting = map::waiting_alerts(&opened.store).await?;
        let config_file = match opened.location {
            StoreLocation::Machine(machine) => Some(machine.config_file),
            StoreLocation::Stack(_) => None,
        };
        Ok(ReadMap {
            map,
            policy,
            waiting,
            config_file,
        })
    }
}

/// Records the entries that were written to the file of this name.
struct RecordWritten<'a>(&'a CustomerEntries, String);

impl StoreCommand for RecordWritten<'_> {
    type Output = ();

    async fn run<S: Store + Clone + 'static>(self, opened: OpenedStore<S>) -> anyhow::Result<()> {
        let Self(entries, subject) = self;
        let done = format!(
            "{} mapped, {} ignored",
            counted(entries.mapped.len(), "environment"),
            entries.ignored.len()
        );
        let (operator, now) = (operator(None), SystemClock.now());
        audit::record(
            &opened.store,
            &operator,
            "map --write",
            &subject,
            &done,
            now,
        )
        .await?;
        Ok(())
    }
}

/// A template that is named must be one of the config, whether an entry gets it or not.
fn refuse_unknown_template(options: &MapOptions, policy: &Policy) -> anyhow::Result<()> {
    let Some(name) = &options.template else {
        return Ok(());
    };
    if policy.templates.contains_key(name.as_str()) {
        return Ok(());
    }
    let names: Vec<&str> = policy.templates.keys().map(String::as_str).collect();
    let remedy = match names.is_empty() {
        true => "the config has none yet: add one".to_owned(),
        false => format!("name one of: {}", names.join(", ")),
    };
    Err(Refused::unknown(format!("the config has no template {name:?}"), remedy).into())
}

/// What new entries have in common. Where there is one template and no rule, there is no choice.
fn defaults(options: &MapOptions, policy: &Policy) -> EntryDefaults {
    let mut names = policy.templates.keys();
    let only = match (names.next(), names.next(), policy.rules.is_empty()) {
        (Some(name), None, true) => Some(name.clone()),
        _ => None,
    };
    EntryDefaults {
        template: options.template.clone().or(only),
        groups: options.group.iter().cloned().collect(),
    }
}

fn write_csv(file: &Path, map: &CustomerMap) -> anyhow::Result<ExitCode> {
    let sheet = map::write_sheet(map)?;
    if file == Path::new("-") {
        output::result(sheet.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(
        !file.exists(),
        "{} already exists; choose another file",
        file.display()
    );
    written_file::create(file, sheet.as_bytes(), Readers::Usual)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    output::result(&format!(
        "wrote {}: fill in `client`, `shared` or `ignore`, then run halogard map --from {} --write",
        file.display(),
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Puts the answer on a page: what needs a person last, where it is seen.
pub fn write_page(answer: &MapAnswer, page: &mut TextPage) {
    let rows = &answer.map.environments;
    let shown = |wanted: fn(&MatchState) -> bool| rows.iter().filter(move |row| wanted(&row.state));
    let mapped = shown(|state| matches!(state, MatchState::Mapped { .. }));
    section(page, "mapped", mapped);
    let suggested = shown(|state| matches!(state, MatchState::Suggested { .. }));
    section(page, "suggested", suggested);
    let unmatched = shown(|state| matches!(state, MatchState::Unmatched { .. }));
    section(page, "without a match", unmatched);
    let tied = shown(|state| matches!(state, MatchState::Tied { .. }));
    section(page, "ties, for you to decide", tied);
    page.gap();
    page.line(sums_line(&answer.map));
    match (&answer.new_entries, &answer.written_to) {
        (Some(_), Some(file)) => page.line(format!(
            "added {} to {}",
            counted(answer.new_count, "environment"),
            file.display()
        )),
        (Some(text), None) => {
            page.gap();
            page.line("new entries for the config file (--write adds them to it):");
            page.line(text.clone());
        }
        (None, _) if answer.map.sums.suggested > 0 => page.line(
            "halogard map --accept-above --write maps what is certain; --interactive asks; --csv FILE writes a \
             list to edit",
        ),
        (None, _) => {}
    }
}

/// A heading and a table, unless it would be empty.
fn section<'a>(page: &mut TextPage, heading: &str, rows: impl Iterator<Item = &'a MapRow>) {
    let rows: Vec<Vec<Cell>> = rows.map(cells).collect();
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.line(heading);
    page.rows(&["environment", "", "client", "", "score", "why"], rows);
}

/// A row of a table.
fn cells(row: &MapRow) -> Vec<Cell> {
    let mut cells: Vec<Cell> = vec![row.environment.to_string().into(), row.name.clone().into()];
    match &row.state {
        MatchState::Mapped {
            client,
            client_name,
        } => {
            let name = match client_name {
                Some(name) => Cell::from(name.clone()),
                None => Cell::new("HaloPSA does not show it", Mood::Bad),
            };
            cells.extend([client.to_string().into(), name]);
        }
        MatchState::Suggested { client }
        | MatchState::Unmatched {
            nearest: Some(client),
        } => {
            let nearest = matches!(row.state, MatchState::Unmatched { .. });
            let mood = if nearest { Mood::Dim } else { Mood::Good };
            cells.extend([
                Cell::new(client.client.to_string(), mood),
                Cell::new(client.name.clone(), mood),
                format!("{:.2}", client.score).into(),
                client.proof.as_str().into(),
            ]);
        }
        MatchState::Tied { candidates, rivals } => {
            let lines = |of: Vec<String>| Cell::new(of.join("\n"), Mood::Caution);
            let all = candidates.iter();
            cells.push(lines(all.clone().map(|it| it.client.to_string()).collect()));
            cells.push(lines(all.clone().map(|it| it.name.clone()).collect()));
            cells.push(lines(all.map(|it| format!("{:.2}", it.score)).collect()));
            let rivals = rivals.iter().map(|it| {
                let name = it.name.as_deref().unwrap_or_default();
                let verb = if it.is_mapped { "is mapped to" } else { "fits" };
                format!("{} {name} {verb} it, too", it.environment)
            });
            cells.push(rivals.collect::<Vec<_>>().join("\n").into());
        }
        MatchState::Unmatched { nearest: None }
        | MatchState::Ignored
        | MatchState::Inactive
        | MatchState::Filtered => {}
    }
    cells
}

fn sums_line(map: &CustomerMap) -> String {
    let sums = &map.sums;
    let mut line = format!(
        "{}: {} mapped, {} suggested, {} tied, {} without a match, {} ignored, {} inactive",
        counted(sums.environments, "environment"),
        sums.mapped,
        sums.suggested,
        sums.tied,
        sums.unmatched,
        sums.ignored,
        sums.inactive
    );
    if sums.filtered > 0 {
        line.push_str(&format!(", {} left out", sums.filtered));
    }
    line.push_str(&format!(
        "; {}, {} without an environment",
        counted(sums.clients, "client"),
        sums.clients_left
    ));
    if sums.not_visible > 0 {
        line.push_str(&format!(
            "; {} {} not visible to this key",
            counted(sums.not_visible, "mapped environment"),
            agreeing(sums.not_visible, "is", "are")
        ));
    }
    line
}
