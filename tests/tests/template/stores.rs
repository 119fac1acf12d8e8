//! The table and the secrets.

use std::collections::BTreeSet;

use halogard_credentials::PLACEHOLDER;
use halogard_credentials::rotation::Strategy;
use serde_json::{Value, json};

use crate::expanded::{Template, at, take_away};
use crate::rule::{Findings, hold};

/// The operator's own key, where there is one.
pub fn own_key() -> Value {
    json!({"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]})
}

#[test]
fn a_table_that_is_taken_over_stands_wherever_the_own_one_does() {
    fn rule(template: &Template, found: &mut Findings) {
        let name =
            json!({"Fn::If": ["HasOwnTable", {"Ref": "Table"}, {"Ref": "ExistingTableName"}]});
        let arn = json!({"Fn::If": [
            "HasOwnTable",
            {"Fn::GetAtt": ["Table", "Arn"]},
            {"Fn::Sub":
                "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}"},
        ]});
        let everything = json!([template.section("Resources"), template.section("Outputs")]);
        let everything = everything.to_string();
        let own = [
            "{\"Ref\":\"Table\"}",
            "{\"Fn::GetAtt\":[\"Table\",\"Arn\"]}",
        ];
        for (own, either) in own.into_iter().zip([name, arn]) {
            let all = everything.matches(own).count();
            let with_choice = everything.matches(&either.to_string()).count();
            found.equal(format!("places of {own} with a choice"), with_choice, all);
            found.look(all >= 3, format!("places of {own} are lost"));
        }
    }
    hold(
        "tables",
        rule,
        &[
            ("places of {\"Ref\"", |it| {
                let variables = "/Resources/TicketSyncFunction/Properties/Environment/Variables";
                *at(it, &format!("{variables}/HALOGARD_TABLE")) = json!({"Ref": "Table"});
            }),
            ("places of {\"Ref\"", |it| {
                *at(it, "/Outputs/TableName/Value") = json!({"Ref": "Table"});
            }),
        ],
    );
}

#[test]
fn the_table_outlives_the_stack_and_can_be_put_back_to_any_second() {
    fn rule(template: &Template, found: &mut Findings) {
        let tables = template.of_type("AWS::DynamoDB::Table");
        found.equal("tables", tables.len(), 1);
        for (id, table) in tables {
            let resource = template.resource(id);
            // A first deployment that fails must not leave an empty table behind.
            for (policy, value) in [
                ("DeletionPolicy", "RetainExceptOnCreate"),
                ("UpdateReplacePolicy", "Retain"),
            ] {
                found.look(
                    resource[policy] == value,
                    format!("{policy} is not {value}"),
                );
            }
            found.look(
                table["DeletionProtectionEnabled"]
                    == json!({"Fn::If": ["HasTableDeletionProtection", true, false]}),
                "the table cannot be protected from deletion",
            );
            found.equal(
                "the key of the table",
                &table["SSESpecification"]["KMSMasterKeyId"],
                &own_key(),
            );
            found.equal(
                "when the stack makes a table",
                &resource["Condition"],
                &json!("HasOwnTable"),
            );
            found.look(
                table["BillingMode"] == "PAY_PER_REQUEST",
                "the table is not on demand",
            );
            let recovery = &table["PointInTimeRecoverySpecification"];
            found.look(
                recovery["PointInTimeRecoveryEnabled"] == true,
                "no point-in-time recovery",
            );
            found.look(
                table["SSESpecification"]["SSEEnabled"] == true,
                "the table is not encrypted",
            );
            found.equal(
                "what expires",
                &table["TimeToLiveSpecification"],
                &json!({"AttributeName": "expires", "Enabled": true}),
            );
            found.equal(
                "the table's key",
                &table["KeySchema"],
                &json!([
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ]),
            );
            let attributes = table["AttributeDefinitions"].as_array();
            found.look(
                attributes
                    .into_iter()
                    .flatten()
                    .all(|it| it["AttributeType"] == "S"),
                "a key is not text",
            );
        }
    }
    const TABLE: &str = "/Resources/Table/Properties";
    hold(
        "table",
        rule,
        &[
            ("DeletionPolicy is not", |it| {
                take_away(it, "/Resources/Table/DeletionPolicy")
            }),
            ("DeletionPolicy is not", |it| {
                *at(it, "/Resources/Table/DeletionPolicy") = json!("Retain");
            }),
            ("protected from deletion", |it| {
                take_away(it, &format!("{TABLE}/DeletionProtectionEnabled"));
            }),
            ("the key of the table", |it| {
                take_away(it, &format!("{TABLE}/SSESpecification/KMSMasterKeyId"));
            }),
            ("UpdateReplacePolicy is not", |it| {
                *at(it, "/Resources/Table/UpdateReplacePolicy") = json!("Delete");
            }),
            ("on demand", |it| {
                *at(it, &format!("{TABLE}/BillingMode")) = json!("PROVISIONED")
            }),
            ("point-in-time", |it| {
                take_away(it, &format!("{TABLE}/PointInTimeRecoverySpecification"));
            }),
            ("not encrypted", |it| {
                take_away(it, &format!("{TABLE}/SSESpecification"))
            }),
            ("what expires", |it| {
                *at(
                    it,
                    &format!("{TABLE}/TimeToLiveSpecification/AttributeName"),
                ) = json!("ttl");
            }),
            ("the table's key", |it| {
                *at(it, &format!("{TABLE}/KeySchema/1/AttributeName")) = json!("range");
            }),
            ("a key is not text", |it| {
                *at(it, &format!("{TABLE}/AttributeDefinitions/0/AttributeType")) = json!("N");
            }),
            ("tables", |it| take_away(it, "/Resources/Table")),
        ],
    );
}

/// The members of a secret's JSON object as the template makes it; empty when it is none.
fn members(secret: &Value) -> BTreeSet<String> {
    let made = &secret["GenerateSecretString"];
    let text = secret["SecretString"]
        .as_str()
        .or(made["SecretStringTemplate"].as_str());
    let object: Value = serde_json::from_str(text.unwrap_or_default()).unwrap_or_default();
    let keys = object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone());
    keys.chain(made["GenerateStringKey"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn secrets_are_named_as_the_settings_and_hold_nothing_that_a_vendor_would_accept() {
    fn rule(template: &Template, found: &mut Findings) {
        let secrets = template.of_type("AWS::SecretsManager::Secret");
        let expected: [(&str, &[&str]); 3] = [
            (
                "WebhookSecret",
                &[
                    "strategy",
                    "halopsa_webhook_allow_token_only",
                    "halopsa_webhook_token",
                ],
            ),
            (
                "HaloPsaSecret",
                &["strategy", "halopsa_client_id", "halopsa_client_secret"],
            ),
            (
                "LiongardSecret",
                &[
                    "strategy",
                    "liongard_access_key_id",
                    "liongard_access_key_secret",
                ],
            ),
        ];
        found.equal("secrets", secrets.len(), expected.len());
        for (id, names) in expected {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let secret = secrets.get(id).copied().unwrap_or(&Value::Null);
            found.equal(format!("members of {id}"), members(secret), names);
            found.equal(format!("the key of {id}"), &secret["KmsKeyId"], &own_key());
            let Some(text) = secret["SecretString"].as_str() else {
                continue;
            };
            let object: Value = serde_json::from_str(text).unwrap_or_default();
            for (member, value) in object.as_object().into_iter().flatten() {
                let known = Strategy::ALL.iter().any(|it| *value == it.as_str());
                found.look(
                    member != "strategy" || known,
                    format!("{id} names no strategy"),
                );
                found.look(
                    member == "strategy" || value == PLACEHOLDER,
                    format!("{member} holds something"),
                );
            }
        }
        let made = &secrets["WebhookSecret"]["GenerateSecretString"];
        found.look(
            made["PasswordLength"].as_u64().unwrap_or_default() >= 48
                && made["ExcludePunctuation"] == true,
            "the token can be guessed, or does not fit an address",
        );
    }
    hold(
        "secrets",
        rule,
        &[
            ("members of HaloPsaSecret", |it| {
                *at(it, "/Resources/HaloPsaSecret/Properties/SecretString") =
                    json!(r#"{"client_id":"REPLACE-ME"}"#);
            }),
            ("holds something", |it| {
                *at(it, "/Resources/HaloPsaSecret/Properties/SecretString") = json!(
                    r#"{"strategy":"","halopsa_client_id":"8d3f","halopsa_client_secret":""}"#
                );
            }),
            ("names no strategy", |it| {
                *at(it, "/Resources/LiongardSecret/Properties/SecretString") =
                    json!(r#"{"strategy":"liongard"}"#);
            }),
            ("can be guessed", |it| {
                let made = "/Resources/WebhookSecret/Properties/GenerateSecretString";
                *at(it, &format!("{made}/PasswordLength")) = json!(8);
            }),
            ("the key of HaloPsaSecret", |it| {
                take_away(it, "/Resources/HaloPsaSecret/Properties/KmsKeyId");
            }),
            ("secrets", |it| take_away(it, "/Resources/LiongardSecret")),
        ],
    );
}
