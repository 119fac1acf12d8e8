//! How long the calls to each vendor take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use halogard_domain::vendor::Vendor;
use halogard_http::{BodyStream, Transport, TransportError};

/// Is informed of every call to a vendor, token requests and later pages included.
pub trait CallObserver: Send + Sync {
    /// A call ended, with an answer or without.
    fn call_ended(&self, vendor: Vendor, duration: Duration);

    /// An answer said what time it is for `vendor`: the seconds that it is ahead of this machine's clock, or
    /// behind it where negative.
    fn clock_compared(&self, _vendor: Vendor, _ahead_seconds: i64) {}
}

/// How many seconds the clock of the sender of `headers` is ahead of `now`, if they have its `Date`.
fn ahead_seconds(headers: &http::HeaderMap, now: Timestamp) -> Option<i64> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let since_epoch = httpdate::parse_http_date(date)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    let theirs = i64::try_from(since_epoch.as_secs()).ok()?;
    Some(theirs - now.as_millis().div_euclid(1000))
}

/// Keeps the durations of calls until they are taken, to be written as metrics.
#[derive(Debug, Default)]
pub struct CallDurations(Mutex<Vec<(Vendor, Duration)>>);

impl CallDurations {
    /// The durations of the calls to `vendor` since they were last taken.
    #[must_use]
    pub fn take(&self, vendor: Vendor) -> Vec<Duration> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = calls.extract_if(.., |(of, _)| *of == vendor);
        taken.map(|(_, duration)| duration).collect()
    }
}

impl CallObserver for CallDurations {
    fn call_ended(&self, vendor: Vendor, duration: Duration) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((vendor, duration));
    }
}

/// A transport whose calls are measured.
#[derive(Clone)]
pub struct MeasuredTransport<T, C> {
    transport: T,
    vendor: Vendor,
    calls: Arc<dyn CallObserver>,
    clock: C,
}

impl<T, C> MeasuredTransport<T, C> {
    /// `transport` to `vendor`, which informs `calls`.
    pub(crate) fn new(
        transport: T,
        vendor: Vendor,
        calls: Arc<dyn CallObserver>,
        clock: C,
    ) -> Self {
        Self {
            transport,
            vendor,
            calls,
            clock,
        }
    }
}

impl<T, C: Clock> MeasuredTransport<T, C> {
    /// Notes a call that began at `began`, and what its answer says of the vendor's clock.
    fn note<B>(&self, began: Timestamp, answer: &Result<http::Response<B>, TransportError>) {
        let now = self.clock.now();
        self.calls.call_ended(self.vendor, now.since(began));
        let headers = answer.as_ref().map(http::Response::headers).ok();
        if let Some(ahead) = headers.and_then(|headers| ahead_seconds(headers, now)) {
            self.calls.clock_compared(self.vendor, ahead);
        }
    }
}

impl<T: Transport, C: Clock> Transport for MeasuredTransport<T, C> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let began = self.clock.now();
        let answer = self.transport.send(request).await;
        self.note(began, &answer);
        answer
    }

    /// Measured until the body begins.
    async fn stream(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<BodyStream>, TransportError> {
        let began = self.clock.now();
        let answer = self.transport.stream(request).await;
        self.note(began, &answer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::{DATE, HeaderValue};

    use super::*;

    #[test]
    fn a_vendors_clock_is_compared_by_the_date_of_its_answer() {
        // 2026-01-05T10:00:00.900Z.
        let now = Timestamp::from_millis(1_767_607_200_900);
        let compared = |date: &'static str| {
            let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]);
            ahead_seconds(&headers, now)
        };
        assert_eq!(compared("Mon, 05 Jan 2026 10:00:00 GMT"), Some(0));
        assert_eq!(compared("Mon, 05 Jan 2026 10:05:12 GMT"), Some(312));
        assert_eq!(compared("Mon, 05 Jan 2026 09:00:00 GMT"), Some(-3600));
        assert_eq!(compared("yesterday"), None);
        assert_eq!(ahead_seconds(&HeaderMap::new(), now), None);
    }
}
