//! Roles: what each function may do, and why.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::expanded::{Template, at, listed, refers_to, root, take_away};
use crate::rule::{Findings, hold};
use crate::sources::gather;

/// The service whose actions begin with a word, by the type of its resources.
const SERVICES: [(&str, &str); 6] = [
    ("sqs", "AWS::SQS::Queue"),
    ("dynamodb", "AWS::DynamoDB::Table"),
    ("secretsmanager", "AWS::SecretsManager::Secret"),
    ("sns", "AWS::SNS::Topic"),
    ("logs", "AWS::Logs::LogGroup"),
    ("lambda", "AWS::Lambda::Function"),
];

/// What a role may do with the operator's own key, where there is one.
fn key_policy() -> Value {
    json!({"Fn::If": [
        "HasKmsKey",
        {"PolicyName": "kms-key", "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "UseTheKeyOfTheStack",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": {"Ref": "KmsKeyArn"},
            }],
        }},
        {"Ref": "AWS::NoValue"},
    ]})
}

#[test]
fn every_role_has_the_path_boundary_and_key_that_the_organisation_asks_for() {
    fn rule(template: &Template, found: &mut Findings) {
        let boundary = json!({"Fn::If": [
            "HasPermissionsBoundary",
            {"Ref": "PermissionsBoundaryArn"},
            {"Ref": "AWS::NoValue"},
        ]});
        for (id, role) in template.of_type("AWS::IAM::Role") {
            found.equal(
                format!("the boundary of {id}"),
                &role["PermissionsBoundary"],
                &boundary,
            );
            found.equal(
                format!("the path of {id}"),
                &role["Path"],
                &json!({"Ref": "RolePath"}),
            );
            let policies = role["Policies"].as_array();
            found.look(
                policies.is_some_and(|policies| policies.contains(&key_policy())),
                format!("{id} may not use the key"),
            );
            found.equal(
                format!("the policies of {id}"),
                policies.map_or(0, Vec::len),
                2,
            );
            found.look(role["RoleName"].is_null(), format!("{id} has a fixed name"));
        }
        for (name, (_, function)) in template.functions() {
            let network = json!({"Fn::If": [
                "HasVpc",
                {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}},
                {"Ref": "AWS::NoValue"},
            ]});
            found.equal(
                format!("the network of {name}"),
                &function["VpcConfig"],
                &network,
            );
            let role = refers_to(&function["Role"]).unwrap_or_default();
            let attached = &template.resource(role)["Properties"]["ManagedPolicyArns"];
            found.look(
                attached["Fn::If"][0] == "HasVpc",
                format!("{role} may make no network interface"),
            );
        }
    }
    hold(
        "rules of an organisation",
        rule,
        &[
            ("the boundary of CleanupScheduleRole", |it| {
                take_away(
                    it,
                    "/Resources/CleanupScheduleRole/Properties/PermissionsBoundary",
                );
            }),
            ("the path of TicketSyncRole", |it| {
                *at(it, "/Resources/TicketSyncRole/Properties/Path") = json!("/");
            }),
            ("WebhookIntakeRole may not use the key", |it| {
                take_away(it, "/Resources/WebhookIntakeRole/Properties/Policies/1");
            }),
            ("the policies of TicketSyncRole", |it| {
                let policies = at(it, "/Resources/TicketSyncRole/Properties/Policies");
                policies
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"PolicyName": "more"}));
            }),
            ("has a fixed name", |it| {
                at(it, "/Resources/TicketSyncRole/Properties")["RoleName"] = json!("sync");
            }),
            ("the network of ticket-sync", |it| {
                take_away(it, "/Resources/TicketSyncFunction/Properties/VpcConfig");
            }),
            ("may make no network interface", |it| {
                take_away(it, "/Resources/TicketSyncRole/Properties/ManagedPolicyArns");
            }),
        ],
    );
}

/// The statements of a role that it has in every stack.
pub fn statements(role: &Value) -> Vec<&Value> {
    let policies = role["Policies"].as_array().into_iter().flatten();
    policies
        .flat_map(|policy| listed(&policy["PolicyDocument"]["Statement"]))
        .collect()
}

/// The actions a statement allows.
fn actions(statement: &Value) -> impl Iterator<Item = &str> {
    listed(&statement["Action"])
        .into_iter()
        .filter_map(Value::as_str)
}

/// Two words or more, each with a capital: a reason, not a label.
fn is_a_reason(sid: &str) -> bool {
    let letters: Vec<char> = sid.chars().collect();
    let begins = |pair: &[char]| pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase();
    let words = letters.windows(2).filter(|pair| begins(pair)).count();
    words >= 2 && begins(&letters[..2]) && letters.iter().all(char::is_ascii_alphabetic)
}

