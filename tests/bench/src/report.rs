//! Tables, and whether bars are met.

/// One table.
pub struct Section {
    /// The subject and the bar.
    pub title: String,
    /// The column titles.
    pub head: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
    /// Remarks for the reader.
    pub note: &'static str,
}

/// One row.
pub struct Row {
    /// The cells, between bars.
    pub cells: String,
    /// Whether the bar is met; `None` where there is none.
    pub met: Option<bool>,
}

/// Everything that was measured, printed as Markdown while it comes.
#[derive(Default)]
pub struct Report {
    bars: usize,
    missed: usize,
}

impl Report {
    /// Begins a report, `title`, on runs from `seed` on.
    #[expect(clippy::print_stdout, reason = "it is what the program is for")]
    pub fn begin(title: &str, seed: u64) -> Self {
        println!("# {title}\n\nFirst seed {seed}.");
        Self::default()
    }

    /// Prints a table.
    #[expect(clippy::print_stdout, reason = "it is what the program is for")]
    pub fn add(&mut self, section: &Section) {
        let columns = section.head.matches('|').count() + 2;
        println!("\n## {}\n\n| {} | bar |", section.title, section.head);
        println!("|{}", " --- |".repeat(columns));
        for row in &section.rows {
            let verdict = match row.met {
                Some(true) => "pass",
                Some(false) => "**missed**",
                None => "",
            };
            self.bars += usize::from(row.met.is_some());
            self.missed += usize::from(row.met == Some(false));
            println!("| {} | {verdict} |", row.cells);
        }
        if !section.note.is_empty() {
            println!("\n{}", section.note);
        }
    }

    /// Prints the sum; `true` when every bar is met.
    #[expect(clippy::print_stdout, reason = "it is what the program is for")]
    pub fn end(self) -> bool {
        println!("\n{} of {} bars met.", self.bars - self.missed, self.bars);
        self.missed == 0
    }
}
