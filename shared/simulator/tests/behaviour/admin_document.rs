//! `docs/simulators.md` against the admin API: every route is documented, and every documented
//! request is answered as the document shows.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use halogard_simulator::{
    Dialect, HaloPsa, Liongard, ManualClock, SimHaloSettings, SimLiongardSettings, admin_router,
    admin_routes,
};
use http::Request;
use serde_json::Value;

use crate::caller::{MORNING, Reply, send};

const DOCUMENT: &str = include_str!("../../../../docs/simulators.md");

/// A documented request.
struct Curl {
    method: String,
    path: String,
    body: String,
}

/// A documented route: its heading, the requests that prepare it, its request and the answer shown.
struct Example {
    route: String,
    setup: Vec<Curl>,
    request: Curl,
    answer: Value,
}

/// The fenced blocks of `language` in `section`.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let rest = section.split(fence.as_str()).skip(1);
    rest.map(|rest| rest.split_once("\n```").unwrap().0.to_owned())
        .collect()
}

/// Reads a documented `curl` command.
fn read_curl(command: &str) -> Curl {
    let command = command.replace("\\\n", " ");
    let (command, body) = match command.split_once(" -d '") {
        Some((command, body)) => (command, body.trim().trim_end_matches('\'')),
        None => (command.as_str(), ""),
    };
    let mut words = command.split_whitespace();
    let mut method = if body.is_empty() { "GET" } else { "POST" };
    let mut path = "";
    while let Some(word) = words.next() {
        if word == "-X" {
            method = words.next().unwrap();
        } else if let Some(found) = word.strip_prefix("localhost:8803") {
            path = found;
        }
    }
    Curl {
        method: method.to_owned(),
        path: path.to_owned(),
        body: body.to_owned(),
    }
}

/// Every example, in the order of the document.
fn examples() -> Vec<Example> {
    let sections = DOCUMENT.split("\n#### `").skip(1);
    sections
        .map(|section| {
            let (route, rest) = section.split_once('`').unwrap();
            let mut requests: Vec<Curl> =
                blocks(rest, "sh").iter().map(|it| read_curl(it)).collect();
            let request = requests
                .pop()
                .unwrap_or_else(|| panic!("{route} shows no request"));
            let answers = blocks(rest, "json");
            let [answer] = answers.as_slice() else {
                panic!("{route} shows {} answers", answers.len());
            };
            Example {
                route: route.to_owned(),
                setup: requests,
                request,
                answer: serde_json::from_str(answer)
                    .unwrap_or_else(|error| panic!("{route}: {error}")),
            }
        })
        .collect()
}

/// Sends a documented request.
async fn replay(router: &Router, curl: &Curl) -> Reply {
    let request = Request::builder()
        .method(curl.method.as_str())
        .uri(&curl.path)
        .body(Body::from(curl.body.clone()));
    let reply = send(router, request.unwrap()).await;
    assert!(
        (200..300).contains(&reply.status),
        "{} {}: {} {}",
        curl.method,
        curl.path,
        reply.status,
        reply.text()
    );
    reply
}

/// Whether `path` is an instance of the template `route`.
fn is_instance(method: &str, path: &str, route: &str) -> bool {
    let filled = format!("{method} {path}");
    let (mut filled, mut template) = (filled.split('/'), route.split('/'));
    filled.clone().count() == template.clone().count()
        && filled.all(|part| {
            let expected = template.next().unwrap();
            expected.starts_with('{') || expected == part
        })
}

/// Whether `found` has the members and types that `shown` has. Null goes with everything, and of a
/// list the first element counts.
fn has_shape(shown: &Value, found: &Value) -> bool {
    match (shown, found) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(shown), Value::Object(found)) => {
            let is_by_id = shown
                .keys()
                .any(|name| name.chars().all(|c| c.is_ascii_digit()));
            let same_names = shown.keys().eq(found.keys()) || is_by_id;
            same_names
                && shown.iter().all(|(name, value)| {
                    found.get(name).is_none_or(|found| has_shape(value, found))
                })
        }
        (Value::Array(shown), Value::Array(found)) => match (shown.first(), found.first()) {
            (Some(shown), Some(found)) => has_shape(shown, found),
            (shown, found) => shown.is_none() == found.is_none(),
        },
        (shown, found) => std::mem::discriminant(shown) == std::mem::discriminant(found),
    }
}

/// The admin API of the world that `halogard simulate` starts with.
fn router() -> Router {
    let clock = ManualClock::at_millis(MORNING);
    let halo = HaloPsa::new(SimHaloSettings::default(), Arc::new(clock.clone()), 1);
    let liongard = Liongard::new(SimLiongardSettings::default(), Arc::new(clock), 1);
    liongard.connect(halo.clone());
    admin_router(halo, liongard, Dialect::reference())
}

#[test]
fn every_admin_route_is_documented_and_no_other() {
    let documented: BTreeSet<String> = examples().into_iter().map(|it| it.route).collect();
    let served: BTreeSet<String> = admin_routes().into_iter().map(str::to_owned).collect();
    assert_eq!(documented, served);
}

#[tokio::test]
async fn every_documented_request_is_answered_as_the_document_shows() {
    let router = router();
    for example in examples() {
        let Example {
            route,
            setup,
            request,
            answer,
        } = example;
        let Curl { method, path, .. } = &request;
        assert!(
            is_instance(method, path, &route),
            "{route} is shown as {method} {path}"
        );
        for request in &setup {
            replay(&router, request).await;
        }
        let reply = replay(&router, &request).await;
        assert!(
            has_shape(&answer, &reply.json()),
            "{route} answers\n{}",
            reply.text()
        );
    }
}
