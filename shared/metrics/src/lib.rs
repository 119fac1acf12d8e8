#![doc = include_str!("../README.md")]

use std::borrow::Cow;
use std::io::{self, Write as _};

use serde_json::{Map, Number, Value, json};

/// What all metrics of the bundle are filed under.
pub const NAMESPACE: &str = "Halogard";

/// The variable in which Lambda says what the function is called where it is deployed.
const DEPLOYED_AS: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// The most metrics one line may hold. Source: CloudWatch, specification of the embedded metric
/// format.
const METRICS_MAX: usize = 100;

/// The metrics of one unit of work.
#[derive(Clone, Debug)]
pub struct Metrics {
    function: Cow<'static, str>,
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
            function: Cow::Borrowed(function),
            values: Vec::new(),
        }
    }

    /// The same, filed under what the function is called where it is deployed.
    #[must_use]
    pub fn deployed_as(mut self, name: String) -> Self {
        self.function = Cow::Owned(name);
        self
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
        line.insert("function".to_owned(), Value::from(&*self.function));
        for (name, _, value) in &self.values {
            line.insert((*name).to_owned(), Value::Number(value.clone()));
        }
        Value::Object(line).to_string()
    }

    /// Writes the line to standard output, where Lambda takes it up; nothing when there are no
    /// metrics. On Lambda they are those of the deployed function, so that two stacks of one account
    /// count apart.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written to. The numbers are lost then, and nothing else.
    pub fn print(&self, at_millis: i64) -> io::Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let mut line = match deployed_name() {
            Some(name) => self.clone().deployed_as(name).line(at_millis),
            None => self.line(at_millis),
        };
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

/// What Lambda calls this function; `None` elsewhere.
#[expect(
    clippy::disallowed_methods,
    reason = "the function's own name, which is no setting an operator writes"
)]
fn deployed_name() -> Option<String> {
    std::env::var(DEPLOYED_AS)
        .ok()
        .filter(|name| !name.is_empty())
}