#[test]
fn every_statement_says_why_and_names_what_it_is_about() {
    fn rule(template: &Template, found: &mut Findings) {
        let types: BTreeMap<&str, &str> = SERVICES.into();
        for (id, role) in template.of_type("AWS::IAM::Role") {
            let mut reasons = BTreeSet::new();
            for statement in statements(role) {
                let sid = statement["Sid"].as_str().unwrap_or_default();
                found.look(
                    is_a_reason(sid),
                    format!("{id} has a statement without a reason: {sid:?}"),
                );
                found.look(reasons.insert(sid), format!("{id} says {sid} twice"));
                let text = format!("{}{}", statement["Action"], statement["Resource"]);
                found.look(!text.contains('*'), format!("{sid} of {id} has a wildcard"));
                found.look(
                    statement["Effect"] == "Allow",
                    format!("{sid} of {id} allows nothing"),
                );
                let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
                let keys = statement
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, _)| key);
                for key in keys {
                    found.look(
                        known.contains(&key.as_str()),
                        format!("{sid} of {id} has {key}"),
                    );
                }
                for resource in listed(&statement["Resource"]) {
                    let kind = refers_to(resource).and_then(|resource| template.type_of(resource));
                    found.look(
                        kind.is_some(),
                        format!("{sid} of {id} names no resource of ours"),
                    );
                    for action in actions(statement) {
                        let service = action.split(':').next().unwrap_or_default();
                        found.equal(
                            format!("what {sid} of {id} is about"),
                            types.get(service).copied(),
                            kind,
                        );
                    }
                }
            }
            // In a VPC, the policy that AWS keeps for network interfaces; otherwise none.
            let interfaces = json!({"Fn::If": [
                "HasVpc",
                [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"}],
                {"Ref": "AWS::NoValue"},
            ]});
            let attached = &role["ManagedPolicyArns"];
            found.look(
                attached.is_null() || *attached == interfaces,
                format!("{id} attaches a policy that another account may widen"),
            );
        }
    }
    const FIRST: &str =
        "/Resources/TicketSyncRole/Properties/Policies/0/PolicyDocument/Statement/0";
    hold(
        "statements",
        rule,
        &[
            ("without a reason", |it| {
                take_away(it, &format!("{FIRST}/Sid"))
            }),
            ("without a reason", |it| {
                *at(it, &format!("{FIRST}/Sid")) = json!("SQS")
            }),
            ("says ReceiveBulkWork twice", |it| {
                *at(it, &format!("{FIRST}/Sid")) = json!("ReceiveBulkWork");
            }),
            ("has a wildcard", |it| {
                *at(it, &format!("{FIRST}/Resource")) = json!("*")
            }),
            ("has a wildcard", |it| {
                *at(it, &format!("{FIRST}/Action")) = json!("sqs:*")
            }),
            ("names no resource of ours", |it| {
                *at(it, &format!("{FIRST}/Resource")) = json!("arn:aws:sqs:us-east-1:1:other");
            }),
            ("what ReceiveUrgentWork of TicketSyncRole is about", |it| {
                *at(it, &format!("{FIRST}/Resource")) = json!({"Fn::GetAtt": ["Table", "Arn"]});
            }),
            ("has NotAction", |it| {
                at(it, FIRST)["NotAction"] = json!("sqs:SendMessage")
            }),
            ("another account may widen", |it| {
                at(it, "/Resources/TicketSyncRole/Properties")["ManagedPolicyArns"] =
                    json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
            }),
        ],
    );
}

#[test]
fn each_function_and_the_schedule_has_a_role_of_its_own() {
    fn rule(template: &Template, found: &mut Findings) {
        let mut users: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let role = refers_to(&function["Role"]).unwrap_or_default();
            users
                .entry(role)
                .or_default()
                .push((id, "lambda.amazonaws.com"));
        }
        for (id, schedule) in template.of_type("AWS::Scheduler::Schedule") {
            let role = refers_to(&schedule["Target"]["RoleArn"]).unwrap_or_default();
            users
                .entry(role)
                .or_default()
                .push((id, "scheduler.amazonaws.com"));
        }
        for (id, role) in template.of_type("AWS::IAM::Role") {
            let used: &[_] = users.get(id).map_or(&[], Vec::as_slice);
            found.equal(format!("users of {id}"), used.len(), 1);
            let trusted = listed(&role["AssumeRolePolicyDocument"]["Statement"]);
            found.equal(format!("who may be {id}"), trusted.len(), 1);
            for (_, service) in used {
                found.equal(
                    format!("who may be {id}"),
                    trusted
                        .first()
                        .and_then(|it| it["Principal"]["Service"].as_str()),
                    Some(*service),
                );
            }
        }
        let roles = template.of_type("AWS::IAM::Role").len();
        found.equal("roles and their users", roles, users.len());
    }
    hold(
        "roles",
        rule,
        &[
            ("users of InspectorPollRole", |it| {
                *at(it, "/Resources/InspectorPollFunction/Properties/Role") =
                    json!({"Fn::GetAtt": ["TicketSyncRole", "Arn"]});
            }),
            ("who may be TicketSyncRole", |it| {
                let trust = "/Resources/TicketSyncRole/Properties/AssumeRolePolicyDocument";
                *at(it, &format!("{trust}/Statement/0/Principal/Service")) =
                    json!("ec2.amazonaws.com");
            }),
        ],
    );
}

