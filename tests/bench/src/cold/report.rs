//! The table: figures, peers, and whether each bar is met.

use serde::Serialize;

use super::numbers::{Ratio, Sample, Summary};

/// One row of the table.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The figure and the program.
    pub what: String,
    /// The unit of the figures.
    pub unit: &'static str,
    /// The measured figure.
    pub figure: Summary,
    /// The peer's figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// The bar; `None` for a row that is only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar: Option<Bar>,
}

/// The peer of a row.
#[derive(Debug, Serialize)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Its figures.
    pub figure: Summary,
    /// Our figure divided by the peer's.
    pub ratio: Ratio,
}

/// A bar.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// In words.
    pub words: String,
    /// Whether it is met.
    pub met: bool,
}

/// The results.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Processor, cores, kernel, load.
    pub machine: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Notes in full sentences.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether every bar is met.
    pub fn met(&self) -> bool {
        let mut bars = self.rows.iter().filter_map(|row| row.bar.as_ref());
        bars.all(|bar| bar.met)
    }

    /// As text for a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.machine {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        let mut lines = vec![
            [
                "what",
                "median",
                "min",
                "p95",
                "middle half",
                "peer",
                "ratio [95 %]",
                "bar",
                "",
            ]
            .map(str::to_owned),
        ];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: Vec<usize> = (0..9)
            .map(|column| {
                let cells = lines.iter().filter_map(|line| line.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for line in &lines {
            let mut row = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                row.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text.push('\n');
        for note in &self.notes {
            text.push_str(note);
            text.push('\n');
        }
        text
    }
}

impl Row {
    /// A figure that stands alone.
    pub fn alone(what: String, unit: &'static str, sample: &Sample) -> Self {
        Self {
            what,
            unit,
            figure: sample.summary(),
            peer: None,
            bar: None,
        }
    }

    /// A figure beside a peer's.
    pub fn compared(
        what: String,
        unit: &'static str,
        ours: &Sample,
        (peer, theirs): (&'static str, &Sample),
    ) -> Self {
        Self {
            peer: Some(Peer {
                name: peer,
                figure: theirs.summary(),
                ratio: ours.ratio_to(theirs),
            }),
            ..Self::alone(what, unit, ours)
        }
    }

    /// Ours by the peer's; not a number without a peer.
    pub fn ratio(&self) -> f64 {
        self.peer.as_ref().map_or(f64::NAN, |peer| peer.ratio.value)
    }

    /// The same with what is asked for.
    pub fn asked(mut self, words: String, met: bool) -> Self {
        self.bar = Some(Bar { words, met });
        self
    }

    /// The line, cell by cell.
    fn cells(&self) -> [String; 9] {
        let unit = self.unit;
        let number = |value: f64| match value {
            value if value >= 100.0 => format!("{value:.0}"),
            value if value >= 1.0 => format!("{value:.2}"),
            value => format!("{value:.3}"),
        };
        let many = self.figure.count > 1;
        let if_many = |text: String| if many { text } else { String::new() };
        let (peer, ratio) = match &self.peer {
            Some(peer) => (
                format!("{} {}", peer.name, number(peer.figure.median)),
                format!(
                    "{} [{}, {}]",
                    number(peer.ratio.value),
                    number(peer.ratio.low),
                    number(peer.ratio.high)
                ),
            ),
            None => (String::new(), String::new()),
        };
        let (bar, met) = match &self.bar {
            Some(bar) => (bar.words.clone(), if bar.met { "met" } else { "MISSED" }),
            None => (String::new(), ""),
        };
        [
            self.what.clone(),
            format!("{} {unit}", number(self.figure.median)),
            if_many(number(self.figure.min)),
            if_many(number(self.figure.p95)),
            if_many(format!(
                "{}–{}",
                number(self.figure.quarter),
                number(self.figure.three_quarters)
            )),
            peer,
            ratio,
            bar,
            met.to_owned(),
        ]
    }
}
