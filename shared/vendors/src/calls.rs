//! How long the calls to each vendor take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use halogard_app::ports::Clock;
use halogard_http::{Transport, TransportError};

/// A vendor whose calls are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    /// HaloPSA.
    HaloPsa,
    /// Liongard.
    Liongard,
}

impl Vendor {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HaloPsa => "halopsa",
            Self::Liongard => "liongard",
        }
    }
}

/// Is informed of every call to a vendor, token requests and later pages included.
pub trait CallObserver: Send + Sync {
    /// A call ended, with an answer or without.
    fn call_ended(&self, vendor: Vendor, duration: Duration);
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

impl<T: Transport, C: Clock> Transport for MeasuredTransport<T, C> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let began = self.clock.now();
        let answer = self.transport.send(request).await;
        self.calls
            .call_ended(self.vendor, self.clock.now().since(began));
        answer
    }
}
