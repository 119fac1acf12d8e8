//! The customers as a CSV file: written, edited in a spreadsheet, and read back.

use std::collections::{BTreeMap, BTreeSet};

use csv::{ReaderBuilder, StringRecord, Writer};
use halogard_config::{CustomerEntries, CustomerEntry};
use halogard_domain::Policy;
use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};

use super::{ClientMatch, CustomerMap, EntryDefaults, MapRow, MatchState, RivalEnvironment};

/// The columns, in the order in which they are written. Reading goes by their names.
const COLUMNS: [&str; 12] = [
    "environment",
    "environment_name",
    "state",
    "client",
    "client_name",
    "score",
    "proof",
    "others",
    "site",
    "shared",
    "ignore",
    "template",
];

/// Beginnings that a spreadsheet takes for a formula.
const FORMULA_BEGINNINGS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Why a file could not be read. Each problem names its line.
#[derive(Debug, thiserror::Error)]
#[error("the CSV file has an unexpected form: {}", problems.join("; "))]
pub struct SheetError {
    /// The problems.
    pub problems: Vec<String>,
}

/// `map` as a CSV file: suggestions filled in, ties to be filled in by a person.
///
/// # Errors
///
/// Never for what a map holds; the writer's own.
pub fn write_sheet(map: &CustomerMap) -> Result<String, csv::Error> {
    let mut sheet = Writer::from_writer(Vec::new());
    sheet.write_record(COLUMNS)?;
    for row in &map.environments {
        let cells = cells_of(row);
        sheet.write_record(COLUMNS.map(|column| {
            let cell = cells.get(column).map_or("", String::as_str);
            without_formula(cell)
        }))?;
    }
    let bytes = sheet.into_inner().map_err(|error| {
        let reason = error.into_error();
        csv::Error::from(reason)
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The filled cells of a row, by column.
fn cells_of(row: &MapRow) -> BTreeMap<&'static str, String> {
    let mut cells = BTreeMap::from([
        ("environment", row.environment.to_string()),
        ("environment_name", row.name.clone()),
    ]);
    let state = match &row.state {
        MatchState::Mapped {
            client,
            client_name,
        } => {
            cells.insert("client", client.to_string());
            cells.insert("client_name", client_name.clone().unwrap_or_default());
            "mapped"
        }
        MatchState::Ignored => {
            cells.insert("ignore", "yes".to_owned());
            "ignored"
        }
        MatchState::Inactive => "inactive",
        MatchState::Filtered => "filtered",
        MatchState::Suggested { client } => {
            cells.insert("client", client.client.to_string());
            cells.insert("client_name", client.name.clone());
            cells.insert("score", format!("{:.2}", client.score));
            cells.insert("proof", client.proof.as_str().to_owned());
            "suggested"
        }
        MatchState::Tied { candidates, rivals } => {
            cells.insert("others", others(candidates, rivals));
            "tied"
        }
        MatchState::Unmatched { nearest } => {
            cells.insert("others", others(nearest.as_slice(), &[]));
            "unmatched"
        }
    };
    cells.insert("state", state.to_owned());
    cells
}

/// The clients and environments that a person decides between.
fn others(candidates: &[ClientMatch], rivals: &[RivalEnvironment]) -> String {
    let clients = candidates
        .iter()
        .map(|it| format!("client {} {} ({:.2})", it.client, it.name, it.score));
    let environments = rivals.iter().map(|it| {
        let name = it.name.as_deref().unwrap_or_default();
        format!("also environment {} {name}", it.environment)
    });
    clients.chain(environments).collect::<Vec<_>>().join("; ")
}

/// The records that a file may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownRecords {
    /// Liongard's environments.
    pub environments: BTreeSet<EnvironmentId>,
    /// HaloPSA's clients.
    pub clients: BTreeSet<HaloClientId>,
    /// The config's templates.
    pub templates: BTreeSet<String>,
}

/// The new entries in a file that [`write_sheet`] wrote and a person edited. Rows without a client are left
/// alone, and so is what `policy` maps already. A row that names what is not `known` is a problem.
///
/// # Errors
///
/// [`SheetError`] with everything that is wrong; nothing is taken from such a file.
pub fn read_sheet(
    text: &str,
    policy: &Policy,
    known: &KnownRecords,
    defaults: &EntryDefaults,
) -> Result<CustomerEntries, SheetError> {
    let mut problems = Vec::new();
    let mut found = CustomerEntries::default();
    let mut seen = BTreeSet::new();
    match rows(text) {
        Ok(rows) => {
            for SheetRow { line, cells } in rows {
                let added = read_row(&cells, policy, defaults, &mut seen, &mut found);
                let why = added.err().or_else(|| unknown(&cells, known));
                problems.extend(why.map(|why| format!("line {line}: {why}")));
            }
        }
        Err(why) => problems.push(why),
    }
    problems.extend(shared_unsaid(&found, policy));
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(SheetError { problems })
    }
}

/// A row of a file.
struct SheetRow {
    line: u64,
    /// By the names of the columns.
    cells: BTreeMap<String, String>,
}

