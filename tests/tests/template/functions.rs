//! Functions: one resource for each folder, logs, the public address, events.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::expanded::{Template, at, listed, refers_to, root, take_away};
use crate::rule::{Findings, hold};
use crate::stores::own_key;

/// The names of the folders in `functions/`.
pub fn folders() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("functions")).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_folder_of_a_function_has_a_resource_and_back() {
    fn rule(template: &Template, found: &mut Findings) {
        let deployed: BTreeSet<String> = template.functions().into_keys().collect();
        found.equal("folders and resources", folders(), deployed);
        for (name, (_, function)) in template.functions() {
            let place = format!("functions/{name}");
            found.equal(
                "where its code lies",
                function["Code"]["S3Key"].as_str(),
                Some(place.as_str()),
            );
            let manifest = fs::read_to_string(root().join(&place).join("Cargo.toml"));
            let manifest: toml::Table = manifest.unwrap_or_default().parse().unwrap();
            let package = manifest.get("package").and_then(|it| it.get("name"));
            found.equal(
                "the package, whose binary is built",
                package.and_then(toml::Value::as_str),
                Some(name.as_str()),
            );
            found.look(
                function["Runtime"] == "provided.al2023" && function["Handler"] == "bootstrap",
                format!("{name} does not run as a binary of its own"),
            );
            found.equal(
                "its architecture",
                &function["Architectures"],
                &json!([{"Ref": "Architecture"}]),
            );
            found.look(
                function["MemorySize"].is_u64() && function["Timeout"].is_u64(),
                format!("{name} leaves memory or time-out to chance"),
            );
        }
    }
    hold(
        "functions",
        rule,
        &[
            ("folders and resources", |it| {
                take_away(it, "/Resources/TicketSyncFunction");
            }),
            ("where its code lies", |it| {
                *at(it, "/Resources/TicketSyncFunction/Properties/Code/S3Key") =
                    json!("functions/inspector-poll");
            }),
            ("its architecture", |it| {
                *at(it, "/Resources/TicketSyncFunction/Properties/Architectures") =
                    json!(["arm64"]);
            }),
            ("to chance", |it| {
                take_away(it, "/Resources/TicketSyncFunction/Properties/Timeout");
            }),
            ("binary of its own", |it| {
                *at(it, "/Resources/TicketSyncFunction/Properties/Runtime") = json!("python3.13");
            }),
        ],
    );
}

#[test]
fn every_function_writes_json_to_a_log_group_of_its_own_that_forgets() {
    fn rule(template: &Template, found: &mut Findings) {
        let mut taken = BTreeSet::new();
        for (name, (_, function)) in template.functions() {
            let logging = &function["LoggingConfig"];
            let group = refers_to(&logging["LogGroup"]).unwrap_or_default();
            found.look(
                logging["LogFormat"] == "JSON",
                format!("{name} does not log JSON"),
            );
            found.look(
                template.type_of(group) == Some("AWS::Logs::LogGroup"),
                format!("{name} has no log group"),
            );
            found.look(
                taken.insert(group.to_owned()),
                format!("{name} shares the log group {group}"),
            );
            let retention = &template.resource(group)["Properties"]["RetentionInDays"];
            found.look(
                refers_to(retention) == Some("LogRetentionDays"),
                format!("the log of {name} is kept indefinitely"),
            );
        }
        for (id, group) in template.of_type("AWS::Logs::LogGroup") {
            found.equal(format!("the key of {id}"), &group["KmsKeyId"], &own_key());
            found.look(
                refers_to(&group["RetentionInDays"]) == Some("LogRetentionDays"),
                format!("{id} is kept indefinitely"),
            );
            // That of the HTTP API is not a function's.
            found.look(
                taken.contains(id) || id == "WebhookApiLogs",
                format!("nothing writes to {id}"),
            );
        }
    }
    hold(
        "log groups",
        rule,
        &[
            ("does not log JSON", |it| {
                *at(
                    it,
                    "/Resources/TicketSyncFunction/Properties/LoggingConfig/LogFormat",
                ) = json!("Text");
            }),
            ("shares the log group", |it| {
                *at(
                    it,
                    "/Resources/TicketSyncFunction/Properties/LoggingConfig/LogGroup",
                ) = json!({"Ref": "InspectorPollLogs"});
            }),
            ("has no log group", |it| {
                take_away(
                    it,
                    "/Resources/TicketSyncFunction/Properties/LoggingConfig/LogGroup",
                );
            }),
            ("kept indefinitely", |it| {
                take_away(it, "/Resources/TicketSyncLogs/Properties/RetentionInDays");
            }),
            ("the key of TicketSyncLogs", |it| {
                take_away(it, "/Resources/TicketSyncLogs/Properties/KmsKeyId");
            }),
            ("nothing writes to Spare", |it| {
                at(it, "/Resources")["Spare"] = json!({"Type": "AWS::Logs::LogGroup"});
            }),
        ],
    );
}

