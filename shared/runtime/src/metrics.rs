//! Metrics of the functions: one JSON line on standard output in CloudWatch's *embedded metric format*.
//!
//! CloudWatch extracts the numbers from the log, so a metric costs no call and no waiting.
//!
//! ```
//! use halogard_runtime::metrics::Metrics;
//!
//! let line = Metrics::new("ticket-sync")
//!     .count("TicketsOpened", 1)
//!     .seconds("PollLagSeconds", 4.2)
//!     .line(1_795_276_800_000);
//! let read: serde_json::Value = serde_json::from_str(&line)?;
//! assert_eq!(read["TicketsOpened"], 1);
//! assert_eq!(read["_aws"]["CloudWatchMetrics"][0]["Metrics"][1]["Unit"], "Seconds");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! A function collects one set for each unit of work and prints it at the end. The only dimension is
//! `function`: the name of the deployed function, which Lambda gives in `AWS_LAMBDA_FUNCTION_NAME`, so
//! that the alarms of one stack never read the metrics of another. Outside Lambda it is the name the set
//! was created with. An id as a dimension would cost money for each id. Metric names are literals,
//! spelled as the alarms spell them (`TicketsOpened`, `WebhooksRefused`).

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::{Map, Number, Value, json};

/// The CloudWatch namespace of every metric.
pub const NAMESPACE: &str = "Halogard";

/// The variable in which Lambda gives the name of the deployed function.
const DEPLOYED_AS: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// The maximum number of metrics in one line. Source: CloudWatch, specification of the embedded metric
/// format.
const METRICS_MAX: usize = 100;

/// The maximum number of values of one metric in one line. Source: as above.
const VALUES_MAX: usize = 100;

/// The metrics of one unit of work.
#[derive(Clone, Debug)]
pub struct Metrics {
    function: Cow<'static, str>,
    values: Vec<(&'static str, Unit, Vec<Number>)>,
}

/// The unit of a value.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Count,
    Seconds,
    Milliseconds,
}

impl Unit {
    /// CloudWatch's name of the unit.
    const fn word(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Metrics {
    /// An empty set for the function `function`.
    #[must_use]
    pub const fn new(function: &'static str) -> Self {
        Self {
            function: Cow::Borrowed(function),
            values: Vec::new(),
        }
    }

    /// The same set, under the name of the deployed function.
    #[must_use]
    pub fn deployed_as(mut self, name: String) -> Self {
        self.function = Cow::Owned(name);
        self
    }

    /// Adds a count. A second value of the same name replaces the first.
    #[must_use]
    pub fn count(self, name: &'static str, count: u64) -> Self {
        self.with(name, Unit::Count, [count.into()])
    }

    /// Adds a number of seconds; infinite values and NaN are left out.
    #[must_use]
    pub fn seconds(self, name: &'static str, seconds: f64) -> Self {
        self.with(name, Unit::Seconds, Number::from_f64(seconds))
    }

    /// Adds durations in seconds, of which CloudWatch computes percentiles; nothing when there are none.
    /// More than a hundred do not fit into one line: the rest is left out.
    #[must_use]
    pub fn seconds_each(self, name: &'static str, durations: &[Duration]) -> Self {
        let seconds = durations.iter().map(Duration::as_secs_f64);
        self.with(name, Unit::Seconds, seconds.filter_map(Number::from_f64))
    }

    /// Adds a number of milliseconds.
    #[must_use]
    pub fn milliseconds(self, name: &'static str, milliseconds: u64) -> Self {
        self.with(name, Unit::Milliseconds, [milliseconds.into()])
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
        for (name, _, values) in &self.values {
            let value = match values.as_slice() {
                [value] => Value::Number(value.clone()),
                several => several.iter().cloned().map(Value::Number).collect(),
            };
            line.insert((*name).to_owned(), value);
        }
        Value::Object(line).to_string()
    }

    /// Writes the line to standard output, which Lambda forwards to CloudWatch; writes nothing when the
    /// set is empty. On Lambda the dimension is the deployed function's name, so that two stacks of one
    /// account are counted separately.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written to. Only these numbers are lost then.
    pub fn print(&self, at_millis: i64) -> io::Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let mut line = match deployed_name() {
            Some(name) => self.clone().deployed_as(name).line(at_millis),
            None => self.line(at_millis),
        };
        line.push('\n');
        // One write, so that lines of several writers do not mix.
        io::stdout().lock().write_all(line.as_bytes())
    }

    fn with(
        mut self,
        name: &'static str,
        unit: Unit,
        values: impl IntoIterator<Item = Number>,
    ) -> Self {
        let values: Vec<Number> = values.into_iter().take(VALUES_MAX).collect();
        if values.is_empty() {
            return self;
        }
        let known = self.values.iter().position(|(taken, _, _)| *taken == name);
        match known {
            Some(place) => self.values[place] = (name, unit, values),
            None if self.values.len() < METRICS_MAX => self.values.push((name, unit, values)),
            None => {}
        }
        self
    }
}

/// The name of the deployed function; `None` outside Lambda.
#[expect(
    clippy::disallowed_methods,
    reason = "the function's own name, which an operator does not set"
)]
fn deployed_name() -> Option<String> {
    std::env::var(DEPLOYED_AS)
        .ok()
        .filter(|name| !name.is_empty())
}