/// The rows with their lines, by the names of the columns. Spreadsheets of some countries write semicolons.
fn rows(text: &str) -> Result<Vec<SheetRow>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let heading = text.lines().next().unwrap_or_default();
    let by_semicolon = heading.contains(';') && !heading.contains(',');
    let mut reader = ReaderBuilder::new()
        .delimiter(if by_semicolon { b';' } else { b',' })
        .flexible(true)
        .from_reader(text.as_bytes());
    let named = |error: csv::Error| error.to_string();
    let columns = reader.headers().map_err(named)?.clone();
    let wanted = ["environment", "client"];
    if let Some(missing) = wanted.iter().find(|name| !has_column(&columns, name)) {
        return Err(format!("the column `{missing}` is missing"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(named)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = columns.iter().zip(&record).map(|(column, cell)| {
            let cell = cell.trim();
            let cell = cell.strip_prefix('\'').unwrap_or(cell);
            (column.trim().to_lowercase(), cell.to_owned())
        });
        let cells = cells.collect();
        rows.push(SheetRow { line, cells });
    }
    Ok(rows)
}

fn has_column(columns: &StringRecord, name: &str) -> bool {
    columns
        .iter()
        .any(|column| column.trim().eq_ignore_ascii_case(name))
}

/// The record that a row names and that is not there. An empty cell names none.
fn unknown(cells: &BTreeMap<String, String>, known: &KnownRecords) -> Option<String> {
    let id = |column| number(cells, column).ok().flatten();
    let environment = id("environment")?;
    if !known
        .environments
        .contains(&EnvironmentId::new(environment))
    {
        return Some(format!(
            "Liongard shows no environment {environment} to this key"
        ));
    }
    let client = id("client").filter(|it| !known.clients.contains(&HaloClientId::new(*it)));
    if let Some(client) = client {
        return Some(format!("HaloPSA shows no client {client} to this agent"));
    }
    let template = cells.get("template").filter(|cell| !cell.is_empty())?;
    let is_known = known.templates.contains(template);
    (!is_known).then(|| format!("the config has no template {template:?}"))
}

/// Takes one row.
fn read_row(
    cells: &BTreeMap<String, String>,
    policy: &Policy,
    defaults: &EntryDefaults,
    seen: &mut BTreeSet<EnvironmentId>,
    found: &mut CustomerEntries,
) -> Result<(), String> {
    let Some(environment) = number(cells, "environment")?.map(EnvironmentId::new) else {
        return Ok(());
    };
    if !seen.insert(environment) {
        return Err(format!("environment {environment} appears twice"));
    }
    let client = number(cells, "client")?.map(HaloClientId::new);
    let is_ignored = yes(cells, "ignore")?;
    if let Some(mapping) = policy.environments.get(&environment) {
        return match client {
            Some(client) if client != mapping.client => Err(format!(
                "environment {environment} is mapped to client {} already; edit the config to change that",
                mapping.client
            )),
            _ => Ok(()),
        };
    }
    match (client, is_ignored) {
        (Some(_), true) => Err(format!(
            "environment {environment} has a client and is to be ignored; choose one"
        )),
        (None, true) => {
            if !policy.ignored_environments.contains(&environment) {
                found.ignored.push(environment);
            }
            Ok(())
        }
        (None, false) => Ok(()),
        (Some(client), false) => {
            let text = |column: &str| cells.get(column).filter(|cell| !cell.is_empty()).cloned();
            found.mapped.push(CustomerEntry {
                environment,
                client,
                names: text("environment_name").zip(text("client_name")),
                site: number(cells, "site")?.map(SiteId::new),
                template: text("template").or_else(|| defaults.template.clone()),
                groups: defaults.groups.clone(),
                is_shared: yes(cells, "shared")?,
                tickets_for: None,
            });
            Ok(())
        }
    }
}

/// Clients of several environments of which one does not say that it shares.
fn shared_unsaid(found: &CustomerEntries, policy: &Policy) -> Vec<String> {
    let mut of_client: BTreeMap<HaloClientId, Vec<&CustomerEntry>> = BTreeMap::new();
    for entry in &found.mapped {
        of_client.entry(entry.client).or_default().push(entry);
    }
    let is_mapped = |client: HaloClientId| {
        let mut mapped = policy.environments.values();
        mapped.any(|mapping| mapping.client == client)
    };
    of_client
        .iter()
        .filter(|(client, entries)| {
            let several = entries.len() > 1 || is_mapped(**client);
            several && entries.iter().any(|entry| !entry.is_shared && entry.site.is_none())
        })
        .map(|(client, entries)| {
            let ids: Vec<String> = entries.iter().map(|it| it.environment.to_string()).collect();
            format!(
                "client {client} is that of several environments ({}); write yes under `shared` in each of \
                 these rows if they are one customer",
                ids.join(", ")
            )
        })
        .collect()
}

/// A whole number, or nothing.
fn number(cells: &BTreeMap<String, String>, column: &str) -> Result<Option<u64>, String> {
    match cells.get(column).map(String::as_str) {
        None | Some("") => Ok(None),
        Some(cell) => match cell.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(format!("`{column}` holds no id")),
        },
    }
}

/// A yes, or nothing.
fn yes(cells: &BTreeMap<String, String>, column: &str) -> Result<bool, String> {
    let cell = cells.get(column).map(|cell| cell.to_lowercase());
    match cell.as_deref() {
        None | Some("" | "no" | "false" | "0") => Ok(false),
        Some("yes" | "y" | "true" | "1" | "x") => Ok(true),
        Some(_) => Err(format!("`{column}` is neither yes nor no")),
    }
}

/// A cell that no spreadsheet runs as a formula.
fn without_formula(cell: &str) -> String {
    if cell.starts_with(FORMULA_BEGINNINGS) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
