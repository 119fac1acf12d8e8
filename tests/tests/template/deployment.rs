//! The template on an emulator, with each choice that changes its resources. The functions' programs are
//! empty: what is deployed is at stake, not what it does.

#[path = "../stack/aws_cli.rs"]
#[allow(dead_code, reason = "shared with the tests of a deployed stack")]
mod aws_cli;

use std::path::Path;

use halogard_emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::expanded::{Template, root};
use crate::functions::folders;
use aws_cli::AwsCli;

/// A folder with a program for each function.
fn programs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for function in folders() {
        std::fs::write(folder.path().join(function), "#!/bin/sh\n").unwrap();
    }
    folder
}

/// What is asked of `tests/stack/deploy.py`.
fn request(programs: &Path, stack: &str, chosen: &Value) -> Value {
    let mut parameters = json!({
        "ManagedRotation": "false",
        "HaloPsaResourceUrl": "acme.halopsa.com",
        "LiongardUrl": "us1",
        "PollIntervalMinutes": "60",
    });
    for (name, value) in chosen.as_object().into_iter().flatten() {
        parameters[name] = value.clone();
    }
    json!({
        "template": root().join("template.yaml"),
        "binaries": programs,
        "stack": stack,
        "parameters": parameters,
    })
}

#[tokio::test]
async fn the_template_is_deployed_with_every_choice_and_twice_with_each_kind_of_endpoint() {
    let programs = programs();
    let emulator = Emulator::start(Options { auth: true }).await.unwrap();
    let cases = [
        (json!({}), "lambda-url"),
        (json!({"WebhookEndpoint": "HttpApi"}), "execute-api"),
        (json!({"WebhookEndpoint": "None"}), ""),
        (
            json!({
                "WebhookConcurrencyMax": "10",
                "WorkerConcurrencyReserved": "4",
                "TableDeletionProtection": "true",
            }),
            "lambda-url",
        ),
        (
            json!({
                "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
                "RolePath": "/halogard/",
            }),
            "lambda-url",
        ),
        (
            json!({"KmsKeyArn":
                "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"}),
            "lambda-url",
        ),
        (
            json!({
                "SubnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e",
                "SecurityGroupIds": "sg-0a1b2c3d",
            }),
            "lambda-url",
        ),
    ];
    let count = cases.len();
    for (chosen, address) in cases {
        let aws = AwsCli::new(&emulator, &emulator.account());
        // Most choices change properties only; the endpoint changes which resources there are.
        let stacks: &[&str] = if address == "execute-api" || chosen == json!({}) {
            &["one", "two"]
        } else {
            &["one"]
        };
        for stack in stacks {
            let made = aws.call("stack", "deploy", request(programs.path(), stack, &chosen));
            let made = made.await;
            assert_eq!(made["status"], "CREATE_COMPLETE", "{chosen}");
            let url = made["outputs"]["WebhookUrl"].as_str();
            assert_eq!(url.is_some(), !address.is_empty(), "{chosen}: {url:?}");
            let url = url.unwrap_or_default();
            assert!(url.contains(address), "{chosen}: {url}");
            assert!(
                address.is_empty() || url.ends_with("/webhooks/halopsa/"),
                "{url}"
            );
            check_role(&aws, &made, &chosen).await;
            if *stack == "two" {
                check_tls(&aws, &made).await;
            }
        }
    }
    println!("deployed: {count} choices, two of them twice in one account");
}

#[tokio::test]
async fn a_table_that_a_former_stack_left_is_taken_over_with_what_it_holds() {
    let programs = programs();
    let emulator = Emulator::start(Options { auth: true }).await.unwrap();
    let aws = AwsCli::new(&emulator, &emulator.account());
    let deploy = |stack: &str, chosen: Value| {
        let request = request(programs.path(), stack, &chosen);
        let aws = &aws;
        async move { aws.call("stack", "deploy", request).await }
    };
    let former = deploy("former", json!({})).await;
    let table = former["outputs"]["TableName"].clone();
    let item = json!({"pk": {"S": "value"}, "sk": {"S": "kept"}, "value": {"N": "7"}});
    aws.call(
        "dynamodb",
        "put_item",
        json!({"TableName": table, "Item": item}),
    )
    .await;

    let made = deploy("next", json!({"ExistingTableName": table})).await;

    assert_eq!(made["status"], "CREATE_COMPLETE");
    assert_eq!(made["outputs"]["TableName"], table);
    assert!(
        made["resources"]["Table"].is_null(),
        "it made one of its own"
    );
    let asked = json!({"FunctionName": made["outputs"]["TicketSyncName"]});
    let function = aws
        .call("lambda", "get_function_configuration", asked)
        .await;
    assert_eq!(
        function["Environment"]["Variables"]["HALOGARD_TABLE"],
        table
    );
    let asked =
        json!({"RoleName": made["resources"]["TicketSyncRole"], "PolicyName": "ticket-sync"});
    let policy = aws.call("iam", "get_role_policy", asked).await;
    let arn = format!("table/{}", table.as_str().unwrap());
    assert!(
        policy["PolicyDocument"].to_string().contains(&arn),
        "{policy}"
    );
    let key = json!({"pk": item["pk"], "sk": item["sk"]});
    let kept = aws.call(
        "dynamodb",
        "get_item",
        json!({"TableName": table, "Key": key}),
    );
    assert_eq!(kept.await["Item"], item);
}

/// The policy of the queues, which is left out of what is deployed, refuses the emulator's plain http.
async fn check_tls(aws: &AwsCli, made: &Value) {
    let queue = &made["outputs"]["UrgentQueueUrl"];
    let message = json!({"QueueUrl": queue, "MessageBody": "{}"});
    aws.call("sqs", "send_message", message.clone()).await;
    let resource = Template::of_the_workspace().resource("QueuesOverTls");
    let policy = resource["Properties"]["PolicyDocument"].to_string();
    let attributes = json!({"QueueUrl": queue, "Attributes": {"Policy": policy}});
    aws.call("sqs", "set_queue_attributes", attributes).await;
    let refused = aws.ask("sqs", "send_message", message).await;
    assert_eq!(refused, Err("AccessDenied".to_owned()));
}

/// The path of a role is the chosen one. The emulator keeps no boundary.
async fn check_role(aws: &AwsCli, made: &Value, chosen: &Value) {
    let arguments = json!({"RoleName": made["resources"]["TicketSyncRole"]});
    let role = aws.call("iam", "get_role", arguments).await;
    let path = chosen["RolePath"].as_str().unwrap_or("/");
    assert_eq!(role["Role"]["Path"], path, "{chosen}");
}
