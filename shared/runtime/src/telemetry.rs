//! Logs of functions and program, by `tracing-subscriber`. They go to standard error, because standard
//! output belongs to the result of a command and to metrics.
//!
//! A JSON line has `function`, `version`, `timestamp` and `level`, the fields of the event beside its
//! `message`, and the spans around it in `spans`, the outermost first: on Lambda the runtime's span
//! carries the id of the invocation (`spans.0.requestId` in Logs Insights).
//!
//! A line that cannot be written is dropped: reporting that would need standard error too.

use std::fmt;
use std::io;
#[cfg(feature = "env-filter")]
use std::io::IsTerminal;

use tracing::{Event, Level, Subscriber};
#[cfg(feature = "env-filter")]
use tracing_subscriber::EnvFilter;
#[cfg(feature = "env-filter")]
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// The filter of a program unless the operator gives another: outcomes, warnings and errors.
#[cfg(feature = "env-filter")]
pub const DEFAULT_FILTER: &str = "info";

/// The value of `function` in the lines of the program.
#[cfg(feature = "env-filter")]
const PROGRAM: &str = "halogard";

/// The version of the workspace, which every crate shares.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    #[default]
    Pretty,
    /// One JSON object per line, its fields beside the message rather than below `fields`, where
    /// a query finds them.
    Json,
}

/// Why logging could not be started.
#[cfg(feature = "env-filter")]
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("the log filter is not readable; write a level such as `info` or `halogard=debug`")]
    Filter(#[source] ParseError),
    /// Another subscriber is installed in this process.
    #[error("logging was started twice in one process")]
    Started(#[source] TryInitError),
}

/// Starts the logs of a program for the whole process. Called once, first thing in `main`.
///
/// # Errors
///
/// [`TelemetryError`] when `filter` is not one, or when logging has been started before.
#[cfg(feature = "env-filter")]
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let coloured = io::stderr().is_terminal();
    program_subscriber(format, filter, coloured, io::stderr)?
        .try_init()
        .map_err(TelemetryError::Started)
}

/// Starts the logs of a function for the whole process: JSON lines of `level` and graver. Called once,
/// first thing in `main`.
///
/// A function has one level rather than a filter by module: filters bring a regular-expression engine,
/// and a function is billed for its start.
///
/// # Errors
///
/// When logging has been started before.
pub fn init_function(function: &'static str, level: Level) -> Result<(), TryInitError> {
    function_subscriber(function, level, io::stderr).try_init()
}

/// The level with this name in any case, as `AWS_LAMBDA_LOG_LEVEL` spells it; `INFO` for any other.
///
/// `TRACE` becomes `DEBUG`: at `TRACE` the Lambda runtime logs whole events.
#[must_use]
pub fn function_level(name: Option<&str>) -> Level {
    match name.unwrap_or_default().to_ascii_uppercase().as_str() {
        "TRACE" | "DEBUG" => Level::DEBUG,
        "WARN" => Level::WARN,
        "ERROR" | "FATAL" => Level::ERROR,
        _ => Level::INFO,
    }
}

/// Writes lines of `format` that pass `filter` to `writer`.
#[cfg(feature = "env-filter")]
fn program_subscriber<W>(
    format: LogFormat,
    filter: &str,
    coloured: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(writer);
    // Left alone on a terminal: the formatter itself honours NO_COLOR.
    let builder = if coloured {
        builder
    } else {
        builder.with_ansi(false)
    };
    Ok(match format {
        LogFormat::Pretty => Box::new(builder.with_target(false).finish()),
        LogFormat::Json => Box::new(
            builder
                .fmt_fields(JsonFields::new())
                .event_format(JsonLine::of(PROGRAM))
                .finish(),
        ),
    })
}

/// Writes JSON lines of `level` and graver to `writer`.
fn function_subscriber<W>(
    function: &'static str,
    level: Level,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_max_level(level)
        .log_internal_errors(false)
        .with_writer(writer)
        .with_ansi(false)
        .fmt_fields(JsonFields::new())
        .event_format(JsonLine::of(function))
        .finish()
}

/// The JSON formatter of `tracing-subscriber`, with `function` and `version` in front.
struct JsonLine {
    function: &'static str,
    event: Format<Json>,
}