/// The value of `WebhookEndpoint` on which a condition depends.
fn endpoint_of(template: &Template, condition: &Value) -> Option<String> {
    let known = template.section("Conditions");
    let equals = &known.get(condition.as_str()?)?["Fn::Equals"];
    let named = equals[0] == json!({"Ref": "WebhookEndpoint"});
    equals[1].as_str().filter(|_| named).map(str::to_owned)
}

#[test]
fn the_function_url_exists_by_choice_and_has_exactly_the_two_permissions_it_needs() {
    fn rule(template: &Template, found: &mut Findings) {
        let urls = template.of_type("AWS::Lambda::Url");
        let (intake, function) = template.functions()["webhook-intake"];
        found.equal("function URLs", urls.len(), 1);
        let mut own: Vec<&str> = urls.keys().copied().collect();
        for url in urls.values() {
            found.look(
                refers_to(&url["TargetFunctionArn"]) == Some(intake) && url["AuthType"] == "NONE",
                "the public address is not that of webhook-intake",
            );
        }
        let permissions = template.of_type("AWS::Lambda::Permission");
        let public: Vec<&Value> = permissions
            .iter()
            .filter(|(_, permission)| permission["Principal"] == "*")
            .map(|(id, permission)| {
                own.push(*id);
                *permission
            })
            .collect();
        found.equal("permissions for everyone", public.len(), 2);
        let both = [
            json!({"Action": "lambda:InvokeFunctionUrl", "FunctionName": {"Ref": intake},
                "FunctionUrlAuthType": "NONE", "Principal": "*"}),
            json!({"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": intake},
                "InvokedViaFunctionUrl": true, "Principal": "*"}),
        ];
        for needed in &both {
            found.look(
                public.contains(&needed),
                format!("the address lacks {needed}"),
            );
        }
        for id in own {
            let condition = &template.resource(id)["Condition"];
            found.look(
                endpoint_of(template, condition).as_deref() == Some("FunctionUrl"),
                format!("{id} is there whatever the endpoint is"),
            );
        }
        // Reserved concurrency cannot be had in a new account, so it is there by choice.
        let cap = &function["ReservedConcurrentExecutions"];
        found.look(
            *cap == json!({"Fn::If": [
                "HasWebhookCap", {"Ref": "WebhookConcurrencyMax"}, {"Ref": "AWS::NoValue"}
            ]}),
            "nothing can cap a flood of webhooks",
        );
        let default = &template.section("Parameters")["WebhookConcurrencyMax"]["Default"];
        found.look(*default == 0, "a new account cannot reserve concurrency");
    }
    const PERMISSION: &str = "/Resources/WebhookIntakeInvokePermission";
    hold(
        "function URL",
        rule,
        &[
            ("permissions for everyone", |it| take_away(it, PERMISSION)),
            ("the address lacks", |it| {
                let path = format!("{PERMISSION}/Properties/InvokedViaFunctionUrl");
                take_away(it, &path);
            }),
            ("WebhookIntakeInvokePermission is there whatever", |it| {
                take_away(it, &format!("{PERMISSION}/Condition"));
            }),
            ("WebhookIntakeFunctionUrl is there whatever", |it| {
                *at(it, "/Resources/WebhookIntakeFunctionUrl/Condition") = json!("HasHttpApi");
            }),
            ("not that of webhook-intake", |it| {
                *at(
                    it,
                    "/Resources/WebhookIntakeFunctionUrl/Properties/AuthType",
                ) = json!("AWS_IAM");
            }),
            ("cap a flood", |it| {
                let path =
                    "/Resources/WebhookIntakeFunction/Properties/ReservedConcurrentExecutions";
                take_away(it, path);
            }),
            ("cannot reserve", |it| {
                *at(it, "/Parameters/WebhookConcurrencyMax/Default") = json!(10);
            }),
        ],
    );
}

