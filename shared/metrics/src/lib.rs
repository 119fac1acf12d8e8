#![doc = include_str!("../README.md")]

use std::io::{self, Write as _};

use serde_json::{Map, Number, Value, json};

/// What all metrics of the bundle are filed under.
pub const NAMESPACE: &str = "Halogard";

/// The most metrics one line may hold. Source: CloudWatch, specification of the embedded metric
/// format.
const METRICS_MAX: usize = 100;

/// The metrics of one unit of work.
#[derive(Clone, Debug)]
pub struct Metrics {
    function: &'static str,
    values: Vec<(&'static str, Unit, Number)>,
}

/// What a number counts.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Count,
    Seconds,
    Milliseconds,
}

impl Unit {
    /// CloudWatch's word.
    const fn word(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Metrics {
    /// No metrics yet, of the function of this name.
    #[must_use]
    pub const fn new(function: &'static str) -> Self {
        Self {
            function,
            values: Vec::new(),
        }
    }

    /// Adds a count. A second one of the same name takes the place of the first.
    #[must_use]
    pub fn count(self, name: &'static str, count: u64) -> Self {
        self.with(name, Unit::Count, Some(count.into()))
    }

    /// Adds a number of seconds; one that is no number (infinite, not a number) is left out.
    #[must_use]
    pub fn seconds(self, name: &'static str, seconds: f64) -> Self {
        self.with(name, Unit::Seconds, Number::from_f64(seconds))
    }

    /// Adds a number of milliseconds.
    #[must_use]
    pub fn milliseconds(self, name: &'static str, milliseconds: u64) -> Self {
        self.with(name, Unit::Milliseconds, Some(milliseconds.into()))
    }

    /// The line, without a line end, for what happened `at_millis` milliseconds after 1970.
    #[must_use]
    pub fn line(&self, at_millis: i64) -> String {
        let metrics: Vec<Value> = self
            .values
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.word()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": at_millis,
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["function"]],
                    "Metrics": metrics,
                }],
            }),
        );
        line.insert("function".to_owned(), self.function.into());
        for (name, _, value) in &self.values {
            line.insert((*name).to_owned(), Value::Number(value.clone()));
        }
        Value::Object(line).to_string()
    }

    /// Writes the line to standard output, where Lambda takes it up; nothing when there are no
    /// metrics.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written to. The numbers are lost then, and nothing else.
    pub fn print(&self, at_millis: i64) -> io::Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let mut line = self.line(at_millis);
        line.push('\n');
        // In one piece: lines of several writers stay whole.
        io::stdout().lock().write_all(line.as_bytes())
    }

    fn with(mut self, name: &'static str, unit: Unit, value: Option<Number>) -> Self {
        let Some(value) = value else {
            return self;
        };
        let known = self.values.iter().position(|(taken, _, _)| *taken == name);
        match known {
            Some(place) => self.values[place] = (name, unit, value),
            None if self.values.len() < METRICS_MAX => self.values.push((name, unit, value)),
            None => {}
        }
        self
    }
}