/// What the role of each function lets it do: pairs of an action and a resource's logical id.
fn granted(role: &Value) -> BTreeSet<(&str, &str)> {
    let statements = statements(role).into_iter();
    statements
        .flat_map(|statement| {
            let resources = listed(&statement["Resource"]).into_iter();
            let resources: Vec<&str> = resources.filter_map(refers_to).collect();
            actions(statement).flat_map(move |action| {
                resources
                    .clone()
                    .into_iter()
                    .map(move |resource| (action, resource))
            })
        })
        .collect()
}

#[test]
fn a_role_grants_what_lambda_does_for_the_function_and_no_resource_the_function_does_not_name() {
    fn rule(template: &Template, found: &mut Findings) {
        for (name, (id, function)) in template.functions() {
            let role = refers_to(&function["Role"]).unwrap_or_default();
            let granted = granted(&template.resource(role)["Properties"]);
            let mut needed: BTreeSet<(&str, &str)> = BTreeSet::new();
            let logs = refers_to(&function["LoggingConfig"]["LogGroup"]).unwrap_or_default();
            needed.extend([("logs:CreateLogStream", logs), ("logs:PutLogEvents", logs)]);
            for source in template.of_type("AWS::Lambda::EventSourceMapping").values() {
                if refers_to(&source["FunctionName"]) == Some(id) {
                    let queue = refers_to(&source["EventSourceArn"]).unwrap_or_default();
                    needed.extend(
                        [
                            "sqs:ReceiveMessage",
                            "sqs:DeleteMessage",
                            "sqs:GetQueueAttributes",
                        ]
                        .map(|action| (action, queue)),
                    );
                }
            }
            for config in template.of_type("AWS::Lambda::EventInvokeConfig").values() {
                if refers_to(&config["FunctionName"]) == Some(id) {
                    let target = &config["DestinationConfig"]["OnFailure"]["Destination"];
                    let target = refers_to(target).unwrap_or_default();
                    let action = match template.type_of(target) {
                        Some("AWS::SNS::Topic") => "sns:Publish",
                        _ => "sqs:SendMessage",
                    };
                    needed.insert((action, target));
                }
            }
            for (action, resource) in &needed {
                found.look(
                    granted.contains(&(*action, *resource)),
                    format!("Lambda may not {action} on {resource} for {name}"),
                );
            }
            let variables = function["Environment"]["Variables"].as_object();
            let mut named: BTreeSet<&str> = variables
                .into_iter()
                .flatten()
                .filter_map(|(_, value)| refers_to(value))
                .chain(needed.iter().map(|(_, resource)| *resource))
                .collect();
            // Secrets Manager names the secret each time it calls.
            for schedule in template
                .of_type("AWS::SecretsManager::RotationSchedule")
                .values()
            {
                if refers_to(&schedule["RotationLambdaARN"]) == Some(id) {
                    named.extend(refers_to(&schedule["SecretId"]));
                }
            }
            for (action, resource) in granted {
                found.look(
                    named.contains(resource),
                    format!("{name} may {action} on {resource}, which its variables do not name"),
                );
            }
        }
    }
    hold(
        "grants",
        rule,
        &[
            (
                "Lambda may not sqs:ReceiveMessage on UrgentQueue for ticket-sync",
                |it| {
                    let path = "/Resources/TicketSyncRole/Properties/Policies/0/PolicyDocument";
                    take_away(it, &format!("{path}/Statement/0"));
                },
            ),
            ("Lambda may not logs:PutLogEvents", |it| {
                *at(
                    it,
                    "/Resources/TicketSyncFunction/Properties/LoggingConfig/LogGroup",
                ) = json!({"Ref": "InspectorPollLogs"});
            }),
            (
                "Lambda may not sqs:SendMessage on ScheduleDeadLetters",
                |it| {
                    let role = at(it, "/Resources/InspectorPollRole/Properties/Policies/0");
                    let statements = &mut role["PolicyDocument"]["Statement"];
                    let statements = statements.as_array_mut().unwrap();
                    statements.retain(|statement| statement["Sid"] != "DeadLetterFailedCycles");
                },
            ),
            ("which its variables do not name", |it| {
                let path = "/Resources/WebhookIntakeRole/Properties/Policies/0/PolicyDocument";
                *at(it, &format!("{path}/Statement/0/Resource")) =
                    json!({"Fn::GetAtt": ["BulkQueue", "Arn"]});
            }),
        ],
    );
}

