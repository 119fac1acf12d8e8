//! The endpoints this crate speaks to, each spelled as the vendor's description spells it.
//!
//! `GET /launchpoints/{LaunchpointID}/run` is missing on purpose: it runs an inspector, and what
//! runs something is not a GET here. `POST /launchpoints/run` does the same and returns the result.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use http::Method;

/// One endpoint: what is done, and where. The template is what errors and logs may show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiongardRoute {
    /// What is done.
    verb: Verb,
    /// The path below the origin, with at most one `{…}` unfilled.
    pub(crate) template: &'static str,
}

/// What is done. `Method` itself cannot be in a constant that is copied.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Get,
    Post,
    Delete,
}

impl LiongardRoute {
    const fn get(template: &'static str) -> Self {
        Self {
            verb: Verb::Get,
            template,
        }
    }

    const fn post(template: &'static str) -> Self {
        Self {
            verb: Verb::Post,
            template,
        }
    }

    const fn delete(template: &'static str) -> Self {
        Self {
            verb: Verb::Delete,
            template,
        }
    }

    /// The HTTP method.
    pub(crate) fn method(&self) -> Method {
        match self.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Delete => Method::DELETE,
        }
    }

    /// The path below the origin, with `part` for `{…}`.
    ///
    /// A GET ends in a slash, unless `ending` says otherwise: without one Liongard answers collection roots
    /// with a redirect, and some clients lost the key on the way.
    pub(crate) fn path(&self, part: Option<&str>, ending: PathEnding) -> String {
        let mut path = match (self.template.split_once('{'), part) {
            (Some((before, after)), Some(part)) => {
                let after = after.split_once('}').map_or("", |(_, after)| after);
                format!("{before}{part}{after}")
            }
            _ => self.template.to_owned(),
        };
        if matches!(self.verb, Verb::Get) {
            path.truncate(path.trim_end_matches('/').len());
            if ending == PathEnding::Slash {
                path.push('/');
            }
        }
        path
    }
}

/// How the address of a GET ends. Collections were seen with a slash; for single records it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathEnding {
    /// In a slash.
    Slash,
    /// In its last word.
    Plain,
}

impl PathEnding {
    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Slash => Self::Plain,
            Self::Plain => Self::Slash,
        }
    }
}

/// How the addresses of the endpoints end, as far as answers have shown it.
#[derive(Debug, Default)]
pub(crate) struct PathEndings {
    found: RwLock<BTreeMap<&'static str, PathEnding>>,
    /// Whether single records are looked for without a slash first.
    records_are_plain: AtomicBool,
}

impl PathEndings {
    /// How the address of `route` ends; `None` before an answer has shown it.
    pub(crate) fn of(&self, route: LiongardRoute) -> Option<PathEnding> {
        let known = self.found.read().unwrap_or_else(PoisonError::into_inner);
        known.get(route.template).copied()
    }

    /// How the address of `route` is tried first.
    pub(crate) fn first_guess(&self, route: LiongardRoute) -> PathEnding {
        let is_record = route.template.ends_with('}');
        if is_record && self.records_are_plain.load(Ordering::Relaxed) {
            PathEnding::Plain
        } else {
            PathEnding::Slash
        }
    }

    /// Single records are looked for without a slash first.
    pub(crate) fn expect_plain_records(&self) {
        self.records_are_plain.store(true, Ordering::Relaxed);
    }

    /// Remembers that the address of `route` was found so.
    pub(crate) fn learn(&self, route: LiongardRoute, ending: PathEnding) {
        let mut known = self.found.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(route.template, ending);
    }
}

pub(crate) const TASKS: LiongardRoute = LiongardRoute::get("/api/v1/tasks");
pub(crate) const TASK: LiongardRoute = LiongardRoute::get("/api/v1/tasks/{TaskID}");
pub(crate) const TASK_COUNT: LiongardRoute = LiongardRoute::get("/api/v1/tasks/count");

pub(crate) const ENVIRONMENTS: LiongardRoute = LiongardRoute::get("/api/v1/environments");

pub(crate) const LAUNCHPOINTS: LiongardRoute = LiongardRoute::get("/api/v1/launchpoints");
pub(crate) const LAUNCHPOINT: LiongardRoute =
    LiongardRoute::get("/api/v1/launchpoints/{LaunchpointID}");
pub(crate) const RUN_LAUNCHPOINTS: LiongardRoute = LiongardRoute::post("/api/v1/launchpoints/run");

pub(crate) const TIMELINE: LiongardRoute = LiongardRoute::get("/api/v1/timeline");

pub(crate) const ACCESS_KEYS: LiongardRoute = LiongardRoute::get("/api/v1/access-keys");
pub(crate) const CREATE_ACCESS_KEY: LiongardRoute = LiongardRoute::post("/api/v1/access-keys");
pub(crate) const DELETE_ACCESS_KEY: LiongardRoute =
    LiongardRoute::delete("/api/v1/access-keys/{AccessKeyID}");