impl JsonLine {
    fn of(function: &'static str) -> Self {
        let event = tracing_subscriber::fmt::format()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_target(false);
        Self { function, event }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.event
            .format_event(context, Writer::new(&mut line), event)?;
        // The formatter wrote one object; these members become its first ones.
        let members = line.strip_prefix('{').ok_or(fmt::Error)?;
        let function = self.function;
        write!(
            writer,
            r#"{{"function":"{function}","version":"{VERSION}",{members}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{debug, error, info, info_span, warn};

    use super::*;

    /// A log that a test reads.
    #[derive(Clone, Default)]
    struct LogBuffer(Arc<Mutex<Vec<u8>>>);

    impl LogBuffer {
        fn lines(&self) -> Vec<String> {
            let bytes = self.0.lock().unwrap().clone();
            let text = String::from_utf8(bytes).unwrap();
            text.lines().map(str::to_owned).collect()
        }

        fn json(&self) -> Vec<Value> {
            let lines = self.lines();
            let read = lines.iter().map(|line| serde_json::from_str(line).unwrap());
            read.collect()
        }
    }

    impl io::Write for LogBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log_as_program(format: LogFormat, log: impl FnOnce()) -> LogBuffer {
        let buffer = LogBuffer::default();
        let writer = buffer.clone();
        let subscriber = program_subscriber(format, "info", false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        buffer
    }

    fn log_as_function(level: Level, log: impl FnOnce()) -> LogBuffer {
        let buffer = LogBuffer::default();
        let writer = buffer.clone();
        let subscriber = function_subscriber("webhook-intake", level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        buffer
    }

    /// An event with a field of every kind.
    fn log_one() {
        debug!("below the level");
        info!(
            messages = 3,
            ok = true,
            lag = -1.5,
            outcome = "accepted",
            reason = %"no \"such\" host",
            "accepted a delivery"
        );
    }

    #[test]
    fn a_json_line_has_its_fields_beside_the_message_in_functions_and_program() {
        let function = log_as_function(Level::INFO, log_one).json();
        let program = log_as_program(LogFormat::Json, log_one).json();
        for (lines, name) in [(function, "webhook-intake"), (program, "halogard")] {
            assert_eq!(lines.len(), 1);
            let line = &lines[0];
            assert_eq!(line["message"], "accepted a delivery");
            assert_eq!(line["level"], "INFO");
            assert_eq!(line["function"], name);
            assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
            assert_eq!(line["messages"], 3);
            assert_eq!(line["ok"], true);
            assert_eq!(line["lag"], -1.5);
            assert_eq!(line["outcome"], "accepted");
            assert_eq!(line["reason"], "no \"such\" host");
            let time = line["timestamp"].as_str().unwrap();
            assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        }
    }

    #[test]
    fn a_json_line_carries_the_spans_around_it_and_no_others() {
        let lines = log_as_function(Level::INFO, || {
            let request = info_span!("invoke", requestId = "one", step = 1);
            request.in_scope(|| {
                info_span!("inner", step = 2).in_scope(|| info!("inside"));
                info!("beside");
            });
            info!("outside");
        })
        .json();
        let outer = &lines[0]["spans"][0];
        assert_eq!(
            (&outer["requestId"], &outer["step"]),
            (&"one".into(), &1.into())
        );
        assert_eq!(lines[0]["spans"][1]["step"], 2);
        assert_eq!(lines[1]["spans"].as_array().unwrap().len(), 1);
        assert_eq!(lines[2].get("spans"), None);
    }

    #[test]
    fn a_function_logs_its_level_and_graver() {
        let count = |level| {
            let all = || {
                debug!("a step");
                info!("an outcome");
                warn!("a trend");
                error!("someone should look");
            };
            log_as_function(level, all).lines().len()
        };
        assert_eq!(
            [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR].map(count),
            [4, 3, 2, 1]
        );
    }

    #[test]
    fn a_function_never_logs_at_trace() {
        let names = [
            None,
            Some("trace"),
            Some("Debug"),
            Some("WARN"),
            Some("loud"),
        ];
        assert_eq!(
            names.map(function_level),
            [
                Level::INFO,
                Level::DEBUG,
                Level::DEBUG,
                Level::WARN,
                Level::INFO
            ]
        );
    }

    #[test]
    fn a_pretty_line_reads_on_its_own_and_has_no_colours_off_a_terminal() {
        let lines = log_as_program(LogFormat::Pretty, || {
            warn!(ticket_id = 4242, "ticket is gone");
        })
        .lines();
        assert!(
            lines[0].ends_with("WARN ticket is gone ticket_id=4242"),
            "{lines:?}"
        );
    }

    #[test]
    fn an_unreadable_filter_is_refused() {
        let refused = init(LogFormat::Pretty, "halogard=loud");
        assert!(matches!(refused, Err(TelemetryError::Filter(_))));
    }
}
