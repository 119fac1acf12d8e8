//! Tables, and whether bars are met.

use std::fmt::Write as _;

/// One table.
pub struct Section {
    /// What it is about, and the bar.
    pub title: String,
    /// What the columns are.
    pub head: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
    /// What a reader must know.
    pub note: &'static str,
}

/// One row.
pub struct Row {
    /// The cells, between bars.
    pub cells: String,
    /// Whether the bar is met; `None` where there is none.
    pub met: Option<bool>,
}

/// Prints everything as Markdown; `true` when every bar is met.
#[expect(clippy::print_stdout, reason = "it is what the program is for")]
pub fn print(sections: &[Section], seed: u64) -> bool {
    let mut text = format!("# The request budget, measured\n\nFirst seed {seed}.\n");
    let mut missed = 0;
    let mut bars = 0;
    for section in sections {
        let columns = section.head.matches('|').count() + 1;
        let written = write!(
            text,
            "\n## {}\n\n| {} | bar |\n|{}\n",
            section.title,
            section.head,
            " --- |".repeat(columns + 1)
        );
        // Writing to a string cannot fail.
        debug_assert!(written.is_ok());
        for row in &section.rows {
            let verdict = match row.met {
                Some(true) => "pass",
                Some(false) => "**missed**",
                None => "",
            };
            bars += usize::from(row.met.is_some());
            missed += usize::from(row.met == Some(false));
            text.push_str(&format!("| {} | {verdict} |\n", row.cells));
        }
        if !section.note.is_empty() {
            text.push_str(&format!("\n{}\n", section.note));
        }
    }
    println!("{text}\n{} of {bars} bars met.", bars - missed);
    missed == 0
}
