//! Keys, redirects, environments, inventory.

use std::time::Duration;

use axum::body::Body;
use halogard_simulator::halopsa::SingleAnswer;
use halogard_simulator::liongard::{RedirectLocation, Redirects, Role};
use halogard_simulator::{Fault, World};
use http::Request;
use serde_json::{Value, json};

use crate::caller::{LiongardHarness, key_header, send};

#[tokio::test]
async fn a_collection_root_without_slash_is_redirected_before_the_key_is_checked() {
    let instance = LiongardHarness::stock();
    let bare = Request::get("/api/v1/tasks?fields%5B%5D=ID")
        .header("host", "127.0.0.1:9000")
        .body(Body::empty());
    let answer = send(&instance.liongard.router(), bare.unwrap()).await;
    assert_eq!(answer.status, 301);
    assert_eq!(
        answer.headers["location"],
        "http://127.0.0.1:9000/api/v1/tasks/?fields%5B%5D=ID"
    );
    assert_eq!(instance.get("/v1/tasks/1").await.status, 200);
}

#[tokio::test]
async fn redirects_can_be_off_everywhere_or_relative() {
    let instance = LiongardHarness::with(|settings| settings.redirects = Redirects::Off);
    assert_eq!(instance.get("/v1/tasks").await.status, 200);
    instance.liongard.change_settings(|settings| {
        settings.redirects = Redirects::EveryGet;
        settings.redirect_location = RedirectLocation::Relative;
    });
    let answer = instance.get("/v1/tasks/1").await;
    assert_eq!(
        (answer.status, answer.headers["location"].to_str().unwrap()),
        (301, "/api/v1/tasks/1/")
    );
}

#[tokio::test]
async fn a_host_that_is_no_loopback_is_moved_to_https() {
    let instance = LiongardHarness::stock();
    let bare = Request::get("/api/v1/tasks")
        .header("host", "us1.app.liongard.example")
        .body(Body::empty());
    let answer = send(&instance.liongard.router(), bare.unwrap()).await;
    assert_eq!(
        answer.headers["location"],
        "https://us1.app.liongard.example/api/v1/tasks/"
    );
}

#[tokio::test]
async fn no_key_and_a_wrong_one_are_an_invalid_session() {
    let mut instance = LiongardHarness::stock();
    let good = instance.key.clone();
    for bad in [
        format!("Basic {good}"),
        key_header("0a1b2c3d4e5f60718293", "guess"),
        "no base64!".to_owned(),
    ] {
        instance.key = bad;
        let answer = instance.get("/v1/tasks/").await;
        assert_eq!(
            (answer.status, answer.json()["message"].clone()),
            (401, json!("Session appears to be invalid"))
        );
    }
    let none = Request::get("/api/v1/tasks/").body(Body::empty());
    assert_eq!(
        send(&instance.liongard.router(), none.unwrap())
            .await
            .status,
        401
    );
    let bearer = Request::get("/api/v1/tasks/")
        .header("authorization", format!("Bearer {good}"))
        .body(Body::empty());
    let answer = send(&instance.liongard.router(), bearer.unwrap()).await;
    assert_eq!(
        (answer.status, answer.json()["message"].clone()),
        (401, json!("Malformed authorization header"))
    );
}

#[tokio::test]
async fn a_key_makes_its_successor_and_is_refused_once_deleted() {
    let mut instance = LiongardHarness::stock();
    let old = instance.key.clone();
    let body = json!({ "isAgentInstallKey": false, "daysUntilExpiration": "90" });
    let made = instance.post("/v1/access-keys/", &body).await.json()[0].clone();
    assert_eq!(made["ExpirationDate"], "2026-04-05T08:00:41.043Z");
    instance.key = key_header(
        made["AccessKeyId"].as_str().unwrap(),
        made["AccessKeySecret"].as_str().unwrap(),
    );
    assert_eq!(instance.get("/v1/environments/count/").await.json(), 7);
    assert!(
        !instance
            .get("/v1/access-keys/")
            .await
            .text()
            .contains("AccessKeySecret")
    );
    assert_eq!(
        instance
            .call("DELETE", "/v1/access-keys/0a1b2c3d4e5f60718293", None)
            .await
            .status,
        200
    );
    let new = std::mem::replace(&mut instance.key, old);
    assert_eq!(instance.get("/v1/tasks/").await.status, 401);
    instance.key = new;
    instance.clock.advance(Duration::from_secs(90 * 86_400));
    assert_eq!(instance.get("/v1/tasks/").await.status, 401);
}

#[tokio::test]
async fn a_keys_life_is_one_of_five_texts() {
    let instance = LiongardHarness::stock();
    let answer = instance
        .post("/v1/access-keys/", &json!({ "daysUntilExpiration": 90 }))
        .await;
    assert_eq!(answer.status, 400);
    let agents_only = instance
        .post("/v1/access-keys/", &json!({ "isAgentInstallKey": true }))
        .await
        .json()[0]
        .clone();
    let mut installer = LiongardHarness {
        key: String::new(),
        ..instance
    };
    installer.key = key_header(
        agents_only["AccessKeyId"].as_str().unwrap(),
        agents_only["AccessKeySecret"].as_str().unwrap(),
    );
    assert_eq!(installer.get("/v1/tasks/").await.status, 403);
}

