//! Writes events as lines.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use halogard_app::ports::Clock;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use super::fields::Fields;
use crate::SystemClock;

thread_local! {
    /// The spans this thread is in, the outermost first.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Writes every event of a level as one line of JSON.
pub(super) struct Lines<W> {
    function: &'static str,
    level: Level,
    /// Opens what is written to.
    open: W,
    next_span: AtomicU64,
    spans: Mutex<BTreeMap<u64, Span>>,
}

/// A span that has not ended.
struct Span {
    fields: Fields,
    /// Who still holds it.
    holders: usize,
}

impl<W> Lines<W> {
    /// Lines of `function`, of `level` and graver, to what `open` opens.
    pub(super) fn new(function: &'static str, level: Level, open: W) -> Self {
        Self {
            function,
            level,
            open,
            next_span: AtomicU64::new(1),
            spans: Mutex::default(),
        }
    }

    fn spans(&self) -> MutexGuard<'_, BTreeMap<u64, Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event as an object: what is always there, then the spans' fields, then its own, which
    /// win.
    fn object(&self, event: &Event<'_>) -> Map<String, Value> {
        let mut line = Map::new();
        let spans = self.spans();
        ENTERED.with_borrow(|entered| {
            for span in entered.iter().filter_map(|id| spans.get(id)) {
                line.extend(span.fields.0.clone());
            }
        });
        drop(spans);
        let mut own = Fields::default();
        event.record(&mut own);
        line.extend(own.0);
        let now = Timestamp::from_millisecond(SystemClock.now().as_millis()).unwrap_or_default();
        line.insert("timestamp".to_owned(), now.to_string().into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("function".to_owned(), self.function.into());
        line
    }
}

impl<W, O> Subscriber for Lines<W>
where
    W: Fn() -> O + 'static,
    W: Send + Sync,
    O: Write,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next_span.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        self.spans().insert(id, Span { fields, holders: 1 });
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(span) = self.spans().get_mut(&span.into_u64()) {
            values.record(&mut span.fields);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Value::Object(self.object(event)).to_string();
        line.push('\n');
        // In one piece, so that lines stay whole. Where even the log cannot be written to, there is
        // no place left to say so.
        (self.open)().write_all(line.as_bytes()).unwrap_or_default();
    }

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let id = span.into_u64();
        ENTERED.with_borrow_mut(|entered| {
            if let Some(place) = entered.iter().rposition(|entered| *entered == id) {
                entered.remove(place);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        if let Some(span) = self.spans().get_mut(&span.into_u64()) {
            span.holders += 1;
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let id = span.into_u64();
        let mut spans = self.spans();
        let Some(held) = spans.get_mut(&id) else {
            return false;
        };
        held.holders -= 1;
        let ended = held.holders == 0;
        if ended {
            spans.remove(&id);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing::{debug, error, info, info_span, warn};

    use super::*;

    /// A place to log to and read from.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(level: Level, log: impl FnOnce()) -> Vec<Value> {
        let paper = Paper::default();
        let writer = paper.clone();
        let lines = Lines::new("webhook-intake", level, move || writer.clone());
        tracing::subscriber::with_default(lines, log);
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_has_its_fields_beside_the_message_and_the_time_where_cloudwatch_looks() {
        let lines = lines_of(Level::INFO, || {
            info!(
                messages = 3,
                ok = true,
                lag = -1.5,
                outcome = "accepted",
                "took in a delivery"
            );
        });
        let line = &lines[0];
        assert_eq!(line["message"], "took in a delivery");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["function"], "webhook-intake");
        assert_eq!(line["messages"], 3);
        assert_eq!(line["ok"], true);
        assert_eq!(line["lag"], -1.5);
        assert_eq!(line["outcome"], "accepted");
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn a_line_carries_the_fields_of_the_spans_around_it_and_of_no_others() {
        let lines = lines_of(Level::INFO, || {
            let request = info_span!("invoke", requestId = "one", step = 1);
            request.in_scope(|| {
                info_span!("inner", step = 2).in_scope(|| info!("inside"));
                info!(requestId = "own", "beside");
            });
            info!("outside");
        });
        assert_eq!(
            (&lines[0]["requestId"], &lines[0]["step"]),
            (&"one".into(), &2.into())
        );
        assert_eq!(
            (&lines[1]["requestId"], &lines[1]["step"]),
            (&"own".into(), &1.into())
        );
        assert_eq!(lines[2].get("requestId"), None);
    }

    #[test]
    fn a_span_that_has_ended_is_forgotten() {
        let lines = Arc::new(Lines::new("f", Level::INFO, io::sink));
        tracing::subscriber::with_default(Arc::clone(&lines), || {
            let span = info_span!("invoke", requestId = "one");
            let other = span.clone();
            drop(span);
            assert_eq!(lines.spans().len(), 1);
            drop(other);
        });
        assert!(lines.spans().is_empty());
    }

    #[test]
    fn only_the_level_asked_for_and_graver_is_written() {
        let count = |level| {
            let all = || {
                debug!("a step");
                info!("an outcome");
                warn!("a trend");
                error!("someone should look");
            };
            lines_of(level, all).len()
        };
        assert_eq!(
            [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR].map(count),
            [4, 3, 2, 1]
        );
    }

    #[test]
    fn whole_events_are_never_asked_for() {
        let names = [
            None,
            Some("trace"),
            Some("Debug"),
            Some("WARN"),
            Some("loud"),
        ];
        assert_eq!(
            names.map(crate::lines::level),
            [
                Level::INFO,
                Level::DEBUG,
                Level::DEBUG,
                Level::WARN,
                Level::INFO
            ]
        );
    }
}
