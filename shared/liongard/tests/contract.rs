//! Every request, and every member that is read, against the names the vendor's OpenAPI
//! descriptions know.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::collections::BTreeSet;

use halogard_contract::{Contract, Operation};
use halogard_domain::ids::{AlertId, LaunchpointId};
use halogard_liongard::wire::{
    AccessKeyRow, EnvironmentRow, KeyLifetime, LaunchpointRow, NewAccessKey, TaskRow, TimelineRow,
};
use serde::de::value::Error as Stop;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use support::{Harness, SentRequest};

/// Where we differ from the descriptions, and why: method, beginning of the path, what, reason.
const DEVIATIONS: [(&str, &str, &str, &str); 1] = [(
    "GET",
    "/api/v1/",
    "a slash at the end",
    "without it collection roots answer with a redirect, on which other clients lost the key",
)];

fn contract() -> Contract {
    Contract::read(include_str!("../contract/liongard-operations.json"))
}

/// The operation that `sent` asks for.
fn operation_of<'a>(contract: &'a Contract, sent: &SentRequest) -> Option<&'a Operation> {
    contract.operation_of(sent.method.as_str(), &described_path(sent))
}

/// The path of `sent` as the descriptions write it: without the slash we add.
fn described_path(sent: &SentRequest) -> String {
    let is_deviation = DEVIATIONS
        .iter()
        .any(|(method, start, ..)| sent.method == *method && sent.path().starts_with(start));
    if is_deviation {
        sent.path()
            .strip_suffix('/')
            .expect("a GET ends in a slash")
            .to_owned()
    } else {
        sent.path().to_owned()
    }
}

/// What is wrong with `sent` by the contract, as sentences.
fn complaints(contract: &Contract, sent: &SentRequest) -> Vec<String> {
    let Some(operation) = operation_of(contract, sent) else {
        return vec![format!("{} {} is unknown", sent.method, sent.path())];
    };
    let query = sent.query().into_iter().map(|(name, _)| name);
    let unknown_query = query.filter(|name| !operation.query.contains(name));
    let mut complaints: Vec<String> = unknown_query
        .map(|name| format!("{} knows no ?{name}", operation.path))
        .collect();
    if !sent.body.is_empty() {
        let body = sent.json();
        let names: BTreeSet<String> = body.as_object().unwrap().keys().cloned().collect();
        let unknown = names.iter().filter(|name| !operation.takes(name));
        complaints.extend(unknown.map(|name| format!("{} knows no member {name}", operation.path)));
    }
    complaints
}

/// Calls every method of the client once and brings what was sent.
async fn everything_sent() -> Vec<SentRequest> {
    let made = r#"{"AccessKeyId":"k2","AccessKeySecret":"s"}"#;
    let run = r#"{"results":[],"errors":[]}"#;
    let harness = Harness::answering([
        "[]", "[]", "0", "[]", "[]", "[]", run, "[]", "[]", made, "1",
    ]);
    let client = &harness.client;
    let launchpoint = LaunchpointId::new(501);
    client.tasks().await.unwrap();
    client.task(AlertId::new(7586)).await.unwrap();
    client.task_count().await.unwrap();
    client.environments().await.unwrap();
    client.launchpoints().await.unwrap();
    client.launchpoint(launchpoint).await.unwrap();
    client.run_launchpoints(&[launchpoint]).await.unwrap();
    client.timeline(launchpoint).await.unwrap();
    client.access_keys().await.unwrap();
    client.create_access_key(KeyLifetime::Days90).await.unwrap();
    client.delete_access_key("k1").await.unwrap();
    harness.assert_script_used_up();
    harness.sent()
}

