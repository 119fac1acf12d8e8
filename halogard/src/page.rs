//! How an answer looks: as text that fits the terminal, or as JSON.

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use halogard_operations::moment::Moment;
use halogard_runtime::settings;
use serde::Serialize;

use crate::output;

/// The version of the JSON answers. It grows when a field is removed or changes its meaning; a new field
/// leaves it as it is.
pub const FORMAT_VERSION: u32 = 1;

/// The narrowest width that text is fitted to.
const WIDTH_MIN: u16 = 40;

/// The environment variable that names the width where standard output is not a terminal.
const COLUMNS: &str = "COLUMNS";

/// An answer as JSON.
#[derive(Serialize)]
struct VersionedAnswer<'a, A> {
    format_version: u32,
    #[serde(flatten)]
    answer: &'a A,
}

/// Prints `answer` on standard output: as JSON, or as `write` puts it on a page.
pub fn print<A: Serialize>(
    answer: &A,
    json: bool,
    write: impl FnOnce(&A, &mut TextPage),
) -> anyhow::Result<()> {
    if json {
        output::result(&self::json(answer)?);
        return Ok(());
    }
    print_page(|page| write(answer, page));
    Ok(())
}

/// `answer` as JSON, with the version of its form.
pub fn json<A: Serialize>(answer: &A) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&VersionedAnswer {
        format_version: FORMAT_VERSION,
        answer,
    })
}

/// The same on one line.
pub fn json_line<A: Serialize>(answer: &A) -> serde_json::Result<String> {
    serde_json::to_string(&VersionedAnswer {
        format_version: FORMAT_VERSION,
        answer,
    })
}

/// Prints what `write` puts on a page, on standard output.
pub fn print_page(write: impl FnOnce(&mut TextPage)) {
    let mut page = TextPage::of_width(width());
    write(&mut page);
    output::result(page.text().trim_end());
}

/// Prints what `write` puts on a page on standard error: what a command is about to do.
pub fn print_plan(write: impl FnOnce(&mut TextPage)) {
    let mut page = TextPage::of_width(width());
    write(&mut page);
    output::remark(page.text().trim_end());
}

/// The width of what is printed: `COLUMNS`, else the terminal's; no limit where there is none.
fn width() -> Option<u16> {
    let named = settings::variable(COLUMNS).and_then(|columns| columns.trim().parse().ok());
    named.or_else(|| Table::new().width())
}

/// What a piece of text says about its subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// Nothing in particular.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Something that needs attention.
    Caution,
    /// Something is wrong.
    Bad,
    /// It matters less.
    Dim,
}

/// A time in words: how long ago it was, and when.
pub fn ago(now: Moment, at: Moment) -> String {
    format!("{} ago ({at})", span(now.0.since(at.0)))
}

/// A length of time in its largest unit.
pub fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    mood: Mood,
}

impl Cell {
    /// A cell with this text.
    pub fn new(text: impl Into<String>, mood: Mood) -> Self {
        Self {
            text: printable(&text.into()),
            mood,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Mood::Plain)
    }
}

/// Text without characters that a terminal obeys: names of alerts and tickets come from other systems.
fn printable(text: &str) -> String {
    let shown = |letter: char| match letter {
        '\n' => '\n',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(shown).collect()
}

/// Text that fits a width.
pub struct TextPage {
    width: Option<u16>,
    text: String,
}

impl TextPage {
    /// An empty page of a width.
    pub fn of_width(width: Option<u16>) -> Self {
        Self {
            width: width.map(|width| width.max(WIDTH_MIN)),
            text: String::new(),
        }
    }

    /// Everything on it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a paragraph.
    pub fn line(&mut self, cell: impl Into<Cell>) {
        let table = self.table(&[], vec![vec![cell.into()]], 0);
        self.text.push_str(&table);
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a table. Columns have `headings`, unless there are none.
    pub fn rows(&mut self, headings: &[&str], rows: Vec<Vec<Cell>>) {
        let table = self.table(headings, rows, 2);
        self.text.push_str(&table);
    }

    /// A table without lines, as wide as the page at most, and further in by `indent`.
    fn table(&self, headings: &[&str], rows: Vec<Vec<Cell>>, indent: u16) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        // Whether escapes are kept is decided where they are printed.
        table.enforce_styling();
        // Spaces at the end of a line are dropped, coloured ones too.
        table.style_text_only();
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width.saturating_sub(indent));
        }
        if !headings.is_empty() {
            let cells = headings.iter().map(|text| styled(text, Mood::Dim));
            table.set_header(cells.collect::<Vec<_>>());
        }
        for row in rows {
            let cells = row.iter().map(|cell| styled(&cell.text, cell.mood));
            table.add_row(cells.collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let indent = " ".repeat(usize::from(indent));
        let lines = table.lines();
        lines
            .map(|line| format!("{indent}{}", line.trim_end()).trim_end().to_owned() + "\n")
            .collect()
    }
}

/// A cell as the table library prints it.
fn styled(text: &str, mood: Mood) -> comfy_table::Cell {
    let cell = comfy_table::Cell::new(text);
    match mood {
        // The escapes of an empty cell would keep the spaces before them at the end of a line.
        _ if text.is_empty() => cell,
        Mood::Plain => cell,
        Mood::Good => cell.fg(comfy_table::Color::DarkGreen),
        Mood::Caution => cell.fg(comfy_table::Color::DarkYellow),
        Mood::Bad => cell.fg(comfy_table::Color::DarkRed),
        Mood::Dim => cell.fg(comfy_table::Color::DarkGrey),
    }
}