#[test]
fn the_workers_can_have_a_reservation_that_both_event_sources_fit_into() {
    fn rule(template: &Template, found: &mut Findings) {
        const WORKERS: [&str; 2] = ["inspector-poll", "ticket-sync"];
        for (name, (_, function)) in template.functions() {
            let reserved = &function["ReservedConcurrentExecutions"];
            let of_workers = json!({"Fn::If": [
                "HasReservedWorkers", {"Ref": "WorkerConcurrencyReserved"}, {"Ref": "AWS::NoValue"}
            ]});
            found.look(
                (*reserved == of_workers) == WORKERS.contains(&name.as_str()),
                format!("the reservation of the workers is not that of {name}"),
            );
        }
        let parameter = &template.section("Parameters")["WorkerConcurrencyReserved"];
        found.look(
            parameter["Default"] == 0,
            "a new account cannot reserve concurrency",
        );
    }
    hold(
        "reservation of the workers",
        rule,
        &[
            ("not that of ticket-sync", |it| {
                take_away(
                    it,
                    "/Resources/TicketSyncFunction/Properties/ReservedConcurrentExecutions",
                );
            }),
            ("cannot reserve", |it| {
                *at(it, "/Parameters/WorkerConcurrencyReserved/Default") = json!(4);
            }),
        ],
    );
}

#[test]
fn the_http_api_exists_by_choice_is_throttled_and_logs_no_token() {
    fn rule(template: &Template, found: &mut Findings) {
        let resources = template.section("Resources").into_iter();
        let of_the_api = resources.filter(|(_, resource)| {
            let kind = resource["Type"].as_str().unwrap_or_default();
            let principal = &resource["Properties"]["Principal"];
            kind.starts_with("AWS::ApiGatewayV2::") || principal == "apigateway.amazonaws.com"
        });
        let mut ids: BTreeSet<&str> = of_the_api.map(|(id, _)| id).collect();
        ids.insert("WebhookApiLogs");
        for id in &ids {
            let condition = &template.resource(id)["Condition"];
            found.look(
                endpoint_of(template, condition).as_deref() == Some("HttpApi"),
                format!("{id} is there whatever the endpoint is"),
            );
        }
        found.equal("resources of the API", ids.len(), 6);
        let (intake, function) = template.functions()["webhook-intake"];
        for integration in template.of_type("AWS::ApiGatewayV2::Integration").values() {
            // The event is that of a function URL, and the gateway waits as long as the function.
            let timeout = function["Timeout"].as_u64().map(|seconds| 1000 * seconds);
            found.look(
                refers_to(&integration["IntegrationUri"]) == Some(intake)
                    && integration["PayloadFormatVersion"] == "2.0"
                    && integration["TimeoutInMillis"].as_u64() == timeout,
                "the API does not call webhook-intake as a function URL does",
            );
        }
        for route in template.of_type("AWS::ApiGatewayV2::Route").values() {
            found.look(
                route["RouteKey"] == "ANY /webhooks/{sender}/{token+}",
                "the API does not pass every form of a delivery on",
            );
        }
        for stage in template.of_type("AWS::ApiGatewayV2::Stage").values() {
            let limits = &stage["DefaultRouteSettings"];
            let limit = Some("WebhookRequestsPerSecondMax");
            found.look(
                stage["StageName"] == "$default"
                    && refers_to(&limits["ThrottlingRateLimit"]) == limit
                    && refers_to(&limits["ThrottlingBurstLimit"]) == limit,
                "the API is not throttled",
            );
            let log = &stage["AccessLogSettings"];
            let format = log["Format"].as_str().unwrap_or_default();
            let line: Value = serde_json::from_str(format).unwrap_or_default();
            found.look(
                line["status"] == "$context.status" && !format.contains('\n'),
                "the access log is not a line of JSON",
            );
            found.look(
                !format.to_lowercase().contains("path"),
                "the access log has the path, which ends in the token",
            );
            found.look(
                refers_to(&log["DestinationArn"]) == Some("WebhookApiLogs"),
                "the API has no access log",
            );
        }
    }
    const STAGE: &str = "/Resources/WebhookApiStage/Properties";
    hold(
        "HTTP API",
        rule,
        &[
            ("WebhookApiPermission is there whatever", |it| {
                take_away(it, "/Resources/WebhookApiPermission/Condition");
            }),
            ("resources of the API", |it| {
                take_away(it, "/Resources/WebhookApiRoute")
            }),
            ("as a function URL does", |it| {
                let integration = "/Resources/WebhookApiIntegration/Properties";
                *at(it, &format!("{integration}/PayloadFormatVersion")) = json!("1.0");
            }),
            ("every form of a delivery", |it| {
                *at(it, "/Resources/WebhookApiRoute/Properties/RouteKey") = json!("$default");
            }),
            ("is not throttled", |it| {
                take_away(
                    it,
                    &format!("{STAGE}/DefaultRouteSettings/ThrottlingRateLimit"),
                );
            }),
            ("not a line of JSON", |it| {
                *at(it, &format!("{STAGE}/AccessLogSettings/Format")) = json!("$context.status");
            }),
            ("ends in the token", |it| {
                let format = at(it, &format!("{STAGE}/AccessLogSettings/Format"));
                *format = json!(format.as_str().unwrap().replace("routeKey", "path"));
            }),
            ("no access log", |it| {
                take_away(it, &format!("{STAGE}/AccessLogSettings/DestinationArn"));
            }),
        ],
    );
}