#[tokio::test]
async fn every_request_uses_paths_parameters_and_members_the_vendor_knows() {
    let contract = contract();
    let sent = everything_sent().await;
    let complaints: Vec<String> = sent
        .iter()
        .flat_map(|sent| complaints(&contract, sent))
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[tokio::test]
async fn every_operation_of_the_compact_list_is_used() {
    let contract = contract();
    let sent = everything_sent().await;
    let used: Vec<&Operation> = sent
        .iter()
        .filter_map(|sent| operation_of(&contract, sent))
        .collect();
    assert_eq!(contract.unused(&used), Vec::<String>::new());
}

#[tokio::test]
async fn a_misspelt_parameter_and_an_unknown_path_would_be_found() {
    let mut sent = everything_sent().await;
    let timeline = sent
        .iter_mut()
        .find(|sent| sent.path() == "/api/v1/timeline/")
        .unwrap();
    timeline.url.query_pairs_mut().append_pair("condition", "1");
    assert_eq!(
        complaints(&contract(), timeline),
        ["/api/v1/timeline knows no ?condition"]
    );
    timeline.url.set_path("/api/v1/alerts/");
    assert_eq!(
        complaints(&contract(), timeline),
        ["GET /api/v1/alerts/ is unknown"]
    );
}

#[tokio::test]
async fn no_get_ever_runs_an_inspector_and_every_get_ends_in_a_slash() {
    for sent in everything_sent().await {
        if sent.method == "GET" {
            assert!(!sent.path().contains("/run"), "{}", sent.path());
            assert!(sent.path().ends_with('/'), "{}", sent.path());
        } else {
            assert!(!sent.path().ends_with('/'), "{}", sent.path());
        }
    }
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    for sent in everything_sent().await {
        let has_body = !sent.body.is_empty();
        assert_eq!(has_body, sent.method == "POST");
        assert_eq!(sent.headers.contains_key("content-type"), has_body);
        assert_eq!(sent.headers["accept"], "application/json");
    }
}

/// A source of nothing, which is asked for a record and notes the members that are looked for.
struct Asked<'a>(&'a mut BTreeSet<String>);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        Err(Stop::custom("no record was asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        members: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0
            .extend(members.iter().map(|member| (*member).to_owned()));
        Err(Stop::custom("that is all"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The members that a row looks for.
fn members_of<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    let mut members = BTreeSet::new();
    assert!(T::deserialize(Asked(&mut members)).is_err());
    assert!(!members.is_empty());
    members
}

/// Members that the vendor's descriptions lack: a billing connector that runs reads the first, the vendor's own
/// PowerShell module the others.
const SEEN_ELSEWHERE: [&str; 3] = ["IsCustomerView", "SecretAccessKey", "Secret"];

#[test]
fn every_member_we_read_is_one_the_vendor_knows() {
    let table = [
        ("GET", "/api/v1/tasks", members_of::<TaskRow>()),
        ("GET", "/api/v1/tasks/{TaskID}", members_of::<TaskRow>()),
        (
            "GET",
            "/api/v1/environments",
            members_of::<EnvironmentRow>(),
        ),
        (
            "GET",
            "/api/v1/launchpoints",
            members_of::<LaunchpointRow>(),
        ),
        (
            "GET",
            "/api/v1/launchpoints/{LaunchpointID}",
            members_of::<LaunchpointRow>(),
        ),
        ("GET", "/api/v1/timeline", members_of::<TimelineRow>()),
        ("GET", "/api/v1/access-keys", members_of::<AccessKeyRow>()),
        ("POST", "/api/v1/access-keys", members_of::<NewAccessKey>()),
    ];
    for (method, path, members) in table {
        let contract = contract();
        let known = contract.operation(method, path).reply.as_ref().unwrap();
        let unknown = members.difference(known);
        let unknown: Vec<&String> = unknown
            .filter(|member| !SEEN_ELSEWHERE.contains(&member.as_str()))
            .collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{method} {path}");
    }
}

#[test]
fn the_compact_list_is_what_the_vendors_descriptions_say() {
    contract().expect_derived_from(&["liongard-openapi.json", "liongard-openapi-v2.json"]);
}