/// The partitions of the table: those of the types of records, and those that the store's code names
/// in constants whose comments begin with "The partition".
fn partitions() -> BTreeSet<String> {
    let mut store = String::new();
    gather(&root().join("shared/aws/src"), &mut store);
    let mut lines = store.lines();
    let mut partitions = BTreeSet::new();
    while let Some(line) = lines.next() {
        if line.starts_with("/// The partition") {
            let constant = lines.next().unwrap_or_default();
            let constant = constant.strip_prefix("pub ").unwrap_or(constant);
            let name = constant
                .strip_prefix("const ")
                .and_then(|it| it.split('"').nth(1));
            partitions.extend(name.map(str::to_owned));
        }
    }
    let mut sources = String::new();
    gather(&root().join("shared"), &mut sources);
    let records = sources.split("const PARTITION: &'static str = \"").skip(1);
    let names = records.filter_map(|it| it.split('"').next());
    partitions.extend(names.map(str::to_owned));
    partitions
}

/// The partitions a statement is held to.
fn held_to(statement: &Value) -> BTreeSet<&str> {
    let condition = statement["Condition"].as_object().into_iter().flatten();
    condition
        .filter(|(operator, _)| operator.starts_with("ForAllValues:String"))
        .flat_map(|(_, keys)| listed(&keys["dynamodb:LeadingKeys"]))
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn each_role_is_held_to_the_partitions_it_needs() {
    fn rule(template: &Template, found: &mut Findings) {
        let partitions = partitions();
        found.look(
            partitions.len() >= 10,
            format!("partitions are lost: {partitions:?}"),
        );
        for (id, role) in template.of_type("AWS::IAM::Role") {
            let mut written = BTreeSet::new();
            for statement in statements(role) {
                let sid = &statement["Sid"];
                if !actions(statement).any(|action| action.starts_with("dynamodb:")) {
                    continue;
                }
                let held = held_to(statement);
                found.look(
                    !held.is_empty(),
                    format!("{sid} of {id} reaches the whole table"),
                );
                for partition in &held {
                    let known = partition.trim_end_matches("#*");
                    found.look(
                        partitions.contains(known),
                        format!("{sid} of {id} names {partition}, which is not a partition"),
                    );
                }
                if actions(statement).any(|action| action != "dynamodb:GetItem") {
                    written.extend(
                        held.into_iter()
                            .map(|it| it.trim_end_matches("#*").to_owned()),
                    );
                }
            }
            found.look(
                !written.contains("config"),
                format!("{id} may change the operator's config"),
            );
            let expected: BTreeSet<String> = match id {
                "TicketSyncRole" | "InspectorPollRole" => partitions
                    .iter()
                    .filter(|it| !["config", "config_text"].contains(&it.as_str()))
                    .cloned()
                    .collect(),
                "SecretRotationRole" => ["credential_state", "request_budget", "value"]
                    .map(str::to_owned)
                    .into(),
                _ => BTreeSet::new(),
            };
            found.equal(format!("partitions {id} writes"), written, expected);
        }
    }
    fn table_statement(template: &mut Value) -> &mut Value {
        let role = at(
            template,
            "/Resources/TicketSyncRole/Properties/Policies/0/PolicyDocument",
        );
        let statements = role["Statement"].as_array_mut().unwrap().iter_mut();
        let mut found = statements.filter(|it| it["Sid"] == "ReadAndWritePairsAndBudget");
        found.next().unwrap()
    }
    const KEYS: &str = "/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys";
    hold(
        "partitions",
        rule,
        &[
            ("reaches the whole table", |it| {
                take_away(table_statement(it), "/Condition")
            }),
            ("which is not a partition", |it| {
                *at(table_statement(it), &format!("{KEYS}/0")) = json!("request_budgets");
            }),
            ("may change the operator's config", |it| {
                *at(table_statement(it), &format!("{KEYS}/0")) = json!("config");
            }),
            ("partitions TicketSyncRole writes", |it| {
                take_away(table_statement(it), &format!("{KEYS}/0"));
            }),
        ],
    );
}
