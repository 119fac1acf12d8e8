//! Bodies that are not what was promised, named by their place.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use halogard_wire::body::{self, BodyError, BodyProblem};
use halogard_wire::values;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(deserialize_with = "values::required_id")]
    id: u64,
    #[serde(default)]
    inner: Option<Box<Row>>,
}

#[test]
fn each_problem_is_reported_with_its_path_and_without_the_body() {
    use BodyProblem::{Empty, Html, Missing, NotJson, Unexpected};
    let table = [
        ("", ".", Empty),
        (" \n", ".", Empty),
        (" <html>planted", ".", Html),
        ("planted", ".", NotJson),
        (r#"[{"id":1},"#, ".", NotJson),
        ("[] []", ".", NotJson),
        (r#"{"planted":1}"#, ".", Unexpected),
        ("null", ".", Unexpected),
        (r#"["planted"]"#, "[0]", Unexpected),
        ("[{}]", "[0].id", Missing),
        (r#"[{"id":0}]"#, "[0].id", Unexpected),
        (r#"[{"id":1},{"id":"planted"}]"#, "[1].id", Unexpected),
        (r#"[{"id":1,"inner":{}}]"#, "[0].inner.id", Missing),
    ];
    for (text, path, problem) in table {
        let invalid = body::read::<Vec<Row>>(text.as_bytes()).unwrap_err();
        assert_eq!(invalid, BodyError::at(path, problem), "{text}");
        assert!(!format!("{invalid:?}").contains("planted"), "{text}");
    }
    let whole = body::read::<Row>(b"{}").unwrap_err();
    assert_eq!(whole, BodyError::at("id", Missing));
}

#[test]
fn a_whole_body_is_read_with_blanks_around_it() {
    let rows: Vec<Row> = body::read(b" [{\"id\":\"7\",\"inner\":{\"id\":8}}] \n").unwrap();
    assert_eq!(rows[0].id, 7);
    assert_eq!(rows[0].inner.as_ref().unwrap().id, 8);
}

#[test]
fn a_place_within_a_part_is_a_place_within_the_whole() {
    let table = [(".", "Data"), ("ID", "Data.ID"), ("[3].ID", "Data[3].ID")];
    for (inner, whole) in table {
        let part = BodyError::at(inner, BodyProblem::Missing);
        assert_eq!(part.below("Data").path, whole);
    }
    let part = BodyError::at("ID", BodyProblem::Missing);
    assert_eq!(part.below(".").path, "ID");
}

#[test]
fn a_problem_reads_as_the_end_of_a_sentence() {
    let problem = BodyProblem::OtherRecord.to_string();
    assert_eq!(problem, "it is another record than the one asked for");
}