#[tokio::test]
async fn a_reader_reads_and_runs_nothing() {
    let instance = LiongardHarness::with(|settings| settings.access_keys[0].role = Role::Reader);
    assert_eq!(instance.get("/v1/tasks/").await.status, 200);
    assert_eq!(
        instance
            .post("/v1/launchpoints/run", &json!({ "LaunchPoints": [500] }))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn too_many_requests_name_a_pause_with_a_fraction() {
    let instance = LiongardHarness::with(|settings| settings.rate_limit.requests_max = 1);
    instance.get("/v1/tasks/").await;
    instance.clock.advance(Duration::from_millis(500));
    let answer = instance.get("/v1/tasks/").await;
    assert_eq!(
        (
            answer.status,
            answer.headers["retry-after"].to_str().unwrap()
        ),
        (429, "299.500")
    );
    assert!(answer.json()["error"].is_string());
}

#[tokio::test]
async fn a_gateway_answers_with_a_page() {
    let instance = LiongardHarness::stock();
    instance
        .liongard
        .faults()
        .next("GET /tasks", Fault::Gateway502Html);
    let answer = instance.get("/v1/tasks/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().starts_with("<html>"));
}

#[tokio::test]
async fn one_record_comes_in_an_array_or_as_it_is() {
    let instance = LiongardHarness::stock();
    assert_eq!(
        instance.get("/v1/environments/8801/").await.json()[0]["ID"],
        8801
    );
    instance.liongard.change_settings(|settings| {
        settings
            .single_answer_of
            .insert("GET /environments/{id}".to_owned(), SingleAnswer::Object);
    });
    assert_eq!(
        instance.get("/v1/environments/8801/").await.json()["ID"],
        8801
    );
    assert!(
        instance
            .get("/v1/launchpoints/500/")
            .await
            .json()
            .is_array()
    );
}

#[tokio::test]
async fn environments_have_parents_twins_and_hidden_ones() {
    let instance =
        LiongardHarness::with(|settings| settings.world = World::sample(2).with_edge_cases());
    let rows = instance.get("/v1/environments/").await.json();
    let rows = rows.as_array().unwrap();
    assert!(rows.iter().any(|row| row["Visible"] == false));
    assert!(rows.iter().any(|row| row["Name"] == "ALDER-CREEK-DENTAL"));
    assert!(rows.iter().all(|row| row.get("ParentID").is_none()));
    let related = instance
        .get("/v1/environments/8801/relatedEntities/")
        .await
        .json();
    assert_eq!(
        related[0]["ChildEnvironments"][0]["Name"],
        "Alder Creek Dental North"
    );
    assert_eq!(related[0]["Launchpoint"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_second_version_wraps_and_pages() {
    let instance = LiongardHarness::stock();
    let page = instance
        .get("/v2/environments/?page=2&pageSize=5")
        .await
        .json();
    assert_eq!(
        (&page["Success"], page["Data"].as_array().unwrap().len()),
        (&json!(true), 2)
    );
    assert_eq!(
        page["Pagination"],
        json!({ "TotalRows": 7, "HasMoreRows": false, "CurrentPage": 2, "TotalPages": 2, "PageSize": 5 })
    );
    let missing = instance.get("/v2/environments/1/").await;
    assert_eq!(
        (missing.status, missing.json()["Message"].clone()),
        (404, json!("Enitity not found"))
    );
}

#[tokio::test]
async fn conditions_narrow_a_list() {
    let instance = LiongardHarness::stock();
    let condition = "conditions%5B%5D=%7B%22path%22%3A%22Inspector%2FName%22%2C%22op%22%3A%22%3D%22%2C%22value%22%3A%22halopsa-inspector%22%7D";
    assert!(
        instance
            .get("/v1/launchpoints/count/")
            .await
            .json()
            .as_u64()
            .unwrap()
            > 20
    );
    let rows = instance
        .get(&format!("/v1/launchpoints/?{condition}"))
        .await
        .json();
    let ids: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["ID"])
        .collect();
    assert_eq!(ids, [500]);
}

#[tokio::test]
async fn an_inventory_query_says_what_it_lacks_and_pages_inside_its_data() {
    let instance = LiongardHarness::stock();
    let bad = instance
        .post(
            "/v2/inventory/device-profiles/query",
            &json!({ "Sorting": [{ "SortBy": "Colour" }] }),
        )
        .await;
    let paths: Vec<Value> = bad.json()["ValidationErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["path"].clone())
        .collect();
    assert_eq!(
        (bad.status, paths),
        (
            400,
            vec![
                json!("Environment"),
                json!("Filters"),
                json!("Sorting[0].SortBy")
            ]
        )
    );
    let good = json!({ "Environment": 8801, "Filters": [], "Sorting": [{ "SortBy": "ID", "Direction": "ASC" }], "Pagination": { "Page": 1, "PageSize": 3 } });
    let devices = instance
        .post("/v2/inventory/device-profiles/query", &good)
        .await
        .json();
    assert_eq!(
        (
            devices["Data"]["DeviceProfiles"].as_array().unwrap().len(),
            &devices["Data"]["Pagination"]["HasMoreRows"]
        ),
        (3, &json!(true))
    );
    let identities = instance
        .post("/v2/inventory/identities/query", &good)
        .await
        .json();
    let licences = |at: usize| identities["Data"]["Identities"][at]["EmailLicenses"].clone();
    assert!(licences(0).is_array() && licences(1).is_string() && licences(2).is_null());
}