#[test]
fn every_permission_to_call_a_function_names_account_and_source() {
    fn rule(template: &Template, found: &mut Findings) {
        let permissions = template.of_type("AWS::Lambda::Permission");
        for (id, permission) in permissions {
            if permission["Principal"] == "*" {
                continue;
            }
            // API Gateway names itself by its ARN, which holds the account.
            let source = permission["SourceArn"]["Fn::Sub"].as_str();
            let is_our_api = permission["Principal"] == "apigateway.amazonaws.com"
                && source.is_some_and(|arn| arn.ends_with(":${AWS::AccountId}:${WebhookApi}/*"));
            found.look(
                is_our_api
                    || permission["SourceAccount"] == json!({"Ref": "AWS::AccountId"})
                        && refers_to(&permission["SourceArn"]).is_some(),
                format!("{id} lets in other accounts, or any source of ours"),
            );
        }
        for (id, schedule) in template.of_type("AWS::SecretsManager::RotationSchedule") {
            let secret = refers_to(&schedule["SecretId"]);
            let permitted =
                template
                    .of_type("AWS::Lambda::Permission")
                    .values()
                    .any(|permission| {
                        permission["Principal"] == "secretsmanager.amazonaws.com"
                            && refers_to(&permission["SourceArn"]) == secret
                            && refers_to(&permission["FunctionName"])
                                == refers_to(&schedule["RotationLambdaARN"])
                    });
            found.look(permitted, format!("{id} may not call its function"));
            // Only Liongard's key is exchanged without a person.
            let condition = match id {
                "LiongardRotation" => "IsRotated",
                _ => "IsRotatedWithAssistance",
            };
            found.look(
                template.resource(id)["Condition"] == condition
                    && schedule["RotateImmediatelyOnUpdate"] == false,
                format!("{id} rotates at once, or without being asked to"),
            );
        }
        let rotated = template
            .of_type("AWS::SecretsManager::RotationSchedule")
            .len();
        let secrets = template.of_type("AWS::SecretsManager::Secret").len();
        found.equal("secrets and rotation schedules", secrets, rotated);
        let assisted = &template.section("Parameters")["AssistedRotation"]["Default"];
        found.look(
            *assisted == "false",
            "rotations that need a person are scheduled without being asked for",
        );
    }
    hold(
        "callers",
        rule,
        &[
            ("lets in other accounts", |it| {
                take_away(
                    it,
                    "/Resources/WebhookRotationPermission/Properties/SourceAccount",
                );
            }),
            ("may not call", |it| {
                take_away(it, "/Resources/LiongardRotationPermission");
            }),
            ("rotates at once", |it| {
                let path = "/Resources/LiongardRotation/Properties/RotateImmediatelyOnUpdate";
                *at(it, path) = json!(true);
            }),
            ("HaloPsaRotation rotates at once", |it| {
                *at(it, "/Resources/HaloPsaRotation/Condition") = json!("IsRotated");
            }),
            ("without being asked for", |it| {
                *at(it, "/Parameters/AssistedRotation/Default") = json!("true");
            }),
            ("WebhookApiPermission lets in other accounts", |it| {
                *at(
                    it,
                    "/Resources/WebhookApiPermission/Properties/SourceArn/Fn::Sub",
                ) = json!("arn:aws:execute-api:us-east-1:*:*/*");
            }),
            ("secrets and rotation", |it| {
                take_away(it, "/Resources/LiongardRotation")
            }),
        ],
    );
}

