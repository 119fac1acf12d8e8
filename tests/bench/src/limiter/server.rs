//! Servers that limit requests, each in its way.

use std::collections::VecDeque;

/// How a server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A log of accepted requests over a rolling window.
    Rolling,
    /// The same, and refused requests count too.
    RollingStrict,
    /// Fixed windows, which begin at a time unknown to the clients.
    Fixed,
    /// The same, with the former window's count taken for evenly spread; refuses when its estimate has
    /// reached the limit (the usual two-counter form).
    Interpolating,
    /// The same, refusing when the estimate with this request would exceed the limit: up to one
    /// request stricter. Not one of the four; shown for completeness.
    InterpolatingStrict,
}

impl Model {
    /// The four that bars are about.
    pub const FOUR: [Self; 4] = [
        Self::Rolling,
        Self::RollingStrict,
        Self::Fixed,
        Self::Interpolating,
    ];

    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::RollingStrict => "rolling, refused count",
            Self::Fixed => "fixed, unknown phase",
            Self::Interpolating => "interpolating",
            Self::InterpolatingStrict => "interpolating, strict",
        }
    }
}

/// A server.
pub struct Server {
    model: Model,
    limit: i64,
    window: i64,
    /// When its windows begin.
    phase: i64,
    log: VecDeque<i64>,
    begun: i64,
    former: i64,
    current: i64,
}

impl Server {
    /// A server that allows `limit` requests in `window` milliseconds.
    pub fn new(model: Model, limit: i64, window: i64, phase: i64) -> Self {
        Self {
            model,
            limit,
            window,
            phase,
            log: VecDeque::new(),
            begun: i64::MIN,
            former: 0,
            current: 0,
        }
    }

    /// Takes a request at `now`; `false` when it is refused.
    pub fn accept(&mut self, now: i64) -> bool {
        match self.model {
            Model::Rolling | Model::RollingStrict => self.accept_rolling(now),
            Model::Fixed | Model::Interpolating | Model::InterpolatingStrict => {
                self.accept_windowed(now)
            }
        }
    }

    fn accept_rolling(&mut self, now: i64) -> bool {
        while self.log.front().is_some_and(|at| *at <= now - self.window) {
            self.log.pop_front();
        }
        let accepted = (self.log.len() as i64) < self.limit;
        if accepted || self.model == Model::RollingStrict {
            self.log.push_back(now);
        }
        accepted
    }

    fn accept_windowed(&mut self, now: i64) -> bool {
        let since = (now - self.phase).rem_euclid(self.window);
        let begun = now - since;
        if begun != self.begun {
            self.former = if begun - self.window == self.begun {
                self.current
            } else {
                0
            };
            self.current = 0;
            self.begun = begun;
        }
        let former = match self.model {
            Model::Interpolating | Model::InterpolatingStrict => self.former,
            _ => 0,
        };
        let this = i64::from(self.model == Model::InterpolatingStrict);
        // Times the window, to stay in whole numbers.
        let estimate = former * (self.window - since) + (self.current + this) * self.window;
        let limit = self.limit * self.window;
        let accepted = if this == 1 {
            estimate <= limit
        } else {
            estimate < limit
        };
        self.current += i64::from(accepted);
        accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a burst of ten requests against a limit of five: at once, half a window and a window later.
    fn accepted(model: Model) -> Vec<usize> {
        let mut server = Server::new(model, 5, 1000, 0);
        [0, 500, 1000, 1500]
            .map(|at| (0..10).filter(|_| server.accept(at)).count())
            .to_vec()
    }

    #[test]
    fn each_model_counts_in_its_own_way() {
        assert_eq!(accepted(Model::Rolling), [5, 0, 5, 0]);
        assert_eq!(accepted(Model::RollingStrict), [5, 0, 0, 0]);
        assert_eq!(accepted(Model::Fixed), [5, 0, 5, 0]);
        assert_eq!(accepted(Model::Interpolating), [5, 0, 0, 3]);
        assert_eq!(accepted(Model::InterpolatingStrict), [5, 0, 0, 2]);
    }
}