#[test]
fn what_is_called_without_an_answer_says_where_failures_go_and_how_often_it_is_tried() {
    fn rule(template: &Template, found: &mut Findings) {
        let configured = template.of_type("AWS::Lambda::EventInvokeConfig");
        for name in ["inspector-poll", "secret-rotation"] {
            let function = template.functions()[name].0;
            let config = configured
                .values()
                .find(|config| refers_to(&config["FunctionName"]) == Some(function));
            let target = config.and_then(|config| {
                refers_to(&config["DestinationConfig"]["OnFailure"]["Destination"])
            });
            found.look(
                target.is_some_and(|target| template.type_of(target).is_some()),
                format!("{name} has no place for what failed"),
            );
            let retries = config.map(|config| &config["MaximumRetryAttempts"]);
            found.look(
                retries.is_some_and(Value::is_u64),
                format!("{name} leaves the number of retries to chance"),
            );
        }
        let mut messages = BTreeSet::new();
        for (id, schedule) in template.of_type("AWS::Scheduler::Schedule") {
            let target = &schedule["Target"];
            let message = target["Input"].as_str();
            let message = message.or(target["Input"]["Fn::Sub"].as_str());
            messages.insert(message.unwrap_or_default());
            found.look(
                target["RetryPolicy"]["MaximumRetryAttempts"] == 0
                    && refers_to(&target["DeadLetterConfig"]["Arn"]).is_some(),
                format!("{id} retries, or forgets what it could not start"),
            );
            found.look(
                schedule["Name"].is_null(),
                format!("{id} has the same name in every stack"),
            );
        }
        found.equal(
            "what schedules say",
            messages,
            BTreeSet::from([
                r#"{"type":"sync_cycle"}"#,
                r#"{"Step":"deleteExpired","SecretId":"${LiongardSecret.Id}"}"#,
            ]),
        );
    }
    hold(
        "asynchronous calls",
        rule,
        &[
            ("no place for what failed", |it| {
                let config = "/Resources/InspectorPollFunctionEventInvokeConfig/Properties";
                take_away(it, &format!("{config}/DestinationConfig"));
            }),
            ("number of retries", |it| {
                let config = "/Resources/SecretRotationFunctionEventInvokeConfig/Properties";
                take_away(it, &format!("{config}/MaximumRetryAttempts"));
            }),
            ("retries, or forgets", |it| {
                let target = "/Resources/InspectorPollFunctionSyncCycle/Properties/Target";
                take_away(it, &format!("{target}/DeadLetterConfig"));
            }),
            ("what schedules say", |it| {
                let target = "/Resources/InspectorPollFunctionSyncCycle/Properties/Target";
                *at(it, &format!("{target}/Input")) = json!("{}");
            }),
            ("same name in every stack", |it| {
                let schedule = at(it, "/Resources/InspectorPollFunctionSyncCycle/Properties");
                schedule["Name"] = json!("round");
            }),
            ("what schedules say", |it| {
                take_away(it, "/Resources/InspectorPollFunctionSyncCycle")
            }),
        ],
    );
}

#[test]
fn every_queue_that_is_worked_answers_for_each_message_by_itself() {
    fn rule(template: &Template, found: &mut Findings) {
        let sources = template.of_type("AWS::Lambda::EventSourceMapping");
        let mut worked = BTreeSet::new();
        for (id, source) in &sources {
            found.look(
                listed(&source["FunctionResponseTypes"]) == [&json!("ReportBatchItemFailures")],
                format!("{id} deletes what failed"),
            );
            let size = source["BatchSize"].as_u64().unwrap_or(u64::MAX);
            found.look(
                size <= halogard_app::BATCH_MAX as u64,
                format!("{id} takes more at once than go out together"),
            );
            // Lambda asks for a window where more than ten are taken.
            let window = source["MaximumBatchingWindowInSeconds"].as_u64();
            found.look(
                size <= 10 || window.is_some_and(|seconds| seconds >= 1),
                format!("{id} takes more than ten without a window"),
            );
            found.equal(
                "workers at once",
                &source["ScalingConfig"]["MaximumConcurrency"],
                &json!(2),
            );
            worked.extend(refers_to(&source["EventSourceArn"]));
        }
        found.equal(
            "the queues that are worked",
            worked,
            BTreeSet::from(["UrgentQueue", "BulkQueue", "RunsQueue"]),
        );
    }
    hold(
        "event sources",
        rule,
        &[
            ("deletes what failed", |it| {
                let path = "/Resources/TicketSyncFunctionBulk/Properties/FunctionResponseTypes";
                take_away(it, path);
            }),
            ("more at once", |it| {
                *at(it, "/Resources/TicketSyncFunctionBulk/Properties/BatchSize") = json!(51);
            }),
            ("more than ten", |it| {
                *at(
                    it,
                    "/Resources/TicketSyncFunctionUrgent/Properties/BatchSize",
                ) = json!(11);
            }),
            ("workers at once", |it| {
                take_away(
                    it,
                    "/Resources/TicketSyncFunctionBulk/Properties/ScalingConfig",
                );
            }),
            ("queues that are worked", |it| {
                take_away(it, "/Resources/TicketSyncFunctionBulk");
            }),
        ],
    );
}
